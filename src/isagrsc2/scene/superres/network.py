"""Enlargement by a network that has learned what coarse pixels come from: Real-ESRGAN, and others that spandrel knows.

Wang et al. 2021, "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data".
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_whole
from isagrsc2.scene.superres.network_file import read_network, require_spandrel
from isagrsc2.scene.tiling import Tiling
from isagrsc2.weights.fetch import locate
from isagrsc2.weights.registry import find

# Published networks, by their names in the registry.
MODELS = ("real_esrgan_x4plus", "realesr_general_x4v3")


class NetworkSuperResolution:
    """``superres=real_esrgan_x4``; implements ``SuperResolution``.

    A convolutional network sees zeros beyond the edge of what it is given, and what it draws near the edge is other than it
    would be inside the image. So large images go through it in overlapping tiles of one size, and each tile contributes only
    what is at least ``overlap`` away from its edges. A receptive field may reach further, but its rim counts for little.

    Args:
        model: which of ``MODELS`` is fetched for ``checkpoint=auto``.
        checkpoint: local path of a network of any architecture that spandrel knows, or ``auto``: the published file of
            ``model``, fetched once into ``weights_dir``.
        weights_dir: folder of fetched checkpoints.
        device: as in ``isagrsc2.device.choose_device``.
        half: compute in half precision, on a GPU only and if the network can.
        scale: pixels for one along each axis; the network's own.
        tile: side of what goes through the network at once, px of the image, overlap included. Memory follows its square.
        overlap: how far from its edges a tile is cropped, px of the image.

    Raises:
        InputError: a number does not fit; spandrel is missing; the checkpoint is missing, damaged, or no network of that scale;
            no network to fetch it.
    """

    def __init__(
        self,
        model: str,
        checkpoint: str,
        weights_dir: str,
        device: str,
        half: bool,
        scale: int,
        tile: int,
        overlap: int,
    ) -> None:
        check_choice("superres.model", model, MODELS)
        check_whole("superres.scale", scale, 2)
        check_whole("superres.overlap", overlap, 0)
        check_whole("superres.tile", tile, 1)
        if tile <= 2 * overlap:
            raise InputError(
                f"superres.tile={tile} must be larger than twice superres.overlap={overlap}, or nothing of a tile is left; "
                "change one of them."
            )
        where = choose_device(device)
        require_spandrel()  # before anything is fetched
        self._path = locate(checkpoint, find(model), Path(weights_dir))
        network = read_network(self._path, scale)
        # bfloat16 would be half precision too, but has no more digits than 8-bit grey levels.
        self._dtype = torch.float16 if half and where.type == "cuda" and network.supports_half else torch.float32
        self._network = network.to(where, self._dtype)
        self._tiling = Tiling(tile, 2 * overlap)
        self.scale = scale
        self.margin = overlap

    def enlarge(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """See ``SuperResolution``. An image smaller than a tile goes through the network as it is.

        Raises:
            InputError: the network computes what is not finite.
        """
        height, width = image.shape[:2]
        enlarged = np.empty((self.scale * height, self.scale * width, 3), np.uint8)
        for tile in self._tiling.tiles(width, height):
            x0, y0, x1, y1 = tile.bounds
            piece = self._enlarge_at_once(image[y0:y1, x0:x1])
            u0, v0, u1, v1 = (self.scale * edge for edge in tile.core_bounds)
            dx, dy = self.scale * x0, self.scale * y0
            enlarged[v0:v1, u0:u1] = piece[v0 - dy : v1 - dy, u0 - dx : u1 - dx]
        return enlarged

    @torch.inference_mode()
    def _enlarge_at_once(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        pixels = torch.as_tensor(np.ascontiguousarray(image), device=self._network.device)  # (H, W, 3) uint8
        enlarged = self._network(pixels.permute(2, 0, 1)[None].to(self._dtype) / 255)  # (1, 3, s H, s W), 0 to 1
        if not torch.isfinite(enlarged).all():
            raise InputError(
                f"{self._path} computes values that are not finite; replace the file, or choose superres.half=false."
            )
        levels = (enlarged[0].float() * 255).round().to(torch.uint8)  # (3, s H, s W)
        return levels.permute(1, 2, 0).cpu().numpy()
