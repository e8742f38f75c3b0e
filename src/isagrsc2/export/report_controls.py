"""The report's controls: layers, colours, filters and the histogram that follows them."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, CustomJS, DataRange1d, HoverTool, LinearColorMapper, Range1d
from bokeh.models.formatters import CustomJSTickFormatter
from bokeh.models.layouts import Column, LayoutDOM, Row
from bokeh.models.renderers import GlyphRenderer
from bokeh.models.tickers import BasicTicker, FixedTicker
from bokeh.models.ui import UIElement
from bokeh.models.widgets import Button, CheckboxButtonGroup, Div, RadioButtonGroup, RangeSlider, Slider
from bokeh.palettes import Bright6, Viridis256
from bokeh.plotting import figure

from isagrsc2.export.palette import key_colour
from isagrsc2.export.report_map import EDGE, OPACITY, REFERENCE_LAYER, Map, Parcels, css

INK, FAINT = "#26613f", "#5c635d"
PRESSED = f".bk-btn.bk-active {{ background-color: {INK}; color: white; box-shadow: none; }}"
# Width of the words before controls, px.
LABEL = 60
# Least width of the histogram, powers of ten.
SHORTEST = 0.5

SWITCH_LAYERS = "layers.forEach((renderers, i) => renderers.forEach((one) => { one.visible = cb_obj.active.includes(i) }))"
SWITCH_COLOURS = """
glyph.fill_color = {field: fields[cb_obj.active], transform: mappers[cb_obj.active]}
legend.text = legends[cb_obj.active]
"""
# A parcel stays when every control lets it through.
FILTER = """
const {class_index, round, score, area, bar} = source.data
const within = (value, [low, high]) => value >= low && value <= high
const of_classes = new Set(classes.active.map((i) => all_classes[i]))
const of_rounds = new Set(rounds.active.map((i) => all_rounds[i]))
const sizes = areas.value.map((power) => 10 ** power)
const kept = [], counts = bars.data.all.map(() => 0)
for (let i = 0; i < round.length; i++) {
  if (of_classes.has(class_index[i]) && of_rounds.has(round[i]) && within(score[i], scores.value)
      && (isNaN(area[i]) || within(area[i], sizes))) {
    kept.push(i)
    counts[bar[i]]++
  }
}
filter.indices = kept
bars.data = {...bars.data, shown: counts}
said.text = `<b>${kept.length.toLocaleString("en")}</b> of ${round.length.toLocaleString("en")} parcels pass the filters`
"""
RESET = """
classes.active = all_classes.map((_, i) => i)
rounds.active = all_rounds.map((_, i) => i)
scores.value = [scores.start, scores.end]
areas.value = [areas.start, areas.end]
"""
AREA_OF_POWER = "return (10 ** tick).toLocaleString('en', {maximumSignificantDigits: 3})"


def histogram_edges(areas: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.float64]:
    """Edges of bars of equal width on a logarithmic axis.

    Args:
        areas: (K,) any unit; what is NaN has no part.
        bins: number of bars.

    Returns:
        (bins + 1,) logarithms to base 10; both ends are tenths, unless the areas lie very close together.
    """
    known = np.log10(areas[areas > 0])
    if not len(known):
        return np.linspace(0.0, 1.0, bins + 1)
    low, high = np.floor(known.min() * 10) / 10, np.floor(known.max() * 10) / 10 + 0.1
    missing = max(0.0, SHORTEST - (high - low)) / 2
    return np.linspace(low - missing, high + missing, bins + 1)


def histogram_bars(areas: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The bar every area belongs to, from 0; -1 where it has none. Arguments as of and from ``histogram_edges``."""
    known = areas > 0
    return np.where(known, np.digitize(np.log10(np.where(known, areas, 1.0)), edges[1:-1]), -1)


