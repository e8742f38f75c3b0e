import dataclasses
import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from isagrsc2.metrics.boundaries import BoundaryCounts
from isagrsc2.metrics.coverage import CoverageCounts
from isagrsc2.metrics.hausdorff import HausdorffCounts
from isagrsc2.metrics.last_round import NO_LAST_ROUND, Measures
from isagrsc2.metrics.objects import MatchCounts
from isagrsc2.metrics.pixels import AreaCounts
from isagrsc2.metrics.scale import PIXELS, Scale
from isagrsc2.metrics.scoring import count_in_detail, count_rounds
from isagrsc2.reference.parcels import reference_from_polygons

SHAPE = (10, 12)
# Two reference parcels of 4 x 10 px; 4 columns between and beside them are no parcel.
REFERENCE = reference_from_polygons([shapely.box(0, 0, 4, 10), shapely.box(6, 0, 10, 10)], [1, 2], SHAPE, "test")

MEASURES = Measures(limits_m2=(3900.0,), limits_px=(39.0,), tolerance=1.0, tolerance_unit="px")


def everywhere(window: Window) -> np.ndarray:
    return np.ones((window.height, window.width), bool)


def table(*rows: tuple[shapely.Geometry, str, int]) -> gpd.GeoDataFrame:
    geometries, names, rounds = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"parcel_id": range(1, len(rows) + 1), "class_name": list(names), "round": np.array(rounds, int)}
    return gpd.GeoDataFrame(columns, geometry=list(geometries))


def test_every_round_is_scored_with_what_was_found_until_then():
    segments = table(
        (shapely.box(0, 0, 4, 10), "cultivated", 1),  # reference parcel 1 exactly
        (shapely.box(6, 0, 10, 5), "cultivated", 2),  # half of parcel 2: IoU 0.5, no match
        (shapely.box(4, 0, 6, 10), "not_cultivated", 2),  # covers, predicts nothing
    )
    counts = count_rounds(segments, REFERENCE, SHAPE, everywhere, 3)
    assert counts.predictions == "cultivated segments"
    first, second, third = counts.rounds
    assert first.coverage == CoverageCounts(40, 120)
    assert first.area == AreaCounts(40, 0, 40, 40)
    assert first.matches == MatchCounts(1, 2, 1, 1.0)
    assert second.coverage == CoverageCounts(40 + 20 + 20, 120)
    assert second.area == AreaCounts(60, 0, 20, 40)
    assert second.matches == MatchCounts(2, 2, 1, 1.0)
    assert (second.best_ious.mean, second.best_ious.mean_by_area) == (0.75, 0.75)
    assert third == second  # nothing was found in round 3


def test_all_segments_count_when_nothing_was_classified():
    segments = table((shapely.box(0, 0, 5, 10), "unclassified", 1), (shapely.box(10, 0, 12, 10), "unclassified", 1))
    counts = count_rounds(segments, REFERENCE, SHAPE, everywhere, 1)
    assert counts.predictions == "all segments (unclassified)"
    assert counts.rounds[0].area == AreaCounts(40, 10 + 20, 40, 10)
    assert counts.rounds[0].matches == MatchCounts(2, 2, 1, 0.8)  # 40 / 50
    # A perfect classifier would drop the second segment, which lies in no parcel.
    assert counts.oracle_class[0].area == AreaCounts(40, 10, 40, 30)
    assert counts.oracle_class[0].matches == MatchCounts(1, 2, 1, 0.8)
    assert counts.oracle_class[0].coverage == counts.rounds[0].coverage


def test_the_oracle_looks_at_the_whole_segment_and_not_at_its_class():
    segments = table((shapely.box(3, 0, 5, 10), "cultivated", 1), (shapely.box(6, 0, 9, 10), "not_cultivated", 1))
    counts = count_rounds(segments, REFERENCE, SHAPE, everywhere, 1)
    # The first lies half in a parcel, which is not more than half; the second entirely.
    assert counts.rounds[0].matches.predicted == 1
    assert counts.oracle_class[0].matches == MatchCounts(1, 2, 1, 0.75)  # 30 / 40


