from unittest.mock import patch

import numpy as np
import pytest

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.crops import RandomCrop
from isagrsc2.prompt_training.data import synthetic_source
from isagrsc2.scene.farmland import draw_farmland

FLAT = RandomCrop(64, rotation=0, aspect=1, flip=0)


def test_neighbours_share_a_scene_that_is_drawn_once(make_synthetic):
    scenes = make_synthetic(crops_per_scene=2)
    with patch.object(synthetic_source, "draw_farmland", wraps=draw_farmland) as draw:
        crops = [scenes.crop(number, FLAT, np.random.default_rng(0))[0] for number in range(4)]
        assert draw.call_count == 2
    # The same draws of where the crop lies: only the scene differs.
    assert (crops[0] == crops[1]).all()
    assert (crops[2] == crops[3]).all()
    assert (crops[0] != crops[2]).any()
    again = make_synthetic(crops_per_scene=2).crop(3, FLAT, np.random.default_rng(0))[0]
    assert (again == crops[3]).all()


def test_no_scene_is_on_two_sides(make_synthetic):
    scenes = make_synthetic(val_scenes=2, test_scenes=2)
    trained = [scenes.crop(number, FLAT, np.random.default_rng(0))[0].tobytes() for number in range(4)]
    measured = [one.read() for side in ("val", "test") for one in scenes.to_measure(side)]
    assert len({*trained, *(image.tobytes() for image, _ in measured)}) == 8
    assert all(labels.max() > 0 for _, labels in measured)
    assert [one.name for one in scenes.to_measure("val")] == ["synthetic val 0", "synthetic val 1"]
    again = make_synthetic(val_scenes=1).to_measure("val")[0].read()
    assert (again[0] == measured[0][0]).all()
    assert (again[1] == measured[0][1]).all()


def test_scenes_without_parcels_cannot_be_measured_on(make_synthetic, make_style):
    scenes = make_synthetic(val_scenes=1, style=make_style(min_parcel_px=64 * 64))
    with pytest.raises(InputError, match=r"20 synthetic scenes of 64 px have no parcel; raise data.synthetic.size"):
        scenes.to_measure("val")[0].read()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 32}, "data.synthetic.size=32 does not fit; give a whole number from 64."),
        ({"crops_per_scene": 0}, "data.synthetic.crops_per_scene=0 does not fit"),
        ({"scale": [0, 1]}, "data.synthetic.scale=.* give factors above 0"),
        ({"val_scenes": -1}, "data.synthetic.val_scenes=-1 does not fit"),
        ({"test_scenes": 0.5}, "data.synthetic.test_scenes=0.5 does not fit"),
    ],
)
def test_bad_numbers(make_synthetic, change, message):
    with pytest.raises(InputError, match=message):
        make_synthetic(**change)
