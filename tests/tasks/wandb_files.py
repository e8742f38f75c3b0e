"""Reads an offline run of Weights & Biases back from its file."""

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

# A LevelDB log: blocks of 32 KiB, a head of 7 bytes before every chunk, and kinds of chunks.
BLOCK, HEAD = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

# Seconds to wait for the end of a run that is being written.
PATIENCE = 20


@dataclass
class OfflineRun:
    """What a run left.

    Attributes:
        folder: ``offline-run-...``.
        begun: the protocol buffer of its name, project, group and tags.
        settings: configuration.
        steps: history, nested.
        summary: final figures, nested.
        artifacts: protocol buffers, without those that tables make by themselves.
        best_by: of every metric, or group of them (``seconds/*``), what its summary is: max, min, mean or last.
        exit_code: None if it was not finished.
    """

    folder: Path
    begun: Any = None
    settings: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: list[Any] = field(default_factory=list)
    best_by: dict[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    def logged(self, *keys: str) -> list[Any]:
        """Every value that was logged under a name, as in ``logged("val/f1")``."""
        return [step[key] for step in self.steps for key in keys if key in step]

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table that was logged once."""
        (logged,) = self.logged(f"tables/{name}")
        content = json.loads((self.folder / "files" / logged["path"]).read_text())
        return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]

    def mask(self, image: dict[str, Any], layer: str) -> npt.NDArray[np.uint8]:
        """(h, w) values of a layer of a logged image."""
        with Image.open(self.folder / "files" / image["masks"][layer]["path"]) as mask:
            return np.asarray(mask)

    def labels(self, key: str, layer: str) -> dict[str, str]:
        """What the values of a layer of the images under a key are."""
        return dict(self.settings["_wandb"]["mask/class_labels"][f"{key}_wandb_delimeter_{layer}"]["value"])


def read_runs(folder: Path) -> list[OfflineRun]:
    """All runs in the folder of a run or of a sweep, by the folder they lie in.

    A process of its own writes the files, and may still do so for a moment after a run was finished.
    """
    begun = time.monotonic()
    while True:
        runs = [_read(run) for run in sorted(folder.glob("**/wandb/*run-*"))]
        if all(run.exit_code is not None for run in runs) or time.monotonic() - begun > PATIENCE:
            return runs
        time.sleep(0.1)


def _read(folder: Path) -> OfflineRun:
    run = OfflineRun(folder)
    for record in records(folder):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.begun = record.run
            _insert(run.settings, record.run.config.update)
        elif kind == "config":
            _insert(run.settings, record.config.update)
        elif kind == "history":
            run.steps.append(_insert({}, record.history.item))
        elif kind == "summary":
            _insert(run.summary, record.summary.update)
        elif kind == "artifact":
            if record.artifact.type != "run_table":
                run.artifacts.append(record.artifact)
        elif kind == "metric":
            summary = record.metric.summary
            run.best_by[record.metric.name or record.metric.glob_name] = (
                "max" if summary.max else "min" if summary.min else "mean" if summary.mean else "last"
            )
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def records(run: Path) -> Iterator[Any]:
    """The protocol buffers of an offline run: a LevelDB log behind a file header of 7 bytes.

    A record is cut into chunks that do not cross blocks; a chunk is checksum (4 bytes), length (2), kind (1), data.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = run.glob("*.wandb")
    log = file.read_bytes()
    assert b":W&B".startswith(log[:4])
    place, data = HEAD, b""
    while place + HEAD <= len(log):
        if BLOCK - place % BLOCK < HEAD:  # too little for a chunk: the rest of the block is empty
            place += BLOCK - place % BLOCK
            continue
        length, kind = struct.unpack("<HB", log[place + 4 : place + HEAD])
        if place + HEAD + length > len(log):  # the rest is not written yet
            return
        data = (b"" if kind in (FULL, FIRST) else data) + log[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(data)
            yield record


def _insert(tree: dict[str, Any], items: Any) -> dict[str, Any]:
    """Put the values of a protocol buffer where their keys say."""
    for item in items:
        *above, last = [item.key] if item.key else list(item.nested_key)
        place = tree
        for key in above:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)
    return tree
