"""Checkpoints that are written whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from lightning_fabric.utilities.types import _PATH

from isagrsc2.files import replacing


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old checkpoint and then replaces it: a full disk or a killed run leaves the old one as it was."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:  # noqa: ARG002
        """Write a checkpoint.

        Args:
            checkpoint: what to save.
            path: where.
            storage_options: Lightning's, unused by files.

        Raises:
            OSError: there is no room, or no permission; what was there before stays.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # torch's own writer turns a full disk into a RuntimeError that does not say so; a file does.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with replacing(target) as temporary:
            temporary.write_bytes(content.getbuffer())
