"""Super-resolution: images enlarged before they are segmented, and what was found brought back to the pixels of the scene."""
