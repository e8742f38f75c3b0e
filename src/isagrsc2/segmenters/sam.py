"""Segment Anything through the segment-anything package (Kirillov et al. 2023, https://arxiv.org/abs/2304.02643)."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.amg import calculate_stability_score
from segment_anything.utils.transforms import ResizeLongestSide

from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.segmenters.dense_candidates import DenseCandidates
from isagrsc2.segmenters.protocol import BoolArray, FloatArray
from isagrsc2.weights.fetch import locate
from isagrsc2.weights.registry import find
from isagrsc2.weights.state import load_state, read_state

MODELS = ("vit_b", "vit_l", "vit_h")

# Masks enlarged at once. Each needs 4 MB on SAM's own grid and as much on the tile's.
ENLARGED_AT_ONCE = 8


@dataclass(frozen=True)
class SamEmbedding:
    """What SAM remembers of one image.

    Attributes:
        tile_shape: (H, W), tile px.
        mask_shape: (h, w) of low-resolution masks, decoder px: (256, 256) in the published models, padding included.
        scale: decoder px per tile px. The input has whole pixels, so it is off by up to half of one on the short side.
        input_shape: (H', W') of the resized image before padding, px of the network's input.
        features: (1, C, h / 4, w / 4) float32, on the segmenter's device.
    """

    tile_shape: tuple[int, int]
    mask_shape: tuple[int, int]
    scale: float
    input_shape: tuple[int, int]
    features: torch.Tensor


class SamSegmenter:
    """SAM, prompted with single foreground points, three nested masks per point.

    Implements ``isagrsc2.segmenters.protocol.Segmenter``. Masks and scores are those of ``SamPredictor`` for the same
    points. The scores are a regression and may lie slightly outside 0 to 1.

    Args:
        model: ``vit_b``, ``vit_l`` or ``vit_h``.
        checkpoint: local path, or ``auto``: the published file, fetched once into ``weights_dir``.
        weights_dir: folder of fetched checkpoints.
        device: as in ``isagrsc2.device.choose_device``.
        batch: points per decoder call.
        stability_offset: how far the mask threshold is moved up and down to measure stability, logits.

    Raises:
        InputError: unknown model or device; checkpoint missing, damaged or of another model; no network.
    """

    def __init__(self, model: str, checkpoint: str, weights_dir: str, device: str, batch: int, stability_offset: float) -> None:
        where = choose_device(device)  # before gigabytes are read
        self._prepare(build_sam(model, checkpoint, Path(weights_dir)), where, batch, stability_offset)

    @classmethod
    def from_model(cls, sam: Sam, device: str, batch: int, stability_offset: float) -> Self:
        """Use a network that exists already; it is moved to the device and set to evaluation.

        Args:
            sam: any size and any weights.
            device: as in ``isagrsc2.device.choose_device``.
            batch: points per decoder call.
            stability_offset: as for the class.
        """
        segmenter = cls.__new__(cls)
        segmenter._prepare(sam, choose_device(device), batch, stability_offset)
        return segmenter

    def _prepare(self, sam: Sam, device: torch.device, batch: int, stability_offset: float) -> None:
        if batch < 1:
            raise InputError(f"segmenter.batch={batch} points per decoder call; give at least 1.")
        self._sam = sam.to(device).eval()
        self._resize = ResizeLongestSide(sam.image_encoder.img_size)
        self._device = device
        self._batch = batch
        self._stability_offset = stability_offset

    @torch.no_grad()
    def embed(self, image: npt.NDArray[np.uint8]) -> SamEmbedding:
        """See the protocol. This is the expensive part: the image encoder runs once."""
        resized = self._resize.apply_image(image)  # (H', W', 3) uint8
        pixels = torch.as_tensor(resized, device=self._device).permute(2, 0, 1)[None].contiguous()  # (1, 3, H', W')
        features = self._sam.image_encoder(self._sam.preprocess(pixels))  # (1, C, h / 4, w / 4)
        height, width = self._sam.prompt_encoder.mask_input_size
        return SamEmbedding(
            tile_shape=(image.shape[0], image.shape[1]),
            mask_shape=(height, width),
            scale=max(height, width) / max(image.shape[:2]),
            input_shape=(resized.shape[0], resized.shape[1]),
            features=features,
        )

    @torch.no_grad()
    def segment(self, embedding: SamEmbedding, points: FloatArray) -> DenseCandidates:
        """See the protocol. Logits are float32: 0.8 MB per point with the published models.

        Stability is measured at the decoder's resolution (SAM's generator does so after enlarging). A mask that is
        empty even at the looser threshold has stability 0.
        """
        coordinates = self._resize.apply_coords(np.asarray(points, np.float64).reshape(-1, 2), embedding.tile_shape)
        prompts = torch.as_tensor(coordinates, dtype=torch.float32, device=self._device)[:, None]  # (N, 1, 2) xy
        foreground = torch.ones(prompts.shape[:2], dtype=torch.int32, device=self._device)  # (N, 1)
        shape = (len(prompts), self._sam.mask_decoder.num_multimask_outputs)  # (N, M)
        logits = np.empty((*shape, *embedding.mask_shape), np.float32)
        scores = np.empty(shape, np.float32)
        stability = np.empty(shape, np.float32)
        for start in range(0, len(prompts), self._batch):
            rows = slice(start, start + self._batch)
            masks, ious = self._decode(embedding.features, prompts[rows], foreground[rows])  # (B, M, h, w), (B, M)
            stable = calculate_stability_score(masks, self._sam.mask_threshold, self._stability_offset)
            logits[rows] = masks.cpu().numpy()
            scores[rows] = ious.cpu().numpy()
            stability[rows] = stable.nan_to_num(0.0).cpu().numpy()  # an empty mask is 0 / 0
        return DenseCandidates(logits, scores, stability, partial(self.enlarge, embedding))

    def _decode(self, features: torch.Tensor, prompts: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        encoder = self._sam.prompt_encoder
        sparse, dense = encoder(points=(prompts, labels), boxes=None, masks=None)
        masks, ious = self._sam.mask_decoder(
            image_embeddings=features,
            image_pe=encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return masks, ious

    @torch.no_grad()
    def enlarge(self, embedding: SamEmbedding, logits: npt.NDArray[np.float32]) -> BoolArray:
        """Bring logits (K, h, w) to the tile frame, (K, H, W) bool, exactly SAM's own way.

        Bilinear to its input, padding cut off, bilinear to the tile.
        """
        masks = np.empty((len(logits), *embedding.tile_shape), np.bool_)
        for start in range(0, len(logits), ENLARGED_AT_ONCE):
            rows = slice(start, start + ENLARGED_AT_ONCE)
            some = torch.as_tensor(logits[rows], dtype=torch.float32, device=self._device)[None]  # (1, B, h, w)
            large = self._sam.postprocess_masks(some, embedding.input_shape, embedding.tile_shape)[0]  # (B, H, W)
            masks[rows] = (large > self._sam.mask_threshold).cpu().numpy()
        return masks


def build_sam(model: str, checkpoint: str, weights_dir: Path) -> Sam:
    """A published SAM with its weights, on the CPU.

    Args:
        model: ``vit_b``, ``vit_l`` or ``vit_h``.
        checkpoint: local path or ``auto``.
        weights_dir: folder of fetched checkpoints.

    Raises:
        InputError: see ``SamSegmenter``.
    """
    if model not in MODELS:
        raise InputError(f"segmenter.model={model} is unknown; choose {', '.join(MODELS)}.")
    path = locate(checkpoint, find(f"sam_{model}"), weights_dir)
    state = read_state(path)
    sam = sam_model_registry[model]()
    load_state(sam, state, path, f"SAM {model}")
    return sam
