import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.errors import InputError
from isagrsc2.scene.superres.none import NoSuperResolution
from isagrsc2.scene.superres.resampling import ResamplingSuperResolution

KERNELS = ("bicubic", "lanczos")


def cubic(x: float) -> float:
    """Keys 1981, equation 4 with a = -1/2."""
    x = abs(x)
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def windowed_sinc(x: float) -> float:
    return float(np.sinc(x) * np.sinc(x / 3)) if abs(x) < 3 else 0.0


@pytest.mark.parametrize(("name", "kernel"), [("bicubic", cubic), ("lanczos", windowed_sinc)])
def test_values_are_sums_of_the_kernel(name, kernel):
    row = np.random.default_rng(0).integers(90, 160, 20)
    image = np.broadcast_to(row[None, :, None], (9, 20, 3)).astype(np.uint8)
    enlarged = ResamplingSuperResolution(name, 4).enlarge(image)
    assert enlarged.shape == (36, 80, 3)
    for place in range(24, 56):  # far from the edges
        centre = (place + 0.5) / 4 - 0.5  # of the enlarged pixel, in pixels of the image
        weights = np.array([kernel(column - centre) for column in range(20)])
        assert abs(enlarged[18, place, 0] - (weights * row).sum() / weights.sum()) <= 1


@given(st.sampled_from(KERNELS), st.integers(2, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 255))
def test_what_is_even_stays_even(kernel, scale, height, width, level):
    enlarged = ResamplingSuperResolution(kernel, scale).enlarge(np.full((height, width, 3), level, np.uint8))
    assert np.array_equal(enlarged, np.full((scale * height, scale * width, 3), level, np.uint8))


def test_none_is_the_image_itself():
    image = np.zeros((3, 4, 3), np.uint8)
    assert NoSuperResolution().enlarge(image) is image
    assert (NoSuperResolution().scale, NoSuperResolution().margin) == (1, 0)


@pytest.mark.parametrize(("kernel", "scale", "message"), [("nearest", 4, "superres.kernel=nearest"), ("bicubic", 1, "scale=1")])
def test_options_that_do_not_fit(kernel, scale, message):
    with pytest.raises(InputError, match=message):
        ResamplingSuperResolution(kernel, scale)
