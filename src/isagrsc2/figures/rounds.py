"""The rounds of the method on one tile: what was left and asked, and what each round added."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from isagrsc2.delineation.segments import Segments
from isagrsc2.delineation.tracing import TracedRound
from isagrsc2.figures.canvas import DPI, FAINT, INK, new_figure, save

BoolArray = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.uint8]

# Inches: long side of an image, space between images, margin, height of the title, of the head of a column, of a line of text.
_IMAGE, _SPACE, _MARGIN, _TITLE, _HEAD, _LINE = 3.7, 0.2, 0.3, 0.92, 0.32, 0.24
# Least width for the title, and of a column for its text.
_NARROWEST, _COLUMN = 6.4, 2.7
# RGB of the rounds, in order; told apart by people who see no difference between red and green, too (Okabe & Ito 2008).
ROUND_COLOURS = ((86, 180, 233), (240, 200, 40), (213, 94, 0), (204, 121, 167), (0, 158, 115), (0, 114, 178))
# Share by which what is settled fades to white.
FADING = 0.72
# Of the colour of a round on the grey image: while it adds, and afterwards.
OPACITY, OPACITY_BEFORE = 0.7, 0.3
_OUTLINE = (24, 28, 30)
# Points: side of a prompt, and the area of its marker is the square of it.
_PROMPT = 2.6
_PROMPT_COLOUR = "#e4002b"


def draw_rounds(image: Picture, rounds: Sequence[TracedRound], path: Path) -> None:
    """Draw a column per round: above what the segmenter saw and the points it was asked, below what was added.

    Args:
        image: (H, W, 3) uint8 RGB, the tile.
        rounds: at least one, in order.
        path: of the PNG.
    """
    columns = len(rounds)
    image_width, image_height = _size(image)
    column = max(image_width, _COLUMN)
    width = max(2 * _MARGIN + columns * column + (columns - 1) * _SPACE, _NARROWEST)
    height = _TITLE + _HEAD + 2 * (image_height + _LINE + _SPACE)
    figure = new_figure(width, height)
    title = f"{_count(columns, 'round')} on one tile of {image.shape[1]:,} × {image.shape[0]:,} px"
    figure.text(_MARGIN / width, 1 - 0.18 / height, title, fontsize=14, weight="bold", color=INK, va="top")
    legend = (
        "above: what the segmenter saw; red: points it was asked; faded or painted white: settled\n"
        "below: what the round added; paler: what rounds before had added; no colour: not found yet"
    )
    figure.text(_MARGIN / width, 1 - 0.48 / height, legend, fontsize=9, color=FAINT, va="top")
    covered = covered_after(rounds)
    line = max(1, round(max(image.shape[:2]) / (_IMAGE * DPI)))  # px of the image that make one of the picture
    for place, one in enumerate(rounds):
        left = _MARGIN + place * (column + _SPACE)
        top = height - _TITLE - _HEAD
        head = f"Round {one.number}"
        figure.text(left / width, (top + 0.08) / height, head, fontsize=11, weight="bold", color=INK)
        bottoms = top - image_height, top - 2 * image_height - _LINE - _SPACE
        above, below = (
            figure.add_axes((left / width, bottom / height, image_width / width, image_height / height)) for bottom in bottoms
        )
        _show(above, seen_picture(one))
        above.scatter(one.prompts[:, 0], one.prompts[:, 1], s=_PROMPT**2, c=_PROMPT_COLOUR, linewidths=0)
        _show(below, added_picture(image, rounds[: place + 1], line))
        texts = (
            f"asked at {_count(len(one.prompts), 'point')}, {_percent(1 - one.settled.mean())} was left",
            f"added {_count(len(one.added), 'segment')}, {_percent(covered[place])} found so far",
        )
        for bottom, text in zip(bottoms, texts, strict=True):
            figure.text(left / width, (bottom - 0.17) / height, text, fontsize=9, color=INK)
    save(figure, path)


def covered_after(rounds: Sequence[TracedRound]) -> list[float]:
    """Share of the tile in segments of this round and those before, of every round."""
    unions = accumulate((one.added.union() for one in rounds), np.logical_or)
    return [float(union.mean()) for union in unions]


def seen_picture(traced: TracedRound) -> Picture:
    """What the segmenter saw, (H, W, 3) uint8, faded where nothing more was wanted; what was painted white stays white."""
    weight = FADING * traced.settled[..., None]  # (H, W, 1)
    return _to_uint8(traced.seen * (1 - weight) + 255 * weight)


def added_picture(image: Picture, rounds: Sequence[TracedRound], line: int) -> Picture:
    """The image in grey, what the last round added in its colour and outlined, what those before added in theirs, paler.

    Args:
        image: (H, W, 3) uint8 RGB.
        rounds: at least one, in order.
        line: width of outlines, px.

    Returns:
        (H, W, 3) uint8.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    picture = np.repeat(grey[..., None], 3, axis=-1).astype(np.float32)  # (H, W, 3)
    last = rounds[-1]
    coloured = last.added.union()
    _tint(picture, coloured, _colour(last), OPACITY)
    for one in rounds[:-1]:
        # Segments of several rounds may overlap: the last one shows whole, before it the first to find a pixel.
        fresh = one.added.union() & ~coloured
        _tint(picture, fresh, _colour(one), OPACITY_BEFORE)
        coloured |= fresh
    picture[outlines(last.added, line)] = _OUTLINE
    return _to_uint8(picture)


def outlines(segments: Segments, width: int) -> BoolArray:
    """Pixels (H, W) no farther than ``width`` inside the edge of a segment; the edge of the tile is one."""
    lines = np.zeros(segments.shape, bool)
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    for box, crop in segments:
        framed = np.pad(crop.astype(np.uint8), width)
        inside = cv2.erode(framed, kernel)[width:-width, width:-width].astype(bool)
        lines[box] |= crop & ~inside
    return lines


def _colour(one: TracedRound) -> tuple[int, int, int]:
    return ROUND_COLOURS[(one.number - 1) % len(ROUND_COLOURS)]


def _tint(picture: npt.NDArray[np.float32], where: BoolArray, colour: tuple[int, int, int], opacity: float) -> None:
    picture[where] = picture[where] * (1 - opacity) + np.array(colour, np.float32) * opacity


def _show(axes: Axes, picture: Picture) -> None:
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="antialiased")
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))
    axes.spines[:].set_color("#c9cfd3")


def _size(image: Picture) -> tuple[float, float]:
    """Width and height on paper, inches."""
    height, width = image.shape[:2]
    return _IMAGE * width / max(width, height), _IMAGE * height / max(width, height)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    """A share in per cent; only nothing is 0 % and only the whole 100 %."""
    return f"{share:.0%}" if share in (0, 1) else f"{min(max(round(100 * share), 1), 99)}%"


def _to_uint8(values: npt.NDArray[np.floating]) -> Picture:
    return np.rint(values).clip(0, 255).astype(np.uint8)
