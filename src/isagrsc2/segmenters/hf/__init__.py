"""Promptable models of the transformers package: SAM, HQ-SAM, SAM 2 and 2.1, EdgeTAM, and the tracker of SAM 3."""
