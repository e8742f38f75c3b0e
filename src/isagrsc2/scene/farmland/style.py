"""The knobs of synthetic farmland; their values stand in ``conf/farmland``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from isagrsc2.errors import InputError
from isagrsc2.scene.farmland.regimes import REGIMES

Range = Sequence[float]  # lowest and highest value; a scene draws one between them


@dataclass(frozen=True)
class FarmlandStyle:
    """What a scene may look like. Every scene draws its own values from these ranges.

    Attributes:
        regimes: how the land was divided, name to weight: any of ``regimes.REGIMES``.
        regime_mixture: probability that the blocks of a scene follow different regimes.
        metres_per_pixel: ground sampling distance, m; drawn log-uniformly. Sets the width in px of roads, crowns, houses.
        parcel_side_px: limits of the square root of the typical parcel area, px.
        min_parcel_px: smaller pieces of cropland become grass, px.
        woods, grassland, water: share of the scene; drawn with a square, so small shares are more frequent.
        pivots: probability that a block is irrigated by centre pivots.
        farmsteads_per_km2: number of farmsteads.
        village: probability of a village in one square kilometre.
        highway, river: probability that one crosses the scene.
        same_crop: how strongly one crop dominates, 0 to 1; neighbours of the same crop differ in rows or a thin margin only.
        parcel_contrast: spread of brightness between parcels of one crop, 8-bit levels; drawn log-uniformly.
        row_contrast: factor on the strength of rows, swaths and tramlines.
        patch_contrast: factor on the strength of wet, dry and thin patches.
        sun_elevation: degrees above the horizon.
        haze: share of the light that is scattered, 0 to 1.
        saturation, contrast: factors on the finished colours.
        cast: spread of the gains of red, green and blue.
        blur_px: standard deviation of the optics' point spread, px.
        sharpening: strength of the unsharp mask image providers apply.
        noise: standard deviation of the sensor's noise, 8-bit levels.
        enlarged: probability that the image was enlarged from a coarser one (super-resolution look).
        jpeg: probability of JPEG artefacts.
        jpeg_quality: quality of the JPEG, 1 to 100.
    """

    regimes: Mapping[str, float]
    regime_mixture: float
    metres_per_pixel: Range
    parcel_side_px: Range
    min_parcel_px: int
    woods: Range
    grassland: Range
    water: Range
    pivots: float
    farmsteads_per_km2: Range
    village: float
    highway: float
    river: float
    same_crop: Range
    parcel_contrast: Range
    row_contrast: Range
    patch_contrast: Range
    sun_elevation: Range
    haze: Range
    saturation: Range
    contrast: Range
    cast: float
    blur_px: Range
    sharpening: Range
    noise: Range
    enlarged: float
    jpeg: float
    jpeg_quality: Range

    def __post_init__(self) -> None:
        """Check ranges, weights and names."""
        unknown = sorted(set(self.regimes) - set(REGIMES))
        if unknown:
            raise InputError(f"farmland.regimes: {unknown[0]} is not known; choose from {', '.join(sorted(REGIMES))}.")
        if not self.regimes or min(self.regimes.values()) < 0 or sum(self.regimes.values()) <= 0:
            raise InputError("farmland.regimes: weights must not be negative and must not all be 0.")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is Range and (len(value) != 2 or not 0 <= value[0] <= value[1]):
                raise InputError(f"farmland.{field.name}: {value} is not a range [lowest, highest] of numbers from 0.")
        for name in ("metres_per_pixel", "parcel_side_px", "parcel_contrast"):
            if getattr(self, name)[0] <= 0:
                raise InputError(f"farmland.{name}: must be larger than 0.")
