import torch
from tiny_training import make_trainer

from isagrsc2.training.best_checkpoint import BestCheckpoint


def state(folder, score):
    """What Lightning remembers of a best checkpoint."""
    best = str(folder / "best.ckpt")
    return {
        "monitor": "val/f1",
        "best_model_score": torch.tensor(score),
        "best_model_path": best,
        "current_score": torch.tensor(score),
        "dirpath": str(folder),
        "best_k_models": {best: torch.tensor(score)},
        "kth_best_model_path": best,
        "kth_value": torch.tensor(score),
        "last_model_path": "",
    }


def resumed(before, here):
    callback = BestCheckpoint(str(here), filename="best", monitor="val/f1", mode="max")
    callback.load_state_dict(state(before, 0.75))
    return callback


def test_a_run_that_goes_on_elsewhere_takes_its_best_along(tmp_path):
    before, here = tmp_path / "before", tmp_path / "here"
    before.mkdir()
    (before / "best.ckpt").write_bytes(b"weights")
    callback = resumed(before, here)
    assert (here / "best.ckpt").read_bytes() == b"weights"
    assert callback.best_model_path == str(here / "best.ckpt")
    assert callback.best_model_score == 0.75
    assert not callback.check_monitor_top_k(make_trainer(tmp_path), torch.tensor(0.7))  # worse than what was best before


def test_in_its_own_folder_nothing_is_copied(tmp_path):
    (tmp_path / "best.ckpt").write_bytes(b"weights")
    callback = resumed(tmp_path, tmp_path)
    assert callback.best_model_path == str(tmp_path / "best.ckpt")
    assert callback.best_model_score == 0.75
