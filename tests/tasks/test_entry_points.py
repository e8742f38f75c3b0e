"""The three commands as a user types them, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SCRIPTS = ("segment.py", "train.py", "evaluate.py")
# Starts fast: no network is loaded.
CLASSICAL = ("segmenter=regions", "classifier=none")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)


def segment(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    return run(folder, str(ROOT / "segment.py"), *overrides)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    return path


def test_a_missing_file_is_one_line(tmp_path):
    done = segment(tmp_path, "scene.path=missing.tif", "output_dir=out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "missing.tif does not exist; check scene.path.\n"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".hydra", "segment.log"}


def test_a_damaged_file_is_one_line(image, tmp_path):
    image.write_bytes(image.read_bytes()[:6000])  # libtiff has its own words for it, in several lines
    done = segment(tmp_path, "scene.path=a.tif", "output_dir=out", *CLASSICAL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("a.tif is damaged or breaks off")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "a").exists()


def test_a_damaged_reference_is_one_line(image, tmp_path):
    labels = tmp_path / "labels.tif"
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (64, 64), dtype=np.uint8)).save(labels)
    labels.write_bytes(labels.read_bytes()[:2000])
    done = segment(tmp_path, "scene.path=a.tif", "reference=labels.tif", "output_dir=out", *CLASSICAL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("labels.tif can be read neither as vector file nor as label raster")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "a").exists()


def test_an_output_folder_below_a_file_is_one_line(image, tmp_path):
    done = segment(tmp_path, "scene.path=a.tif", "output_dir=a.tif/out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"a.tif/out cannot be the output folder: {image} is a file; choose another output_dir=.\n"
    assert list(tmp_path.iterdir()) == [image]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("segmenter=foo", ["Could not find 'segmenter/foo'", "regions", "sam_vit_b", "sam_vit_h", "sam_vit_l"]),
        ("tiling.sise=3", ["Could not override 'tiling.sise'"]),
    ],
)
def test_an_option_that_does_not_exist_gets_hydras_answer(tmp_path, override, said):
    done = segment(tmp_path, override)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_sweep_gives_every_job_its_own_folder(image, tmp_path):
    overrides = ("-m", "segmenter=regions", "classifier=none", "scene.path=a.tif", "output_dir=out", "export=metrics")
    done = segment(tmp_path, *overrides, "tiling.size=32,64", "tiling.overlap=8")
    assert (done.returncode, done.stderr) == (0, "")
    for job in ("0", "1"):
        assert (tmp_path / "out" / job / "a" / "metrics.json").exists()
        assert (tmp_path / "out" / job / "metrics.csv").exists()
    assert not (tmp_path / "out" / "a").exists()


WITHOUT = """
import runpy, sys
script, sys.argv = sys.argv[1], sys.argv[1:]
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as stop:
    assert not stop.code, stop.code
slow = {"torch", "torchvision", "pytorch_lightning", "matplotlib", "wandb", "timm", "segment_anything"} & set(sys.modules)
sys.exit(f"imported {sorted(slow)}" if slow else 0)
"""


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"]])
def test_questions_are_answered_without_the_slow_libraries(tmp_path, script, flags):
    done = run(tmp_path, "-c", WITHOUT, str(ROOT / script), *flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert "output_dir" in done.stdout or script in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_classical_way_needs_no_slow_library(image, tmp_path):
    classical = ("scene.path=a.tif", "segmenter=regions", "classifier=none")
    done = run(tmp_path, "-c", WITHOUT, str(ROOT / "segment.py"), *classical, "output_dir=out")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "a" / "overlay.png").exists()
