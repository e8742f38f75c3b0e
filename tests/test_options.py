import math

import pytest

from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_number, check_numbers, check_share, check_whole


def test_what_fits_passes() -> None:
    check_whole("a", 3, 3)
    check_number("a", 0.5, 0.5)
    check_number("a", 2, 1, 2)
    check_share("a", 0)
    check_share("a", 1.0)
    check_numbers("a", [0, 2.5], 2, 0)
    check_numbers("a", (1,), 1, 1)
    check_choice("a", "one", ("one", "two"))


@pytest.mark.parametrize("value", [2, 3.0, "3", None, True, math.nan])
def test_whole_numbers(value: object) -> None:
    with pytest.raises(InputError, match=f"^x={value} does not fit; give a whole number from 3.$"):
        check_whole("x", value, 3)


@pytest.mark.parametrize("value", [-0.1, 1.1, "half", None, True, math.nan, math.inf])
def test_shares(value: object) -> None:
    with pytest.raises(InputError, match=f"^x={value} does not fit; give a number from 0 to 1.$"):
        check_share("x", value)


def test_numbers_have_no_upper_limit_of_their_own_but_are_finite() -> None:
    check_number("x", 1e30, 0)
    with pytest.raises(InputError, match="give a number from 0"):
        check_number("x", math.inf, 0)


@pytest.mark.parametrize("value", [[1], [1, 2, 3], "12", 3, [1, -1], [1, "two"]])
def test_lists_of_numbers(value: object) -> None:
    with pytest.raises(InputError, match=r"^x="):
        check_numbers("x", value, 2, 0)


def test_choices() -> None:
    with pytest.raises(InputError, match=r"^x=three is not one of one, two\.$"):
        check_choice("x", "three", ("one", "two"))
