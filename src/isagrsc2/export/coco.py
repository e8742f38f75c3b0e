"""The parcels as annotations for object detection tools."""

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
    names = ("parcel_id", "p_cultivated", "score", "round")
    categories = classes.positions(segments["class_name"])
    polygons = segments.geometry.to_numpy()
    boxes, areas, runs = shapely.bounds(polygons).astype(np.int64), shapely.area(polygons), run_lengths(polygons, shape)
    rows = zip(categories, *(segments[name] for name in names), boxes.tolist(), areas, runs, strict=True)
    for category, parcel_id, p_cultivated, score, found, (x0, y0, x1, y1), area, counts in rows:
        encoded = rle.frPyObjects({"size": list(shape), "counts": counts}, *shape)
        yield {
            "id": int(parcel_id),
            "image_id": 1,
            "category_id": category + 1,
            "iscrowd": 0,
            "score": float(score),
            "p_cultivated": float(p_cultivated),
            "round": int(found),
            "segmentation": {"size": list(shape), "counts": encoded["counts"].decode("ascii")},
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": round(area),
        }


def run_lengths(polygons: npt.NDArray[np.object_], shape: tuple[int, int]) -> list[list[int]]:
    """COCO's uncompressed run lengths of polygons along pixel edges.

    Down a column of pixels a mask begins or ends where a horizontal edge crosses the column, and nowhere else.

    Args:
        polygons: (N,) Polygon or MultiPolygon, px of the frame, integer coordinates.
        shape: (H, W) of the frame, which nothing reaches beyond.

    Returns:
        of every polygon the lengths of the runs down the columns, the first of them zeros; they sum to H * W.
    """
    height, width = shape
    parts, polygon = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)  # (P, 2)
    points = points.astype(np.int64)
    along = np.flatnonzero((ring[1:] == ring[:-1]) & (points[1:, 1] == points[:-1, 1]))  # edges along x, (E,)
    first = np.minimum(points[along, 0], points[along + 1, 0])
    lengths = np.abs(points[along + 1, 0] - points[along, 0])
    edge = np.repeat(np.arange(len(along)), lengths)
    column = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    # Down the columns, place after place; the foot of a column is the head of the next.
    place = column * height + points[along[edge], 1]
    key = polygon[part[ring[along[edge]]]] * (height * width + 1) + place
    keys, count = np.unique(key, return_counts=True)
    changes = keys[count % 2 == 1]  # where two edges meet, inside stays inside
    of, place = np.divmod(changes, height * width + 1)
    runs = np.split(place, np.searchsorted(of, np.arange(1, len(polygons))))
    return [_differences(places, height * width) for places in runs] if len(polygons) else []


def _differences(places: npt.NDArray[np.int64], end: int) -> list[int]:
    """Lengths between ascending places, from 0 to the end."""
    lengths: list[int] = np.diff(places, prepend=0, append=end).tolist()
    return lengths if lengths[-1] else lengths[:-1]
