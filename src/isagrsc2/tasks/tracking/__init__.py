"""Where the figures and pictures of a run are kept: a CSV file, or Weights & Biases."""

from isagrsc2.tasks.sweep import register_resolvers
from isagrsc2.tasks.tracking.choice import choose_tracker
from isagrsc2.tasks.tracking.protocol import Tracker
from isagrsc2.tasks.tracking.scene_figures import scene_figures

__all__ = ["Tracker", "choose_tracker", "scene_figures"]

# The names of runs in conf/logger.
register_resolvers()
