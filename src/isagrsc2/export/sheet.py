"""The sheet around a map: title, frame, legend, scale bar."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from isagrsc2.export.palette import Colour

PAPER, INK, FAINT, FRAME = (252, 252, 250), (34, 38, 36), (116, 122, 118), (60, 66, 62)
# Sizes as shares of the map's long side.
TITLE, TEXT, MARGIN = 0.024, 0.0155, 0.024
# Separates facts; the one letter beyond ASCII that the font has and the sheet uses.
DOT = "·"
# Below this letters cannot be read, px.
SMALLEST = 13
# The scale bar takes at most this share of the map's width.
BAR = 0.22

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class LegendEntry:
    """One line of the legend.

    Attributes:
        label: what it is.
        detail: how much of it there is.
        colours: shown side by side in the swatch.
        hatched: whether the swatch is hatched.
    """

    label: str
    detail: str
    colours: tuple[Colour, ...]
    hatched: bool


def compose_sheet(
    picture: npt.NDArray[np.uint8],
    title: str,
    subtitle: str,
    legend: Sequence[LegendEntry],
    metres_per_px: float | None,
) -> npt.NDArray[np.uint8]:
    """Set a map on paper.

    Args:
        picture: (h, w, 3) uint8 RGB.
        title: above the map, left; shortened when it is too long.
        subtitle: beside the title, right, if there is room.
        legend: below the map.
        metres_per_px: of the picture, for the scale bar; None: no scale bar.

    Returns:
        (H, W, 3) uint8 RGB, larger than the map.
    """
    height, width = picture.shape[:2]
    side = max(height, width)
    margin = max(14, round(side * MARGIN))
    large = _font(max(SMALLEST + 5, round(side * TITLE)))
    small = _font(max(SMALLEST, round(side * TEXT)))
    full = max(width, 260) + 2 * margin  # a narrow strip still has room for its legend
    bar = None if metres_per_px is None else _round_length(width * BAR * metres_per_px)
    bar_width = 0 if bar is None or metres_per_px is None else round(bar / metres_per_px)
    rows = _flow(legend, small, full - 2 * margin, bar_width + 3 * margin if bar_width else 0)
    line = _line_height(small)
    top = margin + _line_height(large) + margin // 2
    foot = top + height + round(margin * 0.8)
    sheet = Image.new("RGB", (full, foot + round(len(rows) * line * 1.45) + round(margin * 0.6)), PAPER)
    draw = ImageDraw.Draw(sheet)

    title, subtitle = _plain(title), _plain(subtitle)
    title = _shorten(title, large, full - 2 * margin)
    draw.text((margin, margin + _line_height(large) // 2), title, INK, large, anchor="lm")
    if large.getlength(title) + small.getlength(subtitle) + 2 * margin < full - 2 * margin:
        draw.text((full - margin, margin + _line_height(large) // 2), subtitle, FAINT, small, anchor="rm")
    left = (full - width) // 2
    sheet.paste(Image.fromarray(picture), (left, top))
    draw.rectangle((left - 1, top - 1, left + width, top + height), outline=FRAME)

    for number, row in enumerate(rows):
        x, middle = margin, foot + round((number + 0.5) * line * 1.45)
        for entry in row:
            x = _draw_entry(sheet, entry, small, (x, middle)) + margin
    if bar is not None:
        _draw_bar(draw, bar, bar_width, small, (full - margin, foot + round(0.5 * line * 1.45)))
    return np.asarray(sheet)


def _plain(text: str) -> str:
    """Without accents, and with a question mark for other letters: Pillow's own font has the ASCII ones only."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if letter.isascii() or letter == DOT else "?" for letter in letters)


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _line_height(font: Font) -> int:
    return math.ceil(font.getbbox("Ágj")[3])


def _swatch_size(font: Font) -> tuple[int, int]:
    line = _line_height(font)
    return round(line * 2.2), line


def _entry_width(entry: LegendEntry, font: Font) -> int:
    gap = _line_height(font) // 2
    return round(_swatch_size(font)[0] + 2 * gap + font.getlength(entry.label) + font.getlength(entry.detail))


def _flow(legend: Sequence[LegendEntry], font: Font, width: int, reserved: int) -> list[list[LegendEntry]]:
    """Entries in rows; the first row leaves ``reserved`` px for the scale bar. At least one row."""
    rows: list[list[LegendEntry]] = [[]]
    left = width - reserved
    for entry in legend:
        needed = _entry_width(entry, font)
        if needed > left and (rows[-1] or len(rows) == 1):
            rows.append([])
            left = width
        rows[-1].append(entry)
        left -= needed + 2 * _line_height(font)
    return rows


def _draw_entry(sheet: Image.Image, entry: LegendEntry, font: Font, place: tuple[int, int]) -> int:
    """Draw at (left, middle); return where it ends."""
    x, middle = place
    swatch_width, swatch_height = _swatch_size(font)
    times = 4  # drawn larger, averaged down
    swatch = Image.new("RGB", (swatch_width * times, swatch_height * times), PAPER)
    draw = ImageDraw.Draw(swatch)
    step = swatch.width / len(entry.colours)
    for number, colour in enumerate(entry.colours):
        draw.rectangle((round(number * step), 0, round((number + 1) * step), swatch.height), fill=colour)
    if entry.hatched:
        for start in range(-swatch.height, swatch.width, 6 * times):
            draw.line((start, swatch.height, start + swatch.height, 0), fill=(225, 227, 230), width=times + times // 2)
    mask = Image.new("L", swatch.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, swatch.width - 1, swatch.height - 1), swatch.height // 5, fill=255)
    size = (swatch_width, swatch_height)
    sheet.paste(
        swatch.resize(size, Image.Resampling.BOX),
        (x, middle - swatch_height // 2),
        mask.resize(size, Image.Resampling.BOX),
    )
    gap = _line_height(font) // 2
    text = ImageDraw.Draw(sheet)
    x += swatch_width + gap
    text.text((x, middle), entry.label, INK, font, anchor="lm")
    x += round(font.getlength(entry.label)) + gap
    text.text((x, middle), entry.detail, FAINT, font, anchor="lm")
    return x + round(font.getlength(entry.detail))


def _draw_bar(draw: ImageDraw.ImageDraw, metres: float, width: int, font: Font, place: tuple[int, int]) -> None:
    """Draw a scale bar that ends at (right, middle)."""
    right, middle = place
    left, line = right - width, _line_height(font)
    label = f"{metres / 1000:,g} km" if metres >= 1000 else f"{metres:g} m"
    thick = max(2, line // 8)
    tick = max(4, line // 3)
    base = middle + line // 2
    draw.rectangle((left, base - thick, right, base), fill=INK)
    for x in (left, right - thick + 1):
        draw.rectangle((x, base - tick, x + thick - 1, base), fill=INK)
    draw.text(((left + right) / 2, base - thick - line // 6), label, INK, font, anchor="ms")


def _round_length(longest: float) -> float:
    """The longest of 1, 2, 5, 10, ... that is not longer."""
    power = 10.0 ** math.floor(math.log10(longest))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest)


def _shorten(text: str, font: Font, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
