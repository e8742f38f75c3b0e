"""The picture of the rounds on the first tile of a run's first scene."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from isagrsc2.delineation.tracing import trace_rounds
from isagrsc2.errors import InputError
from isagrsc2.figures.rounds import draw_rounds
from isagrsc2.scene.superres.surroundings import enlarge_surrounded, read_surrounded
from isagrsc2.tasks.smallest_area import smallest_area

FILE = "rounds.png"


def draw_rounds_of(cfg: DictConfig) -> Path:
    """Do the rounds on the upper left tile of the first scene again, and draw what each saw, asked and added.

    Args:
        cfg: composed from ``conf/segment.yaml``.

    Returns:
        ``rounds.png`` in the folder of the scene, which is made if it is not there.

    Raises:
        InputError: the scene cannot be used, or no round was done on the tile.
    """
    source = instantiate(cfg.scene, _convert_="all").sources()[0]
    stages = ("tiling", "superres", "segmenter", "prompting")
    tiling, superres, segmenter, prompting = (instantiate(cfg[name], _convert_="all") for name in stages)
    folder = Path(cfg.output_dir, source.name)
    folder.mkdir(parents=True, exist_ok=True)
    scene, _ = source.open(folder)
    with scene:
        size = scene.width, scene.height
        tile = tiling.enlarged_by(superres.scale).tiles(*size)[0]
        surrounded = read_surrounded(scene, tile.window, superres.margin, size)
        image, valid = enlarge_surrounded(*surrounded, superres)  # (s H, s W, 3), (s H, s W)
        min_area = smallest_area(scene, cfg.parcels.min_area_m2, cfg.parcels.min_area_px) * superres.scale**2
    rounds = trace_rounds(image, valid, segmenter, prompting, min_area)
    if not rounds:
        raise InputError(
            f"{source.origin}: no round was done on the first tile: it holds no valid pixel, or prompting.min_residual="
            f"{prompting.min_residual} is too high; choose another scene, or lower it."
        )
    draw_rounds(image, rounds, folder / FILE)
    return folder / FILE
