"""Figures of scenes, alone and together."""

from isagrsc2.tasks.tracking import figures_of_scenes, scene_figures


def test_figures_without_a_reference_name_no_scores() -> None:
    metrics = {"parcels": 2, "coverage": [0.5, 1.0], "classes": {"cultivated": {"area_px": 9.0}}}
    metrics |= {"seconds": {"read": 0.25, "merge": 0.5}, "memory_mb": {"read": 64.0, "merge": 32.0}}
    assert scene_figures(metrics) == {
        "parcels/count": 2,
        "coverage/round_1": 0.5,
        "coverage/round_2": 1.0,
        "seconds/read": 0.25,
        "seconds/merge": 0.5,
        "seconds/total": 0.75,
        "memory_mb/read": 64.0,
        "memory_mb/merge": 32.0,
        "memory_mb/peak": 64.0,
        "cultivated/area_px": 9.0,
    }


def test_scenes_together_have_means_of_those_that_have_a_figure_and_the_largest_memory() -> None:
    scenes = [{"parcels/iou": 0.5, "memory_mb/peak": 3.0}, {"memory_mb/peak": 5.0}, {"parcels/iou": 1.0, "memory_mb/peak": 1.0}]
    assert figures_of_scenes(scenes) == {"scenes": 3, "parcels/iou": 0.75, "memory_mb/peak": 5.0}
