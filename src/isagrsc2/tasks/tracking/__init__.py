"""Where the figures and pictures of a run are kept: a CSV file, or Weights & Biases."""

from isagrsc2.tasks.sweep import register_resolvers
from isagrsc2.tasks.tracking.choice import choose_tracker
from isagrsc2.tasks.tracking.directions import MAX, MIN, direction, directions
from isagrsc2.tasks.tracking.protocol import Tracker
from isagrsc2.tasks.tracking.scene_figures import (
    coverage_figures,
    figures_of_scenes,
    parcel_figures,
    scene_figures,
    stage_figures,
)

__all__ = [
    "MAX",
    "MIN",
    "Tracker",
    "choose_tracker",
    "coverage_figures",
    "direction",
    "directions",
    "figures_of_scenes",
    "parcel_figures",
    "scene_figures",
    "stage_figures",
]

# The names of runs in conf/logger.
register_resolvers()
