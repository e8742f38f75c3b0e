import errno
import resource

import pytest
import torch

from isagrsc2.training.checkpoint_file import WholeCheckpoints


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 3, "weights": torch.arange(5)}, path)
    found = torch.load(path, weights_only=True)
    assert found["epoch"] == 3
    assert found["weights"].tolist() == [0, 1, 2, 3, 4]


def test_no_room_keeps_the_previous_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # bytes; the next one is larger
    try:
        with pytest.raises(OSError, match="File too large") as refused:
            WholeCheckpoints().save_checkpoint({"epoch": 2, "weights": torch.zeros(10_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused.value.errno == errno.EFBIG
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["last.ckpt"]
