from isagrsc2.metrics.coverage import CoverageCounts
from isagrsc2.metrics.objects import NO_BEST_IOUS, NO_MATCHES, BestIoUCounts, MatchCounts
from isagrsc2.metrics.pixels import AreaCounts
from isagrsc2.metrics.pooling import mean_scores, pooled_scores
from isagrsc2.metrics.rounds import RoundCounts
from isagrsc2.metrics.segmentation_errors import NO_SEGMENTATION_ERRORS, SegmentationErrorCounts
from isagrsc2.metrics.thresholds import NO_THRESHOLDS, ThresholdCounts

LARGE = RoundCounts(
    CoverageCounts(90, 100),
    AreaCounts(60, 20, 20, 0),
    MatchCounts(8, 8, 6, 4.8),
    ThresholdCounts(8, 8, (6, 6, 5, 5, 4, 4, 3, 3, 2, 2)),
    BestIoUCounts(8, 80, 6.0, 64.0),
    SegmentationErrorCounts(8, 80, 2.0, 1.0, 1.6, 16.0, 8.0, 12.0),
    True,
)
# Nothing predicted and no reference: only the coverage is defined.
BARE = RoundCounts(
    CoverageCounts(5, 10), AreaCounts(0, 0, 0, 10), NO_MATCHES, NO_THRESHOLDS, NO_BEST_IOUS, NO_SEGMENTATION_ERRORS, True
)
# One parcel, missed.
MISSED = RoundCounts(
    CoverageCounts(0, 10),
    AreaCounts(0, 0, 10, 0),
    MatchCounts(0, 1, 0, 0.0),
    ThresholdCounts(0, 1, (0,) * 10),
    BestIoUCounts(1, 10, 0.0, 0.0),
    NO_SEGMENTATION_ERRORS,
    True,
)
# A reference that has areas and no parcels.
AREAS = RoundCounts(
    CoverageCounts(10, 10), AreaCounts(5, 0, 5, 0), NO_MATCHES, NO_THRESHOLDS, NO_BEST_IOUS, NO_SEGMENTATION_ERRORS, False
)


def test_pooled_every_parcel_counts_the_same():
    scores = pooled_scores([LARGE, BARE, MISSED])
    assert scores["coverage"] == 95 / 120
    assert scores["area_iou"] == 60 / 110
    assert scores["object_f1"] == 12 / 17
    assert scores["panoptic_quality"] == 9.6 / 17
    assert scores["mean_best_iou"] == 6 / 9
    assert scores["object_f1_50_95"] == 2 * 4 / 17  # 40 matches at ten thresholds
    assert scores["over_segmentation"] == 2 / 8  # of the parcels that are touched
    assert scores["segmentation_error_by_area"] == 12 / 80
    assert scores["reference_parcels"] == 9


def test_in_the_mean_every_scene_counts_the_same_where_it_is_defined():
    scores = mean_scores([LARGE, BARE, MISSED])
    assert scores["coverage"] == (0.9 + 0.5 + 0) / 3
    assert scores["area_iou"] == (0.6 + 0) / 2
    assert scores["object_precision"] == 6 / 8  # undefined in two scenes
    assert scores["object_f1"] == (0.75 + 0) / 2
    assert scores["segmentation_quality"] == 4.8 / 6
    assert scores["reference_parcels"] == 3


def test_what_is_defined_nowhere_stays_undefined():
    assert mean_scores([BARE, BARE])["object_f1"] is None
    assert pooled_scores([BARE, BARE])["object_f1"] is None


def test_references_with_areas_only_have_no_scores_of_objects():
    of_objects = {name for name in AREAS.scores() if not name.startswith(("area_", "coverage"))}
    assert len(of_objects) == 18
    assert {AREAS.scores()[name] for name in of_objects} == {None}
    assert AREAS.scores()["area_iou"] == 0.5


def test_areas_only_and_parcels_pool():
    scores = pooled_scores([LARGE, AREAS])
    assert scores["area_iou"] == 65 / 110
    assert scores["object_f1"] == 0.75  # of the scene that has parcels
    assert scores["reference_parcels"] == 8
    assert mean_scores([LARGE, AREAS])["object_f1"] == 0.75
