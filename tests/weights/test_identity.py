"""What tells weights of one name from others."""

from isagrsc2.weights.identity import identities_of_weights, weights_identity
from isagrsc2.weights.registry import EMBEDDED


def test_a_file_that_was_trained_anew_is_another(tmp_path):
    path = tmp_path / "own.safetensors"
    path.write_bytes(b"first")
    first = weights_identity({"checkpoint": str(path)})
    assert weights_identity({"checkpoint": str(path), "sigma": 2}) == first
    path.write_bytes(b"second")
    assert weights_identity({"checkpoint": str(path)}) != first


def test_those_in_the_package_are_known_by_their_digests():
    assert weights_identity({"checkpoint": "embedded"}) == {weights.name: weights.sha256 for weights in EMBEDDED}


def test_a_name_that_says_it_all():
    assert weights_identity({"checkpoint": "auto"}) == weights_identity({"sigma": 1.0}) == {}


def test_stages_without_weights_are_left_out(tmp_path):
    path = tmp_path / "network.pth"
    path.write_bytes(b"weights")
    options = {"tiling": {"size": 8}, "segmenter": {"checkpoint": "embedded"}, "superres": {"checkpoint": str(path)}}
    assert identities_of_weights(options) == {name: weights_identity(options[name]) for name in ("segmenter", "superres")}
    assert identities_of_weights({"superres": {"checkpoint": "auto"}}) == {}
