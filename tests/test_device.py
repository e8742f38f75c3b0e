import pytest
import torch

from isagrsc2.device import choose_device
from isagrsc2.errors import InputError


def have(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(0, False, "cpu"), (2, False, "cuda"), (0, True, "mps"), (1, True, "cuda")]
)
def test_auto(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, expected: str) -> None:
    have(monkeypatch, cuda, mps)
    assert choose_device("auto") == torch.device(expected)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    have(monkeypatch, 2, True)
    assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cuda", "torch finds no CUDA device"),
        ("cuda:0", "torch finds no CUDA device"),
        ("mps", "torch finds no MPS device"),
        ("gpu", "device=gpu is not understood; choose auto, cpu, cuda"),
        ("meta", "is not understood"),
        ("", "is not understood"),
    ],
)
def test_absent_or_unknown(monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    have(monkeypatch, 0, False)
    with pytest.raises(InputError, match=message):
        choose_device(name)


def test_number_beyond_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, 2, False)
    with pytest.raises(InputError, match="device=cuda:2 does not exist; torch counts 2"):
        choose_device("cuda:2")
