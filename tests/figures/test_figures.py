"""Pictures, by what is drawn in them, and by their pixels where these are few."""

import re
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from PIL import Image

from isagrsc2.classification.predictions import Predictions
from isagrsc2.classification.scores import score
from isagrsc2.figures import canvas, confusion_matrix
from isagrsc2.figures.confusion_matrix import draw_confusion_matrix
from isagrsc2.figures.reliability import draw_reliability
from isagrsc2.figures.worst_mistakes import draw_worst_mistakes

RED, GREEN = (250, 20, 20), (20, 250, 20)


def predict(labels, p_cultivated, names=None):
    """Two classes, from the probability of the second."""
    p = np.array(p_cultivated, np.float32)
    names = names or [f"/far/away/{index}.png" for index in range(len(p))]
    probabilities = np.stack([1 - p, p], axis=1)
    return Predictions(
        ("not_cultivated", "cultivated"), ("cultivated",), tuple(names), np.array(labels, np.int64), probabilities
    )


def many_classes(count, chips=900, name="class_{}"):
    """About nine of ten right."""
    rng = np.random.default_rng(count)
    labels = rng.integers(0, count, chips)
    said = np.where(rng.random(chips) < 0.9, labels, rng.integers(0, count, chips))
    probabilities = np.full((chips, count), 0.2 / count, np.float32)
    probabilities[np.arange(chips), said] += 0.8
    names = tuple(name.format(index) for index in range(count))
    return Predictions(names, names[:1], tuple(f"{index}.png" for index in range(chips)), labels, probabilities)


def words(figure):
    """Everything that is written, by place."""
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text.get_text() for text in texts]