def histogram(parcels: Parcels, edges: npt.NDArray[np.float64]) -> tuple[ColumnDataSource, figure]:
    """Bars of all parcels in grey, and before them those that pass the filters; their source, and the plot."""
    counts = np.bincount(histogram_bars(parcels.areas, edges) + 1, minlength=len(edges))[1:].tolist()
    bars = ColumnDataSource({"left": 10 ** edges[:-1], "right": 10 ** edges[1:], "all": counts, "shown": counts}, name="bars")
    plot = figure(
        name="histogram",
        x_axis_type="log",
        height=150,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
        x_axis_label=f"area of a parcel, {parcels.unit}",
        y_axis_label="parcels",
        x_range=Range1d(start=10 ** edges[0], end=10 ** edges[-1]),
        y_range=DataRange1d(start=0),
        border_fill_color=None,
        background_fill_color=None,
        outline_line_color=None,
    )
    plot.xgrid.visible = False
    plot.yaxis.minor_tick_line_color = None
    plot.yaxis.ticker = BasicTicker(desired_num_ticks=4, min_interval=1)
    decades = range(int(np.floor(edges[0])), int(np.ceil(edges[-1])))
    steps = (1, 2, 5) if edges[-1] - edges[0] > 1 else (1, 1.5, 2, 3, 4, 5, 6, 8)
    plot.xaxis.ticker = FixedTicker(ticks=[step * 10.0**decade for decade in decades for step in steps])
    plot.xaxis.formatter = CustomJSTickFormatter(code="return tick.toLocaleString('en')")
    plot.quad("left", "right", "all", 0, source=bars, fill_color=EDGE, line_color="white")
    front = plot.quad("left", "right", "shown", 0, source=bars, fill_color=INK, line_color="white")
    tooltips = [("area", f"@left{{0,0}} to @right{{0,0}} {parcels.unit}"), ("parcels", "@shown of @all")]
    plot.add_tools(HoverTool(renderers=[front], tooltips=tooltips, mode="vline"))
    return bars, plot


def layer_switch(page_map: Map) -> UIElement:
    """Layers to show."""
    names = list(page_map.layers)
    # The reference waits for a click: at first the page shows what was found.
    active = [names.index(name) for name in names if name != REFERENCE_LAYER]
    for renderer in page_map.layers.get(REFERENCE_LAYER, []):
        renderer.visible = False
    switch = CheckboxButtonGroup(labels=names, active=active, stylesheets=[PRESSED], name="layer_switch")
    switch.js_on_change("active", CustomJS(args={"layers": list(page_map.layers.values())}, code=SWITCH_LAYERS))
    return _line("Layers", switch)


def colour_switch(parcels: Parcels, drawn: GlyphRenderer) -> UIElement:
    """What the colours of parcels mean, how strong they are, and the legend; sets them."""
    choices = [_by_class(parcels), _by_round(parcels), _by_score(parcels)]
    choices += [_by_probability()] if parcels.classified else []
    labels, fields, mappers, legends = (list(column) for column in zip(*choices, strict=True))
    first = 0 if len(np.unique(parcels.classes)) > 1 else 1  # one class is no news
    drawn.glyph.fill_color = {"field": fields[first], "transform": mappers[first]}
    legend = Div(text=legends[first], disable_math=True, sizing_mode="stretch_width", margin=(0, 5, 5, 5), name="legend")
    switch = RadioButtonGroup(labels=labels, active=first, stylesheets=[PRESSED], name="colour_switch")
    arguments = {"glyph": drawn.glyph, "fields": fields, "mappers": mappers, "legends": legends, "legend": legend}
    switch.js_on_change("active", CustomJS(args=arguments, code=SWITCH_COLOURS))
    opacity = Slider(start=0, end=1, step=0.05, value=OPACITY, show_value=False, width=110, align="center", name="opacity")
    opacity.js_link("value", drawn.glyph, "fill_alpha")
    line = _line("Colour by", switch, _word("opacity", 50), opacity)
    return Column(children=[line, legend], sizing_mode="stretch_width")


# Label, column, colours of its values, and legend.
Choice = tuple[str, str, LinearColorMapper, str]


def _by_class(parcels: Parcels) -> Choice:
    names = parcels.land.names
    colours = [css(key_colour(name, parcels.land)) for name in names]
    entries = [(_words(names[one]), colours[one]) for one in np.unique(parcels.classes)]
    return "Class", "class_index", _steps(colours, 0), _swatches(entries)


def _by_round(parcels: Parcels) -> Choice:
    palette = [Bright6[number % len(Bright6)] for number in range(int(parcels.rounds.max()))]
    entries = [(f"round {number}", palette[number - 1]) for number in np.unique(parcels.rounds)]
    return "Round", "round", _steps(palette, 1), _swatches(entries)


