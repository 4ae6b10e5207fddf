"""How services are started: containers or plain processes, behind one interface."""
