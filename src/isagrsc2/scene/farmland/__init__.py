"""Farmland drawn from a seed, with exact reference parcels: for demonstrations, tests and training."""

from isagrsc2.scene.farmland.draw import Farmland, draw_farmland
from isagrsc2.scene.farmland.style import FarmlandStyle
from isagrsc2.scene.farmland.surface import LandCover

__all__ = ["Farmland", "FarmlandStyle", "LandCover", "draw_farmland"]
