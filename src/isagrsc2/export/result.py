"""What there is to write when a scene is done."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.parcels.row_groups import Batches
from isagrsc2.reference.parcels import Reference
from isagrsc2.scene.raster import Scene


@dataclass(frozen=True)
class SceneResult:
    """The result for one scene.

    Attributes:
        scene: the raster, open.
        segments: pixel-exact polygons in scene px, without overlaps, about from top to bottom; ``parcels.SEGMENT_COLUMNS``.
        parcels: the same rows in the same batches, simplified together, in map units (scene px without a CRS);
            ``parcels.parcel_columns``.
        classes: that the parcels can have.
        metrics: plain JSON types, numbers may be NaN.
        reference: what the scene was compared with, if anything.
    """

    scene: Scene
    segments: Batches
    parcels: Batches
    classes: LandClasses
    metrics: dict[str, Any]
    reference: Reference | None


class Exporter(Protocol):
    """Writes one file of one format."""

    def write(self, result: SceneResult, folder: Path) -> Path:
        """Write the file.

        Args:
            result: what to write.
            folder: exists; a file of the same name is replaced, never half-written.

        Returns:
            The file.
        """
        ...
