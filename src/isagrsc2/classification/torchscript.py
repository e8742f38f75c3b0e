"""The tensors of a TorchScript archive, read without running what else is in it.

OpenAI publishes CLIP so. An archive is a zip file: ``data.pkl`` is a pickle of modules as plain attributes, whose tensors
refer to files below ``data/``; the programs lie elsewhere and are never looked at. ``torch.jit.load`` would run some.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

# Only archives of programs have this file beside their tensors.
_MARK = "constants.pkl"

_DTYPES = {
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "ShortStorage": torch.int16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
}

# Typed lists, which the pickle wraps in a call.
_LISTS = ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist")


class _Module:
    """A module of the archive: its attributes, and nothing that can be called."""


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive; False where it does not exist."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(Path(name).name == _MARK for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Read the parameters and buffers of a TorchScript archive, on the CPU.

    Args:
        path: see ``is_torchscript``.

    Returns:
        Names, as in ``state_dict()``, and tensors.

    Raises:
        pickle.UnpicklingError: something else than modules, tensors and plain values is in it.
        Exception: of any kind, where bytes are damaged.
    """
    with zipfile.ZipFile(path) as archive:
        mark = next(name for name in archive.namelist() if Path(name).name == _MARK)
        top = mark.removesuffix(_MARK)  # archives hold one folder, named like the file that was written
        model = _Unpickler(BytesIO(archive.read(f"{top}data.pkl")), lambda key: archive.read(f"{top}data/{key}")).load()
    return dict(_tensors(model, ""))


class _Unpickler(pickle.Unpickler):
    """Makes modules, tensors and plain values, and calls nothing else."""

    def __init__(self, stream: BytesIO, read: Callable[[str], bytes]) -> None:
        super().__init__(stream)
        self._read = read
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """See ``pickle.Unpickler.find_class``."""
        if module.split(".")[0] == "__torch__":
            return _Module
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle" and name in _LISTS:
            return list
        raise pickle.UnpicklingError(f"it holds {module}.{name}")

    def persistent_load(self, reference: Any) -> Tensor:
        """See ``pickle.Unpickler.persistent_load``: the numbers behind a tensor, one after the other."""
        _, dtype, key, _, count = reference
        if key not in self._storages:
            content = bytearray(self._read(key))
            # Nothing can be made of an empty buffer.
            self._storages[key] = torch.frombuffer(content, dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)
        return self._storages[key]


def _rebuild_tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _tensors(module: _Module, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in vars(module).items():
        if isinstance(value, _Module):
            yield from _tensors(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor):
            yield f"{prefix}{name}", value
