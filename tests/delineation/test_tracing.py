"""A traced run is the run: the same segments, and what was asked is what the segmenter heard."""

import numpy as np
import pytest
from hydra.utils import instantiate

from isagrsc2.delineation.rounds import find_segments
from isagrsc2.delineation.segments import Segments
from isagrsc2.delineation.tracing import trace_rounds
from isagrsc2.scene.farmland import draw_farmland


class Hearing:
    """Wraps a segmenter; an oracle for what it was shown and asked, by its own bookkeeping."""

    def __init__(self, segmenter):
        self.segmenter, self.shown, self.points = segmenter, [], []

    def embed(self, image):
        self.shown.append(image)
        return self.segmenter.embed(image)

    def segment(self, embedding, points):
        self.points.extend(points.tolist())
        return self.segmenter.segment(embedding, points)


@pytest.fixture(params=["residual", "whitened", "single_pass"])
def method(request, compose_config):
    """Image, segmenter and prompting."""
    cfg = compose_config("segment", "segmenter=regions", f"prompting={request.param}", "scene=synthetic")
    image = draw_farmland(3, 96, 128, instantiate(cfg.scene.style)).image
    return image, instantiate(cfg.segmenter, _convert_="all"), instantiate(cfg.prompting, _convert_="all")


def test_tracing_changes_nothing_and_misses_nothing(method):
    image, segmenter, prompting = method
    valid = np.ones(image.shape[:2], bool)
    valid[:, :16] = False
    expected = find_segments(image, valid, segmenter, prompting, 50)
    hearing = Hearing(segmenter)
    rounds = trace_rounds(image, valid, hearing, prompting, 50)

    found = Segments.concatenate(*(one.added for one in rounds))
    assert (found.boxes == expected.boxes).all()
    assert all((one == two).all() for one, two in zip(found.crops, expected.crops, strict=True))
    assert (found.rounds == expected.rounds).all()
    assert [one.number for one in rounds] == list(range(1, len(rounds) + 1))
    # A point that comes again need not be asked again.
    prompts = [point for one in rounds for point in one.prompts.tolist()]
    assert list(dict.fromkeys(map(tuple, prompts))) == list(dict.fromkeys(map(tuple, hearing.points)))
    assert len(hearing.points) <= len(prompts)
    # Each image that was embedded was seen by a round, in order.
    assert all(any(one.seen is image for one in rounds) for image in hearing.shown)
    assert not rounds[0].settled.any()
    covered = np.zeros(valid.shape, bool)
    for one in rounds:
        assert (one.settled | ~covered).all()  # what was found is settled
        covered |= one.added.union()


def test_nothing_valid_has_no_rounds(method):
    image, segmenter, prompting = method
    assert trace_rounds(image, np.zeros(image.shape[:2], bool), segmenter, prompting, 50) == []
