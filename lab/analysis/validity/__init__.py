"""Whose fault is it? Each trial is valid, failed (the stack's result) or invalid (the lab's fault), with a reason."""
