"""Pure functions from outcomes to cells, verdicts and comparisons."""
