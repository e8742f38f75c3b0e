"""Draw a scene of farmland: the land is divided, overgrown, settled, sown, lit and photographed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.scene.farmland.layout import Route, divide, draw_borders, draw_roads
from isagrsc2.scene.farmland.nature import grow, plant_trees
from isagrsc2.scene.farmland.palette import Materials, crop_materials, draw_season, surface_materials
from isagrsc2.scene.farmland.partition import wander
from isagrsc2.scene.farmland.reference import reference_parcels, tell_apart
from isagrsc2.scene.farmland.regimes import Border
from isagrsc2.scene.farmland.sensor import expose
from isagrsc2.scene.farmland.settlement import settle
from isagrsc2.scene.farmland.site import Canvas, Site, draw_site
from isagrsc2.scene.farmland.style import FarmlandStyle
from isagrsc2.scene.farmland.surface import LAND_COVER
from isagrsc2.scene.farmland.texture import paint

_SCRAP = 0.04  # of a typical parcel's area


@dataclass(frozen=True)
class Farmland:
    """A scene and what is known about it, in scene px.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        parcels: (H, W) int32, 0 = no parcel, 1..N = cultivated parcels; each is one 4-connected region.
        land_cover: (H, W) uint8, ``LandCover`` codes; ``CROPLAND`` exactly where ``parcels`` is not 0.
        metres_per_pixel: the size at which it was drawn, m.
    """

    image: npt.NDArray[np.uint8]
    parcels: npt.NDArray[np.int32]
    land_cover: npt.NDArray[np.uint8]
    metres_per_pixel: float


def draw_farmland(seed: int, height: int, width: int, style: FarmlandStyle) -> Farmland:
    """Draw farmland. The same arguments give the same arrays, whatever the state of any global generator.

    Args:
        seed: any integer from 0.
        height: rows, from 64.
        width: columns, from 64.
        style: what scenes may look like.

    Raises:
        ValueError: smaller than 64 x 64.
    """
    if min(height, width) < 64:
        raise ValueError(f"farmland is drawn from 64 x 64 px; {height} x {width} was asked for")
    # Independent streams: a change in one part does not change what the others draw.
    streams = np.random.SeedSequence(seed).spawn(6)
    plan, land, wild, town, crops, look = (np.random.default_rng(stream) for stream in streams)
    site = draw_site(plan, height, width, style)
    canvas = Canvas.empty(height, width)
    division = divide(land, site, style, canvas)
    routes = division.routes
    if plan.random() < style.highway:
        routes.append(_highway(plan, site))
    draw_borders(land, site, canvas, routes)
    grow(wild, site, style, canvas, division.cells)
    draw_roads(land, site, canvas, routes)
    settle(town, site, style, canvas, routes)
    plant_trees(wild, site, canvas, routes)
    # Scraps that woods and grass leave of a field are not worked.
    parcels = reference_parcels(canvas, max(style.min_parcel_px, _SCRAP * site.side**2))
    season = draw_season(crops)
    fields = crop_materials(crops, season, site, style, division.cells)
    tell_apart(canvas, fields)
    materials = Materials(surface_materials(crops, season) + fields)
    image = expose(look, paint(look, site, canvas, materials), style)
    return Farmland(image, parcels, LAND_COVER[canvas.surface], site.metres_per_pixel)


def _highway(rng: np.random.Generator, site: Site) -> Route:
    """A road that keeps to no border."""
    heading = rng.uniform(0, 2 * np.pi)
    reach = abs(complex(site.width, site.height))
    middle = complex(rng.uniform(0.2, 0.8) * site.width, rng.uniform(0.2, 0.8) * site.height)
    path = wander(rng, middle - reach * complex(np.exp(1j * heading)), heading, 2 * reach, 12.0, rng.choice([0.0, 0.15]))
    path += middle - path[len(path) // 2]
    return Route(path, Border.HIGHWAY if rng.random() < 0.4 else Border.PAVED, 0)
