"""Miniatures of labelled scenes: parcels are bright, the rest is dark, so a chip's brightness tells its class."""

import json

import geopandas
import numpy as np
import rasterio
import shapely
import torch
from affine import Affine
from PIL import Image

BRIGHT, DARK = 200, 40
PLACE = Affine(1.0, 0.0, 500_000.0, 0.0, -1.0, 4_600_000.0)

LOADING = {"seed": 0, "chip_size": 16, "batch_size": 4, "workers": 0, "augment": torch.nn.Identity()}
SPLIT = {"val_share": 0.25, "test_share": 0.25, "max_damaged_share": 0.0, **LOADING}


def parcels(count=2, side=20):
    """``count`` squares in the upper row, a pixel apart."""
    return [shapely.box(column * side, 0, (column + 1) * side - 1, side) for column in range(count)]


def picture(polygons, width=80, height=60, extra=0):
    """(H, W, 3) uint8, bright in the polygons."""
    image = np.full((height, width, 3), DARK + extra, np.uint8)
    inside = rasterio.features.rasterize(polygons, (height, width)) if polygons else np.zeros((height, width))
    image[inside > 0] = BRIGHT + extra
    return image


def write_image(path, image, **profile):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".tif":
        Image.fromarray(image).save(path)
        return path
    shape = {"count": image.shape[2], "height": image.shape[0], "width": image.shape[1], "dtype": image.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:26915", transform=PLACE, **shape, **profile) as dataset:
        dataset.write(np.moveaxis(image, -1, 0))
    return path


def via(polygons_of):
    """VIA annotations of {file name: polygons}."""
    return {
        name: {
            "filename": name,
            "size": 1,
            "file_attributes": {},
            "regions": [
                {
                    "shape_attributes": {
                        "name": "polygon",
                        "all_points_x": list(polygon.exterior.xy[0]),
                        "all_points_y": list(polygon.exterior.xy[1]),
                    },
                    "region_attributes": {},
                }
                for polygon in polygons
            ],
        }
        for name, polygons in polygons_of.items()
    }


def write_via(path, polygons_of):
    path.write_text(json.dumps(via(polygons_of)))
    return path


def write_vector(path, polygons):
    """Parcels in map units, of an image written as GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = geopandas.GeoDataFrame(geometry=polygons, crs="EPSG:26915").set_geometry(
        geopandas.GeoSeries(polygons, crs="EPSG:26915").affine_transform(PLACE.to_shapely())
    )
    frame.to_file(path)
    return path


def labelled_pngs(root, count=4):
    """``count`` PNG scenes and one VIA file; scene k has 1 + k % 3 parcels."""
    polygons_of = {f"scene_{number}.png": parcels(1 + number % 3) for number in range(count)}
    for number, (name, polygons) in enumerate(polygons_of.items()):
        write_image(root / "images" / name, picture(polygons, extra=number))
    write_via(root / "via_regions.json", polygons_of)
    return root


class GridFinder:
    """Finds squares of 20 px that partition the scene, and counts how often it is asked."""

    def __init__(self, side=20):
        self.side = side
        self.asked = []

    def find(self, file, scene):
        self.asked.append(file.name)
        xs, ys = range(0, scene.width, self.side), range(0, scene.height, self.side)
        return np.array([shapely.box(x, y, x + self.side, y + self.side) for y in ys for x in xs], dtype=object)
