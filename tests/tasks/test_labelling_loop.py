"""The labelling loop on one image: segment, export, correct from the reference, cut chips, train some steps, segment again."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from omegaconf import DictConfig
from sklearn.metrics import f1_score

from isagrsc2.classification.data.segment_choice import share_inside
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.label_chips.task import label_chips
from isagrsc2.tasks.segment import segment
from isagrsc2.tasks.train import train

NAIP = Path(__file__).parents[3] / "shared" / "data" / "naip_parcels"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHIP_SIZE = 64  # px; what makes the test short
EPOCHS = 6
TRAINING = (
    "data=image_folder",
    f"data.chip_size={CHIP_SIZE}",
    "data.workers=0",
    "model=cbam_squeezenet",
    "model.backbone.pretrained=embedded",
    "monitor.metric=val/f1_macro",
    "trainer=cpu",
    f"trainer.max_epochs={EPOCHS}",
    "+trainer.enable_progress_bar=false",
)


@pytest.mark.parametrize("kind", ["drawn", "naip"])
def test_a_corrected_image_teaches_the_classifier(kind: str, compose_config: Callable[..., DictConfig], tmp_path: Path) -> None:
    def run(task: Callable[[DictConfig], float | int], name: str, *overrides: str) -> Path:
        output = tmp_path / name
        output.mkdir()
        task(compose_config(task.__name__, *overrides, f"output_dir={output}"))
        return output

    scene, given = given_scene(kind)
    first = run(segment, "first", *scene, "export=[labelme,metrics]", "export.labelme.labels=numbers")
    (result,) = (path.parent for path in first.glob("*/metrics.json"))
    image = Path(json.loads((result / "metrics.json").read_text())["scene"]["path"])
    reference = result / "reference.gpkg" if given is None else given
    labels = result / "labelme" / f"{result.name}.json"
    assert correct(labels, image, reference) > 0

    again = f"scene.path={image}"
    cut = (f"data.chip_size={CHIP_SIZE}", f"data.finder.cache={tmp_path / 'cache'}")
    chips = run(label_chips, "chips", again, f"reference={first}", *cut)
    with (chips / "manifest.csv").open(newline="") as stream:
        manifest = list(csv.DictReader(stream))
    assert {row["file"] for row in manifest} == {path.relative_to(chips).as_posix() for path in chips.rglob("*.png")}
    assert {row["class"] for row in manifest} == {"field", "nonfield"}
    assert_chips_lie_where_labels_say(manifest, labels)

    trained = run(train, "trained", *TRAINING, f"data.root={chips}", f"runs_dir={tmp_path / 'runs'}")
    new = ("classifier=trained", f"classifier.checkpoint={trained / 'checkpoints' / 'best.ckpt'}")
    second = run(segment, "second", again, *new, "export=[labelme,metrics]")

    truth = truth_of(result, image, reference)
    before, after = (told(folder) for folder in (result, second / result.name))
    assert len(before) == len(after) == len(truth)  # the same segments: only the classifier has changed
    # The image that was learnt from: this says that the loop closes, and nothing about other images.
    everything, old, new_score = (mean_f1(truth, said) for said in (np.ones_like(truth), before, after))
    assert new_score > everything + 0.1
    assert new_score > old + 0.02


def given_scene(kind: str) -> tuple[list[str], Path | None]:
    """Options of a scene and its reference; None: the scene brings it."""
    if kind == "drawn":
        return ["scene=synthetic", "scene.seeds=[108]", "scene.width=512", "scene.height=512"], None
    if not NAIP.is_dir():
        pytest.skip("no imagery beside the repository")
    image = sorted((NAIP / "images").glob("*.png"))[2]
    return [f"scene.path='{image}'"], NAIP / "via_regions.json"


def correct(labels: Path, image: Path, reference: Path) -> int:
    """Do what a person does in LabelMe: label 1 what lies mostly in parcels, 0 what does not; how many labels change."""
    land = land_of(image, reference)
    document = json.loads(labels.read_text())
    changed = 0
    for shape in document["shapes"]:
        outline = shapely.make_valid(shapely.Polygon(shape["points"]))
        label = str(int(outline.intersection(land).area > outline.area / 2))
        changed += label != shape["label"]
        shape["label"] = label
    labels.write_text(json.dumps(document, indent=2))
    return changed


def land_of(image: Path, reference: Path) -> shapely.Geometry:
    with open_scene(image, "auto", NoStretch()) as scene:
        return shapely.union_all(read_reference(reference, scene).parcels.geometry.to_numpy())


def assert_chips_lie_where_labels_say(manifest: list[dict[str, str]], labels: Path) -> None:
    shapes = json.loads(labels.read_text())["shapes"]
    outlines = [shapely.make_valid(shapely.Polygon(shape["points"])) for shape in shapes if shape["label"] == "1"]
    fields = np.array([shapely.union_all(outlines)], dtype=object)
    for row in manifest:
        share = share_inside(np.array([shapely.from_wkt(row["outline"])], dtype=object), fields)[0]
        assert share >= 0.8 if row["class"] == "field" else share <= 0.2


def truth_of(result: Path, image: Path, reference: Path) -> np.ndarray:
    """(N,) 1 where a segment lies mostly in parcels."""
    outlines = geopandas.read_parquet(result / "segments.parquet").geometry.to_numpy()
    return (share_inside(outlines, np.array([land_of(image, reference)], dtype=object)) > 0.5).astype(int)


def told(result: Path) -> np.ndarray:
    """(N,) 1 where the classifier says cultivated."""
    names = geopandas.read_parquet(result / "segments.parquet")["class_name"]
    assert set(names) <= {"cultivated", "not_cultivated"}
    return (names == "cultivated").to_numpy().astype(int)


def mean_f1(truth: np.ndarray, said: np.ndarray) -> float:
    return float(f1_score(truth, said, average="macro"))
