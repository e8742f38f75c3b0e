"""The rivals: procedures that find the segments of an image, ours and others', with our code or with segment-anything's."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from ledger import Ledger, SubstitutedPredictor, SubstitutedSegmenter, TimedPredictor, TimedSegmenter
from segment_anything import SamAutomaticMaskGenerator
from segment_anything.modeling import Sam

from isagrsc2.delineation.asked_image import AskedImage
from isagrsc2.delineation.components import split_components
from isagrsc2.delineation.refinement import HeterogeneousRefinement, NoRefinement
from isagrsc2.delineation.rounds import Prompting, Round, find_segments
from isagrsc2.delineation.searching import AutomaticSearch, mostly_new
from isagrsc2.delineation.segments import Segments
from isagrsc2.segmenters.protocol import BoolArray, Segmenter

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Question:
    """What a procedure is to segment.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        valid: (H, W) bool.
        min_area: minimum mapping unit, px.
        prompting: the rounds of the configuration.
        refinement: likewise.
    """

    image: Image
    valid: BoolArray
    min_area: float
    prompting: Prompting
    refinement: HeterogeneousRefinement | NoRefinement


@dataclass(frozen=True)
class Network:
    """Who answers.

    Attributes:
        segmenter: through our code.
        sam: the same weights for segment-anything's code; None for a segmenter that is no SAM.
        substitute: whose answers are handed on, because the weights are random; None if they are not.
    """

    segmenter: Segmenter
    sam: Sam | None
    substitute: Segmenter | None

    def timed(self, ledger: Ledger) -> TimedSegmenter:
        """The segmenter."""
        if self.substitute is None:
            return TimedSegmenter(ledger, self.segmenter)
        return SubstitutedSegmenter(ledger, self.segmenter, self.substitute)

    def predictor(self, ledger: Ledger) -> TimedPredictor:
        """segment-anything's."""
        if self.substitute is None:
            return TimedPredictor(self.sam, ledger)
        return SubstitutedPredictor(self.sam, ledger, self.substitute)


def by_our_code(question: Question, network: Network, ledger: Ledger) -> Segments:
    """The rounds and the refinement."""
    segmenter = network.timed(ledger)
    found = find_segments(question.image, question.valid, segmenter, question.prompting, question.min_area)
    return question.refinement.refine(found, question.image, segmenter, question.min_area)


def by_segment_anything(question: Question, network: Network, ledger: Ledger) -> Segments:
    """The same rounds and refinement, each search one call of segment-anything's generator on the painted image."""
    predictor = network.predictor(ledger)
    rounds = {
        name: Round(stage.painter, GeneratorSearch(predictor, stage.search))
        for name, stage in question.prompting.rounds.items()
    }
    refinement = question.refinement
    if isinstance(refinement, HeterogeneousRefinement):
        refinement = replace(refinement, search=GeneratorSearch(predictor, refinement.search))
    prompting = replace(question.prompting, rounds=rounds)
    found = find_segments(question.image, question.valid, Unembedded(), prompting, question.min_area)
    return refinement.refine(found, question.image, Unembedded(), question.min_area)


def by_segment_geospatial(question: Question, network: Network, ledger: Ledger) -> Segments:
    """segment-geospatial's tiled mode as in its examples: a picture of all masks less their borders, whose pieces count."""
    from samgeo import SamGeo

    geo = SamGeo.__new__(SamGeo)  # its constructor reads a file or fetches one; tiled mode needs no more than a generator
    geo.mask_generator = SamAutomaticMaskGenerator(network.sam)
    geo.mask_generator.predictor = network.predictor(ledger)
    height, width = question.valid.shape
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": height, "width": width}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "image.tif"), Path(folder, "masks.tif")
        with rasterio.open(source, "w", **profile) as file:
            file.write(question.image.transpose(2, 0, 1))
        geo.generate(str(source), str(target), batch=True, foreground=True, erosion_kernel=(3, 3), mask_multiplier=255)
        with rasterio.open(target) as file:
            mask = (file.read(1) > 0) & question.valid
    one = np.ones(1, np.float32)
    return split_components(Segments.from_masks(mask[None], one, one, np.ones(1, np.int16)), question.min_area)


class Unembedded:
    """A segmenter for searches that look at the image themselves."""

    def embed(self, image: Image) -> Image:
        """Return the image."""
        return image

    def segment(self, embedding: Any, points: Any) -> Any:
        """Nobody asks."""
        raise NotImplementedError


@dataclass(frozen=True)
class GeneratorSearch:
    """segment-anything's generator in the place of our search, same numbers; see ``isagrsc2.delineation.rounds.Search``.

    Attributes:
        predictor: what the generator asks.
        numbers: grid, thresholds, and what share of a mask may be painted.
    """

    predictor: TimedPredictor
    numbers: AutomaticSearch

    def search(
        self,
        image: AskedImage,
        valid: BoolArray,
        settled: BoolArray,
        number: int,
        min_area: float,  # noqa: ARG002
    ) -> Segments:
        """See the protocol; the embedding is the picture itself."""
        generator = SamAutomaticMaskGenerator(
            self.predictor.model,
            points_per_side=self.numbers.prompts.side,
            points_per_batch=self.numbers.batch,
            pred_iou_thresh=self.numbers.min_score,
            stability_score_thresh=self.numbers.min_stability,
            box_nms_thresh=self.numbers.max_box_iou,
        )
        generator.predictor = self.predictor
        records = generator.generate(image.embedding)
        masks = np.array([record["segmentation"] for record in records], bool).reshape(-1, *valid.shape)
        scores, stability = (
            np.array([record[key] for record in records], np.float32) for key in ("predicted_iou", "stability_score")
        )
        found = Segments.from_masks(masks & valid, scores, stability, np.full(len(records), number, np.int16))
        return mostly_new(found, settled, self.numbers.max_settled)


@dataclass(frozen=True)
class Procedure:
    """A rival.

    Attributes:
        find: does it.
        options: of segment.py.
        only_sam: no other segmenter can take part.
        package: that must be installed.
    """

    find: Any
    options: tuple[str, ...]
    only_sam: bool
    package: str = "isagrsc2"

    def takes_part(self, is_sam: bool) -> bool:
        """Whether it can with this segmenter."""
        return (is_sam or not self.only_sam) and find_spec(self.package) is not None


OURS = "ours"
ONE_PASS = ("prompting=single_pass", "refinement=none")
PUBLISHED = ("prompting=whitened", "refinement=heterogeneous")
PROCEDURES: Mapping[str, Procedure] = {
    OURS: Procedure(by_our_code, ("prompting=residual", "refinement=none"), False),
    "one-pass": Procedure(by_our_code, ONE_PASS, False),
    "one-pass-segment-anything": Procedure(by_segment_anything, ONE_PASS, True),
    "published": Procedure(by_our_code, PUBLISHED, False),
    "published-segment-anything": Procedure(by_segment_anything, PUBLISHED, True),
    "segment-geospatial": Procedure(by_segment_geospatial, ONE_PASS, True, "samgeo"),
}
