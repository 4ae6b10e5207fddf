"""A run: session, trials, servers, its folder on disk, stopping rules."""
