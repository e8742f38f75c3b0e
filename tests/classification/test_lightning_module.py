import pytest
import torch
from tiny_training import BACKBONE, brown_and_blue, loader, make_module, make_trainer
from torch import nn

from isagrsc2.classification.calibration import fit_temperature
from isagrsc2.classification.predictions import Predictions
from isagrsc2.classification.scores import score
from isagrsc2.errors import InputError
from isagrsc2.training.divergence import DivergedError


def test_overfits_eight_chips(tmp_path):
    module = make_module()
    make_trainer(tmp_path, max_epochs=6).fit(module, loader(8, batch=8))
    chips, labels = brown_and_blue(8)
    with torch.no_grad():
        # Batch normalisation by the batch: its running means need more steps than the weights do.
        logits = module.train()(torch.from_numpy(chips).permute(0, 3, 1, 2))
    assert logits.argmax(dim=1).tolist() == labels.tolist()
    assert nn.functional.cross_entropy(logits, torch.from_numpy(labels)) < 0.1


def test_checkpoint_holds_plain_values_only(checkpoint):
    content = torch.load(checkpoint, weights_only=True)  # refuses anything else
    described = content["hyper_parameters"]
    temperature = described.pop("temperature")
    assert described == {
        "backbone": BACKBONE,
        "class_names": ["not_cultivated", "cultivated"],
        "cultivated": ["cultivated"],
        "chip_size": 64,
        "trained_on": {"root": "chips"},
    }
    assert temperature > 0
    assert all(key.startswith("net.") for key in content["state_dict"])


