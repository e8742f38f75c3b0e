from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from isagrsc2.errors import InputError
from isagrsc2.scene.sources import Files, SceneFile, Synthetic, distinct_names, find_rasters
from isagrsc2.scene.stretch import NoStretch


class Otherwise:
    """What is segmented without a path; no test here lets it draw."""

    def sources(self) -> list[SceneFile]:
        return [SceneFile("otherwise", Path("otherwise.tif"), "auto", NoStretch())]


def files(path, bands="auto", **options) -> list[SceneFile]:
    habits = {"crs": "none", "gcp_tolerance": 0.5, "aoi": "none", "mosaic": False, "mosaic_snap": 0.01, "assets": "auto"}
    return list(Files(path=path, bands=bands, **(habits | options), stretch=NoStretch(), otherwise=Otherwise()).sources())


def paths(path) -> list[str]:
    return [str(source.path) for source in files(path)]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The working folder, with images and what lies beside images; nothing in it is read."""
    names = (
        "b.tif",
        "a.TIF",
        "c.png",
        "c.jpg",
        "C 1 [north]=x.tif",
        ".hidden.tif",
        "b.tif.aux.xml",
        "b.tfw",
        "b.tif.ovr",
        "b.tif.msk",
        "c.png.AUX.XML",
        "c.pgw",
        "c.jpgw",
        "README.txt",
        "parcels.gpkg",
        "deep/er/d.tif",
        "deep/e.tif",
        "deep/e.wld",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


IMAGES = ["C 1 [north]=x.tif", "a.TIF", "b.tif", "c.jpg", "c.png"]


def test_a_file(folder):
    assert paths("b.tif") == ["b.tif"]
    assert paths(str(folder / "b.tif")) == [str(folder / "b.tif")]
    assert paths("./deep/../b.tif") == ["deep/../b.tif"]


def test_a_list_keeps_its_order(folder):
    assert paths(["c.png", "a.TIF"]) == ["c.png", "a.TIF"]
    assert paths(["deep", "b.tif"]) == ["deep/e.tif", "b.tif"]


def test_a_folder_gives_its_images_sorted(folder):
    assert paths(".") == IMAGES
    assert paths(str(folder)) == [str(folder / name) for name in IMAGES]


def test_a_glob_gives_images_and_no_sidecars(folder):
    assert paths("b*") == ["b.tif"]
    assert paths("c.*") == ["c.jpg", "c.png"]
    assert paths("*.tif") == ["C 1 [north]=x.tif", "b.tif"]  # a.TIF is another name, folder.tif no file
    assert paths("**/*.tif") == ["C 1 [north]=x.tif", "b.tif", "deep/e.tif", "deep/er/d.tif"]
    assert paths("deep/**") == ["deep/e.tif", "deep/er/d.tif"]
    assert paths(f"{folder}/?.png") == [f"{folder}/c.png"]


def test_a_name_with_the_letters_of_a_glob_is_a_name_where_it_exists(folder):
    assert paths("C 1 [north]=x.tif") == ["C 1 [north]=x.tif"]
    assert files("C 1 [north]=x.tif")[0].name == "C 1 [north]=x"
    (folder / "year[2020]").mkdir()
    (folder / "year[2020]" / "f.png").touch()
    assert paths("year[2020]") == ["year[2020]/f.png"]


def test_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert paths("~/b.tif") == [str(folder / "b.tif")]
    assert paths("~/?.png") == [str(folder / "c.png")]


def test_a_file_given_twice_is_one_scene(folder):
    assert len(files(["b.tif", "./b.tif", str(folder / "b.tif"), "b*"])) == 1
    assert paths([".", "a.TIF"]) == IMAGES
    (folder / "link.tif").symlink_to("b.tif")
    assert [source.name for source in files(["b.tif", "link.tif"])] == ["b", "link"]  # named on purpose


def test_a_name_of_digits_arrives_as_a_number(folder):
    (folder / "2020").mkdir()
    (folder / "2020" / "f.png").touch()
    assert paths(2020) == paths([2020]) == ["2020/f.png"]


def test_scenes_have_distinct_names(folder):
    assert [source.name for source in files(".")] == ["C 1 [north]=x", "a", "b", "c_jpg", "c_png"]
    given = [Path(name) for name in ("x/a.tif", "y/a.tif", "a.png", "b.tif", "a_tif.png", "c")]
    assert distinct_names(given) == ["a_tif", "a_tif_2", "a_png", "b", "a_tif_3", "c"]


def test_without_a_path_there_is_something_else(folder):
    assert [source.name for source in files([])] == ["otherwise"]


def test_one_band_stands_for_a_list(folder):
    assert files("b.tif", 2)[0].bands == [2]
    assert files("b.tif", [4, 3, 2])[0].bands == [4, 3, 2]


def test_the_only_file_is_missed_at_once():
    with pytest.raises(InputError, match=r"^missing\.tif does not exist; check scene\.path\.$"):
        files("missing.tif")


def test_one_missing_file_of_several_is_reported_when_its_turn_comes(folder):
    source, _ = files(["missing.tif", "b.tif"])
    assert source.origin == "missing.tif"
    assert source.identity()["size"] == 0
    with pytest.raises(InputError, match=r"missing\.tif does not exist"):
        source.open(folder)


def test_an_identity_changes_with_the_file_and_how_it_is_read(folder):
    (source,) = files("b.tif")
    before = source.identity()
    assert files("./b.tif")[0].identity() == before
    assert files("b.tif", [1])[0].identity() != before
    (folder / "b.tif").write_bytes(b"more")
    assert source.identity() != before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none/*.tif", "none/\\*.tif matches no image; check scene.path"),
        ("*.gpx", "matches no image"),
        ("*.txt", "matches no image"),
        ("void", "void holds no image"),
        ("", "scene.path is empty"),
        (" ", "scene.path is empty"),
        (None, "scene.path is empty"),
        (["b.tif", ""], "scene.path is empty"),
    ],
)
def test_paths_that_lead_nowhere(folder, path, message):
    (folder / "void").mkdir()
    (folder / "void" / "a.tfw").touch()
    with pytest.raises(InputError, match=message) as caught:
        files(path)
    assert "\n" not in str(caught.value)


def test_bands_that_are_neither_a_name_nor_numbers(folder):
    with pytest.raises(InputError, match=r"scene\.bands=None"):
        files("b.tif", None)


def test_resolving_does_not_depend_on_what_a_file_holds(folder):
    assert find_rasters("parcels.gpkg") == [Path("parcels.gpkg")]  # it is refused when it is opened


# ---------------------------------------------------------------------------------------------- farmland


@pytest.fixture
def synthetic(compose_config):
    from hydra.utils import instantiate

    def make(**changes) -> Synthetic:
        overrides = [f"scene.{name}={value}" for name, value in changes.items()]
        return instantiate(compose_config("segment", "scene=synthetic", *overrides).scene, _convert_="all")

    return make


def test_farmland_is_written_with_its_reference(synthetic, tmp_path):
    (source,) = synthetic(seeds=[3], width=96, height=64).sources()
    assert source.name == "synthetic_3"
    assert source.origin == "synthetic farmland, seed 3"
    scene, reference = source.open(tmp_path)
    with scene:
        assert (scene.width, scene.height, scene.crs.to_epsg()) == (96, 64, 32632)
        assert scene.read()[1].all()
        outline = shapely.box(*rasterio.transform.array_bounds(64, 96, scene.transform))
    parcels = gpd.read_file(reference)
    assert parcels.crs.to_epsg() == 32632
    assert outline.buffer(1e-6).covers(parcels.union_all())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["reference.gpkg", "synthetic_3.tif"]


def test_the_same_seed_gives_the_same_scene(synthetic, tmp_path):
    images = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        scene, _ = synthetic(seeds=[3], width=64, height=64).sources()[0].open(tmp_path / name)
        with scene:
            images.append(scene.read()[0])
    np.testing.assert_array_equal(*images)


def test_one_scene_per_seed(synthetic):
    sources = synthetic(seeds=[1, 2, 1], width=64, height=64).sources()
    assert [source.name for source in sources] == ["synthetic_1", "synthetic_2"]
    assert sources[0].identity() != sources[1].identity()
    assert [source.name for source in synthetic(seeds=5).sources()] == ["synthetic_5"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 63}, "scene.width=63"),
        ({"height": "tall"}, "scene.height=tall"),
        ({"seeds": "[]"}, "scene.seeds is empty"),
        ({"seeds": "[-1]"}, "scene.seeds=-1"),
        ({"seeds": "[x]"}, "scene.seeds=x"),
        ({"crs": "EPSG:x"}, "scene.crs=EPSG:x"),
        ({"crs": "flat"}, "scene.crs=flat"),
        ({"origin_xy": "[1]"}, r"scene.origin_xy=\[1\]"),
    ],
)
def test_farmland_that_cannot_be_drawn(synthetic, changes, message):
    with pytest.raises(InputError, match=message):
        synthetic(**changes).sources()
