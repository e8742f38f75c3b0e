"""A scene and its parcels as a small image with layers of classes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.features import rasterize

from isagrsc2.export.result import SceneResult

# Value and label of pixels outside all parcels.
_NONE = {0: "none"}
# Values of masks: Weights & Biases keeps them in 8 bits, with a sign.
_MOST = 127


@dataclass(frozen=True)
class Layer:
    """A mask of classes.

    Attributes:
        mask: (h, w) uint8, 0 to 127.
        labels: what the values are.
    """

    mask: npt.NDArray[np.uint8]
    labels: dict[int, str]


@dataclass(frozen=True)
class LayeredImage:
    """An image with its layers.

    Attributes:
        image: (h, w, 3) uint8 RGB, 0 where there are no data.
        layers: by name, of the same size.
    """

    image: npt.NDArray[np.uint8]
    layers: dict[str, Layer]


def layered_image(result: SceneResult, max_side: int) -> LayeredImage:
    """Draw a scene with the layers ``class`` and ``round`` of its parcels, and ``reference`` where it has one.

    Never the parcels' own numbers: a mask has no room for them.

    Args:
        result: the scene, open, and its segments in scene px.
        max_side: long side of the image, px; smaller scenes keep their size.
    """
    scene = result.scene
    scale = min(1.0, max_side / max(scene.width, scene.height))
    shape = (max(1, round(scene.height * scale)), max(1, round(scene.width * scale)))
    image, _ = scene.read(out_shape=shape)  # (h, w, 3)
    transform = Affine.scale(scene.width / shape[1], scene.height / shape[0])  # px of the image to px of the scene

    def burn(
        mask: npt.NDArray[np.uint8], geometries: npt.NDArray[np.object_], values: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint8]:
        """Pixels of the mask (h, w) whose centre lies inside get the value, capped at what a mask holds."""
        if len(geometries):
            rasterize(zip(geometries, np.minimum(values, _MOST).tolist(), strict=True), out=mask, transform=transform)
        return mask

    classes, rounds = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for batch in result.segments:
        polygons = batch.geometry.to_numpy()
        burn(classes, polygons, np.array(result.classes.positions(batch["class_name"]), np.int64) + 1)
        burn(rounds, polygons, batch["round"].to_numpy(np.int64))
    # All rounds, and not only those that found something: a dashboard keeps one list of labels for all scenes.
    names = {number: f"round {number}" for number in range(1, min(len(result.metrics["coverage"]), _MOST) + 1)}
    layers = {
        "class": Layer(classes, _NONE | dict(enumerate(result.classes.names, start=1))),
        "round": Layer(rounds, _NONE | names),
    }
    if result.reference is not None:
        parcels = result.reference.parcels.geometry.to_numpy()
        unlabelled = np.asarray(result.reference.unlabelled, dtype=object)
        values = np.repeat([1, 2], [len(parcels), len(unlabelled)])
        mask = burn(np.zeros(shape, np.uint8), np.concatenate([parcels, unlabelled]), values)
        layers["reference"] = Layer(mask, _NONE | {1: "reference parcel", 2: "not labelled"})
    return LayeredImage(image, layers)
