"""Options of ``tile_consistency``: is the same scene the same when it is cut into tiles elsewhere?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hydra.utils import instantiate
from omegaconf import DictConfig

from isagrsc2.metrics.tile_consistency import ConsistencyCounts, count_consistency, overlay_segmentations
from isagrsc2.tasks.parcels_results import SHIFTED_TILES, Result, read_result
from isagrsc2.tasks.tracking.no_tracker import NoTracker


class TileConsistency(Protocol):
    """An option of ``tile_consistency``."""

    @property
    def segments_again(self) -> bool:
        """Whether scenes have to be segmented once more, which finished runs cannot."""
        ...

    def measure(self, results: Sequence[Result], segmentation: DictConfig, folder: Path) -> Mapping[str, ConsistencyCounts]:
        """Compare results with those of other tiles.

        Args:
            results: of scenes with distinct names.
            segmentation: what they were made with, see ``segment_scenes``.
            folder: takes what is made on the way; an interrupted run goes on.

        Returns:
            Counts by name, of the scenes where there is something to compare.
        """
        ...


class NotMeasured:
    """Null object."""

    segments_again = False

    def measure(
        self,
        results: Sequence[Result],  # noqa: ARG002
        segmentation: DictConfig,  # noqa: ARG002
        folder: Path,  # noqa: ARG002
    ) -> Mapping[str, ConsistencyCounts]:
        """Give nothing."""
        return {}


class ShiftedTiles:
    """Every scene once more, cut into shifted tiles; scenes of one tile have nothing to compare.

    Classes do not matter: all segments are compared.

    Args:
        tiling: configuration of the shifted tiles.
    """

    segments_again = True

    def __init__(self, tiling: DictConfig) -> None:
        self._tiling = tiling
        instantiate(tiling)  # a wrong number shows before the first scene is segmented

    def measure(self, results: Sequence[Result], segmentation: DictConfig, folder: Path) -> Mapping[str, ConsistencyCounts]:
        """See ``TileConsistency``."""
        from isagrsc2.tasks.segment import segment_scenes  # imports the whole pipeline

        cut = instantiate(segmentation.tiling).enlarged_by(segmentation.superres.get("scale", 1))
        several = [one for one in results if len(cut.tiles(one.scene["width"], one.scene["height"])) > 1]
        if not several:
            return {}
        shifted = segmentation.copy()
        shifted.reference, shifted.tiling = "none", self._tiling
        segment_scenes(shifted, folder / SHIFTED_TILES, NoTracker())
        return {one.name: _compare(one, read_result(folder / SHIFTED_TILES / one.folder.name)) for one in several}


def _compare(one: Result, other: Result) -> ConsistencyCounts:
    shape = one.scene["height"], one.scene["width"]
    return count_consistency(overlay_segmentations(one.segments.geometry.to_list(), other.segments.geometry.to_list(), shape))
