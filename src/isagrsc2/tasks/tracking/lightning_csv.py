"""Lightning's metrics in a CSV file that a resumed run goes on with; Lightning's own logger begins it anew."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from isagrsc2.tasks.tracking.csv_table import CsvTable


class LightningCsv(Logger):
    """One line for every call of ``log_metrics``, with the number of the batch as ``step``.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._table = CsvTable(path)

    @property
    def name(self) -> str:
        """See ``Logger``."""
        return self._path.stem

    @property
    def version(self) -> str:
        """See ``Logger``: there is only one."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a line."""
        # "step" first: the file is read from the left.
        self._table.add({"step": step, **{name: float(value) for name, value in metrics.items()}})

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: Hydra keeps the configuration beside the results."""
