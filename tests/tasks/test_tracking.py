"""An offline run of Weights & Biases, read back from its file."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from isagrsc2.tasks.segment import segment
from isagrsc2.tasks.tracking import figures

SMALL = ("scene=synthetic", "scene.width=128", "scene.height=128", "scene.seeds=[3,4]", "export=[overlay,metrics]")


BLOCK, HEAD = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(run: Path) -> Iterator[Any]:
    """The protocol buffers of an offline run: a LevelDB log behind a file header of 7 bytes.

    A record is cut into chunks that do not cross blocks; a chunk is checksum (4 bytes), length (2), kind (1), data.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = run.glob("*.wandb")
    log = file.read_bytes()
    assert log[:4] == b":W&B"
    place, data = HEAD, b""
    while place + HEAD <= len(log):
        if BLOCK - place % BLOCK < HEAD:  # too little for a chunk: the rest of the block is empty
            place += BLOCK - place % BLOCK
            continue
        length, kind = struct.unpack("<HB", log[place + 4 : place + HEAD])
        data = (b"" if kind in (FULL, FIRST) else data) + log[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(data)
            yield record


def history(record: Any) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for item in record.history.item:
        *above, last = [item.key] if item.key else list(item.nested_key)
        place = flat
        for key in above:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)
    return flat


def test_an_offline_run_holds_figures_overlays_and_configuration(
    compose_config: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    segment(compose_config("segment", *SMALL, "logger=wandb", "logger.tags=[test]", f"output_dir={tmp_path}"))
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    kept = list(records(run))
    steps = [history(record) for record in kept if record.WhichOneof("record_type") == "history"]
    assert [step["scene"] for step in steps] == ["synthetic_3", "synthetic_4"]
    for step in steps:
        metrics = json.loads((tmp_path / step["scene"] / "metrics.json").read_text())
        assert step["parcels/iou"] == metrics["reference"]["rounds"][-1]["area_iou"]
        assert step["coverage/round_4"] == metrics["coverage"][3]
        assert step["overlay"]["_type"] == "image-file"
        assert (run / "files" / step["overlay"]["path"]).exists()
    (begun,) = (record.run for record in kept if record.WhichOneof("record_type") == "run")
    assert (begun.project, begun.run_group, begun.job_type, list(begun.tags)) == ("isagrsc2", "default", "segment", ["test"])
    settings = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert settings["tiling"]["size"] == 1024
    assert any(record.WhichOneof("record_type") == "exit" for record in kept)


def test_figures_without_a_reference_name_no_scores() -> None:
    metrics = {"parcels": 2, "coverage": [0.5, 1.0], "seconds": {"read": 0.25}, "classes": {"cultivated": {"area_px": 9.0}}}
    assert figures(metrics) == {
        "parcels/count": 2,
        "coverage/round_1": 0.5,
        "coverage/round_2": 1.0,
        "seconds/read": 0.25,
        "cultivated/area_px": 9.0,
    }