def _by_score(parcels: Parcels) -> Choice:
    worst = min(float(np.floor(parcels.scores.min() * 10) / 10), 0.9)  # scores lie close together, mostly near 1
    colours = LinearColorMapper(palette=Viridis256, low=worst, high=1)
    return "Score", "score", colours, _ramp(worst, "the segmenter's own estimate of a parcel's quality")


def _by_probability() -> Choice:
    colours = LinearColorMapper(palette=Viridis256, low=0, high=1)
    return "Probability", "p_cultivated", colours, _ramp(0.0, "probability that a parcel is cultivated")


def filters(page_map: Map, bars: ColumnDataSource, edges: npt.NDArray[np.float64]) -> UIElement:
    """Class, round, score and area; they narrow map, table and histogram."""
    parcels = page_map.parcels
    classes, rounds = np.unique(parcels.classes).tolist(), np.unique(parcels.rounds).tolist()
    of_class = [f"{_words(parcels.land.names[one])} ({(parcels.classes == one).sum():,})" for one in classes]
    of_round = [f"{one} ({(parcels.rounds == one).sum():,})" for one in rounds]
    class_switch, round_switch = _checks(of_class, "class_filter"), _checks(of_round, "round_filter")
    stretch: dict[str, Any] = {"sizing_mode": "stretch_width"}
    scores = RangeSlider(start=0, end=1, step=0.01, value=(0, 1), title="Score", name="score_filter", **stretch)
    ends = (round(float(edges[0]), 1), round(float(edges[-1]), 1))
    text = CustomJSTickFormatter(code=AREA_OF_POWER)
    title = f"Area, {parcels.unit}"
    areas = RangeSlider(
        start=ends[0], end=ends[1], step=0.02, value=ends, title=title, format=text, name="area_filter", **stretch
    )
    count = f"{len(parcels.ids):,}"
    said = Div(text=f"<b>{count}</b> of {count} parcels pass the filters", name="said", disable_math=True, align="center")
    controls = {"classes": class_switch, "rounds": round_switch, "scores": scores, "areas": areas}
    controls |= {"all_classes": classes, "all_rounds": rounds}
    linked = {"source": page_map.source, "filter": page_map.filter, "bars": bars, "said": said}
    narrow = CustomJS(args=controls | linked, code=FILTER)
    for switch in (class_switch, round_switch):
        switch.js_on_change("active", narrow)
    for slider in (scores, areas):
        slider.js_on_change("value", narrow)
    reset = Button(label="Show all", width=80, name="show_all")
    reset.js_on_click(CustomJS(args=controls, code=RESET))
    rows: list[UIElement] = [_line("Class", class_switch), _line("Round", round_switch)]
    rows += [Row(children=[scores, areas], spacing=20, **stretch), Row(children=[said, reset], spacing=10)]
    return Column(children=rows, name="filters", **stretch)


def _checks(labels: list[str], name: str) -> CheckboxButtonGroup:
    return CheckboxButtonGroup(labels=labels, active=list(range(len(labels))), stylesheets=[PRESSED], name=name)


def _steps(palette: Sequence[str], first: int) -> LinearColorMapper:
    """Colours of the whole numbers from ``first``."""
    return LinearColorMapper(palette=list(palette), low=first - 0.5, high=first + len(palette) - 0.5)


def _swatches(entries: Sequence[tuple[str, str]]) -> str:
    box = "display:inline-block;width:14px;height:14px;border-radius:3px;vertical-align:-2px;margin:0 5px 0 0;background:"
    return "".join(
        f'<span style="margin-right:14px"><i style="{box}{colour}"></i>{escape(label)}</span>' for label, colour in entries
    )


def _ramp(low: float, meaning: str) -> str:
    stops = ",".join((*Viridis256[::32], Viridis256[-1]))
    ramp = "display:inline-block;width:110px;height:12px;border-radius:3px;vertical-align:-1px;margin:0 6px;background:"
    return f'{low:g}<i style="{ramp}linear-gradient(90deg,{stops})"></i>1 &nbsp; {escape(meaning)}'


def _line(label: str, *controls: LayoutDOM) -> LayoutDOM:
    return Row(children=[_word(label, LABEL), *controls], sizing_mode="stretch_width", spacing=4)


def _word(text: str, width: int) -> Div:
    return Div(text=escape(text), disable_math=True, align="center", width=width, styles={"color": FAINT})


def _words(name: str) -> str:
    return name.replace("_", " ")
