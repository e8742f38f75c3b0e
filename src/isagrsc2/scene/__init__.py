"""Rasters in: opening, stretching, reading windows, tiling, and farmland drawn from a seed."""
