"""The sheet of prompts, by what is drawn in it and by its pixels."""

import numpy as np
import pytest
from PIL import Image

from isagrsc2.figures.prompts import AnsweredImage, draw_prompts

YELLOW, BLUE = (255, 212, 0), (53, 208, 255)


def answered(shape=(60, 80), count=1, name="/far/away/scene.png"):
    """A square of a fifth of the image on black, found but for its last column."""
    parcel = np.zeros(shape, bool)
    parcel[10:40, 20:50] = True
    mask = parcel.copy()
    mask[:, 49] = False
    points = np.full((count, 2), 30.5, np.float32)
    each = [np.repeat(one[None], count, axis=0) for one in (parcel, mask)]
    values = np.full(count, 0.75, np.float32), np.full(count, 29 / 30, np.float32)
    return AnsweredImage(name, np.zeros((*shape, 3), np.uint8), points, *each, *values)


def words(figure):
    return [text.get_text() for text in (*figure.texts, *(text for axes in figure.axes for text in axes.texts))]


def pixels_of(path, colour):
    return (np.abs(np.asarray(Image.open(path).convert("RGB")).astype(int) - colour).max(axis=2) < 8).nonzero()


def test_the_outline_runs_along_the_edges_of_pixels(tmp_path, drawn):
    draw_prompts([answered()], tmp_path / "prompts.png")
    (figure,) = drawn
    (axes,) = figure.axes
    assert words(figure) == [
        "Prompts in 1 image",
        "coloured: chosen mask, predicted | true IoU; white: parcel",
        "scene.png",
        "1",
        "0.75 | 0.97",
        "1",
    ]
    # Parcel, halo, mask.
    boxes = [one.get_paths()[0].get_extents().extents.tolist() for one in axes.collections]
    assert boxes == [[20, 10, 50, 40], [20, 10, 49, 40], [20, 10, 49, 40]]
    rows, columns = pixels_of(tmp_path / "prompts.png", YELLOW)
    height = Image.open(tmp_path / "prompts.png").height
    (left, top), (right, bottom) = axes.transData.transform([(20, 10), (49, 40)])
    on_image = rows < height - axes.get_window_extent().y0
    assert (columns[on_image].min(), columns[on_image].max()) == pytest.approx((left, right), abs=3)
    assert (rows[on_image].min(), rows[on_image].max()) == pytest.approx((height - top, height - bottom), abs=3)


def test_every_prompt_has_a_colour_and_everything_is_on_the_paper(tmp_path, drawn):
    sheet = [
        answered(count=8, name="x" * 200),
        answered((200, 70), 5),
        answered((60, 90), 0),
        answered(count=9, name="$1_{2}$"),
    ]
    draw_prompts(sheet, tmp_path / "prompts.png")
    (figure,) = drawn
    assert len(figure.axes) == 4
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    boxes = [text.get_window_extent() for text in figure.texts]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
    numbers = [text.get_window_extent() for text in figure.texts if "|" in text.get_text() and text.get_text()[0].isdigit()]
    assert len(numbers) == 22
    assert not any(one.overlaps(other) for one in numbers for other in numbers if one is not other)
    assert len({axes.get_position().y0 for axes in figure.axes}) == 2
    assert len(pixels_of(tmp_path / "prompts.png", BLUE)[0]) > 100


def test_an_empty_mask_has_no_outline_and_a_full_one_the_frame(tmp_path, drawn):
    empty, full = np.zeros((1, 60, 80), bool), np.ones((1, 60, 80), bool)
    of = answered()
    draw_prompts(
        [AnsweredImage("a", of.image, of.prompts, full, empty, of.scores, np.zeros(1))],
        tmp_path / "prompts.png",
    )
    (outline,) = drawn[0].axes[0].collections
    assert outline.get_paths()[0].get_extents().extents.tolist() == [0, 0, 80, 60]
