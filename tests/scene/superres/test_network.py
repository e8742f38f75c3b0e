"""Networks from files, in tiles."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from torch import nn

from isagrsc2.errors import InputError
from isagrsc2.scene.superres import network as module
from isagrsc2.scene.superres.network import MODELS, NetworkSuperResolution
from isagrsc2.weights.registry import find

OPTION = yaml.safe_load((Path(__file__).parents[3] / "conf" / "superres" / "real_esrgan_x4.yaml").read_text())


def enlarger(path: Path | str, **changed: Any) -> NetworkSuperResolution:
    option: dict[str, Any] = OPTION | {
        "checkpoint": str(path),
        "weights_dir": "nowhere",
        "device": "cpu",
        "tile": 48,
        "overlap": 8,
    }
    return NetworkSuperResolution(**{key: value for key, value in (option | changed).items() if key != "_target_"})


def difference(one: np.ndarray, other: np.ndarray) -> int:
    """Largest difference, grey levels."""
    return int(np.abs(one.astype(int) - other).max())


def test_official_files_are_read_and_give_what_their_networks_give(
    make_rrdb: Callable[..., nn.Module],
    make_compact: Callable[..., nn.Module],
    rrdb_file: Path,
    compact_file: Path,
    image: Callable[..., np.ndarray],
    at_once: Callable[..., np.ndarray],
) -> None:
    small = image(21, 33)
    for path, network in ((rrdb_file, make_rrdb()), (compact_file, make_compact())):
        expected = at_once(network, small)
        assert expected.std() > 20  # grey levels: there is something to see
        enlarged = enlarger(path).enlarge(small)
        assert (enlarged.shape, enlarged.dtype) == ((84, 132, 3), np.uint8)
        assert difference(enlarged, expected) <= 1


def test_safetensors_and_plain_state_dicts(compact_file: Path, make_compact, image, tmp_path: Path) -> None:
    expected = enlarger(compact_file).enlarge(image(20, 20))
    state = make_compact().state_dict()
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.pth")
    torch.save({"params": make_compact(layers=3).state_dict(), "params_ema": state}, tmp_path / "c.pth")  # the mean counts
    for name in ("a.safetensors", "b.pth", "c.pth"):
        assert np.array_equal(enlarger(tmp_path / name).enlarge(image(20, 20)), expected)


# RRDBNet of one block: 17 convolutions at the image's resolution and some at finer ones; SRVGGNetCompact of two layers: 4.
@pytest.mark.parametrize(("name", "reach"), [("rrdb_file", 18), ("compact_file", 4)])
def test_the_result_does_not_depend_on_the_tile(name: str, reach: int, image, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(name)

    def dependence(tile: int, overlap: int) -> int:
        core = tile - 2 * overlap
        large = image(tile + core, tile + 2 * core)  # nowhere do tiles overlap more than they must
        whole = enlarger(path, tile=300, overlap=0).enlarge(large)
        return difference(enlarger(path, tile=tile, overlap=overlap).enlarge(large), whole)

    assert dependence(48, reach) <= 1
    assert dependence(61, reach) <= 1
    assert dependence(48, reach // 2) > 10  # so it is the overlap that does it


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (48, 49), (7, 3)])
def test_any_size(compact_file: Path, image, shape: tuple[int, int]) -> None:
    assert enlarger(compact_file).enlarge(image(*shape)).shape == (4 * shape[0], 4 * shape[1], 3)


def test_what_it_tells(compact_file: Path) -> None:
    superres = enlarger(compact_file, overlap=5)
    assert (superres.scale, superres.margin) == (4, 5)


def test_auto_is_the_published_network(compact_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def locate(checkpoint: str, published: Any, weights_dir: Path) -> Path:
        asked.append((checkpoint, published, weights_dir))
        return compact_file

    monkeypatch.setattr(module, "locate", locate)
    for model in MODELS:
        enlarger("auto", model=model)
    assert asked == [("auto", find(model), Path("nowhere")) for model in MODELS]


@pytest.mark.parametrize("model", MODELS)
def test_another_file_of_a_published_name_is_refused(model: str, compact_file: Path) -> None:
    path = compact_file.rename(compact_file.with_name(find(model).file_name))
    with pytest.raises(InputError, match=r"is not the published .* rename it if it is your own"):
        enlarger(path)


def test_half_precision_is_for_a_gpu(compact_file: Path, image) -> None:
    small = image(20, 20)
    assert np.array_equal(enlarger(compact_file, half=True).enlarge(small), enlarger(compact_file, half=False).enlarge(small))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("half", [True, False])
def test_a_gpu_gives_the_same(rrdb_file: Path, image, half: bool) -> None:
    large = image(70, 90)
    expected = enlarger(rrdb_file, overlap=18).enlarge(large)
    assert difference(enlarger(rrdb_file, overlap=18, device="cuda", half=half).enlarge(large), expected) <= 2


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def test_files_that_do_not_fit(make_rrdb, make_compact, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    with pytest.raises(InputError, match=r"x\.pth is not a file; .*`auto` to fetch RealESRGAN_x4plus\.pth once"):
        enlarger(path)
    saved(path, {"params": make_compact(scale=2).state_dict()})
    with pytest.raises(
        InputError, match=r"x\.pth \(RealESRGAN Compact\) enlarges 2 times, but superres\.scale=4; give superres\."
    ):
        enlarger(path)
    saved(path, {"params_ema": make_rrdb(channels=1).state_dict()})
    with pytest.raises(InputError, match=r"x\.pth \(ESRGAN\) takes 1 channels and gives 1, not RGB"):
        enlarger(path)
    saved(path, nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).state_dict())
    with pytest.raises(InputError, match=r"x\.pth holds no network that spandrel knows"):
        enlarger(path)
    state = make_rrdb().state_dict()
    del state["body.0.rdb2.conv3.weight"]
    saved(path, {"params_ema": state})
    with pytest.raises(
        InputError, match=r"x\.pth is incomplete, or of another architecture than it seems \(RuntimeError: "
    ) as caught:
        enlarger(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [[1, 2], {}, torch.zeros(3)])
def test_files_without_weights(content: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no weights"):
        enlarger(saved(tmp_path / "x.pth", content))


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_damaged_files(name: str, compact_file: Path, make_compact, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="is not a checkpoint, or it breaks off"):
        enlarger(path)
    path.write_bytes(compact_file.read_bytes()[:1000])
    with pytest.raises(InputError, match="is not a checkpoint, or it breaks off"):
        enlarger(path)


class Harmful:
    """Unpickled, it would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise AssertionError('code of the file was run')",)


