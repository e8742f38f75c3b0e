"""Fitting the temperature of texts on labelled chips, with a stand-in network that sees brightness."""

import logging

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_folders import fill, seed_layout
from torch import nn

from isagrsc2.classification.calibration import LEAST, MOST
from isagrsc2.classification.clip.calibration import FixedTemperature, LabelledChips
from isagrsc2.errors import InputError

IS_CULTIVATED = torch.tensor([True, False])


class Brightness(nn.Module):
    """Logits 2 and 0 of bright chips, 0 and 2 of dark ones: always equally sure."""

    def forward(self, chips):
        assert chips.shape[2:] == (8, 8)
        bright = chips.float().mean(dim=(1, 2, 3)) > 110
        return torch.stack([2.0 * bright, 2.0 * ~bright], dim=1)


def fitted(root, cultivated=("field",), batch=3, max_damaged_share=0.01):
    calibration = LabelledChips(str(root), cultivated, max_damaged_share, 1)
    return calibration.temperature(Brightness(), IS_CULTIVATED, 8, batch, torch.device("cpu"))


def mistaken(root, right, wrong):
    """Class folders in which the network is right and wrong so many times."""
    fill(root / "field", right, brightness=180)
    fill(root / "nonfield", wrong, brightness=180)  # bright, but no field
    return root


def test_by_hand(tmp_path, caplog):
    # Right 3 times of 4: softmax of 2 / T = 3/4, so T = 2 / ln 3. Loss there: the entropy of (3/4, 1/4).
    with caplog.at_level(logging.INFO):
        found = fitted(mistaken(tmp_path, 6, 2))
    assert found == pytest.approx(2 / np.log(3), rel=1e-3)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    (line,) = [record.message for record in caplog.records]
    assert f"temperature 1.820 fitted on 8 chips of {tmp_path}" in line
    assert f"negative log-likelihood {entropy:.3f}, at temperature 1 0.627" in line
    assert "classifier.calibration.temperature=1.820 gives the same" in line


def test_batches_change_nothing(tmp_path):
    root = mistaken(tmp_path, 6, 2)
    assert fitted(root, batch=1) == pytest.approx(fitted(root, batch=100), rel=1e-6)


def test_of_a_layout_with_sides_only_train_is_used(tmp_path):
    root = seed_layout(tmp_path, train=3, test=2)
    assert fitted(root) == pytest.approx(LEAST, rel=1e-3)  # no mistake
    fill(root / "test" / "golf", 9, brightness=200)
    assert fitted(root) == pytest.approx(LEAST, rel=1e-3)


@pytest.mark.parametrize(
    ("cultivated", "words"),
    [
        (["wheat"], r"class folders field, nonfield; classifier\.calibration\.cultivated=\['wheat'\] must name some of them"),
        (["field", "nonfield"], "must name some of them, and not all"),
    ],
)
def test_folders_that_do_not_divide(tmp_path, cultivated, words):
    with pytest.raises(InputError, match=words):
        fitted(mistaken(tmp_path, 2, 1), cultivated)


def test_absent(tmp_path):
    with pytest.raises(InputError, match=r"nowhere has images in the class folders \(none\).*calibration\.root=PATH"):
        fitted(tmp_path / "nowhere")


def test_damaged_images(tmp_path):
    root = mistaken(tmp_path, 6, 2)
    (root / "field" / "bad.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="1 of 9 images are damaged"):
        fitted(root)
    assert fitted(root, max_damaged_share=0.2) == pytest.approx(2 / np.log(3), rel=1e-3)


def test_images_of_any_size_become_chips(tmp_path):
    root = mistaken(tmp_path, 6, 2)
    Image.new("RGB", (50, 10), (200, 200, 200)).save(root / "field" / "wide.png")
    assert 1 < fitted(root) < 2 / np.log(3)  # 7 right of 9


def test_fixed():
    assert FixedTemperature(1.5).temperature(Brightness(), IS_CULTIVATED, 8, 1, torch.device("cpu")) == 1.5
    for wrong in (0, -1, 2 * MOST, "auto"):
        with pytest.raises(InputError, match=r"classifier\.calibration\.temperature="):
            FixedTemperature(wrong)
    with pytest.raises(InputError, match=r"classifier\.calibration\.workers=0"):
        LabelledChips("", ["field"], 0.1, 0)
