"""The files that the commands of the documentation name, as small as they can be."""

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import pandas
import pytest
import rasterio
import shapely
from affine import Affine
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from PIL import Image

CONF = Path(__file__).parents[2] / "conf"
CRS = "EPSG:32632"
SIDE = 160  # px of a scene
WEST, NORTH = 500_000.0, 5_540_000.0  # m
APART = 10_000.0  # m from scene to scene


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every image, table and folder of chips that a page speaks of."""
    folder = tmp_path_factory.mktemp("inputs")
    images, references = _write_scenes(folder / "images")
    pandas.concat(references).to_file(folder / "parcels.gpkg", layer="parcels", driver="GPKG")
    for name in ("field.tif", "mosaic.tif"):
        (folder / name).write_bytes(images[0].read_bytes())
    with rasterio.open(images[0]) as dataset:
        values, metres = dataset.read(), dataset.transform.a
    _write_others(folder, values, metres)
    _write_chips(folder)
    (folder / "downloads").mkdir()
    return folder


def _write_scenes(folder: Path) -> tuple[list[Path], list[geopandas.GeoDataFrame]]:
    """Four drawn scenes, each at a place of its own, and their parcels."""
    folder.mkdir()
    references = []
    for number in range(4):
        GlobalHydra.instance().clear()
        size = [f"scene.width={SIDE}", f"scene.height={SIDE}", f"scene.seeds=[{number}]"]
        place = f"scene.origin_xy=[{WEST + number * APART},{NORTH}]"
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose("segment", ["scene=synthetic", *size, place])
        (source,) = instantiate(cfg.scene, _convert_="all").sources()
        scene, reference = source.open(folder)
        scene.close()
        references.append(geopandas.read_file(reference))
        Path(reference).unlink()
    return sorted(folder.glob("*.tif")), references


def _write_others(folder: Path, values: npt.NDArray[np.uint8], metres: float) -> None:
    """Images of other kinds, made of the first scene: (3, H, W) and the side of its pixels."""
    for name in ("photo.png", "scan.png"):
        Image.fromarray(np.moveaxis(values, 0, -1)).save(folder / name)
    centre = (WEST + metres / 2, NORTH - metres / 2)
    (folder / "scan.pgw").write_text("\n".join(map(str, (metres, 0, 0, -metres, *centre))))
    _write_tif(folder / "sentinel2.tif", np.stack([*values[::-1], values[1]]).astype(np.uint16) * 12, metres)
    (folder / "tiles").mkdir()
    half = SIDE // 2
    for name, start in (("west", 0), ("east", half)):
        _write_tif(folder / "tiles" / f"{name}.tif", values[..., start : start + half], metres, west=WEST + start * metres)
    area = shapely.box(WEST, NORTH - SIDE * metres, WEST + half * metres, NORTH)
    geopandas.GeoDataFrame(geometry=[area], crs=CRS).to_crs("EPSG:4326").to_file(folder / "farm.geojson", driver="GeoJSON")
    assets: dict[str, Any] = {"visual": {"href": "./field.tif", "roles": ["visual"]}}
    for name, band in {"red": 0, "green": 1, "nir": 2}.items():
        _write_tif(folder / "bands" / f"{name}.tif", values[band : band + 1], metres)
        assets[name] = {"href": f"./bands/{name}.tif", "eo:bands": [{"name": name, "common_name": name}]}
    item: dict[str, Any] = {"type": "Feature", "stac_version": "1.0.0", "id": "item", "geometry": None, "links": []}
    item |= {"properties": {"datetime": "2024-06-01T00:00:00Z"}, "assets": assets}
    (folder / "item.json").write_text(json.dumps(item))


def _write_tif(path: Path, values: npt.NDArray[np.generic], metres: float, west: float = WEST) -> None:
    path.parent.mkdir(exist_ok=True)
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": str(values.dtype)}
    transform = Affine(metres, 0.0, west, 0.0, -metres, NORTH)
    with rasterio.open(path, "w", driver="GTiff", crs=CRS, transform=transform, **shape) as dataset:
        dataset.write(values)


def _write_chips(folder: Path) -> None:
    """Folders of chips as ``train.py`` takes them, of colours that can be told apart."""
    rng = np.random.default_rng(0)

    def fill(place: Path, colour: int, count: int) -> None:
        place.mkdir(parents=True)
        mean = np.array([(150, 110, 60), (60, 90, 150), (60, 140, 60)])[colour % 3]
        for number in range(count):
            chip = rng.normal(mean, 25, (40, 40, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(chip).save(place / f"{place.name}_{number:03}.jpg")

    for colour, name in enumerate(("field", "nonfield")):
        fill(folder / "chips" / "train" / name, colour, 8)
        fill(folder / "chips" / "test" / name, colour, 4)
        fill(folder / "others" / name, colour, 6)
    for colour, name in enumerate(("wheat", "lawn", "maize", "blurred")):
        fill(folder / "land" / name, colour, 10)
