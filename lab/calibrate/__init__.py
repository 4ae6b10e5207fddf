"""Measure what this machine and the generator can resolve, with servers whose delays are known."""
