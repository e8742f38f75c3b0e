import json
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import Scene, open_scene
from isagrsc2.scene.stretch import NoStretch

WIDTH, HEIGHT = 40, 30
UTM = "EPSG:32632"
# 10 m pixels somewhere in Denmark.
PLACED = Affine(10, 0, 500_000, 0, -10, 6_200_000)
# Two parcels, scene px: 10 x 10 and 20 x 10.
PIXELS = [shapely.box(5, 5, 15, 15), shapely.box(15, 10, 35, 20)]

EXPECTED = np.zeros((HEIGHT, WIDTH), np.int32)
EXPECTED[5:15, 5:15] = 1
EXPECTED[10:20, 15:35] = 2


def write_raster(path: Path, values: np.ndarray, crs: str | None = None, transform: Affine | None = None, **more) -> Path:
    bands = values[None] if values.ndim == 2 else values
    count, height, width = bands.shape
    options = {"crs": crs, "transform": transform} if crs else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", width=width, height=height, count=count, dtype=bands.dtype, **options, **more) as out:
            out.write(bands)
    return path


@pytest.fixture
def placed(tmp_path: Path) -> Scene:
    """A scene with a CRS."""
    return open_scene(
        write_raster(tmp_path / "placed.tif", np.zeros((3, HEIGHT, WIDTH), np.uint8), UTM, PLACED), "auto", NoStretch()
    )


