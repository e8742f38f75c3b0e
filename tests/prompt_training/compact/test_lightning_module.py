"""Training of the compact segmenter in miniature: it learns, its masks follow the prompts, and its weights come back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_borders import HIERARCHY
from omegaconf import OmegaConf

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import PromptBatch, PromptedImage
from isagrsc2.prompt_training.compact.lightning_module import CompactModule
from isagrsc2.prompt_training.compact.start import start_from
from isagrsc2.segmenters.compact.segmenter import CompactSegmenter
from isagrsc2.segmenters.compact.weights_file import CompactModel, read_weights
from isagrsc2.training.divergence import DivergedError
from isagrsc2.weights.embedded import locate_embedded

CONF = Path(__file__).parents[3] / "conf" / "model" / "compact.yaml"
SIDE = 64


def module(**changed: Any) -> CompactModule:
    torch.manual_seed(0)
    left_out = ("defaults", "_target_", "_convert_", "optimizer")
    options: Any = {key: value for key, value in OmegaConf.to_container(OmegaConf.load(CONF)).items() if key not in left_out}  # type: ignore[union-attr]
    options |= {
        "hierarchy": HIERARCHY,
        "trained_on": {"path": "drawn"},
        "optimizer": lambda groups: torch.optim.AdamW(groups, lr=3e-3),
        "scheduler": lambda optimizer: torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
    }
    return CompactModule(**options | changed)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four fields of different colours around a grey crossing: (S, S, 3) uint8, (S, S) int32."""
    rng = np.random.default_rng(seed)
    y, x = rng.integers(24, 40, 2)
    image = np.full((SIDE, SIDE, 3), 128, np.int64)
    labels = np.zeros((SIDE, SIDE), np.int32)
    places = [np.s_[: y - 2, : x - 2], np.s_[: y - 2, x + 2 :], np.s_[y + 2 :, : x - 2], np.s_[y + 2 :, x + 2 :]]
    for number, place in enumerate(places, start=1):
        labels[place] = number
        image[place] = rng.permutation([40, 120, 210])
    return (image + rng.integers(-6, 7, image.shape)).astype(np.uint8), labels


CORNERS = np.array([[8.5, 8.5], [56.5, 8.5], [8.5, 56.5], [56.5, 56.5]], np.float32)


def batch(seeds: range) -> PromptBatch:
    images, labels = zip(*map(drawn, seeds), strict=True)
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    prompts = torch.from_numpy(np.stack([CORNERS] * len(seeds)))
    return pixels, torch.from_numpy(np.stack(labels)), prompts, torch.tensor(list(seeds))


def test_it_learns_and_masks_follow_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = module().train()
    monkeypatch.setattr(trained, "log_dict", lambda *_, **__: None)
    optimizer = trained.configure_optimizers()["optimizer"]
    losses = []
    for step in range(40):
        loss = trained.training_step(batch(range(4 * step, 4 * step + 4)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])

    image, labels = drawn(1000)
    answers = trained.answer(PromptedImage("unseen", image, labels, CORNERS, 0))
    assert answers.best.mean() > 0.8
    segmenter = trained.segmenter()
    embedding = segmenter.embed(image)
    masks = segmenter.segment(embedding, CORNERS).enlarge((np.arange(len(CORNERS)), np.ones(len(CORNERS), int)))
    for mask, (x, y) in zip(masks, CORNERS.astype(int), strict=True):
        assert mask[y, x]
        assert mask.sum() < 0.5 * SIDE**2
    assert not (masks[0] & masks[3]).any()


def test_the_encoder_has_its_own_rate() -> None:
    made = module(encoder_rate=0.25)
    rest, encoder = made.configure_optimizers()["optimizer"].param_groups
    assert encoder["lr"] == pytest.approx(0.25 * rest["lr"])
    assert sum(map(len, (rest["params"], encoder["params"]))) == len(list(made.parameters()))


def test_weights_are_those_that_the_segmenter_reads(tmp_path: Path) -> None:
    made = module().eval()
    weights = made.write_weights(tmp_path)
    assert f"segmenter.checkpoint={weights}" in made.usage(weights)
    image, _ = drawn(1)
    # Another layout in memory, another rounding.
    assert np.allclose(CompactSegmenter(str(weights), "cpu", HIERARCHY).maps(image), made.segmenter().maps(image), atol=1e-5)
    again = module(start={"weights": str(weights), "encoder": "none", "normalisation": "imagenet"})
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), again.parameters(), strict=True))


def test_a_loss_that_is_no_number_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module().train()
    monkeypatch.setattr(made, "log_dict", lambda *_, **__: None)
    with torch.no_grad():
        made.model.network.head.bias.fill_(torch.nan)
    monkeypatch.setattr(made, "_score_loss", lambda *_: torch.zeros(()))
    with pytest.raises(DivergedError, match=r"the loss is nan in epoch 0; lower model.optimizer.lr"):
        made.training_step(batch(range(2)))


def test_an_encoder_of_imagenet(tmp_path: Path) -> None:
    from torchvision.models import squeezenet1_0

    theirs = squeezenet1_0()
    torch.save(theirs.state_dict(), tmp_path / "squeezenet.pth")
    model = CompactModel()
    start_from(model, {"weights": "none", "encoder": str(tmp_path / "squeezenet.pth"), "normalisation": "imagenet"})
    assert torch.equal(model.network.stem.weight, theirs.features[0].weight)


def test_a_start_from_the_package() -> None:
    model = CompactModel()
    start_from(model, {"weights": "embedded", "encoder": "none", "normalisation": "imagenet"})
    expected = read_weights(locate_embedded("compact")).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"weights": "a", "encoder": "b", "normalisation": "imagenet"}, "are both given"),
        ({"weights": "a", "encoder": "none", "normalisation": "imagenet"}, "a is not a file"),
        (
            {"weights": "none", "encoder": "b.pth", "normalisation": "imagenet"},
            "b.pth does not exist; check",
        ),
        ({"weights": "none", "encoder": "none", "normalisation": "clip"}, "model.start.normalisation"),
    ],
)
def test_starts_that_cannot_be(start: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        start_from(CompactModel(), start)


def test_an_encoder_of_another_network(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(96, 3, 7, 7)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="holds no weights of torchvision's squeezenet1_0"):
        start_from(CompactModel(), {"weights": "none", "encoder": str(tmp_path / "other.pth"), "normalisation": "imagenet"})
