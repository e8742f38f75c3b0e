"""An item of a SpatioTemporal Asset Catalog (STAC) as one raster.

Specification: https://github.com/radiantearth/stac-spec/blob/master/item-spec/item-spec.md; bands by ``eo:bands`` (EO extension
1) or ``bands`` with ``eo:common_name`` (STAC 1.1).
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import open_dataset
from isagrsc2.scene.virtual_raster import Part, Piece, look_at, write_virtual_raster

AUTO = "auto"
VISUAL = "visual"
COLOURS = ("red", "green", "blue")
# What GDAL calls files behind these schemes: https://gdal.org/user/virtual_file_systems.html
_REMOTE = {"http": "/vsicurl/http://", "https": "/vsicurl/https://", "s3": "/vsis3/", "gs": "/vsigs/", "az": "/vsiaz/"}
# Of two transforms of the same grid, as a share of a pixel.
_SAME = 0.01

Asset = Mapping[str, Any]


def is_item_file(path: Path) -> bool:
    """Whether a file is meant as STAC item: nothing else ends so among rasters."""
    return path.suffix.lower() == ".json"


def find_assets(path: Path, choice: Sequence[str] | str) -> list[str]:
    """Find the rasters of an item.

    Args:
        path: the item.
        choice: ``auto``: the asset that is called ``visual`` or has that role, else those of red, green and blue; or names of
            assets, by key, role (``visual``) or common name of their only band.

    Returns:
        As GDAL opens them, one or several.

    Raises:
        InputError: no STAC item, or it has no such asset.
    """
    assets = _assets(path)
    wanted = [choice] if isinstance(choice, str) else list(choice)
    if wanted == [AUTO]:
        wanted = [VISUAL] if _find(assets, VISUAL) is not None else list(COLOURS)
    if not wanted or not all(isinstance(name, str) for name in wanted):
        raise InputError(
            f"scene.assets={choice} is not understood; give auto, visual, or names like scene.assets=[red,green,blue]."
        )
    found = []
    for name in wanted:
        asset = _find(assets, name)
        if asset is None:
            raise InputError(
                f"{path} has no asset {name} (it has {', '.join(assets) or 'none'}); choose by key, as in "
                "scene.assets=[red,green,blue]."
            )
        found.append(_gdal_name(path, asset))
    return found


def write_stacked(names: Sequence[str], item: Path, path: Path) -> None:
    """Write a virtual raster with the bands of all assets, one after the other.

    Args:
        names: as GDAL opens them.
        item: they belong to, for messages.
        path: the virtual raster.

    Raises:
        InputError: one cannot be read, several have other sizes or places, or one of several has more than one band.
    """
    pieces = []
    for name in names:
        with open_dataset(name) as dataset:
            pieces.append(look_at(dataset))
    first = pieces[0]
    for piece in pieces[1:]:
        _check_same_grid(item, first, piece)
    for piece in pieces:
        if len(pieces) > 1 and len(piece.bands) != 1:
            raise InputError(
                f"{item}: {piece.name} has {len(piece.bands)} bands, and several assets are stacked only where each has one; "
                "name one asset in scene.assets."
            )
    bands = [(band, [Part(piece, number, 0, 0)]) for piece in pieces for number, band in enumerate(piece.bands, start=1)]
    write_virtual_raster(path, (first.width, first.height), first.transform, first.crs, bands)


def _assets(path: Path) -> dict[str, Asset]:
    try:
        item = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check scene.path.") from None
    except (OSError, ValueError):
        raise InputError(f"{path} is not JSON that can be read; scene.path takes images and STAC items.") from None
    if not isinstance(item, dict) or item.get("type") != "Feature" or "stac_version" not in item:
        raise InputError(f"{path} is no STAC item (a feature with stac_version); scene.path takes images and STAC items.")
    assets = item.get("assets")
    if not isinstance(assets, dict) or not all(isinstance(asset, dict) and "href" in asset for asset in assets.values()):
        raise InputError(f"{path} is a STAC item whose assets cannot be read; every asset needs an href.")
    return assets


def _find(assets: Mapping[str, Asset], name: str) -> Asset | None:
    """An asset by key, else by role, else by the common name of its only band."""
    if name in assets:
        return assets[name]
    with_role = [asset for asset in assets.values() if name in asset.get("roles", [])]
    of_band = [asset for asset in assets.values() if _common_names(asset) == [name]]
    return next(iter(with_role + of_band), None)


def _common_names(asset: Asset) -> list[str | None]:
    """Of the bands, as far as the item says."""
    bands = asset.get("bands") or asset.get("eo:bands") or []
    return [band.get("eo:common_name") or band.get("common_name") for band in bands]


def _gdal_name(item: Path, asset: Asset) -> str:
    href = str(asset["href"])
    scheme, rest = re.fullmatch(r"(?:(\w+)://)?(.*)", href, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    if scheme in _REMOTE:
        return _REMOTE[scheme] + rest
    if scheme == "file":
        return unquote(urlsplit(href).path)
    # A path, relative to the item; GDAL's own names (/vsizip/...) are absolute.
    return str(item.absolute().parent / href)


def _check_same_grid(item: Path, one: Piece, other: Piece) -> None:
    """Check that two assets have the same pixels in the same place."""
    pair = f"{item}: {one.name} and {other.name} cannot be stacked"
    remedy = "choose assets of one grid in scene.assets."
    crs, others = (piece.crs.to_string() if piece.crs else "none" for piece in (one, other))
    if one.crs != other.crs:
        raise InputError(f"{pair}: CRS {crs} and {others}; {remedy}")
    if (one.width, one.height) != (other.width, other.height):
        raise InputError(f"{pair}: {one.width} x {one.height} px and {other.width} x {other.height} px; {remedy}")
    corners = [(0, 0), (one.width, 0), (0, one.height)]
    if np.abs(np.array([~one.transform @ (other.transform @ corner) for corner in corners]) - corners).max() > _SAME:
        raise InputError(f"{pair}: they lie in other places, or have other resolutions; {remedy}")
    if one.bands[0].dtype != other.bands[0].dtype:
        raise InputError(f"{pair}: dtype {one.bands[0].dtype} and {other.bands[0].dtype}; {remedy}")
