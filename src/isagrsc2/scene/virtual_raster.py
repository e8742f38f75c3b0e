"""Several rasters read as one: what must be known of each, and GDAL's virtual raster (VRT) made of them.

The elements of the file: https://gdal.org/drivers/raster/vrt.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags

from isagrsc2.files import replacing

_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "uint64": "UInt64",
    "int64": "Int64",
    "float32": "Float32",
    "float64": "Float64",
    "complex_int16": "CInt16",
    "complex64": "CFloat32",
    "complex128": "CFloat64",
}
_INTERPRETATIONS = {
    ColorInterp.gray: "Gray",
    ColorInterp.palette: "Palette",
    ColorInterp.red: "Red",
    ColorInterp.green: "Green",
    ColorInterp.blue: "Blue",
    ColorInterp.alpha: "Alpha",
}

Palette = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Band:
    """What a band of several files has in common.

    Attributes:
        dtype: as rasterio names it.
        nodata: value of missing pixels, as text (NaN equals itself); empty if there is none.
        interpretation: grey, red, alpha, ...
        palette: colours by value, of a paletted band.
        bits: of a value, where they are fewer than those of the type; else empty.
    """

    dtype: str
    nodata: str
    interpretation: ColorInterp
    palette: Palette
    bits: str


@dataclass(frozen=True)
class Piece:
    """A raster as part of another.

    Attributes:
        name: as GDAL opens it.
        width: px.
        height: px.
        transform: from its px to map units.
        crs: coordinate reference system, or None.
        bands: in order.
        block: rows and columns of the blocks it is stored in.
        marks: whether only its values say what is missing (nodata or alpha), and no mask beside them.
    """

    name: str
    width: int
    height: int
    transform: Affine
    crs: CRS | None
    bands: tuple[Band, ...]
    block: tuple[int, int]
    marks: bool


@dataclass(frozen=True)
class Part:
    """A piece and where it goes.

    Attributes:
        piece: which.
        band: of it, from 1.
        column: of its left edge in the whole, px.
        row: of its upper edge in the whole, px.
    """

    piece: Piece
    band: int
    column: int
    row: int


def look_at(dataset: rasterio.DatasetReader) -> Piece:
    """Note what has to be known of a raster."""
    flags = [flag for flags in dataset.mask_flag_enums for flag in flags]
    return Piece(
        str(dataset.name),
        dataset.width,
        dataset.height,
        dataset.transform,
        dataset.crs,
        tuple(_band(dataset, number) for number in dataset.indexes),
        dataset.block_shapes[0],
        MaskFlags.nodata in flags or MaskFlags.alpha in flags,
    )


def write_virtual_raster(
    path: Path, size: tuple[int, int], transform: Affine, crs: CRS | None, bands: Sequence[tuple[Band, Sequence[Part]]]
) -> None:
    """Write a virtual raster; what no part covers is missing in it.

    Args:
        path: the file, ``.vrt``.
        size: width and height, px.
        transform: from its px to map units.
        crs: coordinate reference system, or None.
        bands: what each is, and the parts it is put together from; where parts overlap the last is seen.
    """
    root = Element("VRTDataset", rasterXSize=str(size[0]), rasterYSize=str(size[1]))
    if crs is not None:
        SubElement(root, "SRS").text = crs.to_wkt()
    SubElement(root, "GeoTransform").text = ", ".join(map(repr, map(float, transform.to_gdal())))
    for number, (band, parts) in enumerate(bands, start=1):
        node = SubElement(root, "VRTRasterBand", dataType=_TYPES[band.dtype], band=str(number))
        _describe(node, band)
        for part in parts:
            _add_source(node, part, str(part.band), band.nodata)
    parts = bands[0][1]
    if not all(part.piece.marks for part in parts):
        # Where only a mask says what is there, it also says that between the parts nothing is.
        node = SubElement(SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
        for part in parts:
            _add_source(node, part, f"mask,{part.band}", "")
    indent(root)
    with replacing(path) as temporary:
        ElementTree(root).write(temporary, encoding="utf-8")


def _band(dataset: rasterio.DatasetReader, number: int) -> Band:
    nodata, kind = dataset.nodatavals[number - 1], dataset.colorinterp[number - 1]
    colours = dataset.colormap(number) if kind == ColorInterp.palette else {}
    return Band(
        dataset.dtypes[number - 1],
        "" if nodata is None else repr(nodata),
        kind,
        tuple(tuple(colours[index]) for index in sorted(colours)),
        str(dataset.tags(number, ns="IMAGE_STRUCTURE").get("NBITS", "")),
    )


def _describe(node: Element, band: Band) -> None:
    if band.bits:
        SubElement(SubElement(node, "Metadata", domain="IMAGE_STRUCTURE"), "MDI", key="NBITS").text = band.bits
    if band.nodata:
        SubElement(node, "NoDataValue").text = band.nodata
    if band.interpretation in _INTERPRETATIONS:
        SubElement(node, "ColorInterp").text = _INTERPRETATIONS[band.interpretation]
    if band.palette:
        table = SubElement(node, "ColorTable")
        for colour in band.palette:
            names = zip(("c1", "c2", "c3", "c4"), map(str, colour), strict=True)
            SubElement(table, "Entry", dict(names))


def _add_source(node: Element, part: Part, band: str, nodata: str) -> None:
    """Add a part; with a nodata value what is missing in it does not cover what lies below."""
    piece = part.piece
    source = SubElement(node, "ComplexSource" if nodata else "SimpleSource")
    SubElement(source, "SourceFilename", relativeToVRT="0").text = piece.name
    SubElement(source, "SourceBand").text = band
    # With these GDAL opens a file when it is read, and not all of them at once.
    SubElement(
        source,
        "SourceProperties",
        RasterXSize=str(piece.width),
        RasterYSize=str(piece.height),
        DataType=_TYPES[piece.bands[part.band - 1].dtype],
        BlockXSize=str(piece.block[1]),
        BlockYSize=str(piece.block[0]),
    )
    size = {"xSize": str(piece.width), "ySize": str(piece.height)}
    SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
    SubElement(source, "DstRect", {"xOff": str(part.column), "yOff": str(part.row), **size})
    if nodata:
        SubElement(source, "NODATA").text = nodata
