"""Pictures of how a classifier does: where it is wrong, and what its probabilities are worth."""
