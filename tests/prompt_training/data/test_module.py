import logging

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from tiny_scenes import labelled_pngs

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN, PromptedImage


class Listening(pl.LightningModule):
    """Remembers the batches it is given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches = []
        self.validated = []

    def training_step(self, batch):
        self.batches.append([part.clone() for part in batch])
        return self.weight**2

    def validation_step(self, batch):
        self.validated += batch

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def listen(data, epochs, resume=None, save=None):
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=epochs, accelerator="cpu", num_sanity_val_steps=0, use_distributed_sampler=False, **quiet)
    module = Listening()
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    if save:
        trainer.save_checkpoint(save)
    return module


@pytest.mark.filterwarnings("ignore")
def test_workers_and_a_restart_change_nothing(make_labelled_data, tmp_path):
    labelled_pngs(tmp_path)
    whole = listen(make_labelled_data(tmp_path), epochs=2)
    parallel = listen(make_labelled_data(tmp_path, workers=2), epochs=2)
    listen(make_labelled_data(tmp_path), epochs=1, save=tmp_path / "one.ckpt")
    resumed = listen(make_labelled_data(tmp_path, workers=2), epochs=2, resume=tmp_path / "one.ckpt")
    assert torch.cat([batch[3] for batch in whole.batches]).tolist() == list(range(16))
    assert same(whole.batches, parallel.batches)
    assert same(whole.batches[2:], resumed.batches)
    assert not same(whole.batches[:2], whole.batches[2:])
    assert [one.name for one in whole.validated] == [one.name for one in parallel.validated]


def same(batches, others):
    pairs = zip(batches, others, strict=True)
    return all(torch.equal(part, other) for batch, also in pairs for part, other in zip(batch, also, strict=True))


def test_a_batch(make_labelled_data, tmp_path):
    images, labels, prompts, draws = next(iter(make_labelled_data(labelled_pngs(tmp_path)).train_dataloader()))
    assert (images.shape, images.dtype) == ((4, 3, 32, 32), torch.uint8)
    assert (labels.shape, labels.dtype) == ((4, 32, 32), torch.int32)
    assert (prompts.shape, prompts.dtype) == ((4, 6, 2), torch.float32)
    assert (draws.tolist(), draws.dtype) == ([0, 1, 2, 3], torch.int64)
    for one, points in zip(labels.numpy(), prompts.numpy(), strict=True):
        # The numbers are of the crop only: from 1 without gaps.
        numbers = np.unique(one[one > NO_PARCEL])
        assert numbers.tolist() == list(range(1, len(numbers) + 1))
        columns, rows = np.floor(points).astype(int).T
        assert (one[rows, columns] != UNKNOWN).all()


@pytest.mark.parametrize("share", [0, 0.25, 1])
def test_share_of_labelled_scenes(make_labelled_data, tmp_path, share):
    data = make_labelled_data(labelled_pngs(tmp_path), labelled_share=share)
    source = data.source()
    asked = []
    for one, name in ((source.first, "synthetic"), (source.second, "labelled")):
        object.__setattr__(one, "crop", lambda *_, name=name: asked.append(name))
    for draw in range(8):
        source.crop(draw, None, None)
    assert asked.count("labelled") == 8 * share


def test_images_to_measure(make_labelled_data, make_synthetic, tmp_path):
    data = make_labelled_data(labelled_pngs(tmp_path), synthetic=make_synthetic(val_scenes=2))
    expected = {"labelled_train": 2, "labelled_val": 1, "labelled_test": 1, "synthetic_val": 2, "synthetic_test": 0}
    counts = data.describe()
    assert counts.pop("parcels") == 1 + 2 + 3 + 1
    assert counts == expected
    images = data.images("val")
    assert len(images) == 3
    assert len(data.images("test")) == 1
    for index, one in enumerate(images):
        assert isinstance(one, PromptedImage)
        assert one.index == index
        assert max(one.labels.shape) <= (48 if index == 0 else 64)
        assert one.image.shape == (*one.labels.shape, 3)
        columns, rows = np.floor(one.prompts).astype(int).T
        under = one.labels[rows, columns]
        assert 1 <= len(under) == len(set(under.tolist())) <= 4
        assert (under > NO_PARCEL).all()
        assert (images[index:][0].prompts == one.prompts).all()
    loaded = list(data.val_dataloader())
    assert [[one.name for one in batch] for batch in loaded] == [[one.name] for one in images]
    assert [one.name for batch in data.test_dataloader() for one in batch] == [data.images("test")[0].name]


def test_without_labelled_scenes(make_data):
    data = make_data()
    assert set(data.describe().values()) == {0, 1}
    assert [one.name for one in data.images("val")] == ["synthetic val 0"]
    assert len(data.test_dataloader()) == 0
    assert len(list(data.train_dataloader())) == 2


def test_validation_on_synthetic_scenes_only(make_labelled_data, tmp_path):
    data = make_labelled_data(labelled_pngs(tmp_path), val_share=0, test_share=0)
    assert data.describe()["labelled_train"] == 4
    assert [one.name for one in data.images("val")] == ["synthetic val 0"]


def test_nothing_to_validate_on(make_data, make_synthetic):
    with pytest.raises(InputError, match=r"nothing to choose the best weights on; raise data.synthetic.val_scenes"):
        make_data(synthetic=make_synthetic(val_scenes=0)).images("val")


def test_labelled_scenes_only_and_none_given(make_data):
    with pytest.raises(InputError, match=r"data.labelled_share=1 takes every crop from labelled scenes, and none are given"):
        make_data(labelled_share=1).train_dataloader()


def test_a_reference_without_images(make_labelled_data, tmp_path):
    labelled_pngs(tmp_path)
    with pytest.raises(InputError, match=r"data.path is missing; give"):
        make_labelled_data(tmp_path, path="none").describe()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labelled_share": 2}, "data.labelled_share=2 does not fit"),
        ({"labelled_scale": [1]}, "data.labelled_scale=.* give a list of 2 numbers"),
        ({"val_share": 0.5, "test_share": 0.5}, "leave no scenes to learn from"),
        ({"max_side": 0}, "data.max_side=0 does not fit"),
        ({"val_prompts": 0}, "data.val_prompts=0 does not fit"),
        ({"batch_size": 0}, "data.batch_size=0 does not fit"),
        ({"workers": -1}, "data.workers=-1 does not fit"),
    ],
)
def test_bad_numbers(make_data, change, message):
    with pytest.raises(InputError, match=message):
        make_data(**change)


def test_an_epoch_holds_a_batch(make_data):
    with pytest.raises(InputError, match=r"data.crops_per_epoch=3 does not fill one batch of data.batch_size=4"):
        make_data(crops_per_epoch=3).train_dataloader()


def test_the_option_makes_it(compose_config):
    cfg = compose_config("train", "data=parcel_prompts", "data.workers=0", "data.batch_size=1", "data.synthetic.size=320")
    images, labels, prompts, _ = next(iter(instantiate(cfg.data).train_dataloader()))
    assert images.shape[2:] == labels.shape[1:] == (320, 320)
    assert prompts.shape == (1, 24, 2)
