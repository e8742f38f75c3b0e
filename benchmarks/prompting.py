"""All ways to prompt, on the same machine, images and weights: seconds per stage, what was asked, memory, and how right.

    python benchmarks/prompting.py                                       # a drawn scene; compact, then SAM with random weights
    python benchmarks/prompting.py scene.path=IMAGES reference=PARCELS   # your own images
    python benchmarks/prompting.py --segmenters sam_vit_b --checkpoint sam_vit_b_01ec64.pth scene.path=IMAGES

Overrides are those of segment.py; an image is one tile. The rivals (``procedures.py``): ours (``prompting=residual``);
segment-anything's automatic masks, one pass, by our code and by its own generator with its defaults; the published procedure
(``prompting=whitened refinement=heterogeneous``), by our code and as it was published, where every painted image is encoded
again and given to segment-anything's generator; segment-geospatial's tiled mode where it is installed
(``pip install segment-geospatial==1.4.2`` changes none of our pins, and brings 6 packages). Each runs in a process of its own,
one after the other. The results are printed, and written as Markdown and CSV.

Without ``--checkpoint`` SAM has random weights, which find nothing but take the same time. Every procedure then goes on with
the answers of ``segmenter=compact``, whose own time is not counted; its coverage and figures are those of these answers.
Two things follow. Random masks are ragged and cover the image, so looking at them costs our code more than true ones would;
SAM's generator gets the smooth masks of ``compact``, few of which pass its thresholds, and so is faster than with true ones.
And memory holds both segmenters.

segment-anything's own code is slow: of each procedure and image at most ``--timed`` calls of the encoder and as many of the
decoder (64 points) are made, and the others are entered at the mean of these; the column "made" says what share of the prompts
was really decoded. Our code makes all its calls. A limit stands beside: the operations of the encoder's calls over the measured
rate of matrix products.
"""

import argparse
import csv
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from ledger import DECODER, ENCODER, EVERY_CALL, MASKS, Ledger
from limits import encoder_operations, operations, product_rate
from omegaconf import DictConfig
from procedures import OURS, PROCEDURES, Network, Procedure, Question
from rasterio.windows import Window
from rich.console import Console
from rich.table import Table

from isagrsc2.device import choose_device
from isagrsc2.metrics.scoring import count_rounds
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.raster import Scene
from isagrsc2.stopwatch import Stopwatch
from isagrsc2.tasks.smallest_area import smallest_area

ROOT = Path(__file__).resolve().parents[1]
SUBSTITUTE = "compact"  # gives the answers where SAM's weights are random

# Columns: heading, and how a number is written.
COLUMNS = {
    "encoder calls": ".1f",
    "prompts": ".0f",
    "encoder, s": ".2f",
    "decoder, s": ".2f",
    "masks, s": ".2f",
    "rest, s": ".2f",
    "total, s": ".2f",
    "ratio": ".1f",
    "made": ".2f",
    "limit of the encoder, s": ".2f",
    "memory, GB": ".2f",
    "coverage": ".3f",
    "area IoU": ".3f",
    "F1": ".3f",
}
Row = dict[str, float]


@dataclass(frozen=True)
class Entry:
    """One line of the table to be.

    Attributes:
        segmenter: an option of segment.py.
        procedure: a key of ``PROCEDURES``.
        checkpoint: of SAM, or none: random weights.
        timed: calls of segment-anything's code that are made.
        overrides: of segment.py.
    """

    segmenter: str
    procedure: str
    checkpoint: str
    timed: int
    overrides: tuple[str, ...]

    def options(self) -> DictConfig:
        """The configuration of segment.py."""
        return configured([f"segmenter={self.segmenter}", *self.overrides, *PROCEDURES[self.procedure].options])


