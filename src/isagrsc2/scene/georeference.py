"""Where a raster lies: as its file says, or as was found out for it."""

from dataclasses import dataclass
from typing import Protocol

import rasterio
from affine import Affine
from rasterio.crs import CRS


class Georeference(Protocol):
    """Gives a raster its place."""

    @property
    def is_stored(self) -> bool:
        """Whether the raster's own files say it."""
        ...

    def of(self, dataset: rasterio.DatasetReader) -> tuple[Affine, CRS | None]:
        """Affine map from scene px to map units (the identity where there is none), and CRS; None also without a place."""
        ...


@dataclass(frozen=True)
class Stored:
    """As the file and those beside it say. Null object."""

    is_stored = True

    def of(self, dataset: rasterio.DatasetReader) -> tuple[Affine, CRS | None]:
        """See ``Georeference``."""
        return dataset.transform, None if dataset.transform.is_identity else dataset.crs


@dataclass(frozen=True)
class Placed:
    """As was found out; attributes as ``Scene``."""

    transform: Affine
    crs: CRS
    is_stored = False

    def of(self, dataset: rasterio.DatasetReader) -> tuple[Affine, CRS | None]:  # noqa: ARG002
        """See ``Georeference``."""
        return self.transform, self.crs


STORED = Stored()
