"""STAC items as scenes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import Files, SceneItem
from isagrsc2.scene.stac import find_assets
from isagrsc2.scene.stretch import NoStretch

IMAGE = np.random.default_rng(0).integers(0, 256, (24, 32, 4), np.uint8)  # (H, W, 4): red, green, blue, near infrared
GRID = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 6_200_000.0)

WriteItem = Callable[..., Path]


def files(given, **options):
    usual = {"bands": "auto", "crs": "none", "gcp_tolerance": 0.5, "aoi": "none", "mosaic": False, "mosaic_snap": 0.01}
    habits = usual | {"assets": "auto"} | options
    return Files(path=given, **habits, stretch=NoStretch(), otherwise=None).sources()


def opened(item: Path, folder: Path, **options) -> Scene:
    folder.mkdir(exist_ok=True)
    (source,) = files(str(item), **options)
    return source.open(folder)[0]


@pytest.fixture
def write_item(tmp_path: Path) -> WriteItem:
    """Write an item with these assets: `write_item(visual={"href": "a.tif"})`."""

    def write(**assets: Mapping[str, Any]) -> Path:
        path = tmp_path / "S2_20240601.json"
        item = {"type": "Feature", "stac_version": "1.0.0", "id": "S2", "geometry": None, "properties": {}, "links": []}
        path.write_text(json.dumps(item | {"assets": assets}))
        return path

    return write


@pytest.fixture
def bands(write_raster: Callable[..., Path]) -> None:
    """One file per band beside the item."""
    for number, name in enumerate(("B04", "B03", "B02", "B08")):
        write_raster(f"{name}.tif", IMAGE[..., number], crs="EPSG:32632", transform=GRID)


@pytest.fixture
def visual(write_raster: Callable[..., Path]) -> Path:
    """An image of three bands."""
    return write_raster("TCI.tif", 255 - IMAGE[..., :3], crs="EPSG:32632", transform=GRID)


def keyed(**names: str) -> dict[str, dict[str, Any]]:
    """Assets by key, with the names of their files."""
    return {key: {"href": f"./{name}.tif", "roles": ["data"]} for key, name in names.items()}


@pytest.mark.usefixtures("bands")
def test_bands_are_found_by_key_and_stacked(write_item, tmp_path):
    item = write_item(**keyed(blue="B02", nir="B08", red="B04", green="B03"))
    with opened(item, tmp_path / "run") as scene:
        assert (scene.name, scene.path) == ("S2_20240601", tmp_path / "run" / "S2_20240601.vrt")
        assert (scene.crs.to_epsg(), scene.transform) == (32632, GRID)
        np.testing.assert_array_equal(scene.read()[0], IMAGE[..., :3])
    with opened(item, tmp_path / "run", assets=["nir", "red", "green"]) as scene:
        np.testing.assert_array_equal(scene.read()[0], IMAGE[..., [3, 0, 1]])
    with opened(item, tmp_path / "run", assets="nir") as scene:
        np.testing.assert_array_equal(scene.read()[0], IMAGE[..., [3, 3, 3]])
    with opened(item, tmp_path / "run", bands=[3, 2, 1]) as scene:
        np.testing.assert_array_equal(scene.read()[0], IMAGE[..., [2, 1, 0]])


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize(("list_of_bands", "name"), [("eo:bands", "common_name"), ("bands", "eo:common_name")])
def test_bands_are_found_by_their_common_name(write_item, tmp_path, list_of_bands, name):
    colours = {"B02": "blue", "B04": "red", "B08": "nir", "B03": "green"}
    assets = {key: {"href": f"{key}.tif", list_of_bands: [{"name": key, name: colour}]} for key, colour in colours.items()}
    # Something of all bands is not the red band.
    overview = {"href": "thumbnail.png", list_of_bands: [{name: colour} for colour in colours.values()]}
    with opened(write_item(overview=overview, **assets), tmp_path / "run") as scene:
        np.testing.assert_array_equal(scene.read()[0], IMAGE[..., :3])


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("asset", [{"visual": {}}, {"tci": {"roles": ["data", "visual"]}}])
def test_a_picture_for_the_eye_comes_first(write_item, visual, tmp_path, asset):
    ((key, roles),) = asset.items()
    item = write_item(**keyed(red="B04", green="B03", blue="B02"), **{key: {"href": visual.name} | roles})
    for choice in ("auto", "visual", key):
        with opened(item, tmp_path / "run", assets=choice) as scene:
            np.testing.assert_array_equal(scene.read()[0], 255 - IMAGE[..., :3])
    with opened(item, tmp_path / "run", assets=["red", "green", "blue"]) as scene:
        np.testing.assert_array_equal(scene.read()[0], IMAGE[..., :3])


def test_hrefs_as_gdal_opens_them(write_item, tmp_path):
    hrefs = {
        "https://example.com/a.tif?sig=x&y=1": "/vsicurl/https://example.com/a.tif?sig=x&y=1",
        "s3://bucket/a.tif": "/vsis3/bucket/a.tif",
        "gs://bucket/a.tif": "/vsigs/bucket/a.tif",
        "/vsizip/a.zip/a.tif": "/vsizip/a.zip/a.tif",
        "/data/a.tif": "/data/a.tif",
        "file:///data/a%20b.tif": "/data/a b.tif",
        "./deep/a.tif": f"{tmp_path}/deep/a.tif",
        "../a.tif": f"{tmp_path}/../a.tif",
    }
    for href, name in hrefs.items():
        assert find_assets(write_item(visual={"href": href}), "auto") == [name]


def test_missing_pixels_of_every_band_are_kept(write_item, write_raster, tmp_path):
    values = np.maximum(IMAGE, 1)
    values[3:6] = 0
    values[10, 10, 0] = 0  # in one band only: not missing
    for number, name in enumerate(("red", "green", "blue")):
        write_raster(f"{name}.tif", values[..., number], crs="EPSG:32632", transform=GRID, nodata=0)
    with opened(write_item(**keyed(red="red", green="green", blue="blue")), tmp_path / "run") as scene:
        valid = scene.read()[1]
    assert not valid[3:6].any()
    assert valid[:3].all()
    assert valid[6:].all()


@pytest.mark.usefixtures("bands")
def test_an_identity_changes_with_assets(write_item, tmp_path):
    item = write_item(**keyed(red="B04", green="B03", blue="B02", nir="B08"))
    (source,) = files(str(item))
    assert isinstance(source, SceneItem)
    before = source.identity()
    assert files(str(item), assets=["nir"])[0].identity() != before
    with (tmp_path / "B03.tif").open("ab") as file:
        file.write(b"\0")
    assert source.identity() != before
    signed = [files(str(write_item(visual={"href": f"https://example.com/a.tif?token={token}"})))[0] for token in "ab"]
    assert signed[0].identity() == signed[1].identity()


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"transform": GRID @ Affine.scale(0.5)}, "they lie in other places, or have other resolutions;"),
        ({"transform": GRID @ Affine.translation(1, 0)}, "they lie in other places, or have other resolutions;"),
        ({"crs": "EPSG:32633"}, "CRS EPSG:32632 and EPSG:32633;"),
        ({"values": IMAGE[:12, :16, 0]}, "32 x 24 px and 16 x 12 px;"),
        ({"values": IMAGE[..., 0].astype(np.uint16)}, "dtype uint8 and uint16;"),
        ({"values": IMAGE[..., :3]}, "B03.tif has 3 bands, and several assets are stacked only where each has one;"),
    ],
)
def test_assets_that_do_not_fit(write_item, write_raster, tmp_path, other, message):
    changed = {"values": IMAGE[..., 1], "crs": "EPSG:32632", "transform": GRID} | other
    write_raster("B03.tif", changed.pop("values"), **changed)
    with pytest.raises(InputError, match=message) as caught:
        opened(write_item(**keyed(red="B04", green="B03", blue="B02")), tmp_path / "run")
    assert str(caught.value).startswith(f"{tmp_path}/S2_20240601.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("bands")
def test_items_that_cannot_be_used(write_item, tmp_path):
    item = write_item(**keyed(red="B04", nir="B08"))
    with pytest.raises(InputError, match=r"has no asset green \(it has red, nir\); choose by key"):
        opened(item, tmp_path / "run")
    with pytest.raises(InputError, match=r"has no asset swir"):
        opened(item, tmp_path / "run", assets=["swir"])
    with pytest.raises(InputError, match=r"scene.assets=\[\] is not understood"):
        opened(item, tmp_path / "run", assets=[])
    with pytest.raises(InputError, match=r"gone.tif does not exist"):
        opened(write_item(**keyed(visual="gone")), tmp_path / "run")
    with pytest.raises(InputError, match="every asset needs an href"):
        opened(write_item(visual={"title": "?"}), tmp_path / "run")
    for content, message in (
        ("{", "is not JSON that can be read"),
        ("[]", "is no STAC item"),
        ('{"type": "FeatureCollection", "features": []}', "is no STAC item"),
        ('{"type": "Catalog", "stac_version": "1.0.0"}', "is no STAC item"),
        ('{"type": "Feature", "stac_version": "1.0.0"}', "whose assets cannot be read"),
    ):
        item.write_text(content)
        with pytest.raises(InputError, match=message):
            opened(item, tmp_path / "run")
        assert files(str(item))[0].identity()["assets"] == []  # the error comes when it is opened
    item.unlink()
    with pytest.raises(InputError, match=r"does not exist; check scene\.path"):
        opened(item, tmp_path / "run")


def test_assets_of_what_is_no_item(visual):
    with pytest.raises(InputError, match=r"scene.assets=\['red'\] applies only to scene.path=item.json, a STAC item"):
        files(str(visual), assets=["red"])
