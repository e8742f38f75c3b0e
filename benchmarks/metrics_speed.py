"""Seconds and peak memory of every parcel metric on a large scene: 1000 x 1000 parcels on 10 000 x 10 000 px.

    python benchmarks/metrics_speed.py
    python benchmarks/metrics_speed.py --side 4000 --parcels 200

Parcels are cells of jittered grids, the predicted ones moved against the reference. They are compared as label rasters that
are whole in memory, as pixel-exact polygons that are burnt block by block, which is what evaluate.py does, and as exact
polygons. Peak memory is that of the whole process, the rasters included.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from rasterio.windows import Window
from rich.console import Console
from rich.table import Table
from scipy.spatial import Voronoi

from isagrsc2.metrics.last_round import Measures, count_last_round
from isagrsc2.metrics.objects import count_best_ious, count_matches
from isagrsc2.metrics.outlines import find_outlines
from isagrsc2.metrics.overlaps import Overlaps, count_overlaps
from isagrsc2.metrics.pixels import count_area
from isagrsc2.metrics.polygon_overlaps import count_polygon_overlaps
from isagrsc2.metrics.scale import PIXELS
from isagrsc2.metrics.scoring import count_in_detail
from isagrsc2.metrics.segmentation_errors import count_segmentation_errors
from isagrsc2.metrics.thresholds import count_thresholds
from isagrsc2.reference.parcels import Reference
from isagrsc2.scene.burning import Burner

MEASURES = Measures(limits_m2=(6400.0,), limits_px=(1024.0, 9216.0, 100_000.0), tolerance=2.0, tolerance_unit="px")


def cells(points: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.object_]:
    """Voronoi cells of the points inside the scene, (N,) polygons."""
    mirrored = [points]
    for axis in (0, 1):
        for edge in (0, side):
            copy = points.copy()
            copy[:, axis] = 2 * edge - copy[:, axis]
            mirrored.append(copy)
    diagram = Voronoi(np.concatenate(mirrored))
    regions = [diagram.regions[diagram.point_region[row]] for row in range(len(points))]
    return np.array([shapely.Polygon(diagram.vertices[region]) for region in regions], dtype=object)


def count_everything(overlaps: Overlaps) -> None:
    """All that follows from overlaps."""
    count_area(overlaps)
    count_matches(overlaps, 0.5)
    count_thresholds(overlaps)
    count_best_ious(overlaps)
    count_segmentation_errors(overlaps)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=10_000, help="px")
    parser.add_argument("--parcels", type=int, default=1000, help="on either side")
    options = parser.parse_args()
    side, rng = options.side, np.random.default_rng(0)
    points = rng.uniform(0, side, (options.parcels, 2))
    moved = np.clip(points + rng.normal(0, side / 800, points.shape), 1, side - 1)
    reference, predicted = cells(points, side), cells(moved, side)
    whole = Window(0, 0, side, side)
    scores = rng.random(options.parcels)
    table = Table(title=f"{options.parcels} x {options.parcels} parcels, {side} x {side} px")
    for heading in ("what", "seconds", "peak memory of the process, GiB"):
        table.add_column(heading, justify="left" if heading == "what" else "right")

    def measure(name: str, function: Callable[[], object]) -> None:
        start = time.perf_counter()
        function()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        table.add_row(name, f"{seconds:.1f}", f"{peak / 2**30:.2f}")

    def polygons() -> None:
        count_everything(count_polygon_overlaps(predicted, reference, shapely.box(0, 0, side, side)))

    def blocks() -> None:
        segments = gpd.GeoDataFrame({"class_name": "cultivated", "round": 1, "score": scores}, geometry=predicted)
        parcels = gpd.GeoDataFrame({"ref_id": range(1, len(reference) + 1)}, geometry=reference)
        truth = Reference("benchmark", parcels, 0, 0, 0, False, ())
        count_in_detail(segments, truth, (side, side), lambda w: np.ones((w.height, w.width), bool), 1, PIXELS, MEASURES)

    def rasters() -> None:
        overlaps = count_overlaps(*labels)
        count_everything(overlaps)
        outlines = find_outlines(labels[0]), find_outlines(labels[1])
        count_last_round(overlaps, outlines, scores, PIXELS, MEASURES)

    measure("exact polygons: areas, objects, segmentation errors", polygons)
    measure("polygons burnt in blocks: everything, with and without a perfect classifier", blocks)
    labels = [Burner(one, range(1, len(one) + 1)).burn(whole) for one in (predicted, reference)]
    measure("label rasters: everything", rasters)
    Console().print(table)


if __name__ == "__main__":
    main()
