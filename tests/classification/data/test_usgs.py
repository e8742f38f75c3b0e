import pytest
from tiny_scenes import SPLIT, GridFinder, labelled_pngs, parcels, picture, write_image, write_vector

from isagrsc2.classification.data.usgs import UsgsOrthophotos
from isagrsc2.errors import InputError
from isagrsc2.scene.stretch import NoStretch


def make(root):
    limits = {"positives": "parcels", "max_inside": 0.2, "min_inside": 0.8, "min_area": 10, "per_scene": 100}
    return UsgsOrthophotos(root=str(root), bands="auto", stretch=NoStretch(), finder=GridFinder(), **limits, **SPLIT)


def cultivated(splits):
    """Number of cultivated chips of every image."""
    found = {}
    for part in (splits.train, splits.val, splits.test):
        for name, label in zip(part.names, part.labels, strict=True):
            found[name.split(",")[0]] = found.get(name.split(",")[0], 0) + label
    return found


def four_bands(polygons):
    image = picture(polygons)
    return image[:, :, [0, 1, 2, 0]]  # (H, W, 4): red, green, blue, near infrared


def test_pngs_with_one_via_file(tmp_path):
    assert cultivated(make(labelled_pngs(tmp_path, count=3)).splits) == {"scene_0.png": 1, "scene_1.png": 2, "scene_2.png": 3}


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "shp"])
def test_geotiffs_with_parcels_beside_them(tmp_path, suffix):
    for number in range(3):
        write_image(tmp_path / "images" / f"m_{number}.tif", four_bands(parcels(number + 1)))
        write_vector(tmp_path / "parcels" / f"m_{number}.{suffix}", parcels(number + 1))
    assert cultivated(make(tmp_path).splits) == {"m_0.tif": 1, "m_1.tif": 2, "m_2.tif": 3}


def test_one_vector_file_for_all(tmp_path):
    for number in range(3):
        write_image(tmp_path / "images" / f"m_{number}.tif", four_bands(parcels(2)))
    write_vector(tmp_path / "parcels.shp", parcels(2))
    assert cultivated(make(tmp_path).splits) == {"m_0.tif": 2, "m_1.tif": 2, "m_2.tif": 2}


def test_absent(tmp_path):
    with pytest.raises(
        InputError, match=r"holds 0 orthophotos and 0 parcels files \(0 files found\); download NAIP.*usgs\.gov"
    ):
        _ = make(tmp_path / "absent").splits
    write_image(tmp_path / "images" / "m_0.tif", four_bands([]))
    with pytest.raises(InputError, match=r"holds 1 orthophotos and 0 parcels files \(1 files found\).*give data\.root=PATH"):
        _ = make(tmp_path).splits


def test_several_parcels_files(tmp_path):
    (labelled_pngs(tmp_path) / "old.json").write_text("{}")
    with pytest.raises(InputError, match=r"several parcels files \(old\.json, via_regions\.json\); leave one"):
        _ = make(tmp_path).splits
