"""The report's map: image, parcels and reference, in layers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from bokeh.models import CDSView, ColumnDataSource, CustomJSHover, DataRange1d, HoverTool, IndexFilter
from bokeh.models.annotations import MetricLength, ScaleBar
from bokeh.models.glyphs import ImageURL, MultiPolygons, Quad
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.export.palette import Colour
from isagrsc2.export.report_shapes import Shapes

OUTLINE: Colour = (255, 255, 248)
REFERENCE: Colour = (255, 0, 200)  # of no ground and no class
SELECTED, POINTED_AT = "#ffe14a", "#ffffff"
GROUND, EDGE = "#eef0ec", "#c9cdc6"
# Of parcels, at first; a slider changes it.
OPACITY = 0.5
IMAGE_LAYER, PARCELS_LAYER, REFERENCE_LAYER = "Image", "Parcels", "Reference"

PLACE = """
const {x, y} = special_vars
return `${(a * x + b * y + c).toFixed(decimals)}, ${(d * x + e * y + f).toFixed(decimals)}`
"""
SHARE_OR_DASH = "return isNaN(value) ? '–' : value.toFixed(2)"


@dataclass(frozen=True)
class Parcels:
    """Parcels of the page, (K,) each, and the unit of their areas.

    Attributes:
        shapes: their polygons.
        ids: int.
        classes: positions in ``land.names``.
        land: the classes.
        p_cultivated: 0 to 1, NaN where unclassified.
        scores: 0 to 1.
        rounds: from 1.
        areas: in ``unit``; NaN where a parcel has no place on the Earth.
        unit: ``m²`` or ``px``.
    """

    shapes: Shapes
    ids: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]
    land: LandClasses
    p_cultivated: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    rounds: npt.NDArray[np.int64]
    areas: npt.NDArray[np.float64]
    unit: str

    @property
    def classified(self) -> bool:
        """Whether any has a probability."""
        return bool(np.isfinite(self.p_cultivated).any())


@dataclass(frozen=True)
class Ground:
    """What lies below the parcels.

    The frame of the map begins in the scene's upper left corner; x along its rows, y down its columns.

    Attributes:
        width: of the scene, units of the map.
        height: of the scene, units of the map.
        in_metres: the map's unit: metres, or pixels of the scene.
        image: data URI of the scene's picture.
        to_crs: from the map's frame to map units of the scene's CRS; None without a CRS.
    """

    width: float
    height: float
    in_metres: bool
    image: str
    to_crs: Affine | None


@dataclass
class Map:
    """The map, with the handles by which everything else on the page is linked to it.

    Attributes:
        ground: what it shows below the parcels.
        parcels: what it shows.
        source: one row a parcel; holds the selection.
        filter: rows that are shown, everywhere on the page.
        view: ``source`` after ``filter``.
        plot: the map itself.
        layers: renderers by the layer's name, from below.
    """

    ground: Ground
    parcels: Parcels
    source: ColumnDataSource
    filter: IndexFilter
    view: CDSView
    plot: figure
    layers: dict[str, list[GlyphRenderer]] = field(default_factory=dict)


def begin_map(ground: Ground, parcels: Parcels, bars: npt.NDArray[np.int64]) -> Map:
    """Make a map with the scene's picture.

    Args:
        ground: the scene.
        parcels: that will be drawn.
        bars: (K,) bar of the histogram that each parcel belongs to.
    """
    source = ColumnDataSource(
        {
            "xs": parcels.shapes.xs,
            "ys": parcels.shapes.ys,
            "parcel_id": parcels.ids.astype(np.int32),
            "class_index": parcels.classes.astype(np.int32),
            "class_name": [parcels.land.names[index].replace("_", " ") for index in parcels.classes],
            "p_cultivated": parcels.p_cultivated.astype(np.float32),
            "score": parcels.scores.astype(np.float32),
            "round": parcels.rounds.astype(np.int32),
            "area": parcels.areas.astype(np.float32),
            "bar": bars.astype(np.int32),
        },
        name="parcels",
    )
    every = IndexFilter(indices=list(range(len(parcels.ids))))
    page_map = Map(ground, parcels, source, every, CDSView(filter=every), _frame(ground))
    add_picture(page_map, IMAGE_LAYER, ground.image)
    return page_map


def _frame(ground: Ground) -> figure:
    """An empty map: y downwards, the scene's pixels square on the screen."""
    x_range, y_range = DataRange1d(range_padding=0), DataRange1d(range_padding=0, flipped=True)
    plot = figure(
        name="map",
        x_range=x_range,
        y_range=y_range,
        match_aspect=True,
        sizing_mode="stretch_both",
        tools="pan,wheel_zoom,box_zoom,tap,lasso_select,reset,save",
        active_scroll="wheel_zoom",
        toolbar_location="above",
        background_fill_color=GROUND,
        border_fill_color=None,
        outline_line_color=None,
        min_border=0,
    )
    plot.toolbar.logo = None
    plot.axis.visible = False
    plot.grid.visible = False
    # The view begins with this box and not with the picture: of a picture on a flipped axis bokeh takes the mirrored bounds.
    corners = ColumnDataSource({"left": [0], "right": [ground.width], "top": [0], "bottom": [ground.height]})
    x_range.renderers = y_range.renderers = [plot.add_glyph(corners, Quad(fill_color=None, line_color=EDGE))]
    if ground.in_metres:
        lengths = MetricLength(include=["m", "km"], ticks=[1, 2, 5, 10, 20, 50, 100, 200, 500])
        plot.add_layout(ScaleBar(range=x_range, unit="m", dimensional=lengths, location="bottom_right"))
    return plot


