import numpy as np
import pytest
from shapely.geometry import box

from isagrsc2.classification.predictor import Unclassified
from isagrsc2.classification.segments import BAND, classify_segments, reading_order


class GreyScene:
    """Every pixel of column x has brightness x; notes the windows that are read."""

    width = 200
    height = 2000

    def __init__(self):
        self.windows = []

    def read(self, window=None, out_shape=None):
        self.windows.append((window.row_off, window.col_off))
        columns = np.arange(window.col_off, window.col_off + window.width)
        image = np.broadcast_to(columns[None, :, None], (window.height, window.width, 3))
        return image.astype(np.uint8), np.ones(image.shape[:2], bool)


class BrightnessClassifier:
    chip_size = 2
    class_names = ("bright", "dark")
    cultivated = ("bright",)

    def __init__(self):
        self.batches = []

    def classify(self, chips):
        self.batches.append(len(chips))
        p = (chips.mean(axis=(1, 2, 3)) / 255).astype(np.float32)
        return ["bright" if one > 0.3 else "dark" for one in p], p


def squares(*corners):
    return [box(x, y, x + 2, y + 2) for x, y in corners]


def test_results_come_in_the_order_of_the_polygons():
    polygons = squares((100, 1500), (10, 0), (50, 700), (180, 3))
    names, p = classify_segments(GreyScene(), polygons, BrightnessClassifier(), batch=3)
    # Means of the columns x and x + 1, rounded to what is stored.
    assert p * 255 == pytest.approx([100.5, 10.5, 50.5, 180.5], abs=1e-4)
    assert p.dtype == np.float32
    assert names == ["bright", "dark", "dark", "bright"]


def test_chips_are_read_band_by_band_from_the_left():
    scene = GreyScene()
    classify_segments(scene, squares((9, BAND + 5), (40, 30), (5, 400), (1, 3 * BAND)), BrightnessClassifier(), batch=2)
    assert scene.windows == [(400, 5), (30, 40), (BAND + 5, 9), (3 * BAND, 1)]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_batches_change_nothing_but_their_size(batch):
    polygons = squares(*[(7 * k % 190, 131 * k % 1900) for k in range(7)])
    classifier = BrightnessClassifier()
    names, p = classify_segments(GreyScene(), polygons, classifier, batch)
    expected_names, expected = classify_segments(GreyScene(), polygons, BrightnessClassifier(), 7)
    assert (p == expected).all()
    assert names == expected_names
    assert max(classifier.batches) <= batch
    assert sum(classifier.batches) == 7


def test_no_polygons():
    names, p = classify_segments(GreyScene(), [], BrightnessClassifier(), batch=4)
    assert names == []
    assert p.shape == (0,)


def test_unclassified_reads_nothing():
    scene = GreyScene()
    names, p = classify_segments(scene, squares((1, 1), (5, 5)), Unclassified(), batch=1)
    assert names == ["unclassified", "unclassified"]
    assert np.isnan(p).all()
    assert scene.windows == []


def test_reading_order_is_a_permutation():
    assert sorted(reading_order(squares(*[(k * 37 % 150, k * 613 % 1900) for k in range(20)]))) == list(range(20))
