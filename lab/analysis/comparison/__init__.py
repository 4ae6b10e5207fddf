"""Each stack against the baseline by the ratio inside each block, and what may be said about it."""
