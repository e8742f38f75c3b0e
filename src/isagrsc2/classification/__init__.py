"""Cultivated or not: chips of segments, networks with attention, training, the predictor of `segment.py`."""
