"""Points in, three nested regions and the IoU each is predicted to have out: SAM's contract, on two CPU cores."""

from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from isagrsc2.device import choose_device
from isagrsc2.segmenters.compact.hierarchy import BorderHierarchy
from isagrsc2.segmenters.compact.network import PARCEL, fold_normalisation
from isagrsc2.segmenters.compact.reading import enlarge, typical_side
from isagrsc2.segmenters.compact.region_features import region_features
from isagrsc2.segmenters.compact.weights_file import CompactModel, read_weights
from isagrsc2.segmenters.protocol import FloatArray
from isagrsc2.segmenters.region_answers import RegionCandidates, RegionEmbedding, regions_under
from isagrsc2.segmenters.region_tree import RegionTree
from isagrsc2.weights.embedded import resolve
from isagrsc2.weights.registry import COMPACT


class CompactSegmenter:
    """A network draws borders once per image; a watershed of them, merged where borders are weakest, is a tree of regions.

    A prompt is answered with the regions around it at three levels of the tree, so its masks are nested, exact to the pixel
    and as large as the parcel is. Implements ``isagrsc2.segmenters.protocol.Segmenter``.
    """

    def __init__(self, checkpoint: str, device: str, hierarchy: BorderHierarchy) -> None:
        """Load the network.

        Args:
            checkpoint: path of its weights, or ``embedded``: those in the package.
            device: see ``isagrsc2.device.choose_device``.
            hierarchy: how regions are made of borders.

        Raises:
            InputError: the weights cannot be read.
        """
        model = read_weights(resolve(checkpoint, COMPACT))
        model.network = fold_normalisation(model.network)
        model.network.to(memory_format=torch.channels_last)  # convolutions are a third faster so, on a CPU too
        self._prepare(model, device, hierarchy)

    @classmethod
    def from_model(cls, model: CompactModel, device: str, hierarchy: BorderHierarchy) -> Self:
        """Use networks that exist already; they are moved to the device. Arguments as for the class."""
        segmenter = cls.__new__(cls)
        segmenter._prepare(model, device, hierarchy)
        return segmenter

    def _prepare(self, model: CompactModel, device: str, hierarchy: BorderHierarchy) -> None:
        self._device = choose_device(device)
        self._model = model.to(self._device)
        self._hierarchy = hierarchy

    def embed(self, image: npt.NDArray[np.uint8]) -> RegionEmbedding:
        """See the protocol. This is the expensive part: the network runs once, or twice where parcels are small."""
        tree, maps = self.read(image)
        return self._hierarchy.embed(tree, self.scores(tree, maps), *image.shape[:2])

    def read(self, image: npt.NDArray[np.uint8]) -> tuple[RegionTree, npt.NDArray[np.float32]]:
        """Find the regions of an image at the scale that suits its parcels.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The regions and the maps (3, h, w) of the enlarged image; see ``Reading``.
        """
        reading = self._hierarchy.reading
        scale = reading.first_scale
        tree, maps = self._read_at(image, scale)
        chosen = reading.scale_for(typical_side(tree, maps[PARCEL], self._hierarchy.typical_level) / scale)
        return (tree, maps) if chosen == scale else self._read_at(image, chosen)

    def _read_at(self, image: npt.NDArray[np.uint8], scale: float) -> tuple[RegionTree, npt.NDArray[np.float32]]:
        maps = self._hierarchy.reading.maps(enlarge(image, scale), self.maps)
        return self._hierarchy.tree(maps), maps

    @torch.no_grad()
    def maps(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(H, W, 3) uint8 RGB to (3, H, W) probabilities of border and parcel, and depth; see ``BorderNetwork``."""
        pixels = torch.tensor(image, device=self._device).permute(2, 0, 1)[None]  # (1, 3, H, W)
        self._model.eval()
        maps: npt.NDArray[np.float32] = self._model.network(pixels)[0].float().sigmoid().cpu().numpy()
        return maps

    @torch.no_grad()
    def scores(self, tree: RegionTree, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(M,) IoU predicted for every region."""
        features = torch.from_numpy(region_features(tree, maps)).to(self._device)  # (M, F)
        return np.asarray(self._model.scorer.scores(features).cpu().numpy(), np.float32)

    def segment(self, embedding: RegionEmbedding, points: FloatArray) -> RegionCandidates:
        """See the protocol."""
        return regions_under(embedding, points)
