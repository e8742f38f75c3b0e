import math

import numpy as np

from isagrsc2.metrics.objects import BestIoUCounts, MatchCounts
from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.scale import PIXELS, Scale
from isagrsc2.metrics.size_classes import SizeClass, SizeCounts, add_sizes, count_sizes

# Reference: 1 of 2 px, 2 of 4 px, 3 of 3 px. Predictions: 1 of 3 px on parcel 1 (IoU 2/3), 2 of 1 px, 3 of 4 px beside them.
REFERENCE = np.array([[1, 1, 0, 2, 2, 2, 2, 3, 3, 3, 0, 0, 0, 0]])
PREDICTED = np.array([[1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3]])


def test_by_hand():
    small, large = SizeClass("px", 0, 3), SizeClass("px", 3, math.inf)
    counts = count_sizes(count_overlaps(PREDICTED, REFERENCE), PIXELS, [3])
    # A pair belongs to the class of its reference; so prediction 1, of 3 px, is small.
    assert counts == {
        small: SizeCounts(MatchCounts(2, 1, 1, 2 / 3), BestIoUCounts(1, 2, 2 / 3, 4 / 3)),
        large: SizeCounts(MatchCounts(1, 2, 0, 0.0), BestIoUCounts(2, 7, 1 / 4, 1.0)),
    }
    assert counts[small].scores()["object_f1"] == 2 / 3
    assert counts[large].scores()["mean_best_iou"] == 1 / 8
    assert (small.bounds(), large.bounds()) == (
        {"unit": "px", "from": 0, "to": 3},
        {"unit": "px", "from": 3, "to": None},
    )


def test_limits_are_areas_on_the_ground():
    counts = count_sizes(count_overlaps(PREDICTED, REFERENCE), Scale("m", 10, 10, 100), [250, 350])
    assert [(size.unit, size.lower, size.upper) for size in counts] == [
        ("m2", 0, 250),
        ("m2", 250, 350),
        ("m2", 350, math.inf),
    ]
    assert [one.matches.reference for one in counts.values()] == [1, 1, 1]


def test_scenes_in_m2_and_in_px_stand_side_by_side():
    overlaps = count_overlaps(PREDICTED, REFERENCE)
    pixels, metres = count_sizes(overlaps, PIXELS, [3]), count_sizes(overlaps, Scale("m", 1, 1, 1), [3])
    both = add_sizes(add_sizes(pixels, metres), pixels)
    assert [(size.unit, one.matches.reference) for size, one in both.items()] == [("m2", 1), ("m2", 2), ("px", 2), ("px", 4)]


def test_nothing_is_undefined():
    nothing = np.zeros((2, 2), int)
    (counts,) = count_sizes(count_overlaps(nothing, nothing), PIXELS, []).values()
    assert {value for name, value in counts.scores().items() if not name.endswith("parcels")} == {None}