def everything_is_on_the_paper(figure):
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    labels = [label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    for text in [*figure.texts, *labels]:
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert box.x0 >= 0, text
            assert box.y0 >= 0, text
            assert box.x1 <= width, text
            assert box.y1 <= height, text


def test_a_matrix_of_counts_and_shares_of_the_row(tmp_path, drawn):
    draw_confusion_matrix(predict([1, 1, 1, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.1, 0.3]), tmp_path / "matrix.png")
    (figure,) = drawn
    (axes,) = figure.axes
    cells = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "2\n100%", (1, 0): "1\n25%", (1, 1): "3\n75%"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["not cultivated (2)", "cultivated (4)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["not cultivated", "cultivated"]
    assert [label.get_color() for label in axes.get_xticklabels()] == [canvas.INK, canvas.CULTIVATED]
    assert "83.3% right: 5 of 6 chips" in words(figure)


def test_the_matrix_on_the_picture(tmp_path, drawn):
    path = tmp_path / "matrix.png"
    draw_confusion_matrix(predict([1, 1, 1, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.1, 0.3]), path)
    picture = Image.open(path).convert("L")
    (axes,) = drawn[0].axes
    assert picture.size == tuple((drawn[0].get_size_inches() * canvas.DPI).astype(int))
    # Near a corner of each cell, where nothing is written: the larger the share, the darker.
    corners = axes.transData.transform([(column - 0.4, row - 0.4) for row, column in ((0, 0), (1, 1), (1, 0), (0, 1))])
    lightness = [picture.getpixel((int(x), int(picture.height - y))) for x, y in corners]
    assert lightness == sorted(lightness)
    assert lightness[0] < 80
    assert lightness[-1] > 240


@pytest.mark.parametrize("count", [2, 3, 7, 20, 45])
def test_every_number_of_classes_is_readable(tmp_path, drawn, count):
    draw_confusion_matrix(many_classes(count, name="a_long_name_{}"), tmp_path / "matrix.png")
    (figure,) = drawn
    everything_is_on_the_paper(figure)
    (axes,) = figure.axes
    cell = axes.get_window_extent().width / count
    for text in axes.texts:
        box = text.get_window_extent()
        assert box.width < cell
        assert box.height < cell
        assert text.get_fontsize() >= 6.5
    labels = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(one.x1 <= other.x0 for one, other in pairwise(labels))


def test_a_class_without_chips_has_a_blank_row(tmp_path, drawn):
    draw_confusion_matrix(predict([1, 1], [0.9, 0.2]), tmp_path / "matrix.png")
    (axes,) = drawn[0].axes
    assert [text.get_position()[1] for text in axes.texts] == [1, 1]
    assert axes.get_yticklabels()[0].get_text() == "not cultivated (0)"


@pytest.mark.parametrize(("share", "text"), [(0.014, "1%"), (0.996, "99%"), (1.0, "100%"), (0.5, "50%")])
def test_only_the_whole_is_a_hundred_per_cent(share, text):
    assert confusion_matrix._percent(share) == text


def test_reliability_by_hand(tmp_path, drawn):
    # 0.1 is in the second of 15 bins, 0.9 in the 14th: half of two, and three of three.
    predictions = predict([0, 1, 1, 1, 1], [0.1, 0.1, 0.9, 0.9, 0.9])
    draw_reliability(predictions, tmp_path / "reliability.png")
    (figure,) = drawn
    above, below = figure.axes
    (points,) = (one for one in above.collections if isinstance(one, PathCollection))
    np.testing.assert_allclose(points.get_offsets(), [(0.1, 0.5), (0.9, 1.0)], atol=1e-6)
    assert list(points.get_sizes()) == pytest.approx([160 * 2 / 3, 160])
    assert [bar.get_height() for bar in below.patches] == [0, 2, *[0] * 11, 3, 0]
    assert f"Expected calibration error {(2 * 0.4 + 3 * 0.1) / 5:.3f}" in words(figure)
    assert "5 chips, 80% of them cultivated" in words(figure)
    everything_is_on_the_paper(figure)


def test_the_calibration_error_is_that_of_the_scores(tmp_path, drawn):
    rng = np.random.default_rng(0)
    p = rng.random(500)
    predictions = predict(rng.random(500) < p**2, p)
    draw_reliability(predictions, tmp_path / "reliability.png")
    (title,) = (text for text in words(drawn[0]) if text.startswith("Expected"))
    assert float(title.split()[-1]) == pytest.approx(score(predictions)["ece_cultivated"], abs=5e-4)


def chips(*colours):
    return lambda index: np.full((20, 20, 3), colours[index], np.uint8)


def pixels_of(path, colour):
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return int((np.abs(image - colour).max(axis=2) < 8).sum())


def test_the_surest_mistake_comes_first(tmp_path, drawn):
    predictions = predict([0, 0, 1, 1], [0.8, 0.95, 0.9, 0.3])  # wrong: 0 (0.8), 1 (0.95), 3 (0.7)
    path = tmp_path / "worst.png"
    draw_worst_mistakes(predictions, chips(RED, GREEN, RED, RED), 2, path)
    (figure,) = drawn
    assert words(figure) == [
        "3 mistakes",
        "among 4 chips; the 2 it was most sure of",
        "not cultivated → cultivated  0.95",
        "1.png",
        "not cultivated → cultivated  0.80",
        "0.png",
    ]
    first, second = figure.axes
    assert tuple(first.images[0].get_array()[0, 0]) == GREEN
    assert tuple(second.images[0].get_array()[0, 0]) == RED
    area = (1.9 * canvas.DPI) ** 2
    assert pixels_of(path, RED) == pytest.approx(area, rel=0.05)
    assert pixels_of(path, GREEN) == pytest.approx(area, rel=0.05)
    everything_is_on_the_paper(figure)


def test_fewer_mistakes_than_asked_for(tmp_path, drawn):
    draw_worst_mistakes(predict([0, 1], [0.8, 0.9]), chips(RED, GREEN), 16, tmp_path / "worst.png")
    assert words(drawn[0])[:2] == ["1 mistake", "among 2 chips"]
    assert len(drawn[0].axes) == 1


def test_no_mistakes_are_an_honest_empty_picture(tmp_path, drawn):
    path = tmp_path / "worst.png"
    draw_worst_mistakes(predict([0, 1], [0.2, 0.9]), chips(), 16, path)
    assert words(drawn[0]) == ["No mistakes", "among 2 chips"]
    assert drawn[0].axes == []
    everything_is_on_the_paper(drawn[0])
    width, height = Image.open(path).size
    assert height < width


def test_long_names_are_cut_and_signs_are_only_signs(tmp_path, drawn):
    names = [f"/a/{'x' * 60}_$1_{{2}}$.png", "scene.png, parcel 12"]
    predictions = many_classes(2, chips=2, name="thermal_power_station_{}")
    labels = 1 - predictions.predicted
    predictions = Predictions(predictions.class_names, (), tuple(names), labels, predictions.probabilities)
    draw_worst_mistakes(predictions, chips(RED, GREEN), 2, tmp_path / "worst.png")
    written = words(drawn[0])
    assert re.fullmatch(r"x+…x*_\$1_\{2\}\$\.png", written[4])
    assert written[7] == "scene.png, parcel 12"
    assert written[2].endswith("→")  # classes in two lines
    everything_is_on_the_paper(drawn[0])


def test_a_failed_drawing_leaves_no_file(tmp_path):
    def unreadable(index):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        draw_worst_mistakes(predict([0], [0.8]), unreadable, 1, tmp_path / "worst.png")
    assert list(tmp_path.iterdir()) == []
