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
from isagrsc2.segmenters.protocol import FloatArray
from isagrsc2.segmenters.sam.asking import PRECISIONS, Asking, batch_on, check_asking
from isagrsc2.segmenters.sam.candidates import DrawnCandidates
from isagrsc2.segmenters.sam.checkpoint import build_sam
from isagrsc2.segmenters.sam.enlargement import Enlargement
from isagrsc2.segmenters.sam.fused_attention import fuse_attention
from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder, SharedPlaces


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
        batch: points per decoder call for each of ``isagrsc2.segmenters.sam.asking.DEVICES``.
        stability_offset: how far the mask threshold is moved up and down to measure stability, logits.
        precision: a key of ``isagrsc2.segmenters.sam.asking.PRECISIONS``; float16 is not for a CPU.
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
        check_asking(where, points, stability_offset, precision)  # before gigabytes are read
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
        check_asking(where, batch, stability_offset, precision)
        segmenter = cls.__new__(cls)
        segmenter._prepare(sam, where, batch, stability_offset, precision, compile)
        return segmenter

    def _prepare(
        self, sam: Sam, device: torch.device, batch: int, stability_offset: float, precision: str, compiled: bool
    ) -> None:
        self._sam = sam.to(device).eval()
        self._resize = ResizeLongestSide(sam.image_encoder.img_size)
        self._device = device
        self._dtype = PRECISIONS[precision]
        self._asking = Asking(device, self._dtype, batch, compiled or device.type != "cpu", stability_offset)
        self._decoder = PromptDecoder(self._sam, self._dtype)
        self._encode = fuse_attention(self._sam.image_encoder)
        self._attend, self._draw = self._decoder.attend, self._decoder.draw
        if compiled:
            self._encode = torch.compile(self._encode, dynamic=False)
            self._attend = torch.compile(self._attend, dynamic=False)
            self._draw = torch.compile(self._draw, dynamic=False)

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
        """See the protocol. Masks are drawn when they are looked at."""
        places = self._resize.apply_coords(np.asarray(points, np.float64).reshape(-1, 2), embedding.tile_shape)
        shape = self._sam.mask_decoder.num_multimask_outputs, *embedding.mask_shape  # (M, h, w)
        return self._asking.ask(places, shape, partial(self._look, embedding.shared), self._draw, embedding.enlargement)

    def _look(self, shared: SharedPlaces, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See ``Attend``."""
        return self._attend(shared, self._decoder.tokens(points))
