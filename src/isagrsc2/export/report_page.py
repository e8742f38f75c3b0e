"""The moving parts of the report: map, controls, histogram and table, linked by one data source and one view of it."""

from bokeh.models import CustomJS
from bokeh.models.layouts import Column, Row
from bokeh.models.ui import UIElement
from bokeh.models.widgets import Button
from bokeh.models.widgets.tables import DataTable, NumberFormatter, TableColumn

from isagrsc2.export.report_controls import (
    colour_switch,
    filters,
    histogram,
    histogram_bars,
    histogram_edges,
    layer_switch,
)
from isagrsc2.export.report_map import (
    PARCELS_LAYER,
    REFERENCE_LAYER,
    SELECTED,
    Ground,
    Map,
    Parcels,
    add_parcels,
    add_picture,
    add_reference,
    begin_map,
)
from isagrsc2.export.report_shapes import Shapes

# Three times the box around the selection, in the proportions of the map, whose ranges must not follow the data again.
ZOOM = """
const {indices} = source.selected
if (indices.length == 0) return
const ends = (name) => indices.flatMap((i) => source.data[name][i].flat(2))
  .reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity])
const [[left, right], [top, bottom]] = [ends("xs"), ends("ys")]
const scale = 1.5 * Math.max((right - left) / plot.inner_width, (bottom - top) / plot.inner_height)
const [x, y] = [(left + right) / 2, (top + bottom) / 2]
plot.x_range.have_updated_interactively = plot.y_range.have_updated_interactively = true
plot.x_range.setv({start: x - scale * plot.inner_width, end: x + scale * plot.inner_width})
plot.y_range.setv({start: y + scale * plot.inner_height, end: y - scale * plot.inner_height})
"""


def build(
    ground: Ground, parcels: Parcels, small: str | None, reference: Shapes | None, small_reference: str | None, bins: int
) -> list[UIElement]:
    """Build the models of the page.

    Args:
        ground: the scene.
        parcels: drawn one by one.
        small: data URI of a picture with the parcels that are not; None: there are none.
        reference: its parcels; None: there is no reference.
        small_reference: as ``small``, for the reference.
        bins: bars of the histogram.

    Returns:
        Roots named ``map``, ``layers`` and, when there are parcels, ``filters``, ``histogram``, ``table``.
    """
    edges = histogram_edges(parcels.areas, bins)
    page_map = begin_map(ground, parcels, histogram_bars(parcels.areas, edges))
    moving: list[UIElement] = []
    coloured: list[UIElement] = []
    if len(parcels.ids):
        drawn = add_parcels(page_map)
        coloured = [colour_switch(parcels, drawn)]
        bars, areas = histogram(parcels, edges)
        moving = [filters(page_map, bars, edges), areas, _table(page_map)]
    if small is not None:
        add_picture(page_map, PARCELS_LAYER, small)
    if reference is not None:
        add_reference(page_map, reference)
    if small_reference is not None:
        add_picture(page_map, REFERENCE_LAYER, small_reference)
    layers = Column(children=[layer_switch(page_map), *coloured], name="layers", sizing_mode="stretch_width")
    return [page_map.plot, layers, *moving]


def _table(page_map: Map) -> UIElement:
    """The table, and what can be done with the selection."""
    share, whole = NumberFormatter(format="0.00"), NumberFormatter(format="0,0")
    columns = [
        TableColumn(field="parcel_id", title="Parcel", width=60),
        TableColumn(field="class_name", title="Class", width=100),
    ]
    if page_map.parcels.classified:
        columns.append(TableColumn(field="p_cultivated", title="P(cultivated)", formatter=share, width=90))
    columns += [
        TableColumn(field="area", title=f"Area, {page_map.parcels.unit}", formatter=whole, width=90),
        TableColumn(field="score", title="Score", formatter=NumberFormatter(format="0.000"), width=60),
        TableColumn(field="round", title="Round", width=60),
    ]
    table = DataTable(
        source=page_map.source,
        view=page_map.view,
        columns=columns,
        index_position=None,
        reorderable=False,
        sizing_mode="stretch_both",
        stylesheets=[f".slick-cell.selected {{ background-color: {SELECTED} !important; }}"],
        name="rows",
    )
    source, plot = page_map.source, page_map.plot
    zoom = Button(label="Zoom to selection", width=130, name="zoom")
    zoom.js_on_click(CustomJS(args={"source": source, "plot": plot}, code=ZOOM))
    back = Button(label="Whole image", width=100, name="whole")
    back.js_on_click(CustomJS(args={"plot": plot}, code="plot.reset.emit()"))
    clear = Button(label="Clear selection", width=120, name="clear")
    clear.js_on_click(CustomJS(args={"source": source}, code="source.selected.indices = []"))
    return Column(children=[Row(children=[zoom, back, clear]), table], name="table", sizing_mode="stretch_both")
