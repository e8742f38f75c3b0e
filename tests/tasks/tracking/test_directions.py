"""Which direction of a figure is better, by its name."""

import pytest

from isagrsc2.tasks.tracking import direction, directions


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("val/f1_cultivated", "max"),
        ("val/iou_chosen", "max"),
        ("val/good_passing", "max"),
        ("val/score_error", "min"),
        ("val/ece", "min"),
        ("val/nll", "min"),
        ("train/loss", "min"),
        ("parcels/iou", "max"),
        ("parcels/mean_best_iou_by_area", "max"),
        ("parcels/segmentation_quality", "max"),
        ("parcels/over_segmentation", "min"),
        ("parcels/segmentation_error_by_area", "min"),
        ("parcels/hausdorff_95_m", "min"),
        ("parcels/count", None),
        ("coverage/round_2", "max"),
        ("seconds/segment", "min"),
        ("memory_mb/peak", "min"),
        ("lr-AdamW", None),
    ],
)
def test_which_direction_is_better(name: str, best: str | None) -> None:
    assert direction(name) == best
    assert directions([name]) == ({name: best} if best else {})
