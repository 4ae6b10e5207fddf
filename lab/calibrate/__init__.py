"""What this machine and the lab's own generator can resolve, measured against servers whose truth is known."""