def add_picture(page_map: Map, layer: str, uri: str) -> None:
    """Lay a picture over the whole scene."""
    ground = page_map.ground
    glyph = ImageURL(url="url", x=0, y=0, w=ground.width, h=ground.height)  # from the upper left corner
    drawn = page_map.plot.add_glyph(ColumnDataSource({"url": [uri]}), glyph)
    page_map.layers.setdefault(layer, []).append(drawn)


def add_parcels(page_map: Map) -> GlyphRenderer:
    """Draw the parcels; they have no colour until one is chosen."""
    glyph = MultiPolygons(xs="xs", ys="ys", fill_alpha=OPACITY, line_color=css(OUTLINE), line_width=1)
    drawn = page_map.plot.add_glyph(
        page_map.source,
        glyph,
        view=page_map.view,
        hover_glyph=glyph.clone(fill_alpha=0.1, line_color=POINTED_AT, line_width=3),
        selection_glyph=glyph.clone(fill_color=SELECTED, line_color=SELECTED, line_width=4),
        # What is not selected looks as it always does, also after the controls changed it: the same model, not a copy.
        nonselection_glyph=glyph,
    )
    page_map.plot.add_tools(_hover(page_map, drawn))
    page_map.layers.setdefault(PARCELS_LAYER, []).append(drawn)
    return drawn


def _hover(page_map: Map, drawn: GlyphRenderer) -> HoverTool:
    lines = [("parcel", "@parcel_id"), ("class", "@class_name")]
    formatters: dict[str, Any] = {}
    if page_map.parcels.classified:
        lines.append(("probability cultivated", "@p_cultivated{custom}"))
        formatters["@p_cultivated"] = CustomJSHover(code=SHARE_OR_DASH)
    lines += [("area", f"@area{{0,0}} {page_map.parcels.unit}"), ("score", "@score{0.000}"), ("round", "@round")]
    to_crs = page_map.ground.to_crs
    if to_crs is not None:
        step = float(np.hypot(to_crs.a, to_crs.d))  # of a metre, in units of the CRS: degrees need decimals
        decimals = max(0, int(np.ceil(-np.log10(step))))
        letters = dict(zip("abcdef", to_crs[:6], strict=True))
        formatters["$x"] = CustomJSHover(args=letters | {"decimals": decimals}, code=PLACE)
        lines.append(("place", "$x{custom}"))
    return HoverTool(renderers=[drawn], tooltips=lines, formatters=formatters, point_policy="follow_mouse")


def add_reference(page_map: Map, reference: Shapes) -> None:
    """Draw the reference's outlines."""
    source = ColumnDataSource({"xs": reference.xs, "ys": reference.ys}, name="reference")
    glyph = MultiPolygons(fill_color=None, line_color=css(REFERENCE), line_width=1.5, line_dash=[6, 4])
    page_map.layers.setdefault(REFERENCE_LAYER, []).append(page_map.plot.add_glyph(source, glyph))


def css(colour: Colour) -> str:
    """A colour as HTML writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
