"""Any scenes with reference parcels."""

from collections.abc import Sequence
from typing import Any

from isagrsc2.classification.data.scene_listing import Bands, LabelledFile, list_labelled
from isagrsc2.classification.data.segment_chips import SegmentChips
from isagrsc2.scene.raster import StretchMeasure


class LabelledScenes(SegmentChips):
    """Scenes and parcels named one by one, by folder or by glob."""

    def __init__(self, path: str | Sequence[str], reference: str, bands: Bands, stretch: StretchMeasure, **others: Any) -> None:
        """Remember where.

        Args:
            path: see ``list_labelled``.
            reference: see ``list_labelled``.
            bands: see ``list_labelled``.
            stretch: see ``list_labelled``.
            others: see ``SegmentChips``.
        """
        super().__init__(**others)
        self._listing = (path, reference, bands, stretch)

    def files(self) -> list[LabelledFile]:
        """See ``SegmentChips.files``."""
        return list_labelled(*self._listing)
