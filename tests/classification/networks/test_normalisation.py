import pytest
import torch

from isagrsc2.classification.networks.normalisation import NORMALISATIONS, Normalisation


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # (255 / 255 - 0.485) / 0.229, (0 - 0.456) / 0.224, (51 / 255 - 0.406) / 0.225
        ("imagenet", [2.248908, -2.035714, -0.915556]),
        # (255 / 255 - 0.48145466) / 0.26862954, (0 - 0.4578275) / 0.26130258, (51 / 255 - 0.40821073) / 0.27577711
        ("clip", [1.930336, -1.752097, -0.754996]),
        ("mean_only", [132.0, -117.0, -53.0]),
    ],
)
def test_by_hand(name, expected):
    chip = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    normalise = Normalisation(NORMALISATIONS[name])
    assert normalise(chip).flatten().tolist() == pytest.approx(expected, abs=1e-5)
    assert not normalise.state_dict()
