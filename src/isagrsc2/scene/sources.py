"""Where scenes come from: files named by the user, or farmland drawn from a seed."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import geopandas
import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError

from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.options import check_number, check_whole
from isagrsc2.scene import stac
from isagrsc2.scene.area_of_interest import NONE, Area, NoArea, read_area
from isagrsc2.scene.farmland import FarmlandStyle, draw_farmland
from isagrsc2.scene.mosaic import write_mosaic
from isagrsc2.scene.placing import AsStored, FindPlace, Placing
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.raster import Scene, StretchMeasure, open_scene

# What a folder is searched for; a file named outright may have any suffix.
SUFFIXES = {".tif", ".tiff", ".vrt", ".jp2", ".img", ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif"}
# What lies beside images and is none: never an answer to a glob.
SIDECARS = {".xml", ".aux", ".rrd", ".ovr", ".msk", ".hdr", ".prj", ".wld", ".rpb", ".txt", ".json", ".md"}
SIDECARS |= {".tfw", ".tifw", ".pgw", ".pngw", ".jgw", ".jpgw", ".j2w", ".bpw", ".gfw"}


class Source(Protocol):
    """One scene to come."""

    @property
    def name(self) -> str:
        """Names the result folder."""
        ...

    @property
    def origin(self) -> str:
        """What a person would call it: the path, for a file."""
        ...

    def identity(self) -> dict[str, Any]:
        """What the scene's pixels depend on, plain types: a run in the same folder goes on only if it is the same."""
        ...

    def open(self, folder: Path) -> tuple[Scene, str]:
        """Open the scene; ``folder`` exists and takes what has to be made first. Returns scene and reference or "none"."""
        ...


class Sources(Protocol):
    """An option of the group ``scene``."""

    def sources(self) -> Sequence[Source]:
        """The scenes, in order, with distinct names."""
        ...


@dataclass(frozen=True)
class SceneFile:
    """A raster file.

    Attributes:
        name: names the result folder.
        path: the file.
        bands: see ``open_scene``.
        stretch: see ``open_scene``.
        placing: finds out where it lies.
        area: limits it.
    """

    name: str
    path: Path
    bands: Sequence[int] | str
    stretch: StretchMeasure
    placing: Placing = field(default_factory=AsStored)
    area: Area = field(default_factory=NoArea)

    @property
    def origin(self) -> str:
        """The path."""
        return str(self.path)

    def identity(self) -> dict[str, Any]:
        """Files, their size and time of change; bands and stretch; how it is placed and limited."""
        return {
            **self._state(),
            "bands": list(self.bands) if not isinstance(self.bands, str) else self.bands,
            "stretch": repr(self.stretch),
            **self.placing.identity(),
            **self.area.identity(),
        }

    def open(self, folder: Path) -> tuple[Scene, str]:
        """Open the file where it lies, or the virtual raster that is made of it."""
        path, georeference = self.placing.place(self._raster(folder), folder, self.name)
        scene = open_scene(path, self.bands, self.stretch, georeference)
        try:
            return scene.limited_to(self.area.region(scene, folder)), "none"
        except BaseException:
            scene.close()
            raise

    def _state(self) -> dict[str, Any]:
        """Which pixels there are, plain types."""
        return _state(self.path)

    def _raster(self, folder: Path) -> Path:  # noqa: ARG002
        """The raster; the folder takes it if it has to be made."""
        return self.path


@dataclass(frozen=True, kw_only=True)
class SceneMosaic(SceneFile):
    """Adjoining rasters that are one scene; ``path`` is the folder they lie in.

    Attributes:
        tiles: the rasters.
        snap: see ``write_mosaic``.
    """

    tiles: Sequence[Path]
    snap: float

    def _state(self) -> dict[str, Any]:
        return {"tiles": [_state(tile) for tile in self.tiles]}

    def _raster(self, folder: Path) -> Path:
        path = folder / f"{self.name}.vrt"
        write_mosaic([tile.absolute() for tile in self.tiles], path, self.snap)
        return path


@dataclass(frozen=True, kw_only=True)
class SceneItem(SceneFile):
    """A STAC item; ``path`` is its JSON file.

    Attributes:
        assets: see ``find_assets``.
    """

    assets: Sequence[str] | str

    def _state(self) -> dict[str, Any]:
        """Of assets elsewhere nothing is known but their names, without what signs them for an hour."""
        try:
            names = stac.find_assets(self.path, self.assets)
        except InputError:  # told when it is opened
            names = []
        rasters = [Path(name.partition("?")[0] if name.startswith("/vsi") else name) for name in names]
        return {"assets": [_state(raster) for raster in rasters]}

    def _raster(self, folder: Path) -> Path:
        path = folder / f"{self.name}.vrt"
        stac.write_stacked(stac.find_assets(self.path, self.assets), self.path, path)
        return path


