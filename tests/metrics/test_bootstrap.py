import functools
import operator

import numpy as np
import pytest

from isagrsc2.metrics.bootstrap import draw_scenes, mean_intervals, pooled_intervals
from isagrsc2.metrics.last_round import NO_LAST_ROUND, LastRoundCounts, Measures, count_last_round
from isagrsc2.metrics.objects import BestIoUCounts, MatchCounts
from isagrsc2.metrics.outlines import find_outlines
from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.pooling import mean_scores, pooled_scores
from isagrsc2.metrics.scale import PIXELS
from isagrsc2.metrics.size_classes import NO_SIZES, SizeCounts

MEASURES = Measures(limits_m2=(1.0,), limits_px=(50.0,), tolerance=1.0, tolerance_unit="px")


def scene(predicted, matched, reference):
    return SizeCounts(MatchCounts(predicted, reference, matched, 0.8 * matched), BestIoUCounts(reference, 10, 1.0, 1.0))


def last_round(pair):
    predicted, reference, valid = pair
    overlaps = count_overlaps(predicted, reference, valid)
    scores = np.random.default_rng(0).random(len(overlaps.predicted_areas()[0]))
    outlines = find_outlines(predicted, valid), find_outlines(reference, valid)
    return count_last_round(overlaps, outlines, scores, PIXELS, MEASURES)


def test_draws_are_seeded_and_as_many_as_there_are_scenes():
    draws = draw_scenes(5, 200, seed=3)
    assert draws.shape == (200, 5)
    assert (draws.sum(axis=1) == 5).all()
    np.testing.assert_array_equal(draws, draw_scenes(5, 200, seed=3))
    assert (draws != draw_scenes(5, 200, seed=4)).any()


def test_two_scenes_by_hand():
    scenes = [scene(1, 1, 1), scene(3, 0, 3)]  # F1 1 and 0; pooled 1/4
    draws = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    # Resamples: 1, mean 0.5 or pooled 1/4, 0; quantiles of three values are interpolated.
    assert mean_intervals(scenes, draws)["object_f1"] == pytest.approx((0.025, 0.975))
    assert pooled_intervals(scenes, draws)["object_f1"] == pytest.approx((0.05 * 0.25, 1 - 0.05 * 0.75))


def test_one_scene_says_nothing_of_others():
    draws = draw_scenes(2, 50, seed=0)
    for intervals in (mean_intervals, pooled_intervals):
        assert intervals([scene(1, 1, 1)], draw_scenes(1, 50, seed=0))["object_f1"] is None
        assert intervals([scene(1, 1, 1), NO_SIZES], draws)["object_f1"] is None
        assert set(intervals([NO_LAST_ROUND, NO_LAST_ROUND], draws).values()) == {None}


@pytest.mark.parametrize("kind", ["sizes", "last_round"])
def test_plain_loops_over_resamples_say_the_same(label_pairs, kind):
    every = [last_round(pair) for pair in label_pairs[:8]]
    scenes = every if kind == "last_round" else [next(iter(one.sizes.values())) for one in every]
    draws = draw_scenes(len(scenes), 60, seed=1)
    for score, intervals in ((pooled_scores, pooled_intervals), (mean_scores, mean_intervals)):
        resampled = [score([scenes[number] for number in np.repeat(np.arange(len(scenes)), row.astype(int))]) for row in draws]
        for name, interval in intervals(scenes, draws).items():
            values = [scores[name] for scores in resampled if scores[name] is not None]
            assert interval == (pytest.approx(np.quantile(values, [0.025, 0.975]), abs=1e-9) if values else None), name


def test_last_rounds_add(label_pairs):
    every = [last_round(pair) for pair in label_pairs[:5]]
    total: LastRoundCounts = functools.reduce(operator.add, every)
    for name, counted in (("boundary_precision", "boundaries"), ("hausdorff_95_px", "hausdorff")):
        parts = [getattr(one, counted).ratios()[name] for one in every]
        assert total.ratios()[name] == pytest.approx(np.sum(parts, axis=0))
    assert (total + NO_LAST_ROUND).scores() == total.scores()
    assert set(NO_LAST_ROUND.scores().values()) == {None}


def test_a_tolerance_in_m_needs_pixels_in_m():
    nothing = np.zeros((2, 2), int)
    outlines = find_outlines(nothing), find_outlines(nothing)
    metres = Measures(limits_m2=(1.0,), limits_px=(1.0,), tolerance=1.0, tolerance_unit="m")
    with pytest.raises(ValueError, match="size of a pixel on the ground is not known"):
        count_last_round(count_overlaps(nothing, nothing), outlines, np.zeros(0), PIXELS, metres)
