import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from tiny_training import brown_and_blue, loader, make_module, make_trainer
from torch import nn

from isagrsc2.errors import InputError


def test_overfits_eight_chips(tmp_path):
    module = make_module()
    make_trainer(tmp_path, max_epochs=6, enable_checkpointing=False).fit(module, loader(8, batch=8))
    chips, labels = brown_and_blue(8)
    with torch.no_grad():
        # Batch normalisation by the batch: its running means need more steps than the weights do.
        logits = module.train()(torch.from_numpy(chips).permute(0, 3, 1, 2))
    assert logits.argmax(dim=1).tolist() == labels.tolist()
    assert nn.functional.cross_entropy(logits, torch.from_numpy(labels)) < 0.1


def test_checkpoint_holds_plain_values_only(checkpoint):
    content = torch.load(checkpoint, weights_only=True)  # refuses anything else
    assert content["hyper_parameters"] == {
        "backbone": {"architecture": "resnet18", "attention": "cbam", "pretrained": "none"},
        "class_names": ["not_cultivated", "cultivated"],
        "cultivated": ["cultivated"],
        "chip_size": 64,
        "temperature": 1.0,
    }
    assert all(key.startswith("net.body.") for key in content["state_dict"])


class Recorded(nn.Module):
    """Gives the logits it was told, whatever it sees: rows are numbered by the first byte of the chip."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, chips):
        return self.logits[chips[:, 0, 0, 0].long()]


def test_metrics_agree_with_scikit_learn(tmp_path):
    names, cultivated = ["field", "forest", "orchard"], ["field", "orchard"]
    module = make_module(class_names=names, cultivated=cultivated)
    generator = torch.Generator().manual_seed(5)
    logits, labels = torch.randn(30, 3, generator=generator), torch.randint(0, 3, (30,), generator=generator)
    module.net = Recorded(logits)
    chips = torch.arange(30, dtype=torch.uint8).view(30, 1, 1, 1).expand(30, 3, 2, 2)
    batches = torch.utils.data.DataLoader(list(zip(chips, labels, strict=True)), 7)
    found = make_trainer(tmp_path).validate(module, batches, verbose=False)[0]
    predicted, p = logits.argmax(dim=1), logits.softmax(dim=1)[:, [0, 2]].sum(dim=1)
    assert found == {
        "val/loss": pytest.approx(nn.functional.cross_entropy(logits, labels).item(), abs=1e-5),
        "val/accuracy": pytest.approx(accuracy_score(labels, predicted)),
        "val/f1_macro": pytest.approx(f1_score(labels, predicted, average="macro"), abs=1e-6),
        "val/f1_cultivated": pytest.approx(f1_score(labels != 1, p > 0.5), abs=1e-6),
        "val/auroc": pytest.approx(roc_auc_score(labels != 1, p), abs=1e-6),
    }
    assert set(module.val_metrics) == set(found)


def test_class_weights_and_smoothing_enter_the_loss():
    # One chip of class 1, logits (0, 0): the cross entropy is ln 2 whatever the smoothing; weights divide out.
    # Two chips with weights 1 and 3: (1 a + 3 b) / 4 with a = -ln softmax(0, 1)[0] = 1.3133, b = -ln(1/2) = 0.6931.
    module = make_module(class_weights=[1.0, 3.0])
    module.net = Recorded(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    chips = torch.tensor([0, 1], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 2, 2)
    _, loss = module._logits_and_loss((chips, torch.tensor([0, 1])))
    assert loss.item() == pytest.approx((1.31326 + 3 * 0.69315) / 4, abs=1e-4)
    # Smoothing 0.2 moves 0.1 to each class: 0.9 x 1.31326 + 0.1 x 0.31326 for the first chip alone.
    module = make_module(label_smoothing=0.2)
    module.net = Recorded(torch.tensor([[0.0, 1.0]]))
    _, loss = module._logits_and_loss((chips[:1], torch.tensor([0])))
    assert loss.item() == pytest.approx(0.9 * 1.31326 + 0.1 * 0.31326, abs=1e-4)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 2.0, 3.0], "balance"])
def test_class_weights_that_do_not_fit(weights):
    with pytest.raises(InputError, match="one number for each of the classes not_cultivated, cultivated"):
        make_module(class_weights=weights)


def test_optimiser_and_schedule_are_what_was_given():
    parts = make_module().configure_optimizers()
    assert isinstance(parts["optimizer"], torch.optim.AdamW)
    assert parts["lr_scheduler"]["scheduler"].optimizer is parts["optimizer"]
    assert parts["lr_scheduler"]["interval"] == "epoch"
