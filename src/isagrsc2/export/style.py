"""How a GIS draws the parcels: the colours of the overlay's classes, and labels with the area.

QML is the style of QGIS, SLD that of the Open Geospatial Consortium (Styled Layer Descriptor 1.0.0). A GeoPackage carries both
in its table ``layer_styles``, which QGIS reads when it opens a layer and GDAL passes on like any other.
"""

import pandas
from jinja2 import Environment, PackageLoader, StrictUndefined

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.export.palette import Colour, key_colour

# Name of the table and of the style in it.
TABLE, STYLE = "layer_styles", "parcels"
# Of the fill, 0 to 1: the image below stays visible.
OPACITY = 0.5
OUTLINE: Colour = (255, 255, 248)
# Labels appear where the map is larger than 1 : this.
LABELS_FROM = 25_000
HECTARE = 10_000.0  # m²


def qml(classes: LandClasses, *, georeferenced: bool) -> str:
    """The style of QGIS.

    Args:
        classes: that parcels can have.
        georeferenced: whether areas are in m² (labels say hectares), else in px.
    """
    return _render("parcels.qml", classes, georeferenced)


def sld(classes: LandClasses, *, georeferenced: bool) -> str:
    """The style for other programs; arguments as in ``qml``."""
    return _render("parcels.sld", classes, georeferenced)


def layer_styles(layer: str, geometry: str, classes: LandClasses, now: str, *, georeferenced: bool) -> pandas.DataFrame:
    """The table that goes into a GeoPackage, one row.

    Args:
        layer: name of the layer that is drawn.
        geometry: name of its geometry column.
        classes: as in ``qml``.
        now: ISO 8601, when the style was made.
        georeferenced: as in ``qml``.
    """
    row = {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": layer,
        "f_geometry_column": geometry,
        "styleName": STYLE,
        "styleQML": qml(classes, georeferenced=georeferenced),
        "styleSLD": sld(classes, georeferenced=georeferenced),
        "useAsDefault": True,
        "description": "classes of parcels, labelled with their area",
        "owner": "",
        "ui": "",
        "update_time": pandas.Timestamp(now),
    }
    return pandas.DataFrame([row])


def _render(template: str, classes: LandClasses, georeferenced: bool) -> str:
    environment = Environment(
        loader=PackageLoader("isagrsc2", "export"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    label = f"""format_number("area_m2" / {HECTARE:.0f}, 2) || ' ha'""" if georeferenced else 'format_number("area_px", 0)'
    return environment.get_template(template).render(
        classes=[(name, name.replace("_", " "), key_colour(name, classes)) for name in classes.names],
        opacity=OPACITY,
        alpha=round(255 * OPACITY),
        outline=OUTLINE,
        label=label,
        area="area_m2" if georeferenced else "area_px",
        labels_from=LABELS_FROM,
        web=lambda colour: "#{:02x}{:02x}{:02x}".format(*colour),
    )
