"""What takes no second: the classical segmenter, and no classifier."""

CLASSICAL = ("segmenter=regions", "classifier=none")