def configured(overrides: Sequence[str]) -> DictConfig:
    """The configuration of segment.py."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("segment", list(overrides))


def is_sam(cfg: DictConfig) -> bool:
    """Whether the segmenter is SAM by segment-anything."""
    return cfg.segmenter._target_.endswith(".SamSegmenter")


def build(cfg: DictConfig, checkpoint: str) -> Network:
    """The segmenter of a configuration."""
    if not is_sam(cfg):
        return Network(instantiate(cfg.segmenter, _convert_="all"), None, None)
    from segment_anything import sam_model_registry

    from isagrsc2.segmenters.sam.asking import batch_on
    from isagrsc2.segmenters.sam.checkpoint import build_sam
    from isagrsc2.segmenters.sam.segmenter import SamSegmenter

    option = cfg.segmenter
    torch.manual_seed(0)
    random = checkpoint == "none"
    sam = sam_model_registry[option.model]() if random else build_sam(option.model, checkpoint, Path(option.weights_dir))
    batch = batch_on(choose_device(option.device), dict(option.batch))
    ours = SamSegmenter.from_model(sam, option.device, batch, option.stability_offset, option.precision, option.compile)
    told = instantiate(configured([f"segmenter={SUBSTITUTE}"]).segmenter, _convert_="all") if random else None
    return Network(ours, sam, told)


def measure(entry: Entry) -> list[Row]:
    """Let a procedure segment every scene; a row for each."""
    cfg = entry.options()
    network, procedure = build(cfg, entry.checkpoint), PROCEDURES[entry.procedure]
    rate = product_rate(choose_device(cfg.device), getattr(torch, cfg.segmenter.get("precision", "float32")))
    rows = []
    for source in instantiate(cfg.scene, _convert_="all").sources():
        with TemporaryDirectory() as folder:
            scene, drawn = source.open(Path(folder))
            with scene:
                reference = drawn if cfg.reference == "none" else str(cfg.reference)
                row = measure_scene(scene, reference, cfg, network, procedure, entry.timed)
                rows.append(row | {"limit of the encoder, s": row["encoder calls"] * encoder_work(network, scene) / rate})
    return rows


def measure_scene(scene: Scene, reference: str, cfg: DictConfig, network: Network, procedure: Procedure, timed: int) -> Row:
    """Let a procedure segment one scene."""
    image, valid = scene.read(Window(0, 0, scene.width, scene.height))  # (H, W, 3), (H, W)
    area = smallest_area(scene, cfg.parcels.min_area_m2, cfg.parcels.min_area_px)
    stages = (instantiate(cfg[name], _convert_="all") for name in ("prompting", "refinement"))
    question = Question(image, valid, area, *stages)
    merging = instantiate(cfg.merging, _convert_="all")
    ledger = Ledger(choose_device(cfg.device), timed if network.substitute is not None else EVERY_CALL)
    watch, begun = Stopwatch(), time.perf_counter()
    with watch.stage("all"):
        partition = merging.merge(procedure.find(question, network, ledger), valid, area)
    rest = ledger.rest(time.perf_counter() - begun)

    ids, polygons = polygonise(partition.labels, (0, 0))
    table = {"class_name": ["unclassified"] * len(ids), "round": partition.rounds[ids - 1]}
    found = geopandas.GeoDataFrame(table, geometry=list(polygons))
    return {
        "encoder calls": ledger.asked[ENCODER],
        "prompts": ledger.asked[DECODER],
        "encoder, s": ledger.seconds[ENCODER],
        "decoder, s": ledger.seconds[DECODER],
        "masks, s": ledger.seconds[MASKS],
        "rest, s": rest,
        "total, s": sum(ledger.seconds.values()) + rest,
        "made": ledger.made[DECODER] / max(ledger.asked[DECODER], 1),
        "memory, GB": watch.memory_mb.get("all", np.nan) / 1000,
        "coverage": np.count_nonzero(partition.labels) / np.count_nonzero(valid),
    } | figures(found, scene, reference, len(question.prompting.rounds))


def encoder_work(network: Network, scene: Scene) -> int:
    """Operations of one call of the encoder."""
    if network.sam is not None:
        return encoder_operations(network.sam)
    image, _ = scene.read(Window(0, 0, scene.width, scene.height))
    return operations(lambda: network.segmenter.embed(image))


def figures(found: geopandas.GeoDataFrame, scene: Scene, reference: str, rounds: int) -> Row:
    """How right the segments are, as a perfect classifier would choose among them."""
    if reference == "none":
        return {"area IoU": np.nan, "F1": np.nan}
    parcels = read_reference(Path(reference), scene)
    counts = count_rounds(found, parcels, (scene.height, scene.width), lambda window: scene.read(window)[1], rounds)
    scores = counts.oracle_class[-1].scores()
    values = {"area IoU": scores["area_iou"], "F1": scores["object_f1"]}
    return {name: np.nan if value is None else value for name, value in values.items()}


def in_own_process(entry: Entry) -> list[Row]:
    """``measure``, where nothing else is in memory."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, entry).result()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options, and overrides of segment.py."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="of segment.py")
    parser.add_argument("--segmenters", default="compact,sam_vit_b", help="options of conf/segmenter, with commas")
    parser.add_argument("--procedures", default=",".join(PROCEDURES), help="which rivals, with commas (default: %(default)s)")
    parser.add_argument("--checkpoint", default="none", help="SAM's weights; none: random ones")
    parser.add_argument("--timed", type=int, default=16, help="calls of segment-anything's encoder and decoder to make")
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "benchmarks", help="folder of the tables")
    options = parser.parse_intermixed_args(arguments)
    if unknown := set(options.procedures.split(",")) - set(PROCEDURES):
        parser.error(f"--procedures: {', '.join(sorted(unknown))} is none of {', '.join(PROCEDURES)}")
    if options.timed < 1:
        parser.error("--timed: at least one call must be made")
    if not any(override.startswith("scene") for override in options.overrides):
        options.overrides.append("scene=synthetic")
    return options


