"""The parcels as annotations for object detection tools."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import shapely
from pycocotools import mask as rle

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.export.json_file import strict_json
from isagrsc2.export.result import SceneResult
from isagrsc2.files import replacing
from isagrsc2.scene.polygons import rasterise


@dataclass(frozen=True)
class Coco:
    """``parcels_coco.json``: COCO instances with run-length encoded, pixel-exact masks.

    Category ids are the positions in the classifier's classes, from 1; of one for cultivated land always 1: cultivated, 2: not
    cultivated, 3: unclassified.
    """

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        scene, path = result.scene, folder / "parcels_coco.json"
        head = {
            "info": {"description": f"Parcels of {scene.path.name}"},
            "images": [{"id": 1, "file_name": scene.path.name, "width": scene.width, "height": scene.height}],
            "categories": [{"id": n, "name": name, "supercategory": "land"} for n, name in enumerate(result.classes.names, 1)],
        }
        # The list of annotations, the last member, is written one by one.
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(strict_json(head, None).removesuffix("}") + ', "annotations": [')
            separator = "\n"
            for batch in result.segments:
                for annotation in _annotations(batch, result.classes, (scene.height, scene.width)):
                    file.write(separator + strict_json(annotation, None))
                    separator = ",\n"
            file.write("\n]}\n")
        return path


def _annotations(segments: geopandas.GeoDataFrame, classes: LandClasses, shape: tuple[int, int]) -> Iterator[dict[str, Any]]:
    names = ("geometry", "parcel_id", "p_cultivated", "score", "round")
    categories = classes.positions(segments["class_name"])
    rows = zip(categories, *(segments[name] for name in names), strict=True)
    for category, polygon, parcel_id, p_cultivated, score, found in rows:
        yield {
            "id": int(parcel_id),
            "image_id": 1,
            "category_id": category + 1,
            "iscrowd": 0,
            "score": float(score),
            "p_cultivated": float(p_cultivated),
            "round": int(found),
            **_mask(polygon, shape),
        }


def _mask(polygon: shapely.Geometry, shape: tuple[int, int]) -> dict[str, Any]:
    """Members of an annotation that describe the mask."""
    x0, y0, x1, y1 = (math.floor(polygon.bounds[0]), math.floor(polygon.bounds[1]), *map(math.ceil, polygon.bounds[2:]))
    crop = rasterise([1], [polygon], (y1 - y0, x1 - x0), (x0, y0)) > 0  # (h, w)
    encoded = rle.frPyObjects({"size": list(shape), "counts": run_lengths(crop, (x0, y0), shape)}, *shape)
    return {
        "segmentation": {"size": list(shape), "counts": encoded["counts"].decode("ascii")},
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(crop.sum()),
    }


def run_lengths(crop: npt.NDArray[np.bool_], offset: tuple[int, int], shape: tuple[int, int]) -> list[int]:
    """COCO's uncompressed run lengths of a mask of which only a window is given.

    Args:
        crop: (h, w) bool.
        offset: x and y of the window in the frame.
        shape: (H, W) of the frame.

    Returns:
        lengths of the runs down the columns, the first of them zeros; they sum to H * W.
    """
    x0, y0 = offset
    height, width = shape
    rows, columns = crop.shape
    edges = np.diff(crop.astype(np.int8), axis=0, prepend=0, append=0).T  # (w, h + 1): 1 where a run starts, -1 after it
    corner = (np.arange(columns) + x0)[:, None] * height + y0 + np.arange(rows + 1)  # (w, h + 1) position in the frame
    starts, stops = corner[edges == 1], corner[edges == -1]
    # A run that ends at the foot of a column goes on where the next column begins: that place is no change.
    changes = np.union1d(np.setxor1d(starts, stops), [height * width])
    return [int(length) for length in np.diff(changes, prepend=0)]
