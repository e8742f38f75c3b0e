"""Tables of polygons that need not fit in memory: batches of rows, in a GeoParquet file one row group each.

A list with one table is the smallest such sequence, so everything that takes batches takes a table in memory too.
"""

import io
import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

import geopandas
import pyarrow
import pyarrow.parquet
import pyproj
import shapely

# At least one table; all have the same columns and CRS, and only the sole one may be without rows.
Batches = Sequence[geopandas.GeoDataFrame]

# Version of https://geoparquet.org; the first with a bounding box per row, by which readers skip what they do not need.
GEOPARQUET = "1.1.0"
# Row groups that stay in memory once read: neighbours of a batch are asked for again and again.
_AT_HAND = 4
_BOX = "bbox"


class RowGroups(Sequence[geopandas.GeoDataFrame]):
    """The row groups of a GeoParquet file that ``write_row_groups`` wrote, read when they are asked for.

    Args:
        path: the file; must stay where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with pyarrow.parquet.ParquetFile(path) as file:
            self._count = max(file.num_row_groups, 1)
            crs = json.loads(file.metadata.metadata[b"geo"])["columns"]["geometry"]["crs"]
        self._crs = None if crs is None else pyproj.CRS.from_json_dict(crs)
        self._at_hand: OrderedDict[int, geopandas.GeoDataFrame] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> geopandas.GeoDataFrame: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[geopandas.GeoDataFrame]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Read a row group."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._count))]
        number = range(self._count)[index]
        if number in self._at_hand:
            self._at_hand.move_to_end(number)
            return self._at_hand[number]
        with pyarrow.parquet.ParquetFile(self._path) as file:
            columns = [name for name in file.schema_arrow.names if name != _BOX]
            arrow = file.read_row_group(number, columns=columns) if file.num_row_groups else file.read(columns=columns)
        rows = arrow.to_pandas()
        polygons = shapely.from_wkb(rows["geometry"].to_numpy())
        self._at_hand[number] = table = geopandas.GeoDataFrame(rows.assign(geometry=polygons), crs=self._crs)
        if len(self._at_hand) > _AT_HAND:
            self._at_hand.popitem(last=False)
        return table


def write_row_groups(
    batches: Iterable[geopandas.GeoDataFrame],
    path: Path,
    compression: str,
    *,
    boxes: bool,
    more: Mapping[str, str] = MappingProxyType({}),
    required: Collection[str] = (),
) -> RowGroups:
    """Write batches as GeoParquet, one row group each; only one is in memory.

    Args:
        batches: see ``Batches``.
        path: the file; one that is there is overwritten.
        compression: one that Parquet knows.
        boxes: whether to add the bounding box of every row, which is a column of its own.
        more: of the file's metadata.
        required: columns that the file says are never null.
    """
    writer, geo = None, {}
    try:
        for table in batches:
            arrow = _to_arrow(table, boxes=boxes)
            described = json.loads(arrow.schema.metadata[b"geo"])
            if writer is None:
                geo = described
                metadata = {key: value for key, value in arrow.schema.metadata.items() if key != b"geo"}
                fields = [field.with_nullable(field.name not in required) for field in arrow.schema]
                schema = pyarrow.schema(fields, metadata)
                # Arrow's own copy of the schema would hide from its readers what is added at the end.
                writer = pyarrow.parquet.ParquetWriter(path, schema, compression=compression, store_schema=False)
            else:
                _extend(geo["columns"], described["columns"])
            writer.write_table(arrow.replace_schema_metadata(metadata).cast(schema), row_group_size=max(len(table), 1))
        if writer is None:
            raise ValueError("no batch: not even the columns are known")
        # What holds for the whole file is known only now.
        writer.add_key_value_metadata({"geo": json.dumps(geo), **more})
    finally:
        if writer is not None:
            writer.close()
    return RowGroups(path)


def _to_arrow(table: geopandas.GeoDataFrame, *, boxes: bool) -> pyarrow.Table:
    """The table as geopandas writes it, with its description of the geometries."""
    stream = io.BytesIO()
    table.to_parquet(
        stream, index=False, compression="none", geometry_encoding="WKB", schema_version=GEOPARQUET, write_covering_bbox=boxes
    )
    return pyarrow.parquet.read_table(stream)


def _extend(columns: dict[str, Any], others: dict[str, Any]) -> None:
    """Add to the description of geometry columns what another batch holds."""
    for name, column in columns.items():
        other = others[name]
        column["geometry_types"] = sorted({*column["geometry_types"], *other["geometry_types"]})
        low, high = (
            zip(column["bbox"][:2], other["bbox"][:2], strict=True),
            zip(column["bbox"][2:], other["bbox"][2:], strict=True),
        )
        column["bbox"] = [*map(min, low), *map(max, high)]
