"""SAM as a promptable segmenter: the masks of ``SamPredictor``, many at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor

from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_number, check_whole
from isagrsc2.segmenters.protocol import FloatArray
from isagrsc2.segmenters.sam.candidates import DrawnCandidates, stability_between
from isagrsc2.segmenters.sam.checkpoint import build_sam
from isagrsc2.segmenters.sam.enlargement import Enlargement
from isagrsc2.segmenters.sam.fused_attention import fuse_attention
from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder, SharedPlaces

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DEVICES = ("cpu", "cuda", "mps")


@dataclass(frozen=True)
class SamEmbedding:
    """What SAM remembers of one image.

    Attributes:
        tile_shape: (H, W), tile px.
        mask_shape: (h, w) of low-resolution masks, decoder px: (256, 256) in the published models, padding included.
        scale: decoder px per tile px. The input has whole pixels, so it is off by up to half of one on the short side.
        input_shape: (H', W') of the resized image before padding, px of the network's input.
        features: (1, C, h / 4, w / 4) float32, on the segmenter's device.
        shared: what the decoder needs of them for any prompt.
        enlargement: brings masks to the tile.
    """

    tile_shape: tuple[int, int]
    mask_shape: tuple[int, int]
    scale: float
    input_shape: tuple[int, int]
    features: Tensor
    shared: SharedPlaces
    enlargement: Enlargement


class SamSegmenter:
    """SAM, prompted with single foreground points, three nested masks per point.

    Implements ``isagrsc2.segmenters.protocol.Segmenter``. Masks and scores are those of ``SamPredictor`` for the same points,
    up to rounding. The scores are a regression and may lie slightly outside 0 to 1.

    In half precision the image encoder runs under autocast, so that sums along its blocks and normalisations stay float32;
    that weights are cast in every call is little beside what they are used for. The decoder is limited by memory and not by
    arithmetic, so all in it that has the image's size is in half precision, and its few tokens are in float32.

    Args:
        model: ``vit_b``, ``vit_l`` or ``vit_h``.
        checkpoint: local path, or ``auto``: the published file, fetched once into ``weights_dir``.
        weights_dir: folder of fetched checkpoints.
        device: as in ``isagrsc2.device.choose_device``.
        batch: points per decoder call for each of ``DEVICES``.
        stability_offset: how far the mask threshold is moved up and down to measure stability, logits.
        precision: a key of ``PRECISIONS``; float16 is not for a CPU.
        compile: let torch compile encoder and decoder, once per process. All calls have the same shapes then.

    Raises:
        InputError: unknown model, device or precision; checkpoint missing, damaged or of another model; no network.
    """

    def __init__(
        self,
        model: str,
        checkpoint: str,
        weights_dir: str,
        device: str,
        batch: Mapping[str, int],
        stability_offset: float,
        precision: str,
        compile: bool,  # noqa: A002
    ) -> None:
        where = choose_device(device)
        points = batch_on(where, batch)
        _check(where, points, stability_offset, precision)  # before gigabytes are read
        self._prepare(build_sam(model, checkpoint, Path(weights_dir)), where, points, stability_offset, precision, compile)

    @classmethod
    def from_model(
        cls,
        sam: Sam,
        device: str,
        batch: int,
        stability_offset: float,
        precision: str,
        compile: bool,  # noqa: A002
    ) -> Self:
        """Use a network that exists already; it is moved to the device and set to evaluation. Later changes are not seen.

        Args:
            sam: any size and any weights.
            device: as in ``isagrsc2.device.choose_device``.
            batch: points per decoder call.
            stability_offset: as for the class.
            precision: as for the class.
            compile: as for the class.
        """
        where = choose_device(device)
        _check(where, batch, stability_offset, precision)
        segmenter = cls.__new__(cls)
        segmenter._prepare(sam, where, batch, stability_offset, precision, compile)
        return segmenter

    def _prepare(
        self, sam: Sam, device: torch.device, batch: int, stability_offset: float, precision: str, compiled: bool
    ) -> None:
        self._sam = sam.to(device).eval()
        self._resize = ResizeLongestSide(sam.image_encoder.img_size)
        self._device = device
        self._batch = batch
        self._stability_offset = stability_offset
        self._dtype = PRECISIONS[precision]
        self._decoder = PromptDecoder(self._sam, self._dtype)
        self._encode = fuse_attention(self._sam.image_encoder)
        self._attend, self._draw = self._decoder.attend, self._decoder.draw
        if compiled:
            self._encode = torch.compile(self._encode, dynamic=False)
            self._attend = torch.compile(self._attend, dynamic=False)
            self._draw = torch.compile(self._draw, dynamic=False)
        # A GPU chooses its kernels by shape and has room to spare; a CPU would work on prompts that nobody asked.
        self._padded = compiled or device.type != "cpu"

    @torch.no_grad()
    def embed(self, image: npt.NDArray[np.uint8]) -> SamEmbedding:
        """See the protocol. This is the expensive part: the image encoder runs once."""
        resized = self._resize.apply_image(image)  # (H', W', 3) uint8
        pixels = torch.as_tensor(resized, device=self._device).permute(2, 0, 1)[None].contiguous()  # (1, 3, H', W')
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            features = self._encode(self._sam.preprocess(pixels))  # (1, C, h / 4, w / 4)
        return self.remember(features, (image.shape[0], image.shape[1]))

    @torch.no_grad()
    def remember(self, features: Tensor, tile_shape: tuple[int, int]) -> SamEmbedding:
        """The embedding of an image the encoder has looked at.

        Args:
            features: (1, C, h / 4, w / 4) float of any precision, on any device.
            tile_shape: (H, W) of the image, tile px.
        """
        features = features.to(self._device, torch.float32)
        height, width = self._sam.prompt_encoder.mask_input_size
        network = self._sam.image_encoder.img_size
        input_shape = ResizeLongestSide.get_preprocess_shape(*tile_shape, network)
        with torch.autocast(self._device.type, enabled=False):
            shared = self._decoder.share(features)
        return SamEmbedding(
            tile_shape=tile_shape,
            mask_shape=(height, width),
            scale=max(height, width) / max(tile_shape),
            input_shape=input_shape,
            features=features,
            shared=shared,
            enlargement=Enlargement.of((height, width), network, input_shape, tile_shape, self._device),
        )

    @torch.no_grad()
    def segment(self, embedding: SamEmbedding, points: FloatArray) -> DrawnCandidates:
        """See the protocol. Masks are drawn when they are looked at.

        What that needs, 4.2 MB per point with the published models, and logits, 0.8 MB, stay on the device; in half precision
        it is half of it.
        """
        places = self._resize.apply_coords(np.asarray(points, np.float64).reshape(-1, 2), embedding.tile_shape)
        prompts = torch.as_tensor(places, dtype=torch.float32, device=self._device)  # (N, 2) xy
        shape = (len(prompts), self._sam.mask_decoder.num_multimask_outputs)  # (N, M)
        logits = torch.empty((*shape, *embedding.mask_shape), dtype=self._dtype, device=self._device)
        scores = torch.empty(shape, dtype=torch.float32, device=self._device)
        attended: list[tuple[Tensor, Tensor]] = []
        with torch.autocast(self._device.type, enabled=False):
            for start in range(0, len(prompts), self._batch):
                rows = slice(start, start + self._batch)
                some = prompts[rows]  # (B, 2)
                missing = self._batch - len(some) if self._padded else 0
                filled = torch.cat([some, some[-1:].expand(missing, -1)])
                tokens, places, ious = self._attend(embedding.shared, self._decoder.tokens(filled))
                attended += zip(tokens[: len(some)], places[: len(some)], strict=True)
                scores[rows] = ious[: len(some)]
        stability_of = partial(stability_between, offset=self._stability_offset)
        return DrawnCandidates(
            scores.cpu().numpy(), partial(self._draw_masks, attended), logits, stability_of, embedding.enlargement
        )

    @torch.no_grad()
    def _draw_masks(self, attended: list[tuple[Tensor, Tensor]], numbers: npt.NDArray[np.int64]) -> Tensor:
        """Logits (K, M, h, w) of some of the points, whose tokens (t, C) and places (T, C) are given."""
        size = self._batch if self._padded else 1  # measured: on a CPU one at a time is a fifth faster than four
        drawn = []
        with torch.autocast(self._device.type, enabled=False):
            for start in range(0, len(numbers), size):
                some = numbers[start : start + size].tolist()
                filled = some + some[-1:] * (size - len(some))
                tokens, places = (torch.stack(part) for part in zip(*(attended[number] for number in filled), strict=True))
                drawn.append(self._draw(tokens, places)[: len(some)])
        return torch.cat(drawn)


def batch_on(device: torch.device, batch: Mapping[str, int]) -> int:
    """Points per decoder call on a device.

    Args:
        device: where the decoder runs.
        batch: the option, a number for each of ``DEVICES``.

    Raises:
        InputError: it is none.
    """
    if not isinstance(batch, Mapping) or set(batch) != set(DEVICES):
        raise InputError(
            f"segmenter.batch={batch} does not fit; it has a number for each kind of device, as in segmenter.batch.cuda=32."
        )
    check_whole(f"segmenter.batch.{device.type}", batch[device.type], 1)
    return batch[device.type]


def _check(device: torch.device, batch: int, stability_offset: float, precision: str) -> None:
    """Check what both ways to make a segmenter share."""
    check_whole("segmenter.batch", batch, 1)
    check_number("segmenter.stability_offset", stability_offset, 0)
    check_choice("segmenter.precision", precision, tuple(PRECISIONS))
    if precision == "float16" and device.type == "cpu":
        raise InputError("segmenter.precision=float16 is slow on a CPU; choose float32 or bfloat16, or another device.")
