import re

import pytest

from isagrsc2.weights.registry import CHECKPOINTS, find, published_as


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=lambda checkpoint: checkpoint.name)
def test_records_are_complete(checkpoint) -> None:
    assert re.fullmatch("[0-9a-f]{64}", checkpoint.sha256)
    assert checkpoint.url.startswith("https://")
    assert checkpoint.url.endswith(f"/{checkpoint.file_name}")
    assert checkpoint.size > 0
    assert checkpoint.licence
    assert checkpoint.description
    assert checkpoint.source.startswith("https://")
    assert find(checkpoint.name) is checkpoint
    assert published_as(checkpoint.file_name) is checkpoint


def test_names_and_hashes_are_distinct() -> None:
    for values in zip(*((c.name, c.file_name, c.sha256, c.size) for c in CHECKPOINTS), strict=True):
        assert len(set(values)) == len(CHECKPOINTS)


def test_size_fits_the_number_of_parameters() -> None:
    for checkpoint in CHECKPOINTS:
        millions = float(re.search(r"\(([\d.]+) M parameters\)", checkpoint.description)[1])
        beside = 6 if checkpoint.name.startswith("sam") else 0.1  # M; SAM's prompt encoder and decoder
        assert checkpoint.size / 4e6 == pytest.approx(millions, abs=beside)  # float32


def test_unknown_names() -> None:
    with pytest.raises(KeyError):
        find("sam_vit_x")
    assert published_as("my.pth") is None
