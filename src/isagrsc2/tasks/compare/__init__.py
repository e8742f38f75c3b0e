"""Runs of ``segment.py``, ``train.py`` and ``evaluate.py`` side by side, from the files in their output folders."""
