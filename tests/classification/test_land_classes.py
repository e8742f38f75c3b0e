import pytest

from isagrsc2.classification.land_classes import BINARY, LandClasses

LAND = LandClasses(("forest", "rice", "circular_farmland", "water"), ("rice", "circular_farmland"))


def test_every_class_has_a_side() -> None:
    names = ["rice", "water", "circular_farmland", "forest", "unclassified"]
    assert LAND.sides(names) == ["cultivated", "not_cultivated", "cultivated", "not_cultivated", "unclassified"]
    assert BINARY.sides(BINARY.names) == ["cultivated", "not_cultivated", "unclassified"]
    assert LAND.positions(["water", "forest"]) == [3, 0]


@pytest.mark.parametrize("names", [("not_cultivated", "cultivated"), ("unclassified",), ()])
def test_a_classifier_of_cultivated_land_has_always_the_same_classes(names: tuple[str, ...]) -> None:
    assert LandClasses.of(names, ("cultivated",)) is BINARY


def test_other_classes_stay_as_they_are() -> None:
    assert LandClasses.of(["forest", "rice"], ["rice"]) == LandClasses(("forest", "rice"), ("rice",))
    assert LandClasses(**{name: tuple(listed) for name, listed in LAND.plain().items()}) == LAND
