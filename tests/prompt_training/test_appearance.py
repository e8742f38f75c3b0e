import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.appearance import Appearance, SameAppearance

STILL = {
    "gamma": [1, 1],
    "gain": [1, 1],
    "saturation": [1, 1],
    "contrast": [1, 1],
    "brightness": 0,
    "blur_probability": 0,
    "blur": [1, 1],
    "noise_probability": 0,
    "noise": [0.1, 0.1],
    "jpeg_probability": 0,
    "jpeg_quality": [50, 50],
    "permutation_probability": 0,
}
WILD = {
    "gamma": [0.5, 2],
    "gain": [0.5, 2],
    "saturation": [0, 2],
    "contrast": [0.5, 2],
    "brightness": 0.2,
    "blur_probability": 0.5,
    "noise_probability": 0.5,
    "jpeg_probability": 0.5,
    "permutation_probability": 0.5,
}


def picture(seed=0, side=24):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def changed(image, seed=0, **changes):
    return Appearance(**(STILL | changes))(image, np.random.default_rng(seed))


def test_nothing_is_changed_by_ones_and_zeros():
    image = picture()
    assert (changed(image) == image).all()
    assert SameAppearance()(image, np.random.default_rng(0)) is image


@given(st.integers(0, 10_000))
def test_same_draws_same_image_and_the_argument_stays(seed):
    image = picture(seed)
    kept = image.copy()
    first, again = changed(image, seed, **WILD), changed(image, seed, **WILD)
    assert (first == again).all()
    assert (image == kept).all()
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous


def test_each_change_against_its_formula():
    image = picture()
    values = image / 255.0
    assert abs(changed(image, gamma=[2, 2]) - 255 * values**2).max() <= 0.51
    assert abs(changed(image, gain=[0.5, 0.5]) - 127.5 * values).max() <= 0.51
    grey = np.broadcast_to(255 * values.mean(axis=2, keepdims=True), image.shape)
    assert abs(changed(image, saturation=[0, 0]) - grey).max() <= 0.51
    contrasted = 255 * (values.mean() + 0.5 * (values - values.mean()))
    assert abs(changed(image, contrast=[0.5, 0.5]) - contrasted).max() <= 0.51
    difference = changed(np.full((8, 8, 3), 100, np.uint8), brightness=0.1).astype(int) - 100
    assert np.ptp(difference) == 0
    assert 0 < abs(difference.max()) <= 26


def test_channels_have_gains_of_their_own():
    grey = changed(np.full((8, 8, 3), 100, np.uint8), gain=[0.5, 2])
    assert len(set(grey[0, 0].tolist())) == 3


def test_blur_noise_and_jpeg():
    image = picture()
    assert abs(changed(image, blur_probability=1).astype(int) - cv2.GaussianBlur(image, (0, 0), 1.0)).max() <= 1
    noisy = changed(np.full((64, 64, 3), 128, np.uint8), noise_probability=1)
    assert 23 < noisy.astype(float).std() < 28  # 0.1 of 255
    # Red stays red: OpenCV takes blue, green, red.
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    assert abs(changed(red, jpeg_probability=1).astype(int) - red).max() < 12
    assert (changed(image, jpeg_probability=1) != image).any()


def test_channels_change_places():
    image = picture()
    seen = {changed(image, seed, permutation_probability=1).tobytes() for seed in range(60)}
    assert seen == {np.ascontiguousarray(image[..., order]).tobytes() for order in orders()}


def orders():
    return [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": [0, 1]}, "data.appearance.gamma=.* give factors above 0"),
        ({"noise": [0.2, 0.1]}, "data.appearance.noise=.* give the lower number first"),
        ({"jpeg_quality": [50, 101]}, "data.appearance.jpeg_quality=101 does not fit; give a number from 1 to 100."),
        ({"brightness": 2}, "data.appearance.brightness=2 does not fit"),
        ({"blur_probability": -1}, "data.appearance.blur_probability=-1 does not fit"),
    ],
)
def test_bad_numbers(change, message):
    with pytest.raises(InputError, match=message):
        Appearance(**(STILL | change))
