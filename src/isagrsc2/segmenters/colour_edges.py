"""Edges of colour and texture, and the hierarchy of regions between them."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.segmenters.region_tree import RegionTree, basins, merge_basins

FloatArray = npt.NDArray[np.floating[Any]]

# Gradients are told apart by this when basins are searched, Lab units per px.
STEP = 1 / 20


def gradient_strength(lab: FloatArray) -> npt.NDArray[np.float32]:
    """Colour gradient magnitude (H, W) of a smoothed CIE Lab image (H, W, 3), Lab units per px."""
    total = np.zeros(lab.shape[:2], np.float32)
    for channel in cv2.split(lab):
        dx = cv2.Scharr(channel, cv2.CV_32F, 1, 0, scale=1 / 32)  # 1/32 makes a unit ramp give 1
        dy = cv2.Scharr(channel, cv2.CV_32F, 0, 1, scale=1 / 32)
        total += dx * dx + dy * dy
    return np.sqrt(total)


def local_texture(lightness: FloatArray, radius: float) -> npt.NDArray[np.float32]:
    """Standard deviation (H, W) of lightness in a Gaussian neighbourhood; tells woods from meadows of the same colour."""
    mean = cv2.GaussianBlur(lightness, (0, 0), radius)
    square = cv2.GaussianBlur(lightness * lightness, (0, 0), radius)
    return np.sqrt(np.maximum(square - mean * mean, 0))


def suppress_texture(gradient: FloatArray, strength: float, radius: float) -> npt.NDArray[np.float32]:
    """Weaken edges (H, W) that stand among edges, so that woods fall into few regions and a hedge between meadows stays.

    Surround suppression (Grigorescu, Petkov and Westenberg 2004, "Contour and boundary detection improved by surround
    suppression of texture edges"), divisive: g / (1 + strength x mean of g around).
    """
    around = np.asarray(cv2.GaussianBlur(gradient, (0, 0), radius), np.float32)
    return np.asarray(gradient / (1 + strength * around), np.float32)


def build_region_tree(
    image: npt.NDArray[np.uint8],
    *,
    sigma: float,
    min_depth: float,
    suppression: float,
    suppression_radius: float,
    colour_weight: float,
    small: float,
) -> RegionTree:
    """Segment an image into a hierarchy.

    Args:
        image: (H, W, 3) uint8 RGB.
        sigma: standard deviation of the Gaussian that smooths crop rows and noise away, px.
        min_depth: a basin shallower than this is part of its neighbour (h-minima), Lab units per px.
        suppression: how much edges among edges are weakened, per Lab unit per px.
        suppression_radius: standard deviation of the neighbourhood that weakens, px.
        colour_weight: how much the difference of mean colour and texture counts beside the gradient along the border.
        small: area, px, at which a region's borders count half: what is much smaller merges first.
    """
    colours = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = np.asarray(colours, np.float32)  # (H, W, 3), L 0..100
    smooth = np.asarray(cv2.GaussianBlur(lab, (0, 0), sigma), np.float32)
    gradient = gradient_strength(smooth)
    features = np.dstack([smooth, local_texture(lab[..., 0], 3.0)])  # (H, W, 4)
    leaves = basins(np.asarray(cv2.GaussianBlur(gradient, (0, 0), 0.7), np.float32), min_depth, STEP)
    borders = suppress_texture(gradient, suppression, suppression_radius)
    return merge_basins(leaves, borders, features, colour_weight, small)