def main(arguments: Sequence[str] | None = None, run: Callable[[Entry], list[Row]] = in_own_process) -> None:
    """Measure, print, write."""
    options = parse(arguments)
    lines: list[dict[str, Any]] = []
    scenes = 0
    for segmenter in options.segmenters.split(","):
        sam = is_sam(configured([f"segmenter={segmenter}"]))
        for name in options.procedures.split(","):
            if not PROCEDURES[name].takes_part(sam):
                continue
            rows = run(Entry(segmenter, name, options.checkpoint, options.timed, tuple(options.overrides)))
            means = {column: float(np.mean([row[column] for row in rows])) for column in rows[0]}
            lines.append({"segmenter": segmenter, "procedure": name} | means)
            scenes = len(rows)
    for line in lines:
        ours = [other for other in lines if other["segmenter"] == line["segmenter"] and other["procedure"] == OURS]
        line["ratio"] = line["total, s"] / ours[0]["total, s"] if ours else np.nan
    weights = "random weights" if options.checkpoint == "none" else Path(options.checkpoint).name
    title = f"{scenes} scenes, means; {torch.get_num_threads()} threads; SAM: {weights}"
    show(lines, title)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "prompting.md").write_text(markdown(lines, title))
    with (options.output / "prompting.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["segmenter", "procedure", *COLUMNS])
        writer.writeheader()
        writer.writerows(lines)


def cells(line: dict[str, Any]) -> list[str]:
    """A line as text."""
    written = ["–" if np.isnan(line[name]) else format(line[name], how) for name, how in COLUMNS.items()]
    return [line["segmenter"], line["procedure"], *written]


def show(lines: Sequence[dict[str, Any]], title: str) -> None:
    """Print the table."""
    table = Table(title=title)
    for name in ("segmenter", "procedure"):
        table.add_column(name, no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(*cells(line))
    Console(width=200).print(table)


def markdown(lines: Sequence[dict[str, Any]], title: str) -> str:
    """The table as Markdown."""
    headings = ["segmenter", "procedure", *COLUMNS]
    rows = [headings, ["---"] * len(headings), *(cells(line) for line in lines)]
    return f"{title}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    main()
