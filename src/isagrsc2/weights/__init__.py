"""Checkpoints of trained networks: which exist, where they come from, and how they get here unharmed."""
