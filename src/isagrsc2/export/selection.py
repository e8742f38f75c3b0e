"""Which parcels the files of a result hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.errors import InputError
from isagrsc2.options import check_number
from isagrsc2.parcels.row_groups import Batches

ALL = "all"


@dataclass(frozen=True)
class Selection:
    """``export.min_area_m2`` and ``export.class_filter``.

    Attributes:
        min_area: smaller parcels are left out; m² with a CRS, else px.
        classes: names of classes that are written, or ``all``.
    """

    min_area: float
    classes: tuple[str, ...] | str

    @classmethod
    def of(cls, min_area: float, class_filter: Sequence[str] | str, known: LandClasses) -> "Selection":
        """Make one from options.

        Args:
            min_area: see ``Selection``.
            class_filter: names of classes, a single one alone too, or ``all``.
            known: classes there are.

        Raises:
            InputError: a number or a name does not fit.
        """
        check_number("export.min_area_m2", min_area, 0)
        if class_filter == ALL:
            return cls(float(min_area), ALL)
        names = (class_filter,) if isinstance(class_filter, str) else tuple(class_filter)
        if unknown := [name for name in names if name not in known.names]:
            raise InputError(
                f"export.class_filter={unknown[0]} is no class of this classifier ({', '.join(known.names)}); "
                f"give some of these, or {ALL}."
            )
        return cls(float(min_area), names)

    def chosen(self, parcels: Batches) -> "list[npt.NDArray[np.bool_]]":
        """Which rows of each batch are written."""
        return [self._rows(batch) for batch in parcels]

    def _rows(self, batch: geopandas.GeoDataFrame) -> npt.NDArray[np.bool_]:
        areas = batch["area_m2" if "area_m2" in batch else "area_px"].to_numpy()
        named = self.classes == ALL or batch["class_name"].isin(list(self.classes)).to_numpy()
        # An area that is not known (a parcel off the Earth) is not known to be too small.
        return np.asarray(~(areas < self.min_area) & named)


class Selected(Sequence[geopandas.GeoDataFrame]):
    """Chosen rows of batches, as batches; those of which nothing is left are passed over.

    Args:
        batches: a table.
        rows: for every batch which rows, bool.
    """

    def __init__(self, batches: Batches, rows: Sequence[npt.NDArray[np.bool_]]) -> None:
        self._batches, self._rows = batches, rows
        self._kept = [number for number, chosen in enumerate(rows) if chosen.any()] or [0]

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = self._kept[index]
        return self._batches[number][self._rows[number]].reset_index(drop=True)
