"""The best checkpoint of a run, also of one that goes on from another folder."""

import shutil
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_only

from isagrsc2.files import replacing


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best checkpoint.

    Lightning's own forgets what was best when a run goes on in a new folder; this one takes it along.
    """

    def __init__(self, dirpath: str, filename: str, monitor: str, mode: str) -> None:
        """Choose what is best, and where it is kept.

        Args:
            dirpath: the folder.
            filename: without suffix.
            monitor: metric after every epoch.
            mode: ``max`` or ``min``.
        """
        super().__init__(
            dirpath,
            filename,
            monitor,
            mode=mode,
            # After the epoch and not after validation: a resumed run begins with a new epoch.
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of the run that is continued, and its best checkpoint if that is still there."""
        before = Path(state_dict["best_model_path"])
        here = Path(str(self.dirpath)) / before.name
        if before.is_file() and before.parent != here.parent:
            _copy(before, here)
            scores = {str(here): score for score in state_dict["best_k_models"].values()}
            paths = {"best_model_path": str(here), "kth_best_model_path": str(here), "best_k_models": scores}
            state_dict = {**state_dict, **paths, "dirpath": self.dirpath}
        super().load_state_dict(state_dict)


@rank_zero_only
def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