def test_what_is_not_valid_counts_nowhere():
    def left_half(window: Window) -> np.ndarray:
        columns = np.arange(window.col_off, window.col_off + window.width)
        return np.broadcast_to(columns < 6, (window.height, window.width))

    segments = table((shapely.box(0, 0, 12, 10), "cultivated", 1))
    counts = count_rounds(segments, REFERENCE, SHAPE, left_half, 1).rounds[0]
    assert counts.coverage == CoverageCounts(60, 60)
    assert counts.area == AreaCounts(40, 20, 0, 0)
    assert counts.matches == MatchCounts(1, 1, 1, 40 / 60)  # parcel 2 has no valid pixel


def test_a_reference_with_areas_only_says_nothing_of_objects_and_of_what_it_leaves_unlabelled():
    cloud = shapely.box(2, 0, 6, 10)
    areas = dataclasses.replace(REFERENCE, areas_only=True, unlabelled=(cloud,))
    segments = table((shapely.box(0, 0, 4, 10), "cultivated", 1), (shapely.box(8, 0, 12, 10), "cultivated", 1))
    counts = count_rounds(segments, areas, SHAPE, everywhere, 1)
    # 80 px are left: columns 0, 1 and 6 to 11. The reference has 0, 1 and 6 to 9, the prediction 0, 1 and 8 to 11.
    assert counts.rounds[0].area == AreaCounts(40, 20, 20, 0)
    assert counts.rounds[0].coverage == CoverageCounts(60, 80)
    scores = counts.rounds[0].scores()
    assert scores["area_iou"] == 0.5
    assert [scores[name] for name in ("object_f1", "mean_best_iou", "panoptic_quality", "reference_parcels")] == [None] * 4
    # A perfect classifier keeps the first only: half of the second lies in the reference, which is not more than half.
    assert counts.oracle_class[0].area == AreaCounts(20, 0, 40, 20)


def test_no_segments_and_no_reference_are_undefined_and_not_zero_or_one():
    nothing = reference_from_polygons([], [], SHAPE, "test")
    scores = count_rounds(table(), nothing, SHAPE, everywhere, 1).rounds[0].scores()
    numbers = {"coverage": 0, "predicted_parcels": 0, "reference_parcels": 0, "matched_parcels": 0}
    assert scores == dict.fromkeys(scores) | numbers


def test_scores_are_plain_numbers():
    segments = table((shapely.box(0, 0, 4, 10), "cultivated", 1))
    report = count_rounds(segments, REFERENCE, SHAPE, everywhere, 2).scores()
    assert [entry["round"] for entry in report["rounds"]] == [1, 2]
    assert {type(value) for entry in report["rounds"] for value in entry.values()} <= {int, float, type(None)}
    assert report["rounds"][1]["area_iou"] == 0.5
    assert report["oracle_class"]["rounds"][1]["object_f1"] == pytest.approx(2 / 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 15))
def test_blocks_make_no_difference(seed, block):
    rng = np.random.default_rng(seed)
    cuts = [0, *np.sort(rng.choice(np.arange(1, 12), 3, replace=False)).tolist(), 12]
    rows = [
        (shapely.box(left, 0, right, 10), rng.choice(["cultivated", "not_cultivated"]), int(rng.integers(1, 3)))
        for left, right in itertools.pairwise(cuts)
    ]
    whole = count_rounds(table(*rows), REFERENCE, SHAPE, everywhere, 2)
    assert count_rounds(table(*rows), REFERENCE, SHAPE, everywhere, 2, block=block) == whole


def test_counts_of_scenes_add():
    segments = table((shapely.box(0, 0, 4, 10), "cultivated", 1))
    one = count_rounds(segments, REFERENCE, SHAPE, everywhere, 1).rounds[0]
    both = one + one
    assert both.matches == MatchCounts(2, 4, 2, 2.0)
    assert both.area == AreaCounts(80, 0, 80, 80)
    assert both.coverage == CoverageCounts(80, 240)
    assert both.best_ious.mean == one.best_ious.mean == 0.5


