"""Sizes in words."""

import pytest

from isagrsc2.export.sizes import area_text


@pytest.mark.parametrize(
    ("area", "unit", "text"),
    [
        (123_456_789.0, "m²", "12,346 ha"),
        (123_456.0, "m²", "12.3 ha"),
        (1000.0, "m²", "0.1 ha"),
        (999.4, "m²", "999 m²"),
        (1234.5, "px", "1,234 px"),
    ],
)
def test_areas_are_readable(area, unit, text):
    assert area_text(area, unit) == text
