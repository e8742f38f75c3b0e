"""Folders and ids of the hub; a stand-in takes the place of the hub's client, nothing is fetched."""

from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError

from isagrsc2.errors import InputError
from isagrsc2.weights.hub import FILES, files_of, locate_model

Hub = Callable[[str, bool], str]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json", "model.safetensors", "README.md", "sam2.pt"):
        (folder / name).write_text("{}")
    return folder


def stand_in(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    def snapshot_download(name: str, *, revision: str, allow_patterns: list[str], local_files_only: bool) -> str:
        assert (name, revision, allow_patterns) == ("owner/name", "v1", list(FILES))
        return hub(name, local_files_only)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)


def test_a_folder(model: Path) -> None:
    assert locate_model(str(model), "main") == model
    assert [path.name for path in files_of(model)] == ["config.json", "model.safetensors", "preprocessor_config.json"]


def test_weights_in_pieces(model: Path) -> None:
    (model / "model.safetensors").unlink()
    for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"):
        (model / name).write_text("{}")
    assert len(files_of(locate_model(str(model), "main"))) == 5


def test_what_is_in_the_cache_needs_no_network(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    stand_in(monkeypatch, lambda name, cached: asked.append(cached) or str(model))
    assert locate_model("owner/name", "v1") == model
    assert asked == [True]


def test_what_is_not_is_fetched(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hub(name: str, cached: bool) -> str:
        if cached:
            raise LocalEntryNotFoundError("not here")
        return str(model)

    stand_in(monkeypatch, hub)
    assert locate_model("owner/name", "v1") == model


def test_what_is_there_in_part_is_fetched(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "config.json").write_text("{}")
    stand_in(monkeypatch, lambda name, cached: str(tmp_path / "part" if cached else model))
    assert locate_model("owner/name", "v1") == model


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def hub(name: str, cached: bool) -> str:
        raise LocalEntryNotFoundError("many\nlines") from (None if cached else ConnectionError("Name or service\n not known"))

    stand_in(monkeypatch, hub)
    with pytest.raises(InputError) as caught:
        locate_model("owner/name", "v1")
    assert str(caught.value) == (
        "owner/name is no folder here, and as an id of the hub it cannot be fetched "
        "(ConnectionError: Name or service not known). "
        "Where there is a network, `hf download owner/name --local-dir FOLDER`; then segmenter.checkpoint=FOLDER."
    )


def test_a_licence_to_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    def hub(name: str, cached: bool) -> str:
        raise LocalEntryNotFoundError("not here") if cached else GatedRepoError.__new__(GatedRepoError)

    stand_in(monkeypatch, hub)
    with pytest.raises(InputError, match=r"only for who has accepted its licence: .* `hf auth login`"):
        locate_model("owner/name", "v1")


def test_no_folder_and_no_id() -> None:
    with pytest.raises(InputError, match=r"/nowhere/model is no folder; give segmenter.checkpoint=FOLDER, or an id of the hub"):
        locate_model("/nowhere/model", "main")


def test_a_file(model: Path) -> None:
    with pytest.raises(InputError, match=r"sam2.pt is a file; segmenter.checkpoint of segmenter=hf is the folder"):
        locate_model(str(model / "sam2.pt"), "main")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folder_without(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(InputError, match=rf"model has no {name}"):
        locate_model(str(model), "main")
