import hashlib
import os
from pathlib import Path

import pytest

from isagrsc2.weights.digest import read_sha256, remembered, sha256_of

# FIPS 180-2, appendix B.1: the digest of "abc".
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "net.pth"
    file.write_bytes(b"abc")
    return file


def sidecar(path: Path) -> Path:
    return path.with_name("net.pth.sha256")


def test_known_digest(path: Path) -> None:
    assert remembered(path) is None
    assert sha256_of(path) == ABC
    assert remembered(path) == ABC
    assert sidecar(path).read_text().splitlines()[0] == f"{ABC}  net.pth"  # as sha256sum writes it


def test_reading_leaves_nothing_behind(path: Path) -> None:
    assert read_sha256(path) == ABC
    assert not sidecar(path).exists()
    path.write_bytes(b"")
    assert read_sha256(path).startswith("e3b0c44298fc1c14")  # of no bytes: NIST's example


def test_is_not_read_again_while_size_and_time_stay(path: Path) -> None:
    sha256_of(path)
    state = path.stat()
    path.write_bytes(b"xyz")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert sha256_of(path) == ABC  # believed, not read


@pytest.mark.parametrize("content", [b"abcd", b"xyz"])
def test_is_read_again_after_a_change(path: Path, content: bytes) -> None:
    sha256_of(path)
    state = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert remembered(path) is None
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()
    assert remembered(path) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("text", ["", "nonsense", f"{ABC}  net.pth\n", f"{ABC[:20]}\n# size=3", "a\nb\nc\n"])
def test_sidecar_that_is_cut_off_or_foreign_is_ignored(path: Path, text: str) -> None:
    sidecar(path).write_text(text)
    assert remembered(path) is None
    assert sha256_of(path) == ABC


def test_works_where_nothing_can_be_written(path: Path) -> None:
    sidecar(path).mkdir()
    assert sha256_of(path) == ABC
    assert remembered(path) is None
