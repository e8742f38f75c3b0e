"""Parts on disk: what each tile contributed, one GeoParquet file a tile, there whole or not at all.

Parts are all that is written before export. A run started again in the same folder takes the parts that are there, provided
they were made of the same pixels with the same numbers; else they are removed and made again.
"""

import base64
import json
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import numpy.typing as npt
import pyarrow.parquet
import shapely

from isagrsc2.delineation.part import Part
from isagrsc2.files import replacing
from isagrsc2.scene.tiling import Tile

_FINGERPRINT = "made_of.json"
_VALID = b"isagrsc2_valid"
# In place of a mask: of most tiles everything is valid.
_ALL = b"all"


@dataclass(frozen=True)
class PartStore:
    """The parts of one scene.

    Attributes:
        folder: where they lie.
    """

    folder: Path

    @classmethod
    def open(cls, folder: Path, fingerprint: dict[str, object]) -> "PartStore":
        """Open a store; parts made of something else are removed.

        Args:
            folder: is made if it is not there.
            fingerprint: plain types; everything the parts depend on.
        """
        made_of = json.dumps(fingerprint, indent=2, sort_keys=True) + "\n"
        record = folder / _FINGERPRINT
        if record.exists() and record.read_text() == made_of:
            return cls(folder)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        with replacing(record) as temporary:
            temporary.write_text(made_of)
        return cls(folder)

    def path(self, tile: Tile) -> Path:
        """The file of a tile's part."""
        return self.folder / f"{tile.name}.parquet"

    def holds(self, tile: Tile) -> bool:
        """Whether a tile's part is finished."""
        return self.path(tile).exists()

    def write(self, tile: Tile, part: Part) -> None:
        """Write a tile's part."""
        table = geopandas.GeoDataFrame(
            {"score": part.scores, "stability": part.stability, "round": part.rounds},
            geometry=geopandas.GeoSeries(list(part.polygons)),
        )
        with replacing(self.path(tile)) as temporary:
            arrow = pyarrow.table(table.to_arrow(index=False, geometry_encoding="WKB"))
            metadata = {**(arrow.schema.metadata or {}), _VALID: _pack(part.valid)}
            pyarrow.parquet.write_table(arrow.replace_schema_metadata(metadata), temporary, compression="zstd")

    def read(self, tile: Tile) -> Part:
        """Read a tile's part."""
        # A quarter less time than read_table() takes, which is made for any number of files.
        arrow = pyarrow.parquet.ParquetFile(self.path(tile)).read(use_threads=False)
        valid = _unpack(arrow.schema.metadata[_VALID], tile)
        polygons = shapely.from_wkb(arrow.column("geometry").to_numpy(zero_copy_only=False))
        scores, stability, rounds = (arrow.column(name).to_numpy() for name in ("score", "stability", "round"))
        return Part(tile.bounds, tile.core_bounds, valid, polygons, scores, stability, rounds)

    def valid(self, tile: Tile) -> npt.NDArray[np.bool_]:
        """Read (H, W) bool of a tile's window only: which pixels hold data."""
        return _unpack(pyarrow.parquet.read_schema(self.path(tile)).metadata[_VALID], tile)


def _pack(mask: npt.NDArray[np.bool_]) -> bytes:
    if mask.all():
        return _ALL
    return base64.b64encode(zlib.compress(np.packbits(mask).tobytes()))


def _unpack(packed: bytes, tile: Tile) -> npt.NDArray[np.bool_]:
    shape = int(tile.window.height), int(tile.window.width)
    if packed == _ALL:
        return np.broadcast_to(np.True_, shape)  # one byte stands for a million
    bits = np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8)
    return np.unpackbits(bits, count=shape[0] * shape[1]).view(bool).reshape(shape)