@dataclass(frozen=True)
class SyntheticScene:
    """Farmland drawn from a seed, written beside the results as a GeoTIFF with its reference parcels.

    Attributes:
        seed: decides everything.
        width: px.
        height: px.
        style: what farmland looks like.
        crs: of the GeoTIFF.
        origin_xy: map coordinates of its upper left corner.
        stretch: see ``open_scene``.
    """

    seed: int
    width: int
    height: int
    style: FarmlandStyle
    crs: str
    origin_xy: tuple[float, float]
    stretch: StretchMeasure

    @property
    def name(self) -> str:
        """``synthetic_7``."""
        return f"synthetic_{self.seed}"

    @property
    def origin(self) -> str:
        """What it is, in words."""
        return f"synthetic farmland, seed {self.seed}"

    def identity(self) -> dict[str, Any]:
        """Everything it is drawn from."""
        return {"synthetic": repr(self)}

    def open(self, folder: Path) -> tuple[Scene, str]:
        """Draw scene and reference into ``folder`` and open the scene."""
        farmland = draw_farmland(self.seed, self.height, self.width, self.style)
        metres = farmland.metres_per_pixel
        transform = Affine(metres, 0.0, self.origin_xy[0], 0.0, -metres, self.origin_xy[1])
        path, reference = folder / f"{self.name}.tif", folder / "reference.gpkg"
        profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "width": self.width, "height": self.height}
        layout = {"tiled": True, "compress": "deflate", "photometric": "rgb"}
        with (
            replacing(path) as temporary,
            rasterio.open(temporary, "w", **profile, **layout, crs=self.crs, transform=transform) as dataset,
        ):
            dataset.write(np.moveaxis(farmland.image, -1, 0))
        ids, polygons = polygonise(farmland.parcels)
        outlines = geopandas.GeoSeries(polygons).affine_transform(transform.to_shapely())
        table = geopandas.GeoDataFrame({"parcel_id": ids}, geometry=outlines.to_numpy(), crs=self.crs)
        with replacing(reference) as temporary:
            table.to_file(temporary, layer="reference", driver="GPKG", engine="pyogrio")
        return open_scene(path, "auto", self.stretch), str(reference)


@dataclass(frozen=True)
class Synthetic:
    """``scene=synthetic``: farmland drawn from one or several seeds; attributes as ``SyntheticScene``.

    Attributes:
        seeds: one scene each; a single number stands for a list of it.
        width: px.
        height: px.
        style: what farmland looks like.
        crs: of the GeoTIFF.
        origin_xy: map coordinates of its upper left corner.
        stretch: see ``open_scene``.
    """

    seeds: Sequence[int] | int
    width: int
    height: int
    style: FarmlandStyle
    crs: str
    origin_xy: tuple[float, float]
    stretch: StretchMeasure

    def sources(self) -> list[SyntheticScene]:
        """One scene per seed.

        Raises:
            InputError: a number, the CRS or the origin does not fit.
        """
        check_whole("scene.width", self.width, 64)
        check_whole("scene.height", self.height, 64)
        seeds = [self.seeds] if isinstance(self.seeds, int) else list(self.seeds)
        for seed in seeds:
            check_whole("scene.seeds", seed, 0)
        if not seeds:
            raise InputError("scene.seeds is empty; give a number for every scene, as in scene.seeds=[7].")
        try:
            CRS.from_user_input(self.crs)
        except (CRSError, ValueError):  # EPSG:letters
            raise InputError(f"scene.crs={self.crs} is no coordinate reference system; give one such as EPSG:32632.") from None
        if len(self.origin_xy) != 2:
            raise InputError(f"scene.origin_xy={list(self.origin_xy)} must be two map coordinates, as in [500000, 5540000].")
        x, y = self.origin_xy
        return [
            SyntheticScene(seed, self.width, self.height, self.style, self.crs, (x, y), self.stretch)
            for seed in dict.fromkeys(seeds)
        ]


