import cv2
import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window
from scipy import ndimage

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN
from isagrsc2.prompt_training.crops import CropMap, RandomCrop, renumber

RANDOM = {"size": 48, "rotation": 20, "aspect": 1.2, "flip": 0.5}


def cut(place, image, labels):
    """Crop both as a source does: only the window is passed on."""
    window = place.window(labels.shape[1], labels.shape[0])
    rows, columns = window.toslices()
    return place.image(image[rows, columns], window), place.labels(labels[rows, columns], window)


def squares(height, width, side=16):
    """Labels of a chessboard of numbered squares, and an image whose colour is the number."""
    labels = (np.arange(height) // side)[:, None] * -(-width // side) + np.arange(width) // side + 1
    labels = labels.astype(np.int32)
    return colours_of(labels), labels


def colours_of(labels):
    return np.stack([labels * 37 % 256, labels * 91 % 256, labels * 53 % 256], axis=-1).astype(np.uint8)


def test_a_scene_of_the_crops_size_at_scale_1_is_the_crop():
    image, labels = squares(48, 48)
    place = RandomCrop(48, rotation=0, aspect=1, flip=0).draw(48, 48, [1, 1], np.random.default_rng(0))
    cropped, numbers = cut(place, image, labels)
    # One of the four right angles was drawn; turned back the pixels are the same.
    turns = [k for k in range(4) if (np.rot90(cropped, k) == image).all()]
    assert len(turns) == 1
    assert (np.rot90(numbers, turns[0]) == labels).all()


def test_every_right_angle_and_both_sides_occur():
    image, labels = squares(48, 48)
    draw, generator = RandomCrop(48, rotation=0, aspect=1, flip=0.5).draw, np.random.default_rng(0)
    seen = {cut(draw(48, 48, [1, 1], generator), image, labels)[1].tobytes() for _ in range(60)}
    expected = {np.rot90(side, k).tobytes() for side in (labels, labels[:, ::-1]) for k in range(4)}
    assert seen == expected


@pytest.mark.parametrize(("scale", "side"), [(0.5, 10), (1.0, 20), (2.0, 40)])
def test_scale_is_crop_px_per_scene_px(scale, side):
    labels = np.zeros((100, 100), np.int32)
    labels[40:60, 40:60] = 1  # 20 px
    to_scene = Affine.translation(50, 50) @ Affine.scale(1 / scale) @ Affine.translation(-24, -24)
    _, numbers = cut(CropMap(to_scene, 48, scale), np.zeros((100, 100, 3), np.uint8), labels)
    rows, columns = np.nonzero(numbers == 1)
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == side


def test_positions_by_hand():
    # A crop of 8 px at scale 1 whose upper left corner is the scene's pixel (column 3, row 2): one column lies outside.
    labels = np.arange(100, dtype=np.int32).reshape(10, 10)
    place = CropMap(Affine.translation(3, 2), 8, 1.0)
    assert place.window(10, 10) == Window(2, 1, 8, 9)
    image, numbers = cut(place, np.full((10, 10, 3), 7, np.uint8), labels)
    assert (numbers[:, :7] == labels[2:, 3:]).all()
    assert (numbers[:, 7] == UNKNOWN).all()
    assert (image[:, :7] == 7).all()
    assert (image[:, 7] == 0).all()


def test_shrinking_averages():
    # Stripes of one pixel alias to anything between black and white; their mean is grey.
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 200
    to_scene = Affine.translation(0.5, 0.5) @ Affine.scale(4.0)
    image, _ = cut(CropMap(to_scene, 40, 0.25), stripes, np.zeros((200, 200), np.int32))
    assert abs(image[4:-4, 4:-4].astype(float) - 100).max() <= 3
    assert CropMap(to_scene, 40, 0.25).blur == pytest.approx(np.sqrt(15 / 12))
    assert CropMap(to_scene, 40, 1.5).blur == 0


@given(st.integers(0, 10_000), st.integers(20, 150), st.integers(20, 150), st.floats(0.4, 2.5))
def test_image_and_labels_stay_aligned(seed, height, width, scale):
    image, labels = squares(height, width, side=24)
    place = RandomCrop(**RANDOM).draw(width, height, [scale, scale], np.random.default_rng(seed))
    cropped, numbers = cut(place, image, labels)
    assert cropped.shape == (48, 48, 3)
    assert cropped.dtype == np.uint8
    assert numbers.dtype == np.int32
    # Away from borders (of squares, of the scene, of the crop) a colour is that of its label.
    same = ndimage.maximum_filter(numbers, 9) == ndimage.minimum_filter(numbers, 9, mode="constant", cval=-9)
    assert (cropped[same & (numbers == UNKNOWN)] == 0).all()
    inside = same & (numbers != UNKNOWN)
    assert (cropped[inside] == colours_of(numbers[inside])).all()


@given(st.integers(0, 10_000), st.integers(2, 300), st.integers(2, 300), st.floats(0.3, 2))
def test_the_window_is_enough(seed, height, width, scale):
    """Outside of its window a scene may hold anything."""
    place = RandomCrop(**RANDOM).draw(width, height, [scale, scale], np.random.default_rng(seed))
    window = place.window(width, height)
    rows, columns = window.toslices()
    assert rows.start < rows.stop <= height
    assert columns.start < columns.stop <= width
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 99, (height, width)).astype(np.int32)
    whole = Window(0, 0, width, height)
    assert (place.labels(labels[rows, columns], window) == place.labels(labels, whole)).all()
    image = generator.integers(0, 256, (height, width, 3)).astype(np.uint8)
    part, complete = place.image(image[rows, columns], window), place.image(image, whole)
    assert cv2.absdiff(part, complete).max() <= 2  # of 255: what the Gaussian weighs beyond three standard deviations


def test_a_crop_lies_in_a_scene_that_is_large_enough():
    draw, generator = RandomCrop(32, rotation=0, aspect=1, flip=0.5).draw, np.random.default_rng(0)
    for _ in range(200):
        to_scene = draw(100, 40, [1, 2], generator).to_scene
        (x, y), (other_x, other_y) = to_scene @ (0, 0), to_scene @ (32, 32)
        assert -1e-9 <= min(x, other_x) <= max(x, other_x) <= 100 + 1e-9
        assert -1e-9 <= min(y, other_y) <= max(y, other_y) <= 40 + 1e-9


def test_renumber_by_hand():
    labels = np.array([[UNKNOWN, 7, 7], [NO_PARCEL, 3, 900]], np.int32)
    assert renumber(labels).tolist() == [[UNKNOWN, 2, 2], [NO_PARCEL, 1, 3]]
    assert renumber(labels).dtype == np.int32
    for value in (UNKNOWN, NO_PARCEL):
        assert renumber(np.full((2, 2), value, np.int32)).tolist() == [[value] * 2] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 7}, "data.crop.size=7 does not fit; give a whole number from 8."),
        ({"rotation": 50}, "data.crop.rotation=50 does not fit; give a number from 0 to 45."),
        ({"aspect": 0.5}, "data.crop.aspect=0.5 does not fit; give a number from 1."),
        ({"flip": 1.5}, "data.crop.flip=1.5 does not fit; give a number from 0 to 1."),
    ],
)
def test_bad_numbers(change, message):
    with pytest.raises(InputError, match=message):
        RandomCrop(**(RANDOM | change))
