import numpy as np
import pytest

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.ranges import check_factors, check_range, log_uniform, uniform


def test_draws_stay_inside_and_halve_as_often_as_they_double():
    generator = np.random.default_rng(0)
    factors = np.array([log_uniform((0.25, 4.0), generator) for _ in range(2000)])
    assert 0.25 <= factors.min() < 0.3
    assert 3.3 < factors.max() <= 4.0
    assert 0.45 < (factors < 1).mean() < 0.55
    sums = np.array([uniform((-1, 3), generator) for _ in range(2000)])
    assert -1 <= sums.min() < sums.max() <= 3
    assert 0.9 < sums.mean() < 1.1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([2, 1], r"a.b=\[2, 1\] does not fit; give the lower number first."),
        ([1], "give a list of 2 numbers"),
        ([-1, 1], "give a number from 0"),
        ([0, 1], "give factors above 0"),
    ],
)
def test_bad_ranges(values, message):
    with pytest.raises(InputError, match=message):
        check_factors("a.b", values)


def test_a_range_may_begin_at_its_least_and_be_a_point():
    check_range("a.b", [0, 0], 0)
