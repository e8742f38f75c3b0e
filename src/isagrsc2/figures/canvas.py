"""What all pictures share: paper, ink, the width of words, and a PNG that is there whole or not at all.

Figures are made without ``pyplot``, whose state would be shared by all threads of a program.
"""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from isagrsc2.files import replacing

# Pixels per inch; sizes of figures are in inches, of letters in points (1/72 inch).
DPI = 120

INK = "#1f2528"
FAINT = "#8a9299"
# Cultivated land, wherever it has a colour.
CULTIVATED = "#2c7a39"
BLUE = "#3b75af"


def new_figure(width: float, height: float) -> Figure:
    """Make an empty white figure.

    Args:
        width: inches.
        height: inches.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Args:
        figure: what to write.
        path: of the file; its folder exists.
    """
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def width_of(texts: Iterable[str], size: float) -> float:
    """Width of the longest of some texts, inches.

    Args:
        texts: at least one.
        size: of the letters, points.
    """
    font = FontProperties()
    # Bold is never needed: titles are measured with a margin.
    return max(float(TextPath((0, 0), text, size=size, prop=font).get_extents().width) for text in texts) / 72


def in_words(class_name: str) -> str:
    """A class as a person writes it."""
    return class_name.replace("_", " ")


def shortened(text: str, letters: int) -> str:
    """A text, its middle left out where it has more than so many letters."""
    if len(text) <= letters:
        return text
    half = (letters - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
