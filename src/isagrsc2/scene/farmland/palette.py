"""Colours and textures: what crops, soils and other surfaces look like in one scene.

Colours are 8-bit sRGB as aerial and satellite images show them; each family was set by eye beside NAIP and Sentinel-2 images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from isagrsc2.scene.farmland.layout import Cell
from isagrsc2.scene.farmland.site import Site, between
from isagrsc2.scene.farmland.style import FarmlandStyle
from isagrsc2.scene.farmland.surface import N_ROOFS, N_SURFACES, Surface

Colour = npt.NDArray[np.float64]

# Each family is a chain of colours; a scene takes places on it, so colours between the neighbours occur too.
SOILS = (
    ((204, 191, 163), (184, 168, 136), (160, 143, 112)),  # beige loess
    ((164, 134, 104), (140, 114, 88), (118, 98, 78)),  # reddish brown
    ((166, 124, 92), (146, 104, 78), (126, 88, 68)),  # red
    ((150, 142, 124), (128, 120, 102), (108, 100, 84)),  # grey brown
    ((112, 98, 78), (92, 80, 64), (76, 66, 54)),  # dark brown
    ((84, 80, 74), (70, 66, 62), (58, 55, 52)),  # peat, black earth
    ((224, 210, 176), (208, 190, 152), (190, 168, 128)),  # pale, dry
)
GREENS = (
    ((62, 86, 68), (76, 104, 76), (90, 118, 88)),  # bluish, summer maize and soya
    ((72, 98, 62), (88, 116, 72), (112, 136, 86)),  # fresh
    ((24, 62, 46), (38, 76, 54), (56, 92, 66)),  # dark teal
    ((104, 132, 92), (124, 146, 104), (144, 162, 118)),  # light, cereals in spring
    ((84, 96, 54), (100, 110, 64), (120, 124, 76)),  # olive
    ((118, 142, 76), (142, 158, 88), (158, 170, 108)),  # yellow green
    ((92, 110, 88), (108, 122, 98), (124, 134, 110)),  # grey green
)
RIPES = (
    ((136, 138, 76), (158, 150, 92), (180, 166, 108)),  # turning
    ((150, 130, 84), (166, 146, 98), (186, 166, 120)),  # khaki
    ((186, 170, 122), (200, 184, 142), (212, 198, 162)),  # gold
    ((138, 116, 86), (154, 132, 100), (168, 146, 112)),  # dead brown
)
ROOFS = (
    (200, 200, 198), (228, 228, 226), (168, 170, 174), (140, 140, 142), (120, 112, 108), (176, 110, 88),
    (150, 88, 72), (190, 140, 112), (104, 104, 110), (210, 196, 176), (132, 84, 76), (126, 138, 156),
)  # fmt: skip


@dataclass
class Material:
    """How a surface or the crop of a cell is painted: ``colour + (other - colour) * m``, m being a sum of patterns.

    Attributes:
        colour: (3,) where m = 0.
        other: (3,) where m = 1.
        streak: strength of streaks along the rows (share of the step from ``colour`` to ``other``, as all strengths).
        swath: width of a streak, px.
        alternate: strength of light and dark passes in turn.
        tram: strength of wheel tracks.
        tram_spacing: px between wheel tracks.
        terrain: strength of what follows soil and moisture, across borders.
        patch: strength of thin or bare patches.
        clump: strength of tufts of a few metres.
        grain: strength of what changes from pixel to pixel.
        canopy: strength of tree crowns.
        heading: direction of the rows, rad.
        follows: 1 where rows follow the guide, 0 where they are straight.
        headland: width of the strip worked along the border, px.
        orchard: distance of trees in rows, px; 0 for none.
        height: of trees and buildings, m.
    """

    colour: Colour
    other: Colour
    streak: float = 0.0
    swath: float = 8.0
    alternate: float = 0.0
    tram: float = 0.0
    tram_spacing: float = 24.0
    terrain: float = 0.0
    patch: float = 0.0
    clump: float = 0.0
    grain: float = 0.0
    canopy: float = 0.0
    heading: float = 0.0
    follows: float = 0.0
    headland: float = 0.0
    orchard: float = 0.0
    height: float = 0.0


class Materials:
    """Materials as columns, one (N,) or (N, 3) float32 array for each attribute of ``Material``."""

    def __init__(self, rows: Sequence[Material]) -> None:
        self._columns = {
            field.name: np.array([getattr(row, field.name) for row in rows], np.float32) for field in fields(Material)
        }

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        return self._columns[name]


def _along(rng: np.random.Generator, family: Sequence[Sequence[float]], jitter: float = 5.0) -> Colour:
    """A colour somewhere on a chain of colours."""
    place = rng.uniform(0, len(family) - 1)
    chain = np.array(family, float)
    index = min(int(place), len(family) - 2)
    colour = chain[index] + (chain[index + 1] - chain[index]) * (place - index)
    return np.asarray(colour + jitter * rng.standard_normal() + 0.5 * jitter * rng.standard_normal(3))


@dataclass(frozen=True)
class Season:
    """The colours a scene draws from: one kind of soil, some greens, some ripe crops, and how frequent each stage is."""

    soil: Sequence[Sequence[float]]
    greens: Sequence[Sequence[Sequence[float]]]
    ripes: Sequence[Sequence[Sequence[float]]]
    stages: npt.NDArray[np.float64]
    lush: float  # how green what is not cropped is, 0 to 1

    def grass(self, rng: np.random.Generator) -> Colour:
        """Colour of wild grass."""
        fresh = np.array([98.0, 124.0, 74.0]) + 9 * rng.standard_normal() + 5 * rng.standard_normal(3)
        dry = np.array([150.0, 138.0, 100.0]) + 9 * rng.standard_normal() + 5 * rng.standard_normal(3)
        share = np.clip(self.lush + 0.15 * rng.standard_normal(), 0, 1)
        return np.asarray(dry + (fresh - dry) * share)


def draw_season(rng: np.random.Generator) -> Season:
    """Draw the colours of a scene."""
    greens = [GREENS[i] for i in rng.choice(len(GREENS), int(rng.integers(1, 4)), replace=False)]
    ripes = [RIPES[i] for i in rng.choice(len(RIPES), int(rng.integers(1, 3)), replace=False)]
    # Stages: closed green, young rows, ripe, stubble, bare soil, meadow, orchard. Few dominate one scene.
    stages = rng.dirichlet(np.array([1.3, 0.5, 0.5, 0.4, 0.9, 0.5, 0.06]))
    return Season(
        soil=SOILS[int(rng.choice(len(SOILS), p=[0.24, 0.18, 0.08, 0.2, 0.14, 0.06, 0.1]))],
        greens=greens,
        ripes=ripes,
        stages=stages,
        lush=float(rng.beta(2.0, 1.2)),
    )


def _crop(rng: np.random.Generator, season: Season, site: Site, style: FarmlandStyle, stage: int) -> Material:
    """A crop in a stage."""
    green = _along(rng, season.greens[int(rng.integers(len(season.greens)))])
    ripe = _along(rng, season.ripes[int(rng.integers(len(season.ripes)))])
    soil = _along(rng, season.soil)
    rows, patches = between(rng, style.row_contrast), between(rng, style.patch_contrast)
    swath = site.px(rng.choice([3.0, 6.0, 9.0, 12.0, 18.0]) * rng.uniform(0.8, 1.2))
    row = Material(colour=green, other=0.65 * soil + 0.35 * green)
    row.streak, row.terrain = between(rng, (0.02, 0.14), logarithmic=True), rng.uniform(0.03, 0.2)
    row.clump, row.grain = rng.uniform(0.01, 0.08), between(rng, (0.03, 0.2), logarithmic=True)
    row.tram = rng.uniform(0.1, 0.5) if rng.random() < 0.5 else 0.0
    row.patch = rng.uniform(0.2, 0.9) if rng.random() < 0.45 else 0.0
    if stage == 1:  # young rows: soil between the plants
        row.colour = green + (soil - green) * rng.uniform(0.3, 0.75)
        row.other, row.streak = soil if rng.random() < 0.5 else green, rng.uniform(0.03, 0.14)
        row.tram = row.tram * 0.5
    elif stage == 2:  # ripening
        row.colour, row.other = ripe, 0.5 * ripe + 0.5 * (green if rng.random() < 0.6 else soil)
        row.terrain, row.clump = rng.uniform(0.05, 0.35), rng.uniform(0.02, 0.1)
    elif stage == 3:  # stubble, straw in swaths
        row.colour, row.other = ripe * 0.5 + soil * 0.5 + 12, soil * rng.uniform(0.8, 1.0)
        row.streak = rng.uniform(0.05, 0.25)
        row.alternate = rng.uniform(0.1, 0.5) if rng.random() < 0.4 else 0.0
        row.patch = 0.0
    elif stage == 4:  # bare soil; the other colour is the same soil wet, or dry
        row.colour, row.other = soil, soil * (rng.uniform(0.6, 0.8) if rng.random() < 0.7 else rng.uniform(1.12, 1.25))
        row.streak, row.terrain = rng.uniform(0.03, 0.16), rng.uniform(0.05, 0.45)
        row.clump, row.tram = rng.uniform(0.02, 0.1), row.tram * 0.6
    elif stage == 5:  # meadow; cut ones show the mower's passes
        row.colour = 0.5 * green + 0.5 * season.grass(rng) + 8
        row.other = season.grass(rng) * rng.uniform(0.8, 1.15)
        row.terrain, row.clump = rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.2)
        row.alternate = rng.uniform(0.1, 0.4) if rng.random() < 0.3 else 0.0
        row.tram = 0.0
    elif stage == 6:  # orchards, vineyards, plantations
        _plant(rng, row, season, site, soil, green)
    row.swath = max(swath, 1.2)
    row.tram_spacing = max(site.px(rng.choice([12.0, 18.0, 24.0, 36.0])), 7.0)
    for name in ("streak", "alternate", "tram"):
        setattr(row, name, getattr(row, name) * rows)
    for name in ("terrain", "patch", "clump"):
        setattr(row, name, getattr(row, name) * patches)
    row.headland = site.px(rng.uniform(8, 24)) if rng.random() < 0.6 else 0.0
    return row


def _plant(rng: np.random.Generator, row: Material, season: Season, site: Site, soil: Colour, green: Colour) -> None:
    """Make a crop an orchard."""
    row.colour = soil if rng.random() < 0.5 else season.grass(rng)
    row.other = np.minimum(green, 100.0) * rng.uniform(0.6, 0.9)
    row.orchard = max(site.px(rng.uniform(3.5, 9.0)), 3.2)
    row.terrain = row.patch = row.tram = 0.0


def crop_materials(
    rng: np.random.Generator, season: Season, site: Site, style: FarmlandStyle, cells: Sequence[Cell]
) -> list[Material]:
    """One material for each cell: a few crops per scene, each cell a little different."""
    count = int(rng.integers(3, 9))
    crops = [_crop(rng, season, site, style, int(rng.choice(7, p=season.stages))) for _ in range(count)]
    orchards = [_crop(rng, season, site, style, 6) for _ in range(2)]
    dominance = between(rng, style.same_crop)
    weights = rng.dirichlet(np.full(count, 0.3 + 2.5 * (1 - dominance)))
    weights = 0.9 * weights + 0.1 / count
    contrast = between(rng, style.parcel_contrast, logarithmic=True)
    turn = rng.uniform(0, 0.12)
    materials = []
    for cell in cells:
        place = int(rng.choice(count, p=weights))
        if cell.parity >= 0:  # contour strips take two crops in turn
            place = (cell.block * 7 + cell.parity * (1 + cell.block % (count - 1))) % count
        crop = orchards[cell.block % 2] if cell.orchard else crops[place]
        shift = contrast * rng.standard_normal() + 0.22 * contrast * rng.standard_normal(3)
        strength = np.exp(0.35 * rng.standard_normal(6))
        row = Material(**vars(crop))
        row.colour, row.other = crop.colour + shift, crop.other + shift
        row.streak, row.terrain, row.patch = crop.streak * strength[0], crop.terrain * strength[1], crop.patch * strength[2]
        row.tram = crop.tram * strength[3] if rng.random() < 0.6 else 0.0
        row.alternate = crop.alternate if rng.random() < 0.6 else 0.0
        row.heading = cell.heading + turn * rng.standard_normal()
        row.follows = float(cell.follows)
        if rng.random() < 0.06:
            row.headland = 1e6  # worked round and round
        row.headland = min(row.headland, 0.12 * float(np.sqrt(cell.size))) if row.headland < 1e6 else row.headland
        materials.append(row)
    return materials


def surface_materials(rng: np.random.Generator, season: Season) -> list[Material]:
    """One material for each surface code."""
    grass, rough = season.grass(rng), season.grass(rng) * 0.95
    woods = np.array([64.0, 84.0, 56.0]) + 9 * rng.standard_normal() + 5 * rng.standard_normal(3)
    if rng.random() < 0.05:  # autumn
        woods = np.array([98.0, 88.0, 62.0]) + 6 * rng.standard_normal(3)
    lit = woods * 1.25 + np.array([8.0, 10.0, 0.0])
    water = _along(rng, ((46, 62, 60), (62, 76, 66), (112, 112, 84), (36, 44, 48)), 6)
    soil, grey = _along(rng, season.soil) + 14, rng.uniform(112, 178)
    gravel = 0.6 * np.array([204.0, 198.0, 182.0]) + 0.4 * (soil + 20)
    paved = np.array([grey, grey, grey * 0.98])
    tree = {"terrain": 0.05, "clump": 0.12, "grain": 0.12, "canopy": 1.0}
    rows = {
        Surface.MARGIN: Material(grass, season.grass(rng) * 0.85, terrain=0.25, clump=0.35, grain=0.15),
        Surface.PASTURE: Material(rough, season.grass(rng) * 0.85, terrain=0.5, clump=0.25, grain=0.12),
        Surface.SCRUB: Material(rough * 0.95, woods, terrain=0.4, clump=0.45, grain=0.2),
        Surface.WOODS: Material(woods * 0.9, lit, height=rng.uniform(11, 19), **tree),
        Surface.HEDGE: Material(woods, lit, height=rng.uniform(5, 10), **tree),
        Surface.WATER: Material(water, water * 1.25 + 6, terrain=0.25, grain=0.05),
        Surface.DITCH: Material(water * 0.6 + grass * 0.4, grass * 0.8, terrain=0.2, clump=0.4, grain=0.1),
        Surface.TRACK: Material(0.75 * (soil + 12) + 0.25 * grass, grass, terrain=0.15, clump=0.3, grain=0.1),
        Surface.GRAVEL: Material(gravel, soil, terrain=0.1, clump=0.15, grain=0.1),
        Surface.PAVED: Material(paved, paved * 0.8, terrain=0.1, clump=0.15, grain=0.12),
        Surface.YARD: Material(0.5 * gravel + 0.5 * soil, grass, terrain=0.2, clump=0.5, grain=0.25),
        Surface.LAWN: Material(season.grass(rng) * 1.02, soil, terrain=0.12, clump=0.3, grain=0.2),
        Surface.VERGE: Material(season.grass(rng), soil, terrain=0.15, clump=0.25, grain=0.12),
    }
    materials = [rows.get(Surface(code), Material(grass, grass)) for code in range(Surface.ROOF)]
    for shade in (1.0, 0.72):
        for colour in ROOFS:
            roof = np.array(colour, float) * shade + 6 * rng.standard_normal()
            materials.append(Material(roof, roof * 0.85, clump=0.15, grain=0.2, height=rng.uniform(4, 8)))
    if len(materials) != N_SURFACES or len(ROOFS) * 2 != N_ROOFS:
        raise ValueError("the palette and the surface codes do not agree")
    return materials
