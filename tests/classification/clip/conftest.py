import pytest


@pytest.fixture(scope="package")
def clip(tmp_path_factory):
    """A tiny CLIP with random weights, its architecture known to open_clip."""
    pytest.importorskip("open_clip")
    import tiny_clip

    tiny_clip.register(tmp_path_factory.mktemp("architectures"))
    return tiny_clip.make()
