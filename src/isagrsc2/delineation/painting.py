"""What the segmenter gets to see in a round: the image as it is, or with everything settled painted white."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.delineation.components import drop_small

BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]

WHITE = 255


@dataclass(frozen=True)
class View:
    """An image to embed, and what is settled in it.

    Attributes:
        image: (H, W, 3) uint8.
        settled: (H, W) bool, painted white or not to be asked.
    """

    image: Image
    settled: BoolArray


@dataclass(frozen=True)
class Unpainted:
    """The image as it is: one embedding serves all rounds."""

    def view(self, image: Image, covered: BoolArray) -> View:
        """Return the very same image object, by which the caller sees that it is already embedded."""
        return View(image, covered)


@dataclass(frozen=True)
class Whitened:
    """The published picture of what is left (method, section 2), made on the image, never through a JPEG.

    Lengths and areas are those of an image with a long side of ``frame`` px and are scaled to the tile. The published scripts
    also whiten every pixel brighter than 200, because "done" was stored as white in a JPEG; that removes bright soil before
    it is ever asked, is a fault of theirs, and is not done here: what is done is a mask.

    Attributes:
        frame: long side of the published image, px.
        grow: every mask is grown by this, px.
        dark_speck: residual specks darker than Otsu's threshold and smaller than this are whitened, px of ``frame``.
        bright_remnant: brighter ones smaller than this are whitened, px of ``frame``.
        edges: Canny edges are whitened too, so that thin borders do not come back.
        canny: the two thresholds of the edge detector.
        edge_kernel: side of the square that grows the edges, px.
        edge_growths: how many times the edges are grown.
    """

    frame: int
    grow: int
    dark_speck: float
    bright_remnant: float
    edges: bool
    canny: tuple[float, float]
    edge_kernel: int
    edge_growths: int

    def view(self, image: Image, covered: BoolArray) -> View:
        """Paint (H, W, 3) where ``covered`` (H, W), grown, and where only specks are left."""
        scale = max(image.shape[:2]) / self.frame
        settled = grow(covered, round(self.grow * scale))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if not settled.all():
            threshold, _ = cv2.threshold(grey[~settled], 0, WHITE, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
            dark = ~settled & (grey <= threshold)
            bright = ~settled & (grey > threshold)
            settled |= dark & ~drop_small(dark, self.dark_speck * scale**2)
            settled |= bright & ~drop_small(bright, self.bright_remnant * scale**2)
        painted = image.copy()
        painted[settled] = WHITE
        if self.edges:
            kernel = np.ones((self.edge_kernel, self.edge_kernel), np.uint8)
            lines = cv2.Canny(cv2.cvtColor(painted, cv2.COLOR_RGB2GRAY), *self.canny)
            settled |= cv2.dilate(lines, kernel, iterations=self.edge_growths).astype(bool)
            painted[settled] = WHITE
        return View(painted, settled)


def grow(mask: BoolArray, radius: int) -> BoolArray:
    """Dilate (H, W) by a disc of ``radius`` px."""
    if radius < 1:
        return mask.copy()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)
