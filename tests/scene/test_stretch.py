import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isagrsc2.errors import InputError
from isagrsc2.scene.stretch import NoStretch, PercentileStretch, Stretch


def percentile(**changes) -> PercentileStretch:
    return PercentileStretch(**{"low": 0.0, "high": 100.0, "joint": True, "enough": 256, "max_gain": 2.0} | changes)


def grey(*values, dtype=np.float32) -> np.ndarray:
    """(1, N, 3): a row of grey pixels."""
    return np.repeat(np.array(values, dtype)[None, :, None], 3, axis=2)


def everywhere(raw: np.ndarray) -> np.ndarray:
    return np.ones(raw.shape[:2], bool)


def stretched(raw: np.ndarray, how: PercentileStretch) -> list[int]:
    """The first band after the stretch that fits the values themselves."""
    return how.measure(raw, everywhere(raw)).apply(raw)[0, :, 0].tolist()


def test_a_stretch_is_linear_and_clips():
    # (v - 100) * 255 / 51 = (v - 100) * 5
    stretch = Stretch((100.0,) * 3, (151.0,) * 3)
    assert stretch.apply(grey(90, 100, 101, 151, 200))[0, :, 0].tolist() == [0, 0, 5, 255, 255]


def test_no_stretch_takes_values_as_they_are():
    raw = grey(-5, 0, 7, 255, 300, dtype=np.int16)
    assert NoStretch().measure(raw, everywhere(raw)).apply(raw)[0, :, 0].tolist() == [0, 0, 7, 255, 255]


def test_percentiles_become_black_and_white():
    # 0, 1, ..., 100: the 10th percentile is 10, the 90th 90; (50 - 10) * 255 / 80 = 127.5, rounded to even
    raw = grey(*range(101), dtype=np.uint16)
    out = stretched(raw, percentile(low=10, high=90))
    assert (out[10], out[50], out[90]) == (0, 128, 255)
    assert out[:10] == [0] * 10


def test_bands_are_stretched_together_or_apart():
    raw = np.zeros((1, 2, 3), np.uint16)
    raw[0, 1] = (255, 510, 1020)
    together = percentile().measure(raw, everywhere(raw))
    assert together.apply(raw)[0, 1].tolist() == [64, 128, 255]  # 255, 510, 1020 over 4
    apart = percentile(joint=False).measure(raw, everywhere(raw))
    assert apart.apply(raw)[0, 1].tolist() == [255, 255, 255]


def test_only_valid_pixels_count():
    raw = grey(0, 1000, 2000, 60000, dtype=np.uint16)
    valid = np.array([[False, True, True, False]])
    assert percentile().measure(raw, valid) == Stretch((1000.0,) * 3, (2000.0,) * 3)


def test_without_valid_pixels_nothing_is_stretched():
    raw = np.full((2, 2, 3), np.nan, np.float32)
    assert percentile().measure(raw, np.zeros((2, 2), bool)) == Stretch((0.0,) * 3, (255.0,) * 3)


def test_images_for_the_eye_are_amplified_only_so_much():
    # 100..110 is widened to 127.5 levels around 105: (100 - 41.25) * 2 = 117.5, (110 - 41.25) * 2 = 137.5
    assert stretched(grey(100, 110, dtype=np.uint8), percentile()) == [118, 138]
    assert stretched(grey(100, 110, dtype=np.uint16), percentile()) == [0, 255]  # no natural range


@pytest.mark.parametrize("value", [0, 1e-9, 0.3, 30000, -12, 3e9])
def test_a_constant_image_becomes_mid_grey(value):
    assert set(stretched(grey(value, value, dtype=np.float64), percentile())) <= {127, 128}


def test_faint_and_large_values_keep_their_differences():
    ramp = [0, 51, 102, 153, 204, 255]
    assert stretched(grey(*(1e-9 * value for value in ramp), dtype=np.float32), percentile()) == ramp  # W, not nW
    assert stretched(grey(*(2_000_000_000 + value for value in ramp), dtype=np.int32), percentile()) == ramp


def test_what_is_not_finite_is_clipped_without_a_warning():
    raw = grey(np.nan, -np.inf, np.inf, -3.4e38, 3.4e38)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Stretch((-1e38,) * 3, (1e38,) * 3).apply(raw)[0, :, 0].tolist() == [0, 0, 255, 0, 255]


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]),
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)),
        elements=st.integers(0, 200),
    ),
    st.booleans(),
)
def test_order_is_kept_and_pieces_are_stretched_like_the_whole(raw, joint):
    stretch = percentile(low=2.0, high=98.0, joint=joint).measure(raw, everywhere(raw))
    image = stretch.apply(raw)
    for band in range(3):
        order = np.argsort(raw[..., band], axis=None, kind="stable")
        assert np.all(np.diff(image[..., band].ravel()[order].astype(int)) >= 0)
    np.testing.assert_array_equal(stretch.apply(raw[:1]), image[:1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low": -1}, "scene.stretch.low=-1"),
        ({"high": 101}, "scene.stretch.high=101"),
        ({"low": "dark"}, "scene.stretch.low=dark"),
        ({"low": 50, "high": 50}, "scene.stretch.low=50 must be smaller than scene.stretch.high=50"),
        ({"low": float("nan")}, "scene.stretch.low=nan"),
        ({"max_gain": 0}, "scene.stretch.max_gain=0"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        percentile(**changes)


def test_an_8_bit_image_made_for_the_eye_stays_as_it_is() -> None:
    bright = np.linspace(20, 200, 300).astype(np.uint8).reshape(10, 10, 3)  # spans 180 levels
    everywhere = np.ones((10, 10), bool)
    assert (percentile(enough=180).measure(bright, everywhere).apply(bright) == bright).all()
    assert percentile(enough=181).measure(bright, everywhere).apply(bright).max() == 255