@pytest.fixture
def plain(tmp_path: Path) -> Scene:
    """A scene without a CRS."""
    path = write_raster(tmp_path / "plain.png", np.zeros((3, HEIGHT, WIDTH), np.uint8), driver="PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return open_scene(path, "auto", NoStretch())


def on_map() -> gpd.GeoDataFrame:
    """The two parcels in map units."""
    t = PLACED
    return gpd.GeoDataFrame(
        {"crop": ["barley", "rye"]},
        geometry=gpd.GeoSeries(PIXELS).affine_transform([t.a, t.b, t.d, t.e, t.c, t.f]),
        crs=UTM,
    )


def labels(path: Path, scene: Scene) -> np.ndarray:
    return read_reference(path, scene).burner().burn(Window(0, 0, WIDTH, HEIGHT))


def write_via(path: Path, *filenames: str) -> Path:
    regions = [
        {"shape_attributes": {"name": "rect", "x": x, "y": y, "width": right - x, "height": bottom - y}}
        for x, y, right, bottom in (parcel.bounds for parcel in PIXELS)
    ]
    path.write_text(json.dumps({name: {"filename": name, "regions": regions} for name in filenames}))
    return path


@pytest.mark.parametrize("name", ["r.gpkg", "r.shp", "r.geojson"])
@pytest.mark.parametrize("crs", [UTM, "EPSG:25832", "EPSG:3857"])
def test_vector_files_in_any_crs(tmp_path, placed, name, crs):
    on_map().to_crs(crs).to_file(tmp_path / name)
    reference = read_reference(tmp_path / name, placed)
    assert reference.parcels.crs is None
    # Far from the middle meridian the edges of a reprojected rectangle bend by much less than a pixel.
    np.testing.assert_allclose(shapely.bounds(reference.parcels.geometry), shapely.bounds(PIXELS), atol=0.01)
    assert reference.source == str(tmp_path / name)
    np.testing.assert_array_equal(labels(tmp_path / name, placed), EXPECTED)


def test_geoparquet_in_degrees(tmp_path, placed):
    on_map().to_crs("EPSG:4326").to_parquet(tmp_path / "r.parquet")
    np.testing.assert_array_equal(labels(tmp_path / "r.parquet", placed), EXPECTED)


def test_geojson_without_crs_member_is_in_degrees(tmp_path, placed):
    path = tmp_path / "r.geojson"
    path.write_text(on_map().to_crs("EPSG:4326").to_json(drop_id=True))
    document = json.loads(path.read_text())
    document.pop("crs", None)
    path.write_text(json.dumps(document))
    np.testing.assert_array_equal(labels(path, placed), EXPECTED)


def test_a_rotated_scene(tmp_path):
    turned = Affine(0, 10, 500_000, 10, 0, 6_200_000)  # columns run north, rows east
    path = write_raster(tmp_path / "turned.tif", np.zeros((HEIGHT, WIDTH), np.uint8), UTM, turned)
    parcel = shapely.box(500_050, 6_200_100, 500_150, 6_200_300)  # rows 5 to 15, columns 10 to 30
    gpd.GeoDataFrame(geometry=[parcel], crs=UTM).to_file(tmp_path / "r.gpkg")
    with open_scene(path, "auto", NoStretch()) as scene:
        assert read_reference(tmp_path / "r.gpkg", scene).parcels.geometry[0].bounds == (10, 5, 30, 15)


def test_vector_without_crs_is_in_map_units_of_the_scene(tmp_path, placed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is no CRS is the point
        on_map().set_crs(None, allow_override=True).to_file(tmp_path / "r.shp")
    assert not (tmp_path / "r.prj").exists()
    np.testing.assert_array_equal(labels(tmp_path / "r.shp", placed), EXPECTED)


@pytest.mark.parametrize("name", ["r.gpkg", "r.geojson", "r.json", "r.parquet"])
def test_vector_without_crs_for_a_scene_without_is_in_pixels(tmp_path, plain, name):
    frame = gpd.GeoDataFrame(geometry=PIXELS)
    if name.endswith("json"):
        (tmp_path / name).write_text(frame.to_json())
    elif name.endswith("parquet"):
        frame.to_parquet(tmp_path / name)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there is no CRS is the point
            frame.to_file(tmp_path / name)
    np.testing.assert_array_equal(labels(tmp_path / name, plain), EXPECTED)


def test_via_is_found_by_the_name_of_the_image(tmp_path, plain, placed):
    via = write_via(tmp_path / "via.json", "other.png", "plain.png", "placed.tif")
    np.testing.assert_array_equal(labels(via, plain), EXPECTED)
    np.testing.assert_array_equal(labels(via, placed), EXPECTED)  # pixels of the image, whatever its CRS


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32", "float32"])
def test_label_raster_of_the_same_size(tmp_path, plain, dtype):
    path = write_raster(tmp_path / "labels.tif", (EXPECTED * 100).astype(dtype))
    reference = read_reference(path, plain)
    assert reference.parcels["ref_id"].tolist() == [100, 200]
    np.testing.assert_array_equal(labels(path, plain), EXPECTED * 100)


def test_label_raster_on_the_same_grid_with_another_extent(tmp_path, placed):
    shifted = np.pad(EXPECTED, ((3, 0), (7, 0)))[:25, :30]
    path = write_raster(tmp_path / "labels.tif", shifted, UTM, PLACED @ Affine.translation(-7, -3))
    expected = EXPECTED.copy()
    expected[22:] = 0
    expected[:, 23:] = 0
    np.testing.assert_array_equal(labels(path, placed), expected)


def test_label_raster_with_nodata_and_with_parcels_in_pieces(tmp_path, plain):
    values = np.full((HEIGHT, WIDTH), 255, np.uint8)
    values[0:2, 0:2] = values[2:4, 2:4] = values[20:22, 30:33] = 3  # touching at a corner, and apart
    path = write_raster(tmp_path / "labels.tif", values, nodata=255)
    reference = read_reference(path, plain)
    assert reference.parcels["ref_id"].tolist() == [3]
    assert (reference.repaired, reference.overlapping) == (0, 0)
    np.testing.assert_array_equal(labels(path, plain), np.where(values == 3, 3, 0))


def test_empty_files_with_structure_are_scenes_without_parcels(tmp_path, placed, plain):
    on_map().iloc[:0].to_file(tmp_path / "r.gpkg")
    (tmp_path / "via.json").write_text(json.dumps({"k": {"filename": "plain.png", "regions": []}}))
    blank = write_raster(tmp_path / "labels.tif", np.zeros((HEIGHT, WIDTH), np.uint8))
    assert len(read_reference(tmp_path / "r.gpkg", placed).parcels) == 0
    assert len(read_reference(tmp_path / "via.json", plain).parcels) == 0
    assert len(read_reference(blank, plain).parcels) == 0


def refused(path: Path, scene: Scene) -> str:
    with pytest.raises(InputError) as caught:
        read_reference(path, scene)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_missing_and_empty_files(tmp_path, plain):
    assert "does not exist" in refused(tmp_path / "nowhere.gpkg", plain)
    (tmp_path / "r.geojson").touch()
    assert "0 bytes" in refused(tmp_path / "r.geojson", plain)


@pytest.mark.parametrize("name", ["r.geojson", "r.json", "r.gpkg", "r.shp", "r.parquet", "r.tif", "r.png", "r.txt", "r"])
def test_files_that_cannot_be_read(tmp_path, plain, name):
    (tmp_path / name).write_bytes(b"\x00\x01 this is no reference {")
    refused(tmp_path / name, plain)


@pytest.mark.parametrize("name", ["r.gpkg", "r.parquet", "r.geojson", "r.shp"])
def test_truncated_files(tmp_path, placed, name):
    write = on_map().to_parquet if name.endswith("parquet") else on_map().to_file
    write(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    refused(tmp_path / name, placed)


def test_a_shapefile_without_its_index(tmp_path, placed):
    on_map().to_file(tmp_path / "r.shp")
    (tmp_path / "r.shx").unlink()
    assert "r.shx" in refused(tmp_path / "r.shp", placed)


def test_a_shapefile_without_its_table_still_has_its_outlines(tmp_path, placed):
    on_map().to_file(tmp_path / "r.shp")
    (tmp_path / "r.dbf").unlink()
    np.testing.assert_array_equal(labels(tmp_path / "r.shp", placed), EXPECTED)


def test_json_of_another_kind(tmp_path, plain):
    (tmp_path / "coco.json").write_text(json.dumps({"images": [], "annotations": []}))
    assert "neither VIA annotations nor GeoJSON nor of LabelMe" in refused(tmp_path / "coco.json", plain)


def test_via_without_the_image(tmp_path, plain):
    message = refused(write_via(tmp_path / "via.json", "a.png", "b.png"), plain)
    assert "no record for the image plain.png (it has 2 records)" in message


def test_a_crs_where_the_scene_has_none(tmp_path, plain):
    on_map().to_file(tmp_path / "r.gpkg")
    message = refused(tmp_path / "r.gpkg", plain)
    assert UTM in message
    assert "plain.png has none" in message


def test_no_overlap_says_both_extents(tmp_path, placed):
    on_map().translate(100_000, 0).to_file(tmp_path / "r.gpkg")
    message = refused(tmp_path / "r.gpkg", placed)
    assert "600050, 6199800, 600350, 6199950" in message
    assert "the scene 500000, 6199700, 500400, 6200000" in message


def test_what_the_projection_does_not_reach_is_no_overlap(tmp_path, placed):
    pole = gpd.GeoDataFrame(geometry=[shapely.box(-100, -90, -98, -89)], crs="EPSG:4326")
    pole.to_file(tmp_path / "r.gpkg")
    assert "does not overlap" in refused(tmp_path / "r.gpkg", placed)


def test_lines_are_no_parcels(tmp_path, placed):
    on_map().boundary.to_file(tmp_path / "r.gpkg")
    assert "holds no polygons" in refused(tmp_path / "r.gpkg", placed)


def test_label_raster_that_does_not_fit(tmp_path, placed, plain):
    small = write_raster(tmp_path / "small.tif", EXPECTED[:20])
    assert "40 x 20 px" in refused(small, plain)
    off = write_raster(tmp_path / "off.tif", EXPECTED, UTM, PLACED @ Affine.translation(0.5, 0))
    assert "grid" in refused(off, placed)
    coarse = write_raster(tmp_path / "coarse.tif", EXPECTED, UTM, PLACED @ Affine.scale(2))
    assert "grid" in refused(coarse, placed)
    elsewhere = write_raster(tmp_path / "elsewhere.tif", EXPECTED, UTM, PLACED @ Affine.translation(1000, 0))
    assert "does not overlap" in refused(elsewhere, placed)


def test_label_raster_without_ids(tmp_path, plain):
    colours = write_raster(tmp_path / "colours.tif", np.zeros((3, HEIGHT, WIDTH), np.uint8))
    assert "3 bands" in refused(colours, plain)
    assert "no ids" in refused(write_raster(tmp_path / "fractions.tif", EXPECTED.astype(np.float32) / 3), plain)
    assert "no ids" in refused(write_raster(tmp_path / "negative.tif", -EXPECTED), plain)
