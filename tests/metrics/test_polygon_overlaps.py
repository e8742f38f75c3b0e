import numpy as np
import pytest
import shapely
from rasterio.features import shapes

from isagrsc2.metrics.coverage import count_coverage
from isagrsc2.metrics.objects import count_best_ious, count_matches
from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.pixels import count_area
from isagrsc2.metrics.polygon_overlaps import count_polygon_overlaps
from isagrsc2.metrics.segmentation_errors import count_segmentation_errors

EXTENT = shapely.box(0, 0, 10, 10)


def count(predicted, reference, extent=EXTENT):
    return count_polygon_overlaps(np.array(predicted, dtype=object), np.array(reference, dtype=object), extent)


def table(overlaps):
    pairs = zip(overlaps.predicted.tolist(), overlaps.reference.tolist(), strict=True)
    return dict(zip(pairs, overlaps.pixels.tolist(), strict=True))


def test_by_hand():
    overlaps = count([shapely.box(0, 0, 2, 2), shapely.box(8, 8, 12, 12)], [shapely.box(0.5, 0, 2.5, 2)])
    assert table(overlaps) == pytest.approx({(1, 1): 3, (1, 0): 1, (0, 1): 1, (2, 0): 4, (0, 0): 91})
    assert count_matches(overlaps, 0.5).matched_iou == pytest.approx(3 / 5)
    assert count_area(overlaps).iou == pytest.approx(3 / 9)
    assert count_coverage(overlaps).share == pytest.approx(8 / 100)


def test_an_area_belongs_to_the_first_polygon_that_holds_it():
    twice = [shapely.box(0, 0, 4, 4), shapely.box(2, 0, 6, 4), shapely.box(1, 1, 3, 3)]
    overlaps = count(twice, [])
    assert table(overlaps) == pytest.approx({(1, 0): 16, (2, 0): 8, (0, 0): 76})  # nothing is left of the third


def test_empty_sets():
    assert table(count([], [])) == {(0, 0): 100}
    assert table(count([EXTENT], [])) == {(1, 0): 100}
    assert table(count([], [EXTENT])) == {(0, 1): 100}
    assert table(count([EXTENT], [EXTENT])) == {(1, 1): 100}


def outlines(labels):
    """Polygons of a label raster in the order of the ids."""
    parts: dict[int, list[shapely.Geometry]] = {}
    for outline, number in shapes(labels, mask=labels > 0, connectivity=4):
        parts.setdefault(int(number), []).append(shapely.geometry.shape(outline))
    return [shapely.union_all(parts[number]) for number in sorted(parts)]


def test_polygons_along_pixels_say_what_the_raster_says(label_pairs):
    for predicted, reference, _ in label_pairs[:40]:
        height, width = predicted.shape
        exact = count(outlines(predicted), outlines(reference), shapely.box(0, 0, width, height))
        raster = count_overlaps(predicted, reference)
        assert list(table(exact).values()) == pytest.approx(list(table(raster).values()), abs=1e-9)
        for score in (count_area, count_best_ious, count_segmentation_errors):
            one, other = score(exact).ratios(), score(raster).ratios()
            assert {name: pytest.approx(parts, abs=1e-9) for name, parts in one.items()} == other


def test_shapely_says_the_same_of_circles():
    rng = np.random.default_rng(1)
    for _ in range(20):
        one, other = (shapely.Point(*rng.uniform(3, 7, 2)).buffer(rng.uniform(1, 3)) for _ in range(2))
        shared, union = one.intersection(other).area, one.union(other).area
        assert count_best_ious(count([one], [other])).best_iou == pytest.approx(shared / union, abs=1e-12)