@dataclass(frozen=True)
class Files:
    """``scene.path=...``: rasters on disk.

    Attributes:
        path: a file, a folder, a glob, or a list of these; an empty list for ``otherwise``. A name of digits only arrives
            as a number.
        bands: see ``open_scene``; a single number stands for a list of it.
        crs: see ``FindPlace``.
        gcp_tolerance: see ``FindPlace``.
        aoi: see ``read_area``.
        mosaic: whether all files together are one scene.
        mosaic_snap: see ``write_mosaic``.
        assets: of STAC items, see ``find_assets``.
        stretch: see ``open_scene``.
        otherwise: what is segmented where no path is given.
    """

    path: str | int | Sequence[str | int] | None
    bands: Sequence[int] | str | int | None
    crs: str
    gcp_tolerance: float
    aoi: str
    mosaic: bool
    mosaic_snap: float
    assets: Sequence[str] | str
    stretch: StretchMeasure
    otherwise: Sources

    def sources(self) -> Sequence[Source]:
        """The files, in the order given, each once.

        Raises:
            InputError: the only file is missing; a folder or a glob holds no image; a path is empty; the bands are neither a
                name nor numbers; the area of interest cannot be used; an option does not apply.
        """
        given = list(self.path) if isinstance(self.path, Sequence) and not isinstance(self.path, str) else [self.path]
        if not isinstance(self.mosaic, bool):
            raise InputError(f"scene.mosaic={self.mosaic} does not fit; give true or false.")
        check_number("scene.mosaic_snap", self.mosaic_snap, 0, 0.5)
        if not given:
            self._refuse_idle({"aoi": self.aoi != NONE, "crs": self.crs != NONE, "mosaic": self.mosaic}, "scene.path=PATH")
            return self.otherwise.sources()
        bands = [self.bands] if isinstance(self.bands, int) else self.bands
        if not isinstance(bands, Sequence):
            raise InputError(f"scene.bands={bands} is not understood; give `auto`, or numbers like scene.bands=[4,3,2].")
        # The same file may be given in several ways; links to it are files of their own.
        paths = list({path.absolute(): path for one in given for path in find_rasters(one)}.values())
        if len(paths) == 1 and not paths[0].exists():  # of several, one that is missing does not stop the others
            raise InputError(f"{paths[0]} does not exist; check scene.path.")
        how = (bands, self.stretch, FindPlace(str(self.crs), self.gcp_tolerance), read_area(str(self.aoi)))
        if not any(stac.is_item_file(path) for path in paths) or self.mosaic:
            self._refuse_idle({"assets": self.assets != stac.AUTO}, "scene.path=item.json, a STAC item")
        if self.mosaic:
            folder = Path(os.path.commonpath([path.absolute().parent for path in paths]))
            return [SceneMosaic(folder.name or "mosaic", folder, *how, tiles=paths, snap=self.mosaic_snap)]
        return [
            SceneItem(name, path, *how, assets=self.assets) if stac.is_item_file(path) else SceneFile(name, path, *how)
            for name, path in zip(distinct_names(paths), paths, strict=True)
        ]

    def _refuse_idle(self, given: dict[str, bool], needs: str) -> None:
        """An option that would do nothing was meant for something."""
        for name, is_given in given.items():
            if is_given:
                raise InputError(f"scene.{name}={getattr(self, name)} applies only to {needs}; leave it out, or give that.")


def find_rasters(entry: str | int | None) -> list[Path]:
    """Resolve one entry of ``scene.path``: a file as it is, the images of a folder, the matches of a glob, sorted.

    Hidden files are left out: they are leftovers of file managers and of programs that were stopped.

    Raises:
        InputError: nothing is there.
    """
    given = "" if entry is None else str(entry)
    if not given.strip():
        raise InputError("scene.path is empty; give a file, a folder or a quoted glob, or leave the option out.")
    path = Path(given).expanduser()
    if path.is_dir():
        try:
            files = sorted(path.iterdir())
        except OSError as error:
            raise InputError(f"{path} cannot be listed ({error.strerror}); check its mode, or scene.path.") from None
        found = [file for file in files if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()]
        if not found:
            raise InputError(f"{path} holds no image ({', '.join(sorted(SUFFIXES))}); check scene.path.")
        return found
    if path.exists() or not glob.has_magic(given):
        return [path]  # a missing file is reported when it is opened, and does not stop the others
    matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 (absolute patterns)
    found = [match for match in matches if match.is_file() and match.suffix.lower() not in SIDECARS]
    if not found:
        raise InputError(f"{given} matches no image; check scene.path (quote the pattern, so that the shell leaves it alone).")
    return found


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Name each file by its stem; where stems repeat, with the suffix, and a number if that repeats too."""
    stems = [path.stem for path in paths]
    names: list[str] = []
    for path in paths:
        name = path.stem if stems.count(path.stem) == 1 else f"{path.stem}_{path.suffix.lstrip('.')}"
        number = 2
        unique = name
        while unique in names:
            unique = f"{name}_{number}"
            number += 1
        names.append(unique)
    return names


def _state(path: Path) -> dict[str, Any]:
    """A file, its size and time of change."""
    state = path.stat() if path.exists() else None
    return {
        "path": str(path.resolve()),
        "size": state.st_size if state else 0,
        "changed": state.st_mtime_ns if state else 0,
    }
