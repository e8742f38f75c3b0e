"""What each way of prompting asks a segmenter, and what it costs: ours, segment-anything's automatic masks, the published.

    python benchmarks/prompting.py                                          # a drawn scene, segmenter=compact
    python benchmarks/prompting.py scene.path=IMAGES reference=PARCELS      # with figures
    python benchmarks/prompting.py --sam vit_b                              # and what SAM would take for the same questions

Overrides are those of segment.py; scenes need a reference. Every procedure runs in a process of its own, in turn, on
the same images. Of SAM no weights are needed: what is asked is counted with the segmenter of the overrides; the seconds of
one embedding and of 64 points are measured with random weights, segment-anything's code for its procedures, ours for ours.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from isagrsc2.engines.local import LocalEngine
from isagrsc2.metrics.scoring import count_rounds
from isagrsc2.parts import PartStore
from isagrsc2.pipeline import Method, TileDone, coverage_by_round, delineate
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.sources import Source
from isagrsc2.scene.tiling import Tile
from isagrsc2.segmenters.protocol import FloatArray
from isagrsc2.tasks.configured_method import configure_method
from isagrsc2.tasks.smallest_area import smallest_area

ROOT = Path(__file__).resolve().parents[1]

# Options of segment.py that make each procedure.
PROCEDURES: Mapping[str, tuple[str, ...]] = {
    "ours": ("prompting=residual", "refinement=none"),
    "automatic masks, one pass": ("prompting=single_pass", "refinement=none"),
    "published: four passes, refined": ("prompting=whitened", "refinement=heterogeneous"),
}
OURS = "ours"
POINTS = 64


@dataclass
class Counting:
    """A segmenter that counts and times what it is asked."""

    segmenter: Any
    embeddings: int = 0
    points: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"embed": 0.0, "ask": 0.0})

    def embed(self, image: npt.NDArray[np.uint8]) -> Any:
        """See ``Segmenter``."""
        begun = time.perf_counter()
        embedding = self.segmenter.embed(image)
        self.seconds["embed"] += time.perf_counter() - begun
        self.embeddings += 1
        return embedding

    def segment(self, embedding: Any, points: FloatArray) -> Any:
        """See ``Segmenter``."""
        begun = time.perf_counter()
        candidates = self.segmenter.segment(embedding, points)
        self.seconds["ask"] += time.perf_counter() - begun
        self.points += len(points)
        return candidates


def configured(overrides: list[str]) -> DictConfig:
    """The configuration of segment.py."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("segment", ["tiling.size=1000000", *overrides])


def measure(overrides: list[str]) -> dict[str, list[float]]:
    """Segment every scene of a configuration; figures by scene, NaN where undefined."""
    cfg = configured(overrides)
    method = configure_method(cfg)
    rows = [measure_scene(source, method, cfg) for source in instantiate(cfg.scene, _convert_="all").sources()]
    return {name: [float("nan") if row[name] is None else float(row[name]) for row in rows] for name in rows[0]}


def measure_scene(source: Source, method: Method, cfg: DictConfig) -> dict[str, Any]:
    """Segment one scene and compare it with its reference."""
    counting, rounds = Counting(method.segmenter), len(method.prompting.rounds)
    with TemporaryDirectory() as folder:
        scene, own_reference = source.open(Path(folder))
        with scene:
            area = smallest_area(scene, cfg.parcels.min_area_m2, cfg.parcels.min_area_px)
            store = PartStore.open(Path(folder) / "parts", {})
            begun = time.perf_counter()
            found = delineate(scene, replace(method, segmenter=counting), area, store, LocalEngine(1), say_nothing)
            total = time.perf_counter() - begun
            reference = read_reference(Path(own_reference if cfg.reference == "none" else str(cfg.reference)), scene)
            shape = scene.height, scene.width
            counts = count_rounds(found.segments, reference, shape, lambda window: scene.read(window)[1], rounds)
    perfect = counts.oracle_class[-1].scores()
    return {
        "embeddings": counting.embeddings,
        "prompts": counting.points,
        "embed": counting.seconds["embed"],
        "ask": counting.seconds["ask"],
        "rest": total - sum(counting.seconds.values()),
        "memory": max(found.memory_mb.values(), default=None),
        "coverage": coverage_by_round(found.segments, found.valid_pixels, rounds)[-1],
        "area": perfect["area_iou"],
        "f1": perfect["object_f1"],
    }


