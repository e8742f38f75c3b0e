"""Functions for engines: picklable, in a module that worker processes find too. They leave what they did in files."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from isagrsc2.errors import InputError


def square(number: int) -> int:
    return number * number


def kill_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def refuse_at_three(number: int) -> int:
    if number == 3:
        raise InputError("3 cannot be used; give another.")
    return number * number


@dataclass(frozen=True)
class Fragile:
    """Squares; for some numbers it fails as long as there are few attempts in the folder."""

    folder: Path
    good_attempt: dict[int, int]

    def __call__(self, number: int) -> int:
        attempt = len(list(self.folder.glob(f"{number}_*"))) + 1
        (self.folder / f"{number}_{attempt}").touch()
        if attempt < self.good_attempt.get(number, 1):
            raise ValueError(f"attempt {attempt}\nfailed")
        return number * number


@dataclass(frozen=True)
class Model:
    """Writes a file in the folder when it is loaded, and one with its process for every number."""

    folder: Path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return _load, (self.folder,)

    def __call__(self, number: int) -> int:
        (self.folder / f"at_{number}_{os.getpid()}").touch()
        time.sleep(0.05)
        return number * number


def _load(folder: Path) -> Model:
    (folder / f"loaded_{os.getpid()}_{time.monotonic_ns()}").touch()
    return Model(folder)


def working_folder(number: int) -> str:
    return str(Path.cwd())


def take_memory(number: int) -> int:
    held = bytearray(number * 1_000_000)
    for start in range(0, len(held), 4096):
        held[start] = 1
    time.sleep(5 if number > 100 else 0)
    return len(held)
