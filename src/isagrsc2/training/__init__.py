"""What every training needs, whatever is trained: the order of the items, randomness that survives a restart, checkpoints."""
