"""Output folders as the entry points leave them, as far as they are read."""

import csv
import json
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf


def write_configuration(folder: Path, task: str, options: dict[str, Any], choices: dict[str, str]) -> Path:
    """What Hydra leaves."""
    (folder / ".hydra").mkdir(parents=True)
    apart = {"output_dir": str(folder), "runs_dir": f"outputs/{task}/${{name}}", "logger": {"folder": "${output_dir}"}}
    OmegaConf.save({"task": task, "name": "mine", **apart, **options}, folder / ".hydra" / "config.yaml")
    runtime = {"choices": {"logger": "csv", "hydra/help": task, **choices}}
    OmegaConf.save({"hydra": {"runtime": runtime}}, folder / ".hydra" / "hydra.yaml")
    return folder


def write_training(folder: Path, f1: float, lr: float, trainee: str = "classifier") -> Path:
    monitor = {"metric": "val/f1_cultivated", "mode": "max"}
    options = {"seed": 0, "monitor": monitor, "model": {"lr": lr}, "data": {"root": "chips", "lr": "${model.lr}"}}
    write_configuration(folder, "train", options, {"trainee": trainee, "data": "image_folder"})
    (folder / "metrics.json").write_text(json.dumps({"val/f1_cultivated": f1, "val/ece": f1 / 2, "test/accuracy": 0.5}))
    return folder


def write_evaluation(folder: Path, predictions: str, iou: float) -> Path:
    write_configuration(folder, "evaluate", {"subject": {"predictions": predictions}}, {"subject": "parcels"})
    (folder / "metrics.json").write_text(json.dumps({"scenes": [], "figures": {"parcels/iou": iou, "parcels/count": 10.0}}))
    return folder


def write_segmentation(folder: Path, scenes: list[float], segmenter: str, scale: float, as_table: bool) -> Path:
    """Scenes with these area IoUs; kept in a table, or in a file of their own each."""
    options = {"tiling": {"size": 1024}, "segmenter": {"_target_": f"a.{segmenter}", "scale": scale}}
    write_configuration(folder, "segment", options, {"segmenter": segmenter, "tiling": "default"})
    if as_table:
        with (folder / "metrics.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, ["scene", "parcels/iou", "seconds/total"])
            table.writeheader()
            # A scene that is called by a number, and one without reference.
            table.writerows({"scene": number, "parcels/iou": iou, "seconds/total": 2} for number, iou in enumerate(scenes))
            table.writerow({"scene": "bare", "parcels/iou": "", "seconds/total": 5})
    else:
        for number, iou in enumerate(scenes):
            (folder / f"scene_{number}").mkdir()
            metrics: dict[str, Any] = {"parcels": 4, "coverage": [0.25, 0.5], "classes": {}}
            metrics |= {"seconds": {"read": 1.5, "merge": 0.5}, "memory_mb": {"read": 100.0 + number}}
            metrics |= {"reference": {"rounds": [{"round": 1, "area_iou": iou, "object_f1": None}]}}
            (folder / f"scene_{number}" / "metrics.json").write_text(json.dumps(metrics))
    return folder
