"""The sheet of the worst scenes, by its words and its size."""

import numpy as np
import pytest
from PIL import Image

from isagrsc2.figures import canvas
from isagrsc2.figures.worst_scenes import ScenePanel, draw_worst_scenes


def panel(name, height=50, width=100):
    return ScenePanel(name, "F1 0.500", np.full((height, width, 3), 90, np.uint8))


@pytest.mark.parametrize(
    ("count", "scenes", "title"),
    [(1, 1, "1 scene"), (3, 3, "3 scenes, the worst first"), (2, 1200, "The 2 worst of 1,200 scenes")],
)
def test_the_title_says_what_is_shown(tmp_path, drawn, count, scenes, title):
    draw_worst_scenes([panel(f"s_{number}") for number in range(count)], scenes, "note", tmp_path / "sheet.png")
    texts = [text.get_text() for text in drawn[0].texts]
    assert texts[:2] == [title, "note"]
    assert texts[2:7] == ["found", "merged", "split", "missed", "invented"]
    assert texts[8:] == [text for number in range(count) for text in (f"s_{number}", "F1 0.500")]
    assert len(drawn[0].axes) == count


def test_nothing_overlaps_and_all_is_inside(tmp_path, drawn):
    shapes = [(100, 100), (30, 100), (200, 50), (60, 60), (9, 90)]
    panels = [panel(f"$x_{number}", *shape) for number, shape in enumerate(shapes)]
    draw_worst_scenes(panels, 5, "", tmp_path / "sheet.png")
    (figure,) = drawn
    boxes = [axes.get_position() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert box.x0 > 0
        assert box.y0 > 0
        assert box.x1 < 1
        assert all(not box.overlaps(other) for other in boxes[:number])
    size = tuple(round(inches * canvas.DPI) for inches in figure.get_size_inches())
    assert Image.open(tmp_path / "sheet.png").size == pytest.approx(size, abs=1)
