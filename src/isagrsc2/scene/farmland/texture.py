"""Paint the canvas: patterns within materials, then light and shadow."""

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.scene.farmland.noise import CROWN_SPACING, Field, crowns, fractal, sample, white
from isagrsc2.scene.farmland.palette import Materials
from isagrsc2.scene.farmland.partition import wander
from isagrsc2.scene.farmland.site import SHIFT, Canvas, Site, fixed
from isagrsc2.scene.farmland.surface import N_SURFACES, Surface

_TILE = 512  # px, side of the tile that streaks are sampled from


def paint(rng: np.random.Generator, site: Site, canvas: Canvas, materials: Materials) -> Field:
    """Radiance of the scene, (H, W, 3) float32, 8-bit levels.

    Args:
        rng: source of randomness.
        site: the scene.
        canvas: codes.
        materials: rows of the surfaces, then those of the cells.
    """
    shape = (site.height, site.width)
    index = np.where(canvas.surface == Surface.CROP, canvas.cells + N_SURFACES, canvas.surface)  # (H, W)

    def column(name: str) -> Field:
        return np.asarray(materials[name].take(index, axis=0))

    terrain = fractal(rng, *shape, max(site.px(rng.uniform(150, 500)), 24), 5, 0.55)
    # Moist lines: where a second field is about zero, veins wind through the land.
    veins = fractal(rng, *shape, max(site.px(rng.uniform(100, 400)), 24), 4, 0.6)
    terrain += np.float32(rng.uniform(0, 1.2)) * (np.exp(veins * veins * np.float32(-rng.uniform(15, 60))) - np.float32(0.2))
    clump = fractal(rng, *shape, max(site.px(rng.uniform(8, 20)), 3.0), 2, 0.7)
    across, along, border = _rows(rng, site, canvas, index, materials)
    tile = cv2.GaussianBlur(white(rng, _TILE, _TILE), (0, 0), 0.6) * np.float32(2.2)
    swath = column("swath")
    # Three kinds of streaks at once: passes of a machine, pairs of passes, and what a pass does along its way.
    streak = sample(tile, across / swath, along * np.float32(1 / max(site.px(rng.uniform(150, 500)), 50)) + swath)
    fine = sample(tile, across * np.float32(0.45) + 77, along * np.float32(1 / max(site.px(50), 16)))
    m = column("streak") * (streak + np.float32(0.8) * fine)
    m += column("terrain") * terrain + column("clump") * clump
    if materials["alternate"].any():
        m += column("alternate") * (np.floor(across / swath) % 2)
    if materials["tram"].any():
        spacing = column("tram_spacing")
        away = np.abs(across / spacing - np.rint(across / spacing)) * spacing  # px from the middle of the track
        m += column("tram") * np.maximum(1 - away / np.float32(max(site.px(1.6), 0.9)), 0)
    if materials["patch"].any():
        other = fractal(rng, *shape, max(site.px(rng.uniform(40, 160)), 12), 4, 0.7)
        bare = np.clip(other + np.float32(0.35) * streak + np.float32(0.5) * terrain - np.float32(1.3), 0, 1)
        m += column("patch") * bare
    m += column("grain") * white(rng, *shape)
    if materials["orchard"].any():
        m += _orchards(across, along, column("orchard"))
    height, canopy = _trees(rng, site, index, materials, m)
    np.clip(m, -0.6, 1.2, out=m)
    colour = column("colour")
    image = column("other")
    image -= colour
    image *= m[..., None]
    image += colour  # (H, W, 3)
    light = _light(rng, site, height, canopy)
    light += _relief(rng, site)
    light += _traces(rng, site) * (canvas.surface <= Surface.SCRUB)
    # Along borders machines turn and weeds grow: a seam, dark or light, of about a pixel.
    seam = np.float32(rng.normal(0, 0.05))
    light += seam * np.maximum(1 - border / np.float32(max(1.0, site.px(1.5))), 0) * (canvas.surface == Surface.CROP)
    image *= light[..., None]
    return image


def _relief(rng: np.random.Generator, site: Site) -> Field:
    """What leaves, stalks and clods do to the light, whatever their colour: texture of one to three pixels."""
    clods = cv2.GaussianBlur(white(rng, site.height, site.width), (0, 0), rng.uniform(0.5, 1.0)) * np.float32(2.5)
    strength = 0.01 + 0.06 * rng.random() ** 1.3
    # Stronger here, weaker there, so that the texture itself varies within a scene.
    where = fractal(rng, site.height, site.width, max(site.px(200), 40), 3)
    return np.asarray(np.float32(strength) * clods * np.clip(1 + np.float32(0.4) * where, 0.2, 2))


def _traces(rng: np.random.Generator, site: Site) -> Field:
    """What crosses fields and divides nothing: wheel tracks, paths of animals, old borders, drains; and specks."""
    traces = np.zeros((site.height, site.width), np.float32)
    count = rng.poisson(min(0.5 + site.square_kilometres * rng.uniform(0, 14), site.height * site.width / 2e4))
    for _ in range(count):
        start = complex(rng.uniform(0, site.width), rng.uniform(0, site.height))
        straight = rng.random() < 0.5
        heading = np.angle(site.axis) + rng.integers(4) * np.pi / 2 if straight else rng.uniform(0, 2 * np.pi)
        length = site.side * rng.uniform(0.3, 1.5)
        path = wander(rng, start, heading, length, max(length / 25, 2.0), 0.02 if straight else rng.uniform(0.1, 0.6))
        thickness = max(1, int(site.px(rng.uniform(0.5, 2.5)) + rng.random()))
        cv2.polylines(traces, [fixed(path)], False, float(rng.normal(0, 0.1)), thickness, shift=SHIFT)
    specks = rng.poisson(site.height * site.width * 10 ** rng.uniform(-5.5, -3.3))
    for x, y, value in zip(
        rng.integers(0, site.width, specks), rng.integers(0, site.height, specks), rng.normal(0.05, 0.2, specks), strict=True
    ):
        cv2.circle(traces, (int(x), int(y)), max(0, int(site.px(2) * rng.random())), float(value), -1)
    return traces


