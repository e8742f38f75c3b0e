from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.sam.recalibration import IDENTITY, MARGIN, Recalibration, ScoreLine, fit_line, fold

HONEST = np.array([0.2, 0.4, 0.6, 0.8])  # scores that are the true IoUs
WANTED = 0.88 + MARGIN


def make(**changes):
    return Recalibration(**{"threshold": 0.88, "good_iou": 0.6, "passing": 1.0, "bins": 4, "least_slope": 0.1} | changes)


def close(line, slope, offset):
    return (line.slope, line.offset) == pytest.approx((slope, offset))


def test_a_line_is_found():
    scores = np.array([0.5, 0.9, 0.7, 0.55])
    assert close(fit_line(scores, 0.5 * scores + 0.1, 3, 0.1), 0.5, 0.1)


def test_parts_of_the_range_weigh_the_same():
    scores = np.array([0.0, 0.0, 0.0, 1.0])
    ious = np.array([0.0, 0.0, 0.3, 0.9])
    assert close(fit_line(scores, ious, 2, 0.1), 0.8, 0.1)  # through (0, 0.1) and (1, 0.9) however many there are

    # (0, 0) four times, (1, 1) and (2, 0). All alike: means 1/2 and 1/6, covariance 1/12, variance 7/12. With the parts [0, 1)
    # and [1, 2], where (0, 0) weighs 1/2 in all and the others 1/4: means 3/4 and 1/4, covariance 1/16, variance 11/16.
    scores, ious = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0]), np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    assert close(fit_line(scores, ious, 1, 0.05), 1 / 7, 2 / 21)
    assert close(fit_line(scores, ious, 2, 0.05), 1 / 11, 2 / 11)


def test_the_order_of_scores_stays_whatever_the_data_say():
    line = fit_line(np.array([0.2, 0.8]), np.array([0.9, 0.5]), 2, 0.25)
    assert close(line, 0.25, 0.7 - 0.25 * 0.5)
    assert close(fit_line(np.array([0.4, 0.4]), np.array([0.5, 0.7]), 5, 0.25), 1.0, 0.2)


def test_good_masks_reach_the_threshold():
    line = make().fit(HONEST, HONEST)
    assert close(line, WANTED / 0.6, 0.0)  # the worst good mask has 0.6
    assert (line(HONEST) >= 0.88).tolist() == [False, False, True, True]
    assert make(passing=0.5).fit(HONEST, HONEST).slope == pytest.approx(WANTED / 0.6)  # the quantile is never above
    assert make(good_iou=0.7).fit(HONEST, HONEST).slope == pytest.approx(WANTED / 0.8)


def test_honest_scores_that_pass_stay_as_they_are():
    ious = np.array([0.1, 0.5, 0.9, 0.95])
    assert close(make(good_iou=0.9).fit(ious, ious), 1.0, 0.0)


def test_without_good_masks_scores_are_honest():
    assert close(make(good_iou=0.9).fit(HONEST, HONEST), 1.0, 0.0)
    assert np.isnan(make(good_iou=0.9).share_passing(HONEST, HONEST))


def test_share_passing():
    assert make(threshold=0.7).share_passing(HONEST, HONEST) == 0.5


@given(
    arrays(np.float32, st.integers(1, 40), elements=st.floats(-0.25, 1.25, width=32)),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
    st.integers(1, 12),
)
def test_the_share_passes_and_the_order_stays(scores, seed, passing, bins):
    noise = np.random.default_rng(seed).normal(0, 0.2, len(scores))
    ious = np.clip(scores + noise, 0, 1).astype(np.float32)
    rule = make(good_iou=0.5, passing=passing, bins=bins)
    line = rule.fit(scores, ious)
    mapped = line(scores).astype(np.float32)
    assert line.slope > 0
    assert (np.diff(mapped[np.argsort(scores)]) >= 0).all()
    good = fit_line(scores, ious, bins, 0.1)(scores[ious >= 0.5])
    if len(good) and np.quantile(good, 1 - passing, method="lower") > 0:
        assert rule.share_passing(mapped, ious) >= passing


def test_folded_into_the_decoder(small_sam):
    decoder = deepcopy(small_sam.mask_decoder)
    tokens = torch.randn(5, 32)
    with torch.no_grad():
        before = decoder.iou_prediction_head(tokens)
        fold(IDENTITY, decoder)
        assert torch.equal(decoder.iou_prediction_head(tokens), before)
        fold(ScoreLine(2.0, -0.3), decoder)
        torch.testing.assert_close(decoder.iou_prediction_head(tokens), 2 * before - 0.3)


@pytest.mark.parametrize("changed", [{"threshold": 1.2}, {"passing": -0.1}, {"bins": 0}, {"least_slope": 0}])
def test_refuses_numbers_that_do_not_fit(changed):
    (name,) = changed
    with pytest.raises(InputError, match=rf"model\.recalibration\.{name}="):
        make(**changed)