def test_the_last_round_in_detail():
    segments = table(
        (shapely.box(0, 0, 4, 10), "cultivated", 1),  # reference parcel 1 exactly
        (shapely.box(6, 0, 9, 10), "cultivated", 2),  # parcel 2 without its last column: IoU 3/4
        (shapely.box(4, 0, 6, 10), "not_cultivated", 2),
    )
    segments["score"] = [0.5, 0.9, 0.7]
    counts = count_in_detail(segments, REFERENCE, SHAPE, everywhere, 2, PIXELS, MEASURES)
    assert counts.scene == count_rounds(segments, REFERENCE, SHAPE, everywhere, 2)
    last = counts.last_round
    # Boundaries lie in columns 3, 6 and 9 of the reference, 3, 6 and 8 of the predictions: all within 1 px.
    assert last.boundaries == BoundaryCounts(30, 30, 30, 30)
    # Distances from the reference's outline: 10 of 24 px at 1 px, the rest closer.
    assert last.hausdorff == HausdorffCounts(0, 0.0, 2, 1.0)
    assert last.scores()["object_f1_75"] == 0.5  # 3/4 is not above 0.75, which is enough for COCO
    assert last.scores()["average_precision_75"] == 1.0
    # Above 0.75 the better score belongs to the wrong parcel: precision 1/2 at recalls up to 1/2.
    assert last.scores()["average_precision"] == pytest.approx((6 + 4 * 51 / 101 / 2) / 10)
    assert [one.matches.matched for one in last.sizes.values()] == [0, 2]
    # A perfect classifier keeps the same segments here.
    assert counts.oracle_class.scores() == last.scores()


def test_pixels_have_a_size_on_the_ground():
    segments = table((shapely.box(0, 0, 4, 10), "cultivated", 1), (shapely.box(6, 0, 9, 10), "cultivated", 1))
    counts = count_in_detail(segments, REFERENCE, SHAPE, everywhere, 1, Scale("m", 20, 10, 200), MEASURES).last_round
    assert counts.hausdorff == HausdorffCounts(2, 10.0, 0, 0.0)
    assert [(size.unit, size.lower, one.matches.reference) for size, one in counts.sizes.items()] == [
        ("m2", 0, 0),
        ("m2", 3900, 2),
    ]
    assert counts.boundaries.f1 == 1  # the tolerance is in px
    metres = dataclasses.replace(MEASURES, tolerance_unit="m")
    counts = count_in_detail(segments, REFERENCE, SHAPE, everywhere, 1, Scale("m", 20, 10, 200), metres).last_round
    assert counts.boundaries == BoundaryCounts(30, 20, 30, 20)  # column 9 is 10 m from column 8


def test_segments_without_scores_have_no_average_precision():
    segments = table((shapely.box(0, 0, 4, 10), "cultivated", 1))
    scores = count_in_detail(segments, REFERENCE, SHAPE, everywhere, 1, PIXELS, MEASURES).last_round.scores()
    assert scores["average_precision"] is None
    assert scores["boundary_f1"] == pytest.approx(2 / (1 + 30 / 10))
    segments["score"] = [float("nan")]
    scores = count_in_detail(segments, REFERENCE, SHAPE, everywhere, 1, PIXELS, MEASURES).last_round.scores()
    assert scores["average_precision"] is None


def test_nothing_in_detail():
    nothing = reference_from_polygons([], [], SHAPE, "test")
    counts = count_in_detail(table(), nothing, SHAPE, everywhere, 1, PIXELS, MEASURES).last_round
    assert set(counts.scores().values()) == {None}
    missed = count_in_detail(table(), REFERENCE, SHAPE, everywhere, 1, PIXELS, MEASURES).last_round.scores()
    assert (missed["boundary_f1"], missed["object_f1_50"], missed["hausdorff_95_px"]) == (0, 0, None)
    areas = dataclasses.replace(REFERENCE, areas_only=True)
    segments = table((shapely.box(0, 0, 4, 10), "cultivated", 1))
    counts = count_in_detail(segments, areas, SHAPE, everywhere, 1, PIXELS, MEASURES)
    assert (counts.last_round, counts.oracle_class) == (NO_LAST_ROUND, NO_LAST_ROUND)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 11))
def test_blocks_make_no_difference_in_detail(seed, block):
    rng = np.random.default_rng(seed)
    hidden = rng.random(SHAPE) < 0.1

    def valid(window: Window) -> np.ndarray:
        return ~hidden[window.toslices()]

    cut = int(rng.integers(1, 10))
    segments = table((shapely.box(0, 0, cut, 10), "cultivated", 1), (shapely.box(cut, 0, 12, 10), "cultivated", 1))
    segments["score"] = rng.random(2)
    whole = count_in_detail(segments, REFERENCE, SHAPE, valid, 1, PIXELS, MEASURES).last_round
    parts = count_in_detail(segments, REFERENCE, SHAPE, valid, 1, PIXELS, MEASURES, block=block).last_round
    assert parts.scores() == whole.scores()
    assert parts.sizes == whole.sizes
