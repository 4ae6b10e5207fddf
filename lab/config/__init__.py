"""What this checkout describes: docker-compose.yml, profiles, scenarios, and what a command selects of them."""
