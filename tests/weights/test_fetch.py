"""Fetching from `file://` URLs and from a server on this machine; no network."""

import hashlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isagrsc2.errors import InputError
from isagrsc2.weights.fetch import fetch, locate, open_url, verify
from isagrsc2.weights.registry import Checkpoint

CONTENT = np.random.default_rng(0).bytes(2_500_000)  # two and a half chunks
NAME = "net_abc.pth"


def published(url: str) -> Checkpoint:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Checkpoint("net", "a net", NAME, url, digest, len(CONTENT), "Apache-2.0", "https://example.org")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "server" / NAME
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def forbidden(url: str) -> Any:
    raise AssertionError(f"{url} must not be opened")


def delivering(content: bytes, announced: int | None = None) -> Callable[[str], Any]:
    """An opener that gives these bytes, whatever the URL, and announces another length."""

    @contextmanager
    def opener(url: str) -> Iterator[Any]:
        headers = {} if announced is None else {"Content-Length": str(announced)}
        yield SimpleNamespace(headers=headers, read=io.BytesIO(content).read)

    return opener


def leftovers(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {f"{NAME}.lock"}


def test_fetches_once(source: Path, tmp_path: Path) -> None:
    weights = tmp_path / "deep" / "weights"
    path = fetch(published(source.as_uri()), weights)
    assert path == weights / NAME
    assert path.read_bytes() == CONTENT
    assert leftovers(weights) == {NAME, f"{NAME}.sha256"}
    assert fetch(published(source.as_uri()), weights, forbidden) == path


@pytest.fixture
def server(source: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(source.parent))) as service:
        threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{service.server_port}"
        service.shutdown()


def test_fetches_over_http(server: str, tmp_path: Path) -> None:
    assert fetch(published(f"{server}/{NAME}"), tmp_path / "w").read_bytes() == CONTENT


def test_not_found(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/other\.pth cannot be fetched \(.*[Nn]ot [Ff]ound"):
        fetch(published(f"{server}/other.pth"), tmp_path / "w")
    assert leftovers(tmp_path / "w") == set()


def test_no_network_names_url_file_and_place(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/{NAME}"  # bound, but nobody listens
        with pytest.raises(InputError) as caught:
            fetch(published(url), tmp_path / "w", open_url)
    message = str(caught.value)
    assert url in message
    assert f"bring {NAME} to {tmp_path / 'w' / NAME}" in message
    assert "\n" not in message
    assert leftovers(tmp_path / "w") == set()


def test_wrong_content_leaves_nothing(tmp_path: Path) -> None:
    page = b"<html>please log in</html>"
    with pytest.raises(InputError, match=r"delivered 26 bytes with SHA-256 .*nothing was kept"):
        fetch(published("https://example.org/net"), tmp_path, delivering(page))
    assert leftovers(tmp_path) == set()


def test_broken_connection_leaves_nothing(tmp_path: Path) -> None:
    opener = delivering(CONTENT[:1_500_000], announced=len(CONTENT))
    with pytest.raises(InputError, match="broke off after 1500000 of 2500000 bytes"):
        fetch(published("https://example.org/net"), tmp_path, opener)
    assert leftovers(tmp_path) == set()


def test_appears_only_when_complete(tmp_path: Path) -> None:
    seen = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            seen.append(leftovers(tmp_path))
            return super().read(size)

    @contextmanager
    def opener(url: str) -> Iterator[Any]:
        yield SimpleNamespace(headers={}, read=Watched(CONTENT).read)

    fetch(published("https://example.org/net"), tmp_path, opener)
    assert len(seen) == 4  # three chunks and the end
    assert all(names == {f"{NAME}.part"} for names in seen)


def test_several_at_once_download_once(tmp_path: Path) -> None:
    opened = []

    @contextmanager
    def slow(url: str) -> Iterator[Any]:
        opened.append(url)
        time.sleep(0.2)  # the others arrive meanwhile
        yield SimpleNamespace(headers={}, read=io.BytesIO(CONTENT).read)

    results: list[bytes] = []

    def work() -> None:
        results.append(fetch(published("https://example.org/net"), tmp_path, slow).read_bytes())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 4
    assert len(opened) == 1
    assert leftovers(tmp_path) == {NAME, f"{NAME}.sha256"}


def test_goes_on_after_a_killed_process(source: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w"
    weights.mkdir()
    (weights / f"{NAME}.part").write_bytes(b"half")
    (weights / f"{NAME}.lock").touch()
    assert fetch(published(source.as_uri()), weights).read_bytes() == CONTENT
    assert leftovers(weights) == {NAME, f"{NAME}.sha256"}


def test_a_wrong_file_that_is_there_is_refused_and_kept(source: Path, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT[:1000])
    with pytest.raises(InputError, match=rf"{NAME} is not the published .*breaks off after 1000 of 2500000 bytes"):
        fetch(published(source.as_uri()), tmp_path, forbidden)
    assert (tmp_path / NAME).stat().st_size == 1000


def test_folder_that_cannot_be_made(source: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match=r"taken.* cannot be written .*weights_dir=FOLDER"):
        fetch(published(source.as_uri()), tmp_path / "taken")


def test_verify_another_content(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(InputError, match="another content"):
        verify(path, published("https://example.org/net"))


def test_locate(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = published(source.as_uri())
    assert locate("auto", net, tmp_path / "w") == tmp_path / "w" / NAME
    own = tmp_path / "own.pth"
    own.write_bytes(b"anything")  # no published name: what it is shows when it is loaded
    assert locate(str(own), net, tmp_path / "w", forbidden) == own
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/own.pth", net, tmp_path / "w", forbidden) == own


@pytest.mark.parametrize("name", ["missing.pth", "."])
def test_locate_refuses_what_is_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"is not a file; .*`auto` to fetch {NAME} once"):
        locate(str(tmp_path / name), published("https://example.org/net"), tmp_path, forbidden)


def test_locate_verifies_published_names(tmp_path: Path) -> None:
    path = tmp_path / "sam_vit_b_01ec64.pth"
    path.write_bytes(b"not really")
    with pytest.raises(InputError, match=r"is not the published sam_vit_b_01ec64\.pth .*rename it if it is your own"):
        locate(str(path), published("https://example.org/net"), tmp_path, forbidden)
