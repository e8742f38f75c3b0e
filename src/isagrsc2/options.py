"""Checks of numbers that stand in options: what does not fit is said in one line, with the option's name."""

import math
from collections.abc import Sequence
from numbers import Real

from isagrsc2.errors import InputError


def check_whole(option: str, value: object, least: int) -> None:
    """Check that an option is a whole number.

    Args:
        option: its name as a user writes it, ``tiling.size``.
        value: what was given.
        least: smallest number allowed.

    Raises:
        InputError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{option}={value} does not fit; give a whole number from {least}.")


def check_number(option: str, value: object, least: float, most: float = math.inf) -> None:
    """Check that an option is a number inside a range; arguments as in ``check_whole``.

    Raises:
        InputError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not least <= float(value) <= most or math.isinf(value):
        limits = f"from {least:g}" if math.isinf(most) else f"from {least:g} to {most:g}"
        raise InputError(f"{option}={value} does not fit; give a number {limits}.")


def check_share(option: str, value: object) -> None:
    """Check that an option is a share, 0 to 1; arguments as in ``check_whole``.

    Raises:
        InputError: it is not.
    """
    check_number(option, value, 0, 1)


def check_numbers(option: str, values: Sequence[object], count: int, least: float) -> None:
    """Check that an option holds so many numbers, each at least ``least``.

    Raises:
        InputError: it does not.
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != count:
        raise InputError(f"{option}={values} does not fit; give a list of {count} numbers.")
    for value in values:
        check_number(option, value, least)


def check_choice(option: str, value: object, choices: Sequence[str]) -> None:
    """Check that an option is one of several names.

    Raises:
        InputError: it is not.
    """
    if value not in choices:
        raise InputError(f"{option}={value} is not one of {', '.join(choices)}.")
