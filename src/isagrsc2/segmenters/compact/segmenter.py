"""Points in, three nested regions and the IoU each is predicted to have out: SAM's contract, on two CPU cores."""

from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt
import torch

from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_numbers, check_whole
from isagrsc2.segmenters.compact.network import BORDER, PARCEL
from isagrsc2.segmenters.compact.reading import Reading, enlarge, on_grid, typical_side
from isagrsc2.segmenters.compact.region_features import region_features
from isagrsc2.segmenters.compact.weights_file import CompactModel, read_weights
from isagrsc2.segmenters.protocol import BoolArray, Candidates, FloatArray
from isagrsc2.segmenters.region_answers import RegionEmbedding, embed_tree, enlarge_regions, regions_under, stability_at
from isagrsc2.segmenters.region_tree import RegionTree, basins, merge_basins
from isagrsc2.weights.embedded import resolve
from isagrsc2.weights.registry import COMPACT

# Heights of the border map, 0 to 1, closer than this are equal when basins are searched.
STEP = 1 / 200


class CompactSegmenter:
    """A network draws borders once per image; a watershed of them, merged where borders are weakest, is a tree of regions.

    A prompt is answered with the regions around it at three levels of the tree, so its masks are nested, exact to the pixel
    and as large as the parcel is. Implements ``isagrsc2.segmenters.protocol.Segmenter``.
    """

    def __init__(
        self,
        checkpoint: str,
        device: str,
        sigma: float,
        min_depth: float,
        small: float,
        levels: tuple[float, float, float],
        margin: float,
        stability_offset: float,
        reduction: int,
        reading: Reading,
    ) -> None:
        """Load the network.

        Args:
            checkpoint: path of its weights, or ``embedded``: those in the package.
            device: see ``isagrsc2.device.choose_device``.
            sigma: standard deviation of the Gaussian that smooths the border map before basins are searched, px.
            min_depth: a basin shallower than this is part of its neighbour, probability of a border.
            small: area, px, at which a region's borders count half: what is much smaller merges first.
            levels: mean probability of a border at which the hierarchy is cut, one per nested mask, ascending.
            margin: how much lower the finest and the coarsest mask are scored than predicted where they differ from the typical
                one. Of several uncertain predictions the highest is too high (the winner's curse), and most parcels are
                regions of the typical level.
            stability_offset: a region is stable if the cut this much lower and the cut this much higher give the same.
            reduction: tile px per decoder px; masks are enlarged exactly, so this is only a matter of speed.
            reading: how large images are read; pixels of the numbers above are read pixels.

        Raises:
            InputError: the weights cannot be read, or a number does not fit.
        """
        where = choose_device(device)
        model = read_weights(resolve(checkpoint, COMPACT))
        model.network.to(memory_format=torch.channels_last)  # convolutions are a third faster so, on a CPU too
        self._prepare(model, where, sigma, min_depth, small, levels, margin, stability_offset, reduction, reading)

    @classmethod
    def from_model(cls, model: CompactModel, device: str, **numbers: Any) -> Self:
        """Use networks that exist already; they are moved to the device.

        Args:
            model: any weights.
            device: as for the class.
            numbers: as for the class.
        """
        segmenter = cls.__new__(cls)
        segmenter._prepare(model, choose_device(device), **numbers)
        return segmenter

    def _prepare(
        self,
        model: CompactModel,
        device: torch.device,
        sigma: float,
        min_depth: float,
        small: float,
        levels: tuple[float, float, float],
        margin: float,
        stability_offset: float,
        reduction: int,
        reading: Reading,
    ) -> None:
        check_number("segmenter.sigma", sigma, 0.1)  # a Gaussian has a width
        check_number("segmenter.min_depth", min_depth, 0)
        check_number("segmenter.small", small, 0)
        check_numbers("segmenter.levels", levels, 3, 0)
        if sorted(levels) != list(levels):
            raise InputError(f"segmenter.levels={list(levels)} must ascend; give the finest level first.")
        check_number("segmenter.margin", margin, 0, 1)
        check_number("segmenter.stability_offset", stability_offset, 0)
        check_whole("segmenter.reduction", reduction, 1)
        self._model = model.to(device)
        self._device = device
        self._sigma = sigma
        self._min_depth = min_depth
        self._small = small
        self._levels = levels
        self._margin = margin
        self._stability_offset = stability_offset
        self._reduction = reduction
        self._reading = reading

    def embed(self, image: npt.NDArray[np.uint8]) -> RegionEmbedding:
        """See the protocol. This is the expensive part: the network runs once, or twice where parcels are small."""
        tree, maps = self.read(image)
        nodes = np.stack([tree.at_level(level) for level in self._levels], axis=1)  # (L, M)
        offset = self._stability_offset
        stability = np.stack([stability_at(tree, level - offset, level + offset) for level in self._levels], axis=1)
        scores = self.scores(tree, maps)[nodes]  # (L, M)
        scores[nodes != nodes[:, 1:2]] -= self._margin
        return embed_tree(on_grid(tree, *image.shape[:2]), nodes, scores.clip(min=0), stability, self._reduction)

    def read(self, image: npt.NDArray[np.uint8]) -> tuple[RegionTree, npt.NDArray[np.float32]]:
        """Find the regions of an image at the scale that suits its parcels.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The regions and the maps (3, h, w) of the enlarged image; see ``Reading``.
        """
        scale = self._reading.first_scale
        tree, maps = self._read_at(image, scale)
        chosen = self._reading.scale_for(typical_side(tree, maps[PARCEL], self._levels[1]) / scale)
        return (tree, maps) if chosen == scale else self._read_at(image, chosen)

    def _read_at(self, image: npt.NDArray[np.uint8], scale: float) -> tuple[RegionTree, npt.NDArray[np.float32]]:
        maps = self._reading.maps(enlarge(image, scale), self.maps)
        return self.hierarchy(maps), maps

    @torch.no_grad()
    def maps(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(H, W, 3) uint8 RGB to (3, H, W) probabilities of border and parcel, and depth; see ``BorderNetwork``."""
        pixels = torch.as_tensor(np.ascontiguousarray(image), device=self._device).permute(2, 0, 1)[None]  # (1, 3, H, W)
        self._model.eval()
        maps: npt.NDArray[np.float32] = self._model.network(pixels)[0].float().sigmoid().cpu().numpy()
        return maps

    def hierarchy(self, maps: npt.NDArray[np.float32]) -> RegionTree:
        """The regions between the borders of maps (3, H, W), the weakest borders merged first."""
        border = maps[BORDER]
        leaves = basins(np.asarray(cv2.GaussianBlur(border, (0, 0), self._sigma), np.float32), self._min_depth, STEP)
        return merge_basins(leaves, border, maps[PARCEL][..., None], 0.0, self._small)

    @torch.no_grad()
    def scores(self, tree: RegionTree, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(M,) IoU predicted for every region."""
        features = torch.from_numpy(region_features(tree, maps)).to(self._device)  # (M, F)
        return np.asarray(self._model.scorer.scores(features).cpu().numpy(), np.float32)

    def segment(self, embedding: RegionEmbedding, points: FloatArray) -> Candidates:
        """See the protocol."""
        return regions_under(embedding, points)

    def enlarge(self, embedding: RegionEmbedding, logits: npt.NDArray[Any]) -> BoolArray:
        """See the protocol."""
        return enlarge_regions(embedding, logits)
