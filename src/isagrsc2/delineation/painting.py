"""What the segmenter gets to see in a round: the image as it is, or with everything settled painted white."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.delineation.components import drop_small
from isagrsc2.options import check_number, check_numbers, check_whole

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

    Lengths and areas are those of an image with a long side of ``frame`` px and are scaled to the tile. In the published
    order: masks are grown and whitened, then edges, then specks, told apart by Otsu's threshold of the picture with its white.

    Deliberately otherwise than the published scripts:

    - They whiten everything brighter than Otsu's threshold or than 200, because "done" was stored as white in a JPEG; that
      removes bright soil before it is ever asked. Here what is done is a mask, and bright remnants go by their size.
    - They paint on the picture of the round before; here the picture is made anew from all masks.
    - They blur the grown edges and whiten only where nothing of them fades, which leaves single lines standing. Here every
      grown edge is whitened, as the method says.

    Attributes:
        frame: long side of the published image, px.
        grow: every mask is grown by this, px of ``frame``.
        dark_speck: residual specks darker than Otsu's threshold whose outer contour holds less than this are whitened,
            px of ``frame``.
        bright_remnant: brighter ones smaller than this are whitened, px of ``frame``.
        edges: Canny edges of the painted picture are whitened too, so that thin borders do not come back.
        canny: the two thresholds of the edge detector.
        edge_kernel: side of the square that grows the edges, px of ``frame``.
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

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("painter.frame", self.frame, 1)
        check_whole("painter.grow", self.grow, 0)
        check_number("painter.dark_speck", self.dark_speck, 0)
        check_number("painter.bright_remnant", self.bright_remnant, 0)
        check_numbers("painter.canny", self.canny, 2, 0)
        check_whole("painter.edge_kernel", self.edge_kernel, 1)
        check_whole("painter.edge_growths", self.edge_growths, 0)

    def view(self, image: Image, covered: BoolArray) -> View:
        """Paint (H, W, 3) where ``covered`` (H, W), grown, and where only specks are left."""
        scale = max(image.shape[:2]) / self.frame
        settled = grow(covered, round(self.grow * scale))
        if self.edges:
            settled |= self._grown_edges(_grey(image, settled), scale)
        grey = _grey(image, settled)
        threshold, _ = cv2.threshold(grey, 0, WHITE, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        dark, bright = ~settled & (grey <= threshold), ~settled & (grey > threshold)
        settled |= small_contours(dark, self.dark_speck * scale**2)
        settled |= bright & ~drop_small(bright, self.bright_remnant * scale**2)
        return View(paint(image, settled), settled)

    def _grown_edges(self, grey: Image, scale: float) -> BoolArray:
        """Edges of (H, W) uint8, grown; a square grown n times by half its side reaches n times as far."""
        reach = round(self.edge_growths * (self.edge_kernel // 2) * scale)
        kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        return cv2.dilate(cv2.Canny(grey, *self.canny), kernel).astype(bool)


def paint(image: Image, settled: BoolArray) -> Image:
    """Copy (H, W, 3) and whiten it where ``settled`` (H, W)."""
    painted = image.copy()
    painted[settled] = WHITE
    return painted


def small_contours(mask: BoolArray, min_area: float) -> BoolArray:
    """Fill the outer contours of (H, W) bool that hold less than ``min_area`` px, measured between pixel centres."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    small = [contour for contour in contours if cv2.contourArea(contour) < min_area]
    filled = np.zeros(mask.shape, np.uint8)
    return cv2.drawContours(filled, small, -1, 1, cv2.FILLED).astype(bool)


def _grey(image: Image, settled: BoolArray) -> Image:
    """(H, W) uint8 of the painted image."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.where(settled, np.uint8(WHITE), grey)


def grow(mask: BoolArray, radius: int) -> BoolArray:
    """Dilate (H, W) by a disc of ``radius`` px."""
    if radius < 1:
        return mask.copy()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)