class Recorded(nn.Module):
    """Gives the logits it was told, whatever it sees: rows are numbered by the first byte of the chip."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, chips):
        return self.logits[chips[:, 0, 0, 0].long()]


def numbered(labels, batch):
    """A loader of chips that bear their number in every byte."""
    count = len(labels)
    chips = torch.arange(count, dtype=torch.uint8).view(count, 1, 1, 1).expand(count, 3, 2, 2)
    return torch.utils.data.DataLoader(list(zip(chips, labels, range(count), strict=True)), batch)


@pytest.fixture
def recorded():
    """A module whose outputs are known, its logits and labels."""
    module = make_module(class_names=["field", "forest", "orchard"], cultivated=["field", "orchard"], class_counts=[1, 1, 1])
    generator = torch.Generator().manual_seed(5)
    logits, labels = torch.randn(30, 3, generator=generator), torch.randint(0, 3, (30,), generator=generator)
    module.net = Recorded(logits)
    return module, logits, labels


def predictions_at(temperature, logits, labels):
    probabilities = (logits / temperature).softmax(dim=1).numpy()
    return Predictions(("field", "forest", "orchard"), ("field", "orchard"), ("",) * 30, labels.numpy(), probabilities)


def test_scores_are_of_the_set_at_the_fitted_temperature(recorded, tmp_path):
    module, logits, labels = recorded
    found = make_trainer(tmp_path).validate(module, numbered(labels, 7), verbose=False)[0]
    temperature = fit_temperature(logits, labels)
    expected = {f"val/{name}": value for name, value in score(predictions_at(temperature, logits, labels)).items()}
    expected["val/loss"] = nn.functional.cross_entropy(logits, labels).item()
    expected["val/temperature"] = temperature
    expected["val/ece_uncalibrated"] = score(predictions_at(1.0, logits, labels))["ece"]
    assert found == pytest.approx(expected, abs=1e-5)
    assert set(module.val_metrics) == set(found)
    names = [f"{number}.png" for number in range(30)]
    said = module.predictions(names)
    assert said.names == tuple(names)
    assert said.probabilities == pytest.approx(predictions_at(temperature, logits, labels).probabilities, abs=1e-6)


def test_the_test_set_does_not_choose_its_temperature(recorded, tmp_path):
    module, logits, labels = recorded
    module.temperature = 2.5
    found = make_trainer(tmp_path).test(module, numbered(labels, 7), verbose=False)[0]
    assert found["test/temperature"] == 2.5
    assert found["test/nll"] == pytest.approx(score(predictions_at(2.5, logits, labels))["nll"], abs=1e-6)


def test_the_temperature_goes_into_the_checkpoint_and_comes_back(checkpoint):
    content = torch.load(checkpoint, weights_only=True)
    module = make_module()
    assert module.temperature == 1
    module.on_load_checkpoint(content)
    assert module.temperature == content["hyper_parameters"]["temperature"] != 1


def test_nothing_was_predicted_yet():
    with pytest.raises(RuntimeError, match="nothing was validated"):
        make_module().predictions([])


def test_class_weights_and_smoothing_enter_the_loss():
    # Two chips with weights 1 and 3: (1 a + 3 b) / 4 with a = -ln softmax(0, 1)[0] = 1.3133, b = -ln(1/2) = 0.6931.
    logits, labels = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([0, 1])
    loss = make_module(class_weights=[1.0, 3.0])._loss(logits, labels)
    assert loss.item() == pytest.approx((1.31326 + 3 * 0.69315) / 4, abs=1e-4)
    # Smoothing 0.2 moves 0.1 to each class: 0.9 x 1.31326 + 0.1 x 0.31326 for the first chip alone.
    loss = make_module(label_smoothing=0.2)._loss(logits[:1], labels[:1])
    assert loss.item() == pytest.approx(0.9 * 1.31326 + 0.1 * 0.31326, abs=1e-4)


def test_smoothing_that_does_not_fit():
    with pytest.raises(InputError, match=r"model\.label_smoothing=2 does not fit"):
        make_module(label_smoothing=2)


def test_a_loss_that_is_no_number_stops_and_names_the_chips(recorded, tmp_path, caplog):
    module, logits, labels = recorded
    broken = logits.clone()
    broken[12] = float("nan")
    module.net = Recorded(broken)
    with pytest.raises(DivergedError, match=r"loss is nan in epoch 0, in the batch of chip 8, .*chip 12 and 3 more; lower"):
        make_trainer(tmp_path, max_epochs=1).fit(module, numbered(labels, 8))
    assert "chip 15" in caplog.text


def test_outputs_that_are_no_numbers_in_validation(recorded, tmp_path):
    module, logits, labels = recorded
    module.net = Recorded(logits + float("inf"))
    with pytest.raises(DivergedError, match=r"outputs are no numbers after epoch 0; lower model\.optimizer\.lr"):
        make_trainer(tmp_path).validate(module, numbered(labels, 8), verbose=False)


@pytest.mark.parametrize("option", ["channels_last", "gradient_checkpointing"])
def test_ways_to_compute_do_not_change_what_is_computed(option):
    plain, other = make_module(), make_module(**{option: True})
    other.load_state_dict(plain.state_dict())
    chips, labels = brown_and_blue(4)
    batch = torch.from_numpy(chips).permute(0, 3, 1, 2), torch.from_numpy(labels)
    losses = []
    for module in (plain, other):
        loss = module.train()._loss(module(batch[0]), batch[1])
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    gradients = [next(module.net.parameters()).grad for module in (plain, other)]
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-6)


def test_channels_last_reaches_the_weights():
    weights = next(parameter for parameter in make_module(channels_last=True).net.parameters() if parameter.ndim == 4)
    assert weights.is_contiguous(memory_format=torch.channels_last)


def test_optimiser_and_schedule_are_what_was_given():
    module = make_module()
    frozen = next(module.net.parameters())
    frozen.requires_grad_(False)
    parts = module.configure_optimizers()
    assert isinstance(parts["optimizer"], torch.optim.AdamW)
    (group,) = parts["optimizer"].param_groups
    assert len(group["params"]) == len(list(module.parameters())) - 1
    assert parts["lr_scheduler"]["scheduler"].optimizer is parts["optimizer"]
    assert parts["lr_scheduler"]["interval"] == "epoch"
