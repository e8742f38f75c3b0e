"""Any of the promptable models of transformers as a segmenter."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.segmenters.hf.architecture import ImageDecoder
from isagrsc2.segmenters.hf.checkpoint import load_checkpoint
from isagrsc2.segmenters.protocol import FloatArray
from isagrsc2.segmenters.sam.asking import PRECISIONS, Asking, batch_on, check_asking
from isagrsc2.segmenters.sam.candidates import DrawnCandidates
from isagrsc2.segmenters.sam.enlargement import Enlargement
from isagrsc2.weights.hub import locate_model

MASKS = 3  # per point, as in all published models


@dataclass(frozen=True)
class HfEmbedding:
    """What a model remembers of one image.

    Attributes:
        tile_shape: (H, W), tile px.
        mask_shape: (h, w), decoder px: (256, 256) in the published models, (288, 288) in SAM 3; padding included.
        scale: decoder px per tile px. Models that keep the shape of an image have whole pixels in their input, so it is off by
            up to half of one on the short side.
        to_input: (x, y), px of the network's input per tile px.
        decoder: predicts masks; holds what it needs of the image.
        enlargement: brings masks to the tile.
    """

    tile_shape: tuple[int, int]
    mask_shape: tuple[int, int]
    scale: float
    to_input: tuple[float, float]
    decoder: ImageDecoder
    enlargement: Enlargement


class HfSegmenter:
    """A model of transformers, prompted with single foreground points, three nested masks per point.

    Implements ``isagrsc2.segmenters.protocol.Segmenter``. Masks and scores are those of the model's own ``forward`` and
    ``post_process_masks`` for the same points, up to rounding, where not said otherwise in ``HighQuality`` and
    ``MultiScale``; tiles that are no squares are what ``SquareCanvas`` says. The model is chosen by ``model_type`` in
    ``config.json``. Half precision is used as in ``isagrsc2.segmenters.sam.segmenter.SamSegmenter``.

    Args:
        checkpoint: a folder, or an id of the hub; see ``isagrsc2.weights.hub.locate_model``.
        revision: branch, tag or commit of an id.
        device: as in ``isagrsc2.device.choose_device``.
        batch: points per decoder call for each of ``isagrsc2.segmenters.sam.asking.DEVICES``.
        stability_offset: how far the mask threshold is moved up and down to measure stability, logits.
        precision: a key of ``isagrsc2.segmenters.sam.asking.PRECISIONS``; float16 is not for a CPU.

    Raises:
        InputError: unknown device or precision; no such folder or id; no network; a model of another type; files that are
            missing, damaged or do not fit each other; no transformers.
    """

    def __init__(
        self,
        checkpoint: str,
        revision: str,
        device: str,
        batch: Mapping[str, int],
        stability_offset: float,
        precision: str,
    ) -> None:
        self._device = choose_device(device)
        per_call = batch_on(self._device, batch)
        check_asking(self._device, per_call, stability_offset, precision)
        self._dtype = PRECISIONS[precision]
        self._asking = Asking(self._device, self._dtype, per_call, self._device.type != "cpu", stability_offset)
        folder = locate_model(checkpoint, revision)
        loaded = load_checkpoint(folder)
        model = loaded.model.to(self._device)
        self._prepare = loaded.family.preparation(loaded.image_processor)
        self._architecture = loaded.family.architecture(model, self._dtype)
        rows, columns = model.prompt_encoder.image_embedding_size
        self._mask_shape = (4 * rows, 4 * columns)
        side = model.prompt_encoder.input_image_size
        made = self._prepare(np.zeros((8, 8, 3), np.uint8)).pixels.shape[-1]
        if made != side:
            raise InputError(
                f"{folder} does not fit together: images become {made} px wide by preprocessor_config.json, "
                f"and the network wants {side}; fetch the folder again."
            )

    @torch.no_grad()
    def embed(self, image: npt.NDArray[np.uint8]) -> HfEmbedding:
        """See the protocol. This is the expensive part: the image encoder runs once."""
        tile_shape = (image.shape[0], image.shape[1])
        prepared = self._prepare(image)
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            features = self._architecture.encode(prepared.pixels.to(self._device))
        with torch.autocast(self._device.type, enabled=False):
            decoder = self._architecture.decoder_of(features)
        return HfEmbedding(
            tile_shape=tile_shape,
            mask_shape=self._mask_shape,
            scale=max(self._mask_shape) / max(tile_shape),
            to_input=prepared.to_input,
            decoder=decoder,
            enlargement=Enlargement.of(self._mask_shape, prepared.full, prepared.shown, tile_shape, self._device),
        )

    @torch.no_grad()
    def segment(self, embedding: HfEmbedding, points: FloatArray) -> DrawnCandidates:
        """See the protocol. Masks are drawn when they are looked at."""
        places = np.asarray(points, np.float64).reshape(-1, 2) * embedding.to_input
        decoder = embedding.decoder
        return self._asking.ask(places, (MASKS, *embedding.mask_shape), decoder.attend, decoder.draw, embedding.enlargement)