def say_nothing(todo: list[Tile], done: list[Tile]) -> Callable[[TileDone], None]:  # noqa: ARG001
    """Take no notice of tiles."""
    return lambda news: None  # noqa: ARG005


def sam_seconds(model: str) -> dict[str, tuple[float, float]]:
    """Of one embedding and of one batch of points, by segment-anything's own code and by ours, with random weights."""
    import torch
    from segment_anything import SamPredictor, sam_model_registry

    from isagrsc2.segmenters.sam.segmenter import SamSegmenter

    option = configured([f"segmenter=sam_{model}"]).segmenter
    sam = sam_model_registry[model]().eval()
    ours = SamSegmenter.from_model(sam, "cpu", option.batch.cpu, option.stability_offset, option.precision, option.compile)
    rng = np.random.default_rng(0)
    image, points = rng.integers(0, 255, (1024, 1024, 3), dtype=np.uint8), rng.random((POINTS, 2)) * 1024
    predictor = SamPredictor(sam)
    prompts, foreground = torch.as_tensor(points, dtype=torch.float32)[:, None], torch.ones(POINTS, 1)
    times = []
    begun = time.perf_counter()
    predictor.set_image(image)
    times.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    predictor.predict_torch(prompts, foreground, multimask_output=True)  # enlarges the masks, as its generator does
    times.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    embedding = ours.embed(image)
    times.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    ours.segment(embedding, points)
    times.append(time.perf_counter() - begun)
    return {"theirs": (times[0], times[1]), OURS: (times[2], times[3])}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sam", choices=("vit_b", "vit_l", "vit_h"), help="also say what this SAM would take")
    options, overrides = parser.parse_known_args()
    if not any(override.startswith("scene") for override in overrides):
        overrides.append("scene=synthetic")
    context = multiprocessing.get_context("spawn")
    measured = {}
    for name, choices in PROCEDURES.items():
        with ProcessPoolExecutor(1, context) as pool:  # a process for each, for the sake of its memory
            measured[name] = pool.submit(measure, [*overrides, *choices]).result()
    means = {name: {key: float(np.mean(values)) for key, values in figures.items()} for name, figures in measured.items()}
    table = Table(title=f"{len(measured[OURS]['f1'])} scenes, means; F1 and area IoU with a perfect classifier")
    for heading in (
        "",
        "embeddings",
        "prompts",
        "embed, s",
        "ask, s",
        "rest, s",
        "ratio",
        "memory, GB",
        "coverage",
        "area IoU",
        "F1",
    ):
        table.add_column(heading, justify="right" if heading else "left")
    fastest = sum(means[OURS][part] for part in ("embed", "ask", "rest"))
    for name, row in means.items():
        seconds = [row[part] for part in ("embed", "ask", "rest")]
        cells = [f"{row['embeddings']:.1f}", f"{row['prompts']:.0f}", *(f"{value:.2f}" for value in seconds)]
        cells += [f"{sum(seconds) / fastest:.1f}", f"{row['memory'] / 1000:.2f}"]
        table.add_row(name, *cells, *(f"{row[key]:.3f}" for key in ("coverage", "area", "f1")))
    console = Console(width=140)
    console.print(table)
    if options.sam is None:
        return
    sam = sam_seconds(options.sam)
    implied = {}
    for name, row in means.items():
        embed, ask = sam[OURS if name == OURS else "theirs"]
        implied[name] = row["embeddings"] * embed + row["prompts"] / POINTS * ask
    table = Table(
        "", "embedding, s", f"{POINTS} points, s", "the same questions, s", "ratio", title=f"{options.sam}, random weights"
    )
    for name, total in implied.items():
        embed, ask = sam[OURS if name == OURS else "theirs"]
        table.add_row(name, f"{embed:.1f}", f"{ask:.2f}", f"{total:.0f}", f"{total / implied[OURS]:.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
