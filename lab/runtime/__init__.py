"""Start services as containers or as plain processes, behind one interface."""