def test_no_code_of_the_file_is_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a checkpoint"):
        enlarger(saved(tmp_path / "x.pth", {"params": Harmful()}))


def test_weights_that_are_no_numbers(make_compact, tmp_path: Path, image) -> None:
    state = make_compact().state_dict()
    state["body.0.bias"][0] = torch.nan
    superres = enlarger(saved(tmp_path / "x.pth", {"params": state}))
    with pytest.raises(InputError, match=r"x\.pth computes values that are not finite; .*superres\.half=false"):
        superres.enlarge(image(9, 9))


def test_a_network_for_something_else(compact_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import spandrel

    load = spandrel.MAIN_REGISTRY.load

    def other(state: Any) -> Any:
        network = load(state)
        network._purpose = "FaceSR"
        return network

    monkeypatch.setattr(spandrel.MAIN_REGISTRY, "load", other)
    with pytest.raises(InputError, match=r"is a network for FaceSR \(RealESRGAN Compact\), not for super-resolution"):
        enlarger(compact_file)


def test_without_spandrel_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    monkeypatch.setattr(module, "locate", lambda *asked: pytest.fail("a file was asked for"))
    with pytest.raises(InputError, match=r"needs spandrel; pip install 'isagrsc2\[sr\]'$"):
        enlarger("auto")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "x8"}, "superres.model=x8 is not one of real_esrgan_x4plus"),
        ({"scale": 1}, "superres.scale=1"),
        ({"scale": 2.0}, "superres.scale=2.0"),
        ({"tile": 0}, "superres.tile=0"),
        ({"overlap": -1}, "superres.overlap=-1"),
        ({"tile": 16, "overlap": 8}, "superres.tile=16 must be larger than twice superres.overlap=8"),
        ({"device": "abacus"}, "device=abacus is not understood"),
    ],
)
def test_options_that_do_not_fit(changed: dict[str, Any], message: str, compact_file: Path) -> None:
    with pytest.raises(InputError, match=message):
        enlarger(compact_file, **changed)
