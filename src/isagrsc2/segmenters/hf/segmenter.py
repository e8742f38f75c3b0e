"""Any of the promptable models of transformers as a segmenter."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_number
from isagrsc2.segmenters.hf.architecture import ImageDecoder
from isagrsc2.segmenters.hf.checkpoint import load_checkpoint
from isagrsc2.segmenters.protocol import FloatArray
from isagrsc2.segmenters.sam.candidates import DrawnCandidates, stability_between
from isagrsc2.segmenters.sam.enlargement import Enlargement
from isagrsc2.segmenters.sam.segmenter import PRECISIONS, batch_on
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
        batch: points per decoder call for each of ``isagrsc2.segmenters.sam.segmenter.DEVICES``.
        stability_offset: how far the mask threshold is moved up and down to measure stability, logits.
        precision: a key of ``isagrsc2.segmenters.sam.segmenter.PRECISIONS``; float16 is not for a CPU.

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
        self._batch = batch_on(self._device, batch)
        check_number("segmenter.stability_offset", stability_offset, 0)
        check_choice("segmenter.precision", precision, tuple(PRECISIONS))
        if precision == "float16" and self._device.type == "cpu":
            raise InputError("segmenter.precision=float16 is slow on a CPU; choose float32 or bfloat16, or another device.")
        self._stability_offset = stability_offset
        self._dtype = PRECISIONS[precision]
        # A GPU chooses its kernels by shape and has room to spare; a CPU would work on prompts that nobody asked.
        self._padded = self._device.type != "cpu"
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
        """See the protocol. Logits stay on the device: 0.8 MB per point with most published models, half in half precision.

        Masks are drawn when they are first looked at; until then the places of all points are kept, 4 MB per point.
        """
        places = np.asarray(points, np.float64).reshape(-1, 2) * embedding.to_input
        prompts = torch.as_tensor(places, dtype=torch.float32, device=self._device)  # (N, 2) xy
        logits = torch.empty((len(prompts), MASKS, *embedding.mask_shape), dtype=self._dtype, device=self._device)
        scores = torch.empty((len(prompts), MASKS), device=self._device)
        attended: list[tuple[Tensor, Tensor]] = []
        with torch.autocast(self._device.type, enabled=False):
            for start in range(0, len(prompts), self._batch):
                rows = slice(start, start + self._batch)
                some = prompts[rows]  # (B, 2)
                missing = self._batch - len(some) if self._padded else 0
                tokens, looked, ious = embedding.decoder.attend(torch.cat([some, some[-1:].expand(missing, -1)]))
                attended += zip(tokens[: len(some)], looked[: len(some)], strict=True)
                scores[rows] = ious[: len(some)]
        draw = partial(self._draw, embedding.decoder, attended)
        stability_of = partial(stability_between, offset=self._stability_offset)
        return DrawnCandidates(scores.cpu().numpy(), draw, logits, stability_of, embedding.enlargement)

    @torch.no_grad()
    def _draw(
        self, decoder: ImageDecoder, attended: list[tuple[Tensor, Tensor]], numbers: npt.NDArray[np.integer[Any]]
    ) -> Tensor:
        """Logits (K, M, h, w) of some of the points, whose tokens (t, C) and places (T, C) are given."""
        size = self._batch if self._padded else 1  # as for SAM: on a CPU one at a time is faster
        drawn = []
        with torch.autocast(self._device.type, enabled=False):
            for start in range(0, len(numbers), size):
                some = numbers[start : start + size].tolist()
                filled = some + some[-1:] * (size - len(some))
                tokens, places = (torch.stack(part) for part in zip(*(attended[number] for number in filled), strict=True))
                drawn.append(decoder.draw(tokens, places)[: len(some)])
        return torch.cat(drawn)
