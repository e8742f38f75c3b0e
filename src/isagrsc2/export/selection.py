"""Which parcels the files of a result hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_whole
from isagrsc2.parcels.row_groups import Batches

ALL = "all"


@dataclass(frozen=True)
class Selection:
    """``export.min_area_m2``, ``export.class_filter`` and ``export.most_uncertain``.

    Attributes:
        min_area: smaller parcels are left out; m² with a CRS, else px.
        classes: names of classes that are written, or ``all``.
        most_uncertain: of those parcels the so many that the classifier is least sure of, 0 for all of them.
        threshold: probability from which it calls a parcel cultivated. Least sure is where ``p_cultivated`` is nearest to it;
            with two classes and a threshold of 0.5 least confidence, smallest margin and largest entropy are the same order
            (Settles 2009, *Active Learning Literature Survey*, section 3.1). Parcels without probability come first.
    """

    min_area: float
    classes: tuple[str, ...] | str
    most_uncertain: int
    threshold: float

    @classmethod
    def of(
        cls,
        min_area: float,
        class_filter: Sequence[str] | str,
        most_uncertain: int,
        known: LandClasses,
        threshold: float | None,
    ) -> "Selection":
        """Make one from options.

        Args:
            min_area: see ``Selection``.
            class_filter: names of classes, a single one alone too, or ``all``.
            most_uncertain: see ``Selection``.
            known: classes there are.
            threshold: see ``Selection``; None where nothing classifies.

        Raises:
            InputError: a number or a name does not fit, or nothing classifies and the least sure parcels are asked for.
        """
        check_number("export.min_area_m2", min_area, 0)
        check_whole("export.most_uncertain", most_uncertain, 0)
        if most_uncertain and threshold is None:
            raise InputError(
                f"export.most_uncertain={most_uncertain} needs probabilities, and nothing classifies the parcels; choose "
                "another classifier, or leave the option out."
            )
        ranking = most_uncertain, math.nan if threshold is None else threshold
        if class_filter == ALL:
            return cls(float(min_area), ALL, *ranking)
        names = (class_filter,) if isinstance(class_filter, str) else tuple(class_filter)
        if unknown := [name for name in names if name not in known.names]:
            raise InputError(
                f"export.class_filter={unknown[0]} is no class of this classifier ({', '.join(known.names)}); "
                f"give some of these, or {ALL}."
            )
        return cls(float(min_area), names, *ranking)

    def chosen(self, parcels: Batches) -> "list[npt.NDArray[np.bool_]]":
        """Which rows of each batch are written."""
        rows = [self._rows(batch) for batch in parcels]
        if not self.most_uncertain:
            return rows
        distances = [np.where(fitting, self._distance(batch), np.inf) for fitting, batch in zip(rows, parcels, strict=True)]
        order = np.argsort(np.concatenate(distances), kind="stable")  # of equal ones the first
        nearest = np.zeros(len(order), bool)
        nearest[order[: self.most_uncertain]] = True
        starts = np.cumsum([len(fitting) for fitting in rows])[:-1]
        return [fitting & near for fitting, near in zip(rows, np.split(nearest, starts), strict=True)]

    def _distance(self, batch: geopandas.GeoDataFrame) -> npt.NDArray[np.float64]:
        """Of every row how far its probability lies from the threshold, -1 where it has none."""
        return np.nan_to_num(np.abs(batch["p_cultivated"].to_numpy() - self.threshold), nan=-1.0)

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
