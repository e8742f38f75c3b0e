import copy

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from tiny_sam import all_logits, patchwork, random_sam
from tiny_training import make_trainer

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import NO_PARCEL, PromptedImage
from isagrsc2.prompt_training.sam.losses import SamLoss
from isagrsc2.prompt_training.sam.recalibration import IDENTITY
from isagrsc2.segmenters.sam.segmenter import SamSegmenter
from isagrsc2.training.checkpoint_file import WholeCheckpoints
from isagrsc2.training.divergence import DivergedError

EPOCHS = 12
BATCH = {"cpu": 64, "cuda": 64, "mps": 64}


def trained(folder, module, data, **changes):
    """The trainer after training."""
    trainer = make_trainer(folder, plugins=[WholeCheckpoints()], **changes)
    trainer.fit(module, datamodule=data)
    return trainer


def state_of(module):
    return {name: tensor.clone() for name, tensor in module.sam.state_dict().items()}


def changed_between(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def share_of_good_masks_that_pass(module, data, folder):
    """With the file that is written, at SAM's own threshold."""
    segmenter = SamSegmenter("vit_b", str(module.write_weights(folder)), str(folder), "cpu", BATCH, 1.0, "float32", False)
    passing = []
    for item in data.images("val"):
        scores = segmenter.segment(module.embed(segmenter, item), item.prompts).scores
        passing += (scores[module.answer(item).ious >= 0.6] >= 0.88).tolist()
    return np.mean(passing)


def test_learns_parcels_and_nothing_but_the_decoder(tmp_path, make_data, make_module):
    data, module = make_data(), make_module()
    before = state_of(module)
    trainer = make_trainer(tmp_path)
    (untrained,) = trainer.validate(module, datamodule=data, verbose=False)
    losses = []

    class Losses(pl.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            losses.append(float(trainer.callback_metrics["train/loss"]))

    trainer = make_trainer(tmp_path, max_epochs=EPOCHS, callbacks=[Losses()])
    trainer.fit(module, datamodule=data)
    (learned,) = trainer.validate(module, datamodule=data, verbose=False)
    assert losses[-1] < 0.7 * losses[0]
    assert learned["val/iou_best"] > untrained["val/iou_best"] + 0.1
    assert learned["val/score_error"] < untrained["val/score_error"]
    assert learned["val/good_passing"] >= 0.8
    assert share_of_good_masks_that_pass(module, data, tmp_path) >= 0.8
    names = changed_between(before, state_of(module))
    assert names
    assert all(name.startswith("mask_decoder.") for name in names)
    assert not any(name.startswith("mask_decoder.output_hypernetworks_mlps.0.") for name in names)


def test_only_what_learns_is_in_the_optimiser(make_module):
    module = make_module()
    configured = module.configure_optimizers()["optimizer"]
    learning = {id(parameter) for group in configured.param_groups for parameter in group["params"]}
    frozen = [*module.sam.image_encoder.parameters(), *module.sam.prompt_encoder.parameters()]
    assert learning.isdisjoint(map(id, frozen))
    assert not any(parameter.requires_grad for parameter in frozen)
    assert learning <= set(map(id, module.sam.mask_decoder.parameters()))


def test_answers_as_the_segmenter_does(make_module):
    module = make_module()
    image, points = patchwork(128, 128), np.array([[20.0, 30.0], [90.0, 64.0]])
    segmenter = module.segmenter()
    embedding = segmenter.embed(image)
    expected = segmenter.segment(embedding, points)
    decoder_px = torch.as_tensor((points + 0.5) / 4, dtype=torch.float32)  # from the index of a pixel to its centre
    with torch.no_grad():
        logits, scores = module(embedding.features[0], decoder_px)
    np.testing.assert_allclose(logits.numpy(), all_logits(expected), atol=1e-4)
    np.testing.assert_allclose(scores.numpy(), expected.scores, atol=1e-5)


def test_validates_from_the_cache(tmp_path, make_data, make_module, monkeypatch):
    data, module = make_data(), make_module()
    item = data.images("val")[0]
    fresh = module.answer(PromptedImage(item.name, item.image, item.labels, item.prompts, item.index))

    def embed(self, image):
        raise AssertionError("the encoder has looked at this before")

    monkeypatch.setattr(SamSegmenter, "embed", embed)
    kept = module.answer(item)
    np.testing.assert_allclose(kept.ious, fresh.ious, atol=0.03)
    np.testing.assert_allclose(kept.scores, fresh.scores, atol=5e-3)


def test_loss_is_of_the_parcel_under_the_prompt(make_module):
    seen = []

    class Spy(SamLoss):
        def __call__(self, logits, scores, targets, known):
            seen.append((targets, known))
            return super().__call__(logits, scores, targets, known)

    module = make_module(loss=Spy(20.0, 1.0, 1.0, 2.0, 0.25))
    labels = torch.full((1, 32, 32), NO_PARCEL, dtype=torch.int32)
    labels[0, :10, :10], labels[0, 20:, 20:], labels[0, :, 15] = 1, 7, -1
    prompts = torch.tensor([[[3.5, 9.5], [25.5, 21.5], [12.5, 2.5]]])
    module.log = lambda *arguments, **options: None
    module.training_step((torch.randn(1, 32, 8, 8).half(), labels, prompts, torch.zeros(1)))
    ((targets, known),) = seen
    assert torch.equal(targets[0], labels[0] == 1)
    assert torch.equal(targets[1], labels[0] == 7)
    assert not targets[2].any()
    assert torch.equal(known, labels[0] != -1)


def test_a_checkpoint_holds_the_decoder_and_goes_on(tmp_path, make_data, make_module):
    data = make_data()
    whole = make_module()
    trained(tmp_path, whole, data, max_epochs=2)

    first = trained(tmp_path, make_module(), data, max_epochs=1)
    path = tmp_path / "first.ckpt"
    first.save_checkpoint(path)
    content = torch.load(path, weights_only=True)
    assert all(name.startswith("sam.mask_decoder.") for name in content["state_dict"])
    described = content["hyper_parameters"]
    assert set(described) == {"network", "trained_on", "recalibration"}
    assert described["network"]["model"] == "vit_b"

    gone_on = make_module()
    trainer = make_trainer(tmp_path, max_epochs=2)
    trainer.fit(gone_on, datamodule=data, ckpt_path=path, weights_only=True)
    assert trainer.current_epoch == 2
    assert changed_between(state_of(whole), state_of(gone_on)) == set()
    assert gone_on.line == whole.line


def test_refuses_a_checkpoint_of_another_encoder(tmp_path, make_module, monkeypatch):
    module = make_module()
    content = {"state_dict": module.state_dict(), "hyper_parameters": copy.deepcopy(dict(module.hparams))}
    module.on_save_checkpoint(content)
    other = tmp_path / "other.pth"
    torch.save(random_sam(128, seed=5).state_dict(), other)
    with pytest.raises(InputError, match=r"another image encoder.*segmenter\.checkpoint"):
        make_module(checkpoint=str(other)).on_load_checkpoint(content)


def test_written_weights_are_sam_with_recalibrated_scores(tmp_path, make_data, make_module):
    data, module = make_data(), make_module()
    trainer = trained(tmp_path, module, data, max_epochs=2)
    assert module.line != IDENTITY
    path = module.write_weights(tmp_path)
    assert path.name == "sam_vit_b_parcels.pth"
    assert [one.name for one in tmp_path.iterdir() if "part" in one.name] == []

    fresh = random_sam(128, seed=3)
    fresh.load_state_dict(torch.load(path, weights_only=True), strict=True)
    segmenter = SamSegmenter("vit_b", str(path), str(tmp_path), "cpu", BATCH, 1.0, "float32", False)  # as segment.py does
    image, points = patchwork(128, 128), np.array([[20.0, 30.0], [90.0, 64.0], [5.0, 120.0]])
    expected, found = (one.segment(one.embed(image), points) for one in (module.segmenter(), segmenter))
    assert np.array_equal(all_logits(found), all_logits(expected))
    assert np.array_equal(found.scores, expected.scores)

    own = SamSegmenter.from_model(copy.deepcopy(module.sam), "cpu", 64, 1.0, "float32", False)
    raw = own.segment(own.embed(image), points)
    assert np.array_equal(all_logits(found), all_logits(raw))
    np.testing.assert_allclose(found.scores, module.line(raw.scores), atol=1e-5)
    assert module.usage(path) == f"python segment.py scene.path=PATH segmenter=sam_vit_b segmenter.checkpoint={path}"

    # Validation measures the decoder's own scores, and ends with the same line.
    line = module.line
    trainer.validate(module, datamodule=data, verbose=False)
    assert module.line == line


def test_says_when_the_loss_is_no_number(make_module):
    module = make_module()
    labels, prompts = torch.ones(1, 32, 32, dtype=torch.int32), torch.full((1, 2, 2), 10.5)
    with pytest.raises(DivergedError, match=r"the loss is nan in epoch 0; lower model\.optimizer\.lr"):
        module.training_step((torch.full((1, 32, 8, 8), float("nan")), labels, prompts, torch.zeros(1)))


def test_goes_on_from_its_own_file_with_the_same_cache(tmp_path, make_data, make_module, monkeypatch):
    make_data().images("val")
    path = make_module().write_weights(tmp_path)

    def embed(self, image):
        raise AssertionError("the encoder has looked at this before")

    monkeypatch.setattr(SamSegmenter, "embed", embed)
    assert len(make_data(checkpoint=str(path)).images("val")) == 2
