from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from isagrsc2.classification.land_classes import BINARY
from isagrsc2.export.result import SceneResult
from isagrsc2.parcels import empty_segments, to_parcels
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch

# Four parcels, one of them in two pieces that touch in a corner, one with a hole of nothing; columns 0, 9 are nothing.
LABELS = np.array(
    [
        [0, 1, 1, 1, 2, 2, 2, 2, 2, 0],
        [0, 1, 1, 1, 2, 2, 2, 2, 2, 0],
        [0, 1, 1, 1, 2, 0, 0, 2, 2, 0],
        [0, 1, 1, 3, 2, 2, 2, 2, 2, 0],
        [0, 3, 3, 1, 4, 4, 4, 4, 4, 0],
        [0, 3, 3, 3, 4, 4, 4, 4, 4, 0],
        [0, 3, 3, 3, 4, 4, 4, 4, 4, 0],
    ],
    np.int32,
)
UTM = CRS.from_epsg(32632)
TRANSFORM = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 6_200_000.0)

MakeResult = Callable[..., SceneResult]


@pytest.fixture
def make_result(tmp_path: Path) -> MakeResult:
    """A result for a label raster, in batches of so many rows: the scene is written as GeoTIFF, or as PNG without a CRS."""

    def make(labels: np.ndarray = LABELS, crs: CRS | None = UTM, tolerance_px: float = 0.0, rows: int = 1000) -> SceneResult:
        height, width = labels.shape
        path = tmp_path / ("field.png" if crs is None else "field.tif")
        image = np.random.default_rng(0).integers(40, 200, (3, height, width), dtype=np.uint8)
        profile = {"width": width, "height": height, "count": 3, "dtype": "uint8"}
        if crs is None:
            with (
                pytest.warns(rasterio.errors.NotGeoreferencedWarning),
                rasterio.open(path, "w", "PNG", **profile) as file,
            ):
                file.write(image)
        else:
            with rasterio.open(path, "w", "GTiff", crs=crs, transform=TRANSFORM, **profile) as file:
                file.write(image)
        scene = open_scene(path, "auto", NoStretch())
        ids, polygons = polygonise(labels)
        segments = empty_segments()
        if len(ids):
            segments = geopandas.GeoDataFrame(
                {
                    "parcel_id": ids.astype(np.int64),
                    "class_name": [("cultivated", "not_cultivated", "unclassified")[n % 3] for n in range(len(ids))],
                    "p_cultivated": [(0.9, 0.1, np.nan)[n % 3] for n in range(len(ids))],
                    "score": np.linspace(0.5, 1.0, len(ids)),
                    "round": 1 + np.arange(len(ids)) % 2,
                },
                geometry=list(polygons),
            )
        batches = [segments.iloc[start : start + rows].reset_index(drop=True) for start in range(0, max(len(ids), 1), rows)]
        parcels = list(to_parcels(batches, scene.transform, scene.crs, tolerance_px))
        return SceneResult(scene, batches, parcels, BINARY, {"coverage": [0.8, float("nan")], "name": "field"}, None)

    return make


@pytest.fixture
def labels() -> np.ndarray:
    return LABELS.copy()
