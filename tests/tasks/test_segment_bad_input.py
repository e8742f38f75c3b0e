"""What a user can get wrong with `segment.py`: one clear line, exit code 2, nothing half-written, no traceback."""

import json
import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from classical import CLASSICAL
from omegaconf import DictConfig
from PIL import Image

from isagrsc2.tasks.entry import check_writable, run_task
from isagrsc2.tasks.segment import segment

# Some of these images have no georeference on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SIDE = 96  # px
TRANSFORM = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 6_200_000.0)  # as in `write_raster`
FIELDS = [shapely.box(0, 0, 48, 96), shapely.box(48, 0, 96, 96)]  # px


def fields(dtype=np.uint8) -> np.ndarray:
    """(96, 96, 3): two fields side by side."""
    image = np.full((SIDE, SIDE, 3), (90, 140, 60))
    image[:, SIDE // 2 :] = (180, 150, 90)
    return (image + np.random.default_rng(0).integers(-3, 4, image.shape)).astype(dtype)


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code (0: it returned), lines on standard error and in the log, the output folder."""

    code: int
    errors: list[str]
    log: list[str]
    output: Path

    @property
    def left(self) -> list[str]:
        """What lies in the output folder."""
        return sorted(path.name for path in self.output.iterdir())


Run = Callable[..., Ended]


@pytest.fixture
def run(compose_config: Callable[..., DictConfig], tmp_path: Path, capfd, caplog) -> Run:
    """Segment as the entry point does, in this process; a traceback fails the test."""

    def call(*overrides: str) -> Ended:
        output = tmp_path / "out"
        output.mkdir(exist_ok=True)
        cfg = compose_config("segment", *CLASSICAL, "export=metrics", f"output_dir={output}", *overrides)
        caplog.clear()
        capfd.readouterr()
        code = 0
        with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
            warnings.simplefilter("error")  # a library's warning is noise on the user's screen
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            try:
                run_task(segment, cfg)
            except SystemExit as stop:
                code = stop.code
        # rasterio's own log goes to the file only: conf/hydra/job_logging.
        log = [record.getMessage() for record in caplog.records if record.name.startswith("isagrsc2")]
        return Ended(code, capfd.readouterr().err.splitlines(), log, output)

    return call


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """Run what must be refused; returns the one line."""

    def call(*overrides: str) -> str:
        ended = run(*overrides)
        assert ended.code == 2
        assert ended.log == []
        assert len(ended.errors) == 1
        assert ended.left == []
        return ended.errors[0]

    return call


@pytest.fixture
def good(write_raster: Callable[..., Path]) -> Path:
    return write_raster("good.tif", fields(), crs="EPSG:32632")


# ---------------------------------------------------------------------------------------------- scenes


def test_a_path_that_leads_nowhere(refused, tmp_path):
    assert refused(f"scene.path={tmp_path}/missing.tif") == f"{tmp_path}/missing.tif does not exist; check scene.path."
    assert "*.tif matches no image; check scene.path" in refused(f"scene.path='{tmp_path}/*.tif'")
    (tmp_path / "void").mkdir()
    assert "void holds no image" in refused(f"scene.path={tmp_path}/void")
    assert "scene.path is empty" in refused("scene.path=''")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6])
def test_a_file_that_is_empty_or_breaks_off(refused, tmp_path, suffix, share):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(fields()).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    line = refused(f"scene.path={path}")
    assert str(path) in line
    assert re.search("replace the file|it is damaged", line)


def test_a_file_of_another_kind(refused, tmp_path):
    (tmp_path / "text.png").write_text("not an image\n" * 20)
    assert "text.png is not a raster" in refused(f"scene.path={tmp_path}/text.png")
    for name in ("fields.gpkg", "fields.geojson"):
        gpd.GeoSeries(FIELDS, crs=32632).to_file(tmp_path / name)
        assert "vector files go to reference=" in refused(f"scene.path={tmp_path / name}")


def test_an_image_of_one_pixel(refused, tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    assert "a.png: the image is 1 x 1 px" in refused(f"scene.path={tmp_path}/a.png")


def test_bands(refused, write_raster, good):
    two = write_raster("two.tif", fields()[..., :2])
    assert "two.tif has two bands; say which to use" in refused(f"scene.path={two}")
    assert "good.tif has no band 4 (it has 1, 2, 3)" in refused(f"scene.path={good}", "scene.bands=[4,2,1]")
    assert "scene.bands=[1, 2] names 2 bands" in refused(f"scene.path={good}", "scene.bands=[1,2]")
    assert "scene.bands=rgb is not understood" in refused(f"scene.path={good}", "scene.bands=rgb")


def test_a_georeference_off_the_earth(refused, write_raster):
    path = write_raster("a.tif", fields(), crs="EPSG:4326")  # metres called degrees
    line = refused(f"scene.path={path}")
    assert line.startswith(f"{path}: the raster's georeference is wrong")


def test_damage_found_late_leaves_nothing(refused, write_raster):
    # The overview is read from a part of the file that is whole.
    values = np.random.default_rng(0).integers(0, 255, (2400, 2200), dtype=np.uint8)
    path = write_raster("a.tif", values, tiled=True, compress="deflate")
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4])
    content = bytearray(path.read_bytes())
    content[5000:9000] = bytes(4000)
    path.write_bytes(content)
    line = refused(f"scene.path={path}", "tiling.size=256", "tiling.overlap=0", "prompting=single_pass")
    assert "a.tif is damaged or breaks off" in line


def test_tiny_images_have_no_parcels(run, write_raster):
    for height, width in ((2, 2), (3, 3), (2, 90)):
        path = write_raster("a.tif", fields()[:height, :width])
        assert run(f"scene.path={path}").code == 0


@pytest.mark.parametrize(
    ("values", "nodata"), [(np.zeros((SIDE, SIDE, 3), np.uint8), 0), (np.full((SIDE, SIDE, 3), np.nan, np.float32), None)]
)
def test_nothing_but_nodata_gives_empty_files_and_a_warning(run, write_raster, values, nodata):
    path = write_raster("void.tif", values, crs="EPSG:32632", nodata=nodata)
    ended = run(f"scene.path={path}", "export=all")
    assert ended.code == 0
    assert ended.log == [f"{path} holds no valid pixel (all nodata): its parcels file is empty."]
    folder = ended.output / "void"
    names = {"parts", "segments.parquet", "parcels.parquet", "parcels.gpkg", "instances.tif", "parcels_coco.json"}
    assert {file.name for file in folder.iterdir()} == names | {"overlay.png", "metrics.json"}
    for name in ("parcels.parquet", "parcels.gpkg"):
        parcels = gpd.read_parquet(folder / name) if name.endswith("parquet") else gpd.read_file(folder / name)
        assert len(parcels) == 0
        assert {"parcel_id", "class_name", "area_m2"} <= set(parcels.columns)
        assert parcels.crs.to_epsg() == 32632
    with rasterio.open(folder / "instances.tif") as dataset:
        assert dataset.shape == (SIDE, SIDE)
        assert not dataset.read().any()
    assert json.loads((folder / "parcels_coco.json").read_text())["annotations"] == []
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["parcels"] == 0
    assert metrics["classes"] == {}
    assert set(metrics["coverage"]) == {0.0}
    assert metrics["scene"]["valid_pixels"] == 0


def test_values_that_are_not_finite_are_nodata(run, write_raster):
    values = fields(np.float32) / 255
    values[10:30, 10:30] = np.nan
    values[60:80, 60:80, 1] = np.inf
    path = write_raster("holes.tif", values, crs="EPSG:32632")
    ended = run(f"scene.path={path}", "export=instances")
    assert (ended.code, ended.log, ended.errors) == (0, [], [])
    with rasterio.open(ended.output / "holes" / "instances.tif") as dataset:
        ids = dataset.read(1)
    assert not ids[10:30, 10:30].any()
    assert not ids[60:80, 60:80].any()
    assert (ids > 0).mean() > 0.8


def test_one_bad_file_does_not_stop_the_others(run, good, tmp_path):
    (tmp_path / "bad.tif").write_bytes(good.read_bytes()[:2000])
    Image.fromarray(fields()).save(tmp_path / "other.png")
    ended = run(f"scene.path={tmp_path}")
    assert ended.code == 1
    assert ended.left == ["good", "metrics.csv", "other"]
    assert ended.log[1] == "1 of 3 scenes could not be segmented:"
    assert ended.log[2].strip().startswith(f"{tmp_path}/bad.tif is damaged or breaks off")
    assert len(ended.log) == 3
    assert ended.errors == []


# ---------------------------------------------------------------------------------------------- reference


def reference(path: Path, crs: int | None = 32632, east: float = 0.0) -> Path:
    moved = gpd.GeoSeries(FIELDS, crs=32632).affine_transform(TRANSFORM.to_shapely()).translate(east)
    moved.set_crs(32632, allow_override=True).to_crs(crs).to_file(path)
    return path


@pytest.mark.parametrize(("name", "crs"), [("a.gpkg", 32632), ("a.gpkg", 3857), ("a.geojson", 4326), ("a.shp", 25832)])
def test_a_reference_is_brought_to_the_crs_of_the_scene(run, good, tmp_path, name, crs):
    ended = run(f"scene.path={good}", f"reference={reference(tmp_path / name, crs)}")
    assert (ended.code, ended.log, ended.errors) == (0, [], [])
    found = json.loads((ended.output / "good" / "metrics.json").read_text())["reference"]
    assert found["parcels"] == 2
    assert found["rounds"][-1]["object_f1"] == 1.0


def test_a_reference_elsewhere_is_refused_before_the_work(refused, good, tmp_path):
    far = reference(tmp_path / "far.gpkg", east=50_000)
    line = refused(f"scene.path={good}", f"reference={far}", "tiling.size=2", "tiling.overlap=0")
    assert line.startswith(f"{far} does not overlap the scene {good}")


def test_a_reference_that_cannot_be_read(refused, good, tmp_path):
    missing = tmp_path / "missing.gpkg"
    assert refused(f"scene.path={good}", f"reference={missing}") == f"{missing} does not exist; check reference=."
    (tmp_path / "text.png").write_text("not a reference\n" * 20)
    for name, words in (("text.png", "neither as vector file nor as label raster"), ("good.tif", "3 bands")):
        line = refused(f"scene.path={good}", f"reference={tmp_path / name}")
        assert line.startswith(str(tmp_path / name))
        assert words in line


def test_a_missing_reference_is_said_once_for_all_scenes(refused, good, tmp_path):
    Image.fromarray(fields()).save(tmp_path / "other.png")
    assert refused(f"scene.path={tmp_path}", f"reference={tmp_path}/none.gpkg").endswith("check reference=.")


def test_nothing_of_a_synthetic_scene_stays_with_a_bad_reference(refused, good):
    line = refused("scene=synthetic", "scene.width=64", "scene.height=64", f"reference={good}")
    assert "3 bands" in line


# ---------------------------------------------------------------------------------------------- networks


def test_a_checkpoint_is_read_before_any_scene(refused, tmp_path):
    # The scene is no image either; the checkpoint is what is refused.
    (tmp_path / "text.tif").write_text("no image")
    scene, checkpoint = f"scene.path={tmp_path}/text.tif", tmp_path / "best.ckpt"
    option = ("classifier=cbam_resnet50", f"classifier.checkpoint={checkpoint}")
    assert refused(scene, *option).startswith(f"{checkpoint} does not exist; give classifier.checkpoint=PATH")
    import torch

    torch.save({"state_dict": {"weight": torch.zeros(1000)}}, checkpoint)
    assert "is not a checkpoint written by train.py" in refused(scene, *option)
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    assert f"{checkpoint} is damaged" in refused(scene, *option)
    for number in ("classifier.batch=0", "classifier.threshold=50"):
        assert refused(scene, *option, number).startswith(f"{number} does not fit")


def test_the_least_certain_parcels_without_a_classifier(refused, good):
    assert refused(f"scene.path={good}", "export.most_uncertain=20") == (
        "export.most_uncertain=20 needs probabilities, and nothing classifies the parcels; choose another classifier, or leave "
        "the option out."
    )


def test_labels_of_another_image(refused, good, tmp_path):
    path = tmp_path / "labels.json"
    labels = {"shapes": [], "imagePath": "good.png", "imageWidth": SIDE, "imageHeight": 2 * SIDE}
    path.write_text(json.dumps(labels))
    assert "was drawn on an image of 96 x 192 px" in refused(f"scene.path={good}", f"reference={path}")
    path.write_text(json.dumps(labels | {"imagePath": "better.png", "imageHeight": SIDE}))
    assert "belongs to the image better.png, not to the scene" in refused(f"scene.path={good}", f"reference={path}")


def test_without_a_checkpoint_parcels_stay_unclassified_with_a_warning(run, good):
    ended = run(f"scene.path={good}", "classifier=cbam_resnet50", "export=geoparquet")
    assert ended.code == 0
    assert len(ended.log) == 1
    assert "classifier.checkpoint=none: every parcel stays `unclassified`" in ended.log[0]
    parcels = gpd.read_parquet(ended.output / "good" / "parcels.parquet")
    assert set(parcels["class_name"]) == {"unclassified"}
    assert parcels["p_cultivated"].isna().all()


def test_a_segmenter_without_its_weights(refused, good, tmp_path):
    options = ("segmenter=sam_vit_b", f"weights_dir={tmp_path}/weights", f"segmenter.checkpoint={tmp_path}/sam.pth")
    assert refused(f"scene.path={good}", *options).startswith(f"{tmp_path}/sam.pth is not a file; give the path")
    (tmp_path / "sam_vit_b_01ec64.pth").write_bytes(b"truncated")
    options = ("segmenter=sam_vit_b", f"segmenter.checkpoint={tmp_path}/sam_vit_b_01ec64.pth")
    assert "breaks off after 9 of" in refused(f"scene.path={good}", *options)
    assert not (tmp_path / "weights").exists()


def test_a_device_that_is_not_there(refused, good):
    assert "device=abacus is not understood" in refused(f"scene.path={good}", "segmenter=sam_vit_b", "device=abacus")


# ---------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "option",
    [
        "tiling.size=0",
        "tiling.size=large",
        "tiling.overlap=-1",
        "parcels.min_area_m2=-1",
        "parcels.min_area_px=-1",
        "parcels.simplify_px=-0.5",
        "parcels.simplify_px=rough",
        "parcels.chips_in_memory=0",
        "engine.workers=0",
        "merging.overlap=oldest",
        "merging.duplicate_iou=1.5",
        "merging.min_width=-1",
        "stitching.min_iou=2",
        "stitching.min_contained=-1",
        "prompting.max_rounds=0",
        "prompting.min_residual=-0.1",
        "segmenter.reduction=0",
        "segmenter.sigma=-1",
        "scene.stretch.low=-1",
        "scene.stretch.max_gain=0",
        "scene.stretch.high=nan",
    ],
)
def test_a_number_that_does_not_fit_is_named(refused, good, option):
    line = refused(f"scene.path={good}", option)
    assert line.startswith(option)
    assert re.search("give|is not one of", line)


ROUND = "prompting.rounds.round_1.search"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["tiling.size=128", "tiling.overlap=128"], "tiling.size=128 must be larger than tiling.overlap=128"),
        (["scene.stretch.low=99.9"], "scene.stretch.low=99.9 must be smaller than scene.stretch.high=99.5"),
        (["scene=synthetic", "scene.width=8"], "scene.width=8 "),
        ([f"{ROUND}.batch=0"], "search.batch=0 "),
        ([f"{ROUND}.min_score=88"], "search.min_score=88 "),
        ([f"{ROUND}.max_overlap=-1"], "search.max_overlap=-1 "),
        ([f"{ROUND}.prompts.spacing=0"], "search.prompts.spacing=0 "),
        ([f"{ROUND}.prompts.min_depth=-1"], "search.prompts.min_depth=-1 "),
        (["prompting=single_pass", f"{ROUND}.batch=-1"], "search.batch=-1 "),
        (["prompting=single_pass", f"{ROUND}.max_box_iou=7"], "search.max_box_iou=7 "),
        (["prompting=single_pass", f"{ROUND}.prompts.side=0"], "search.prompts.side=0 "),
        (["prompting=whitened", "prompting.rounds.round_2.painter.frame=0"], "painter.frame=0 "),
        (["prompting=whitened", "prompting.rounds.round_2.painter.grow=-1"], "painter.grow=-1 "),
        (["prompting=whitened", "prompting.rounds.round_2.painter.canny=[1]"], "painter.canny="),
        (["refinement=heterogeneous", "refinement.blur=4"], "refinement.blur=4 "),
        (["refinement=heterogeneous", "refinement.min_share=-1"], "refinement.min_share=-1 "),
        (["refinement=heterogeneous", "refinement.canny=[5,x]"], "refinement.canny="),
        (["segmenter.levels=[5,3,2]"], "segmenter.levels="),
        (["export=overlay", "export.overlay.opacity=2"], "export.overlay.opacity=2 "),
        (["export=overlay", "export.overlay.max_size=0"], "export.overlay.max_size=0 "),
        (["export=instances", "export.instances.block=100"], "export.instances.block=100 "),
        (["export=instances", "export.instances.compression=rar"], "export.instances.compression=rar "),
        (["export=geoparquet", "export.geoparquet.compression=rar"], "export.geoparquet.compression=rar "),
        (["+tiling.shape=3"], "Tiling.__init__() got an unexpected keyword argument 'shape'"),
        (["name='${nobody}'"], "name: Interpolation key 'nobody' not found"),
        (["~tiling"], "tiling: "),
    ],
)
def test_options_that_do_not_fit_are_named(refused, good, options, named):
    scene = [] if "scene=synthetic" in options else [f"scene.path={good}"]
    assert refused(*scene, *options).startswith(named)


def test_no_exports_at_all(run, good):
    for option in ("export=[]", "~export"):
        ended = run(f"scene.path={good}", option)
        assert (ended.code, ended.errors) == (0, [])
        assert {file.name for file in (ended.output / "good").iterdir()} == {"parts", "segments.parquet"}


# ---------------------------------------------------------------------------------------------- folders


@pytest.mark.parametrize("below", ["", "/deeper/run"])
def test_an_output_folder_below_a_file(good, capfd, below):
    with pytest.raises(SystemExit) as caught:
        check_writable(f"{good}{below}")
    assert caught.value.code == 2
    line = capfd.readouterr().err
    assert line == f"{good}{below} cannot be the output folder: {good} is a file; choose another output_dir=.\n"


def test_an_output_folder_without_a_name(capfd):
    with pytest.raises(SystemExit, match="2"):
        check_writable("")
    assert "output_dir is empty" in capfd.readouterr().err


def test_an_output_folder_is_made(tmp_path):
    check_writable(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()


def test_a_file_where_the_results_of_a_scene_should_go(run, good, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "good").write_text("mine")
    ended = run(f"scene.path={good}")
    assert ended.code == 2
    assert ended.errors == [f"{tmp_path}/out/good cannot be made (File exists); choose another output_dir=."]
    assert (tmp_path / "out" / "good").read_text() == "mine"


def test_results_of_an_earlier_run_stay_when_the_file_has_gone_bad(run, good):
    assert run(f"scene.path={good}").code == 0
    good.write_bytes(good.read_bytes()[:2000])
    ended = run(f"scene.path={good}")
    assert ended.code == 2
    assert (ended.output / "good" / "metrics.json").exists()


def test_a_disk_that_says_no(compose_config, capfd):
    def full(cfg: DictConfig) -> None:
        raise OSError(28, "No space left on device", "parcels.gpkg")

    with pytest.raises(SystemExit, match="2"):
        run_task(full, compose_config("segment"))
    assert capfd.readouterr().err == (
        "parcels.gpkg cannot be used (No space left on device); make room, or choose another output_dir=.\n"
    )


def test_a_fault_of_the_program_keeps_its_traceback(compose_config):
    def faulty(cfg: DictConfig) -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        run_task(faulty, compose_config("segment"))
