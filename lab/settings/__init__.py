"""What each stack really runs with: read from the running server where it can be, compared with the equal budget."""
