import geopandas
import numpy as np
import pytest
import shapely
import torch

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN
from isagrsc2.prompt_training.sam.data import reduce_labels
from isagrsc2.scene.tiling import Tiling
from isagrsc2.segmenters.sam.segmenter import SamSegmenter

CELLS = 32  # side of a mask, decoder px


def scenes_of(data):
    return {side: {tile.scene.scene.name for tile in tiles} for side, tiles in data.tiles.items()}


def forbid_looking(monkeypatch):
    def embed(self, image):
        raise AssertionError("the encoder has looked at this before")

    monkeypatch.setattr(SamSegmenter, "embed", embed)


def test_labels_at_the_decoders_resolution():
    labels = np.arange(1, 65, dtype=np.int32).reshape(8, 8)
    # 8 px become 16 of the input and 4 of the decoder, so its pixel centres lie at 1, 3, 5 and 7.
    assert np.array_equal(reduce_labels(labels, (4, 4), 16), labels[1::2, 1::2])
    # Of three rows, 6 of the input, the centre at 3 lies just outside.
    wide = reduce_labels(labels[:3], (4, 4), 16)
    assert np.array_equal(wide[0], labels[1, 1::2])
    assert (wide[1:] == UNKNOWN).all()
    # Enlarged: 2 x 2 px become 16 of the input, four pixels of the decoder for each.
    assert np.array_equal(reduce_labels(labels[:2, :2], (4, 4), 16), np.kron(labels[:2, :2], np.ones((2, 2), int)))


def test_whole_scenes_lie_on_one_side(make_data):
    sides = scenes_of(make_data(test_share=0.2))
    assert [len(sides[side]) for side in ("train", "val", "test")] == [3, 2, 1]
    assert len(set().union(*sides.values())) == 6


def test_training_items(make_data):
    data = make_data()
    loader = data.train_dataloader()
    assert len(loader) == 4 * 4 // 2  # four scenes of a tile each, four visits, two a batch
    features, labels, prompts, draws = next(iter(loader))
    assert (features.shape, features.dtype) == ((2, 32, 8, 8), torch.float16)
    assert (labels.shape, labels.dtype) == ((2, CELLS, CELLS), torch.int32)
    assert (prompts.shape, prompts.dtype) == ((2, 12, 2), torch.float32)
    assert len(draws.unique()) == 2
    for one, points in zip(labels, prompts, strict=True):
        columns, rows = points.long().T
        under = one[rows, columns]
        assert UNKNOWN not in under
        assert (under > NO_PARCEL).float().mean() > 0.5


def test_prompts_depend_on_the_draw_alone(make_data):
    items, again = make_data().train_dataloader().dataset, make_data().train_dataloader().dataset
    assert torch.equal(items[5][2], again[5][2])
    assert torch.equal(items[1][0], items[5][0])  # the second of four tiles, visited again
    assert not torch.equal(items[1][2], items[5][2])
    assert not torch.equal(items[5][2], items[5 + len(items)][2])  # the next epoch


def test_the_encoder_looks_at_a_tile_once(make_data, monkeypatch):
    first = make_data()
    expected = first.tiles["train"][0].features()
    forbid_looking(monkeypatch)
    assert np.array_equal(make_data(seed=0, visits=1).tiles["train"][0].features(), expected)
    with pytest.raises(AssertionError, match="looked at this before"):
        _ = make_data(tiling=Tiling(64, 0)).tiles


def test_images_to_measure(make_data):
    data = make_data()
    images = data.images("val")
    assert len(images) == 2
    (item,) = next(iter(data.val_dataloader()))
    again = images[0]
    assert item.image.shape == (128, 128, 3)
    assert item.labels.shape == (128, 128)
    assert item.features.shape == (32, 8, 8)
    assert np.array_equal(item.prompts, again.prompts)
    assert item.name.endswith(", tile at 0, 0")
    columns, rows = np.floor(item.prompts).astype(int).T
    parcels = item.labels[rows, columns]
    assert sorted(parcels) == sorted(set(item.labels[item.labels > 0].tolist()))
    assert [one.index for one in images[:]] == [0, 1]
    assert len(data.images("test")) == 0


def test_tiles_without_parcels_are_passed_over(make_data):
    data = make_data(tiling=Tiling(64, 0))
    tiles = [tile for tiles in data.tiles.values() for tile in tiles]
    assert 0 < len(tiles) < 6 * 4
    assert all(tile.labels.max() > 0 for tile in tiles)
    assert len({tile.name for tile in tiles}) == len(tiles)


def test_land_without_data_is_not_known(make_data, write_raster, tmp_path):
    for number in range(2):
        image = np.full((128, 96, 3), 90, np.uint8)
        image[:, :20] = 0
        write_raster(f"bare_{number}.tif", image, nodata=0, crs="EPSG:26915")
    box = shapely.box(500_000 + 300, 6_200_000 - 900, 500_000 + 700, 6_200_000 - 300)  # 10 m a pixel: columns 30 to 70
    geopandas.GeoDataFrame(geometry=[box], crs="EPSG:26915").to_file(tmp_path / "parcel.gpkg")
    data = make_data(path=[str(tmp_path / "bare_*.tif")], reference=str(tmp_path / "parcel.gpkg"), val_share=0.5)
    labels = data.tiles["train"][0].labels
    assert (labels[:, :5] == UNKNOWN).all()  # 20 of 128 px
    assert (labels[:, 24:] == UNKNOWN).all()  # 96 of 128 px: SAM's padding
    assert sorted(np.unique(labels[:, 5:24])) == [NO_PARCEL, 1]


def test_refuses_too_few_scenes(make_data, scenes):
    with pytest.raises(InputError, match="1 scene cannot be split into training and validation"):
        _ = make_data(path=str(scenes[0] / "scene_0.png")).tiles


def test_refuses_missing_parcels(make_data):
    with pytest.raises(InputError, match=r"data\.reference is missing"):
        _ = make_data(reference="none").tiles


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"visits": 0}, r"data\.visits=0"),
        ({"val_share": 0.0}, r"data\.val_share=0 "),
        ({"batch_size": 0}, r"data\.batch_size=0"),
        ({"workers": -1}, r"data\.workers=-1"),
        ({"val_prompts": 0}, r"data\.val_prompts=0"),
    ],
)
def test_refuses_numbers_that_do_not_fit(make_data, changed, message):
    with pytest.raises(InputError, match=message):
        make_data(**changed)
