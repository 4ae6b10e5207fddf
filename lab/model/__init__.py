"""The values that flow through the lab."""