def _rows(
    rng: np.random.Generator, site: Site, canvas: Canvas, index: npt.NDArray[np.int32], materials: Materials
) -> tuple[Field, Field, Field]:
    """Coordinates across and along the rows, and the distance to the nearest border, px."""
    y = np.arange(site.height, dtype=np.float32)[:, None]
    x = np.arange(site.width, dtype=np.float32)
    cosine, sine = np.cos(materials["heading"]).take(index), np.sin(materials["heading"]).take(index)
    across = y * cosine - x * sine
    along = x * cosine + y * sine
    drift = fractal(rng, site.height, site.width, max(site.px(300), 100), 1)
    across += np.float32(rng.uniform(0, 0.02) * 100) * drift
    edge = np.zeros(index.shape, bool)
    edge[:, 1:] |= index[:, 1:] != index[:, :-1]
    edge[1:] |= index[1:] != index[:-1]
    border = np.asarray(cv2.distanceTransform((~edge).view(np.uint8), cv2.DIST_L2, 3), np.float32)
    follows = materials["follows"].take(index) > 0
    across = np.where(follows, canvas.guide, across)
    headland = materials["headland"].take(index)
    across = np.where((border < headland) & ~follows, border, across)
    # Rows of different cells must not continue each other: each cell starts at its own place.
    start = rng.uniform(0, _TILE, len(materials["heading"])).astype(np.float32)
    return across + start.take(index), along, border


def _orchards(across: Field, along: Field, spacing: Field) -> Field:
    """Round crowns in rows."""
    there = spacing > 0
    step = np.where(there, spacing, 1.0).astype(np.float32)
    u = across / step - np.rint(across / step)
    v = along / step - np.rint(along / step)
    return np.where(there, np.clip((np.float32(0.42) - np.sqrt(u * u + v * v)) * 6, 0, 1), 0).astype(np.float32)


def _trees(
    rng: np.random.Generator, site: Site, index: npt.NDArray[np.int32], materials: Materials, m: Field
) -> tuple[Field, Field]:
    """Height of everything, m, and canopy (0 none, 1 closed); the tint of trees is added to ``m``."""
    canopy = materials["canopy"].take(index)
    height = materials["height"].take(index)
    if not canopy.any():
        return height, canopy
    dome, tint = crowns()
    crown = max(site.px(rng.uniform(6.0, 10.0)), 2.2)  # px between trees
    turn = np.float32(CROWN_SPACING / crown) * np.exp(1j * rng.uniform(0, 2 * np.pi))
    y = np.arange(site.height, dtype=np.float32)[:, None]
    x = np.arange(site.width, dtype=np.float32)
    shift = rng.uniform(0, len(dome), 2).astype(np.float32)
    wave = fractal(rng, site.height, site.width, max(4 * crown, 12), 1) * np.float32(0.3 * CROWN_SPACING)
    u = x * np.float32(turn.real) - y * np.float32(turn.imag) + shift[0] + wave
    v = x * np.float32(turn.imag) + y * np.float32(turn.real) + shift[1] - wave
    top = sample(dome, u, v)
    m += canopy * (sample(tint, u, v) * np.float32(0.35) + top * np.float32(0.5))
    return height * (1 - canopy * (1 - top) * np.float32(0.8)), canopy * (1 - top)


def _light(rng: np.random.Generator, site: Site, height: Field, gaps: Field) -> Field:
    """Factor on the colour: slopes of crowns towards the sun are bright, gaps and cast shadows dark."""
    light = np.ones(height.shape, np.float32)
    if not height.any():
        return light
    rise = np.float32(np.tan(site.sun_elevation) * site.metres_per_pixel)  # m that a ray falls in one px
    reach = min(int(np.ceil(float(height.max()) / rise)), 40)
    lit = cv2.copyMakeBorder(height, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    ceiling = np.zeros_like(height)  # lowest height that the sun reaches
    step = max(1.0, reach / 14)
    for distance in np.arange(step, reach + step, step):
        dx, dy = round(site.sun.real * distance), round(site.sun.imag * distance)
        dx, dy = max(-reach, min(reach, dx)), max(-reach, min(reach, dy))
        seen = lit[reach + dy : reach + dy + height.shape[0], reach + dx : reach + dx + height.shape[1]]
        np.maximum(ceiling, seen - np.float32(distance) * rise, out=ceiling)
    dark = np.float32(rng.uniform(0.35, 0.6))
    light -= dark * np.clip((ceiling - height - np.float32(0.5)) * np.float32(0.5), 0, 1)
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0) * np.float32(site.sun.real)
    slope += cv2.Sobel(height, cv2.CV_32F, 0, 1) * np.float32(site.sun.imag)
    # Ground that rises away from the sun faces it.
    strength = np.float32(0.012 / max(site.metres_per_pixel, 1.0))
    light += np.where(gaps > 0, np.clip(-slope * strength, -0.35, 0.35), 0)
    light -= np.float32(0.45) * gaps
    return np.maximum(light, np.float32(0.25))
