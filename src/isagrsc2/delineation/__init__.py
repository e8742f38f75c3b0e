"""The method: prompts, coverage, rounds, refinement, merging, stitching. Knows no files, no CRS and no configuration."""
