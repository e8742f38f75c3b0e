"""`train.py experiment=train/compact` in miniature, and `segment.py` with what it leaves."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from killing import KilledError
from safetensors.torch import load_file

from isagrsc2.tasks.segment import segment
from isagrsc2.tasks.train import train

CONF = Path(__file__).parents[2] / "conf"


def configured(task, *overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(task, list(overrides))


def miniature(output, *overrides, experiment="compact"):
    output.mkdir(parents=True, exist_ok=True)
    return configured(
        "train",
        f"experiment=train/{experiment}",
        "trainer=cpu",
        "trainer.max_epochs=2",
        "+trainer.enable_progress_bar=false",
        "data.synthetic.size=96",
        "data.synthetic.val_scenes=1",
        "data.synthetic.test_scenes=1",
        "data.crop.size=64",
        "data.crops_per_epoch=8",
        "data.batch_size=4",
        "data.workers=0",
        f"runs_dir={output.parent}",
        f"output_dir={output}",
        *overrides,
    )


def state(output):
    return torch.load(output / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("compact") / "finished"
    train(miniature(output))
    return output


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(finished, tmp_path):
    output = tmp_path / "stopped"
    with pytest.raises(KilledError):
        train(miniature(output, "+callbacks.killer={_target_: killing.KilledBefore, epoch: 1}"))
    train(miniature(output, "ckpt_path=last"))
    expected, resumed = state(finished), state(output)
    assert expected.keys() == resumed.keys()
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def test_the_last_weights_are_those_that_are_used(finished):
    weights = load_file(finished / "compact.safetensors")
    last = state(finished)
    assert all(torch.equal(tensor, last[f"model.{name}"]) for name, tensor in weights.items())


def test_mixed_precision(tmp_path):
    value = train(miniature(tmp_path / "halves", "trainer.precision=bf16-mixed", "trainer.max_epochs=1"))
    assert 0 <= value <= 1
    weights = load_file(tmp_path / "halves" / "compact.safetensors")
    assert all(tensor.dtype != torch.bfloat16 for tensor in weights.values())


def test_segment_uses_the_weights(finished, tmp_path):
    weights = finished / "compact.safetensors"
    cfg = configured(
        "segment",
        "segmenter=compact",
        f"segmenter.checkpoint={weights}",
        "device=cpu",
        "scene=synthetic",
        "scene.width=128",
        "scene.height=96",
        "export=[geopackage]",
        f"output_dir={tmp_path}",
    )
    segment(cfg)
    assert list(tmp_path.rglob("parcels.gpkg"))


def test_finetuning_starts_from_the_weights(finished, tmp_path):
    output = tmp_path / "finetuned"
    weights = finished / "compact.safetensors"
    overrides = (f"model.start.weights={weights}", "model.optimizer.lr=1e-9", "trainer.max_epochs=1")
    train(miniature(output, *overrides, experiment="compact_finetune"))
    before, after = load_file(weights), load_file(output / "compact.safetensors")
    same = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in same)
