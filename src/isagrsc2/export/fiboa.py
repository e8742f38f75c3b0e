"""Parcels as field boundaries of fiboa (https://fiboa.org), for collections of fields from all over the world."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas

from isagrsc2 import __version__
from isagrsc2.errors import InputError
from isagrsc2.export.result import SceneResult
from isagrsc2.export.vector import check_crs, in_crs
from isagrsc2.files import replacing
from isagrsc2.parcels.row_groups import write_row_groups

# fiboa is a vocabulary of vecorel, which says how collections of features are described.
SCHEMAS = ("https://vecorel.org/specification/v0.1.0/schema.yaml", "https://fiboa.org/specification/v0.3.0/schema.yaml")
REQUIRED = ("id", "collection", "geometry")
# What the schemas do not know, in vecorel's language for them.
OWN: dict[str, dict[str, Any]] = {
    "isagrsc2:class": {"type": "string"},
    "isagrsc2:p_cultivated": {"type": "double", "minimum": 0, "maximum": 1},
    "isagrsc2:score": {"type": "double"},
    "isagrsc2:round": {"type": "int64", "minimum": 1},
}


@dataclass(frozen=True)
class Fiboa:
    """``parcels_fiboa.parquet``: GeoParquet with the names and the description that fiboa 0.3 asks for.

    A scene is one collection. Parcels of any class are written; fiboa means fields: let ``export.class_filter`` say which.

    Attributes:
        compression: one that Parquet knows.
        crs: of the file; ``scene`` or anything that PROJ knows.
    """

    compression: str
    crs: str

    def __post_init__(self) -> None:
        """Check the option before the work, not after it."""
        check_crs(self.crs)

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``.

        Raises:
            InputError: the image has no CRS; fields of fiboa lie on the Earth.
        """
        if result.scene.crs is None:
            raise InputError("export=fiboa needs an image with a CRS, and this has none; leave the format out.")
        path, name = folder / "parcels_fiboa.parquet", result.scene.name
        described = {
            "schemas": {name: list(SCHEMAS)},
            "schemas:custom": {"required": [], "collection": dict.fromkeys(OWN, False), "properties": OWN},
        }
        with replacing(path) as temporary:
            batches = _fields(in_crs(result.parcels, self.crs), name)
            more = {"collection": json.dumps(described)}
            write_row_groups(batches, temporary, self.compression, boxes=True, more=more, required=REQUIRED)
        return path


def _fields(batches: Iterator[geopandas.GeoDataFrame], collection: str) -> Iterator[geopandas.GeoDataFrame]:
    for batch in batches:
        columns = {
            "id": batch["parcel_id"].astype("str"),
            "collection": [collection] * len(batch),
            "metrics:area": batch["area_m2"].astype("float32"),  # m²
            "metrics:perimeter": batch["perimeter_m"].astype("float32"),  # m
            "determination:method": ["auto-imagery"] * len(batch),
            "determination:details": [f"ISAgrSC2 {__version__}"] * len(batch),
            "isagrsc2:class": batch["class_name"],
            "isagrsc2:p_cultivated": batch["p_cultivated"],
            "isagrsc2:score": batch["score"],
            "isagrsc2:round": batch["round"],
        }
        yield geopandas.GeoDataFrame(columns, geometry=batch.geometry.to_numpy(), crs=batch.crs)
