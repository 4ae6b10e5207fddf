"""The machine: CPUs, control groups, readings of resources, noise."""
