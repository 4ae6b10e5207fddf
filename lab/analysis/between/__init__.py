"""What differs between two whole runs, judged with the spread that whole runs have."""
