"""Ranges [lowest, highest] that random numbers are drawn from."""

from collections.abc import Sequence

import numpy as np

from isagrsc2.errors import InputError
from isagrsc2.options import check_numbers

Range = Sequence[float]  # lowest and highest value


def check_range(option: str, values: Range, least: float) -> None:
    """Check that an option is a range.

    Args:
        option: its name as a user writes it.
        values: what was given.
        least: smallest number allowed.

    Raises:
        InputError: it is not.
    """
    check_numbers(option, values, 2, least)
    if values[0] > values[1]:
        raise InputError(f"{option}={list(values)} does not fit; give the lower number first.")


def check_factors(option: str, values: Range) -> None:
    """Check that an option is a range of factors, which are above 0; see ``check_range``."""
    check_range(option, values, 0)
    if values[0] == 0:
        raise InputError(f"{option}={list(values)} does not fit; give factors above 0.")


def uniform(values: Range, generator: np.random.Generator) -> float:
    """Draw a number between both; every one is equally likely."""
    return float(generator.uniform(values[0], values[1]))


def log_uniform(values: Range, generator: np.random.Generator) -> float:
    """Draw a factor between both: to double is as likely as to halve where the range allows both."""
    return float(np.exp(generator.uniform(np.log(values[0]), np.log(values[1]))))
