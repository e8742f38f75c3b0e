"""``python -m isagrsc2.scene.superres``."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch, PercentileStretch
from isagrsc2.scene.superres import enlarged_raster
from isagrsc2.scene.superres.__main__ import main
from isagrsc2.scene.superres.enlarged_raster import write_enlarged
from isagrsc2.scene.superres.resampling import ResamplingSuperResolution

ROOT = Path(__file__).parents[3]
CONF = ["--conf", str(ROOT / "conf")]


@pytest.fixture
def georeferenced(write_raster: Callable[..., Path], image: Callable[..., np.ndarray]) -> Path:
    """51 x 70 px of 10 m, nodata 0 in a corner and a hole; one black value that is none."""
    values = np.maximum(image(51, 70), 1)
    values[:12, :9] = 0
    values[30:37, 40:52] = 0
    values[5, 60] = 0, 0, 7
    return write_raster("in.tif", values, crs="EPSG:32632", nodata=0)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with open_scene(path, "auto", NoStretch()) as scene:
        return scene.read()


def test_place_and_missing_pixels_are_kept(georeferenced: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = georeferenced.read_bytes()
    out = tmp_path / "out.tif"
    assert main([str(georeferenced), str(out), "--superres", "bicubic_x4", "--stretch", "none", *CONF]) == 0
    assert capsys.readouterr().out == f"{out}: 280 x 204 px\n"
    assert georeferenced.read_bytes() == before
    with rasterio.open(georeferenced) as coarse, rasterio.open(out) as fine:
        assert fine.crs == coarse.crs
        assert fine.bounds == coarse.bounds
        assert fine.res == (2.5, 2.5)
        assert (fine.count, fine.dtypes[0], fine.nodata) == (3, "uint8", None)
    image, valid = read(georeferenced)
    enlarged, valid_enlarged = read(out)
    assert np.array_equal(valid_enlarged, np.kron(valid, np.ones((4, 4), bool)))
    assert not valid.all()
    kernel = ResamplingSuperResolution("bicubic", 4).enlarge(image)
    far = slice(160, 192), slice(12, 268)  # from what is missing, and from the edges
    assert np.array_equal(enlarged[far], kernel[far])
    assert {path.name for path in tmp_path.iterdir()} == {"in.tif", "out.tif"}


@pytest.mark.parametrize("window", [16, 29])
def test_windows_do_not_show(georeferenced: Path, tmp_path: Path, window: int) -> None:
    told = []
    with open_scene(georeferenced, "auto", NoStretch()) as scene:
        superres = ResamplingSuperResolution("lanczos", 4)
        write_enlarged(scene, superres, tmp_path / "whole.tif", lambda *progress: None)
        write_enlarged(scene, superres, tmp_path / "pieces.tif", lambda *progress: told.append(progress), window)
    (whole, valid), (pieces, valid_pieces) = read(tmp_path / "whole.tif"), read(tmp_path / "pieces.tif")
    assert np.array_equal(valid, valid_pieces)
    assert np.abs(whole.astype(int) - pieces).max() <= 1
    assert told == [(number, len(told)) for number in range(1, len(told) + 1)]
    assert len(told) == (20 if window == 16 else 6)


def test_networks(georeferenced: Path, compact_file: Path, tmp_path: Path) -> None:
    whole, pieces = tmp_path / "whole.tif", tmp_path / "pieces.tif"
    network = ["--checkpoint", str(compact_file), "--device", "cpu", *CONF]
    assert main([str(georeferenced), str(whole), *network]) == 0
    assert main([str(georeferenced), str(pieces), *network, "--tile", "32", "--overlap", "6"]) == 0
    (one, valid), (other, _) = read(whole), read(pieces)
    assert one.shape == (204, 280, 3)
    assert one[valid].std() > 20
    assert np.abs(one.astype(int) - other).max() <= 1


def test_photographs_and_other_depths(
    write_raster: Callable[..., Path], image: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    deep = write_raster("deep.png", image(20, 30).astype(np.uint16) * 100)
    assert main([str(deep), str(tmp_path / "out.tif"), "--superres", "lanczos_x4", "--bands", "3,2,1", *CONF]) == 0
    with open_scene(deep, [3, 2, 1], PercentileStretch(0.5, 99.5, True, 100, 3.0)) as scene:
        expected = ResamplingSuperResolution("lanczos", 4).enlarge(scene.read()[0])
    enlarged, valid = read(tmp_path / "out.tif")
    inside = slice(24, -24)
    assert np.array_equal(enlarged[inside, inside], expected[inside, inside])
    assert valid.all()
    with open_scene(tmp_path / "out.tif", "auto", NoStretch()) as scene:
        assert scene.transform.is_identity
        assert scene.crs is None


def test_none_makes_8_bit(write_raster: Callable[..., Path], image: Callable[..., np.ndarray], tmp_path: Path) -> None:
    path = write_raster("in.png", image(20, 30))
    assert main([str(path), str(tmp_path / "out.tif"), "--superres", "none", "--stretch", "none", *CONF]) == 0
    assert np.array_equal(read(tmp_path / "out.tif")[0], image(20, 30))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.tif", "out.tif"], "missing.tif does not exist"),
        (["in.tif", "out.png"], "out.png cannot be written; give the name of a file that ends in .tif"),
        (["in.tif", "nowhere/out.tif"], "in a folder that exists"),
        (["in.tif", "in.tif"], "in.tif is the image itself"),
        (
            ["in.tif", "out.tif", "--superres", "x8"],
            "x8.yaml does not exist; choose one of bicubic_x4, lanczos_x4, none, real_esrgan",
        ),
        (["in.tif", "out.tif", "--checkpoint", "a.pth"], "bicubic_x4 has no checkpoint; leave --checkpoint out"),
        (["in.tif", "out.tif", "--conf", "elsewhere"], "percentile.yaml does not exist; run in the folder of the repository"),
        (["in.tif", "out.tif", "--bands", "x,y"], "scene.bands=x,y is not understood"),
        (["in.tif", "out.tif", "--superres", "real_esrgan_x4", "--checkpoint", "a.pth"], "a.pth is not a file"),
        (["in.tif", "out.tif", "--superres", "real_esrgan_x4", "--tile", "64"], "superres.tile=64 must be larger than twice"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    message: str,
    georeferenced: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--superres", "bicubic_x4", *CONF, *arguments]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"in.tif"}


def test_without_spandrel(
    georeferenced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    assert main([str(georeferenced), str(tmp_path / "out.tif"), *CONF]) == 2
    assert "pip install 'isagrsc2[sr]'" in capsys.readouterr().err


def test_a_file_is_there_whole_or_not_at_all(georeferenced: Path, tmp_path: Path) -> None:
    class Failing(ResamplingSuperResolution):
        def enlarge(self, image: np.ndarray) -> np.ndarray:
            if image[-1, -1].tolist() != image[0, 0].tolist():
                raise InputError("halfway")
            return super().enlarge(image)

    out = tmp_path / "out.tif"
    out.write_bytes(b"of an earlier run")
    with open_scene(georeferenced, "auto", NoStretch()) as scene, pytest.raises(InputError, match="halfway"):
        write_enlarged(scene, Failing("bicubic", 4), out, lambda *progress: None, 16)
    assert out.read_bytes() == b"of an earlier run"
    assert {path.name for path in tmp_path.iterdir()} == {"in.tif", "out.tif"}


def test_a_place_that_cannot_be_written(georeferenced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(path: Path):
        return replacing(tmp_path / "gone" / path.name)

    monkeypatch.setattr(enlarged_raster, "replacing", elsewhere)
    with (
        open_scene(georeferenced, "auto", NoStretch()) as scene,
        pytest.raises(InputError, match=r"out\.tif cannot be written \("),
    ):
        write_enlarged(scene, ResamplingSuperResolution("bicubic", 4), tmp_path / "out.tif", lambda *progress: None)


def test_help_needs_no_torch() -> None:
    code = "import sys, isagrsc2.scene.superres.__main__; sys.exit(bool({'torch', 'rasterio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_kernels_need_no_torch() -> None:
    code = (
        "import sys, isagrsc2.scene.superres.resampling, isagrsc2.scene.superres.surroundings, "
        "isagrsc2.scene.superres.reduction; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
