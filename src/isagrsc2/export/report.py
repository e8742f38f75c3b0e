"""The report: everything about one scene's parcels, to look through in a browser."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
import pyproj
from affine import Affine
from bokeh.embed import file_html
from bokeh.resources import INLINE
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.export.report_map import OUTLINE, REFERENCE, Ground, Parcels
from isagrsc2.export.report_page import build
from isagrsc2.export.report_shapes import Geometries, Shapes, outlines, shapes
from isagrsc2.export.result import SceneResult
from isagrsc2.export.sizes import area_text, metres_across
from isagrsc2.files import replacing
from isagrsc2.metrics.scoring import ALL_SEGMENTS
from isagrsc2.options import check_number, check_whole
from isagrsc2.parcels import move
from isagrsc2.parcels.row_groups import Batches
from isagrsc2.scene.raster import Scene

TEMPLATE = "report.html"
# Pixels without data.
NOTHING = (232, 233, 230)


@dataclass(frozen=True)
class Report:
    """``report.html``: one page that opens from a file and asks no network for anything.

    Map (image, parcels, reference), filters, histogram of areas and a table, linked with one another. Borders are
    simplified for the screen; the parcels' values are those of the other files.

    Attributes:
        max_size: long side of the image in the page, px.
        quality: of its JPEG, 1 to 95.
        tolerance: how far a border may move, px of the image in the page.
        max_parcels: most parcels drawn one by one and listed, the largest; the others are a picture of outlines.
        max_points: most corners these have together, and so have the reference's.
        bins: bars of the histogram of areas.
    """

    max_size: int
    quality: int
    tolerance: float
    max_parcels: int
    max_points: int
    bins: int

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("export.report.max_size", self.max_size, 1)
        check_whole("export.report.quality", self.quality, 1)
        check_number("export.report.quality", self.quality, 1, 95)
        check_number("export.report.tolerance", self.tolerance, 0)
        check_whole("export.report.max_parcels", self.max_parcels, 1)
        check_whole("export.report.max_points", self.max_points, 1)
        check_whole("export.report.bins", self.bins, 1)

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "report.html"
        with replacing(path) as temporary:
            temporary.write_text(self.compose(result), encoding="utf-8")
        return path

    def compose(self, result: SceneResult) -> str:
        """Return the page."""
        scene = result.scene
        step = max(1.0, max(scene.width, scene.height) / self.max_size)  # scene px per px of the image in the page
        image = _read(scene, step)  # (h, w, 3)
        metres = metres_across(scene)
        unit = 1.0 if metres is None else metres / scene.width  # of a scene px in the map's frame
        to_map = Affine.scale(unit)
        ground = Ground(
            width=scene.width * unit,
            height=scene.height * unit,
            in_metres=metres is not None,
            image=_data_uri(Image.fromarray(image), "JPEG", quality=self.quality),
            to_crs=None if scene.crs is None else scene.transform @ ~to_map,
        )
        size, pixel = (image.shape[1], image.shape[0]), step * unit
        table = pandas.concat([batch.drop(columns="geometry") for batch in result.parcels], ignore_index=True)
        drawn, small = self._split(_Drawn(scene, result.parcels, to_map), pixel, size, OUTLINE)
        reference = result.reference
        drawn_reference = small_reference = None
        if reference is not None:
            parcels = move(reference.parcels.geometry.to_numpy(), to_map)
            drawn_reference, small_reference = self._split([parcels], pixel, size, REFERENCE)
        models = build(ground, _parcels(table, drawn, result.classes), small, drawn_reference, small_reference, self.bins)
        environment = Environment(loader=PackageLoader("isagrsc2", "export"), autoescape=True, undefined=StrictUndefined)
        return file_html(
            models,
            INLINE,
            title=f"Parcels of {scene.path.name}",
            template=environment.get_template(TEMPLATE),
            template_variables={
                "name": scene.path.name,
                "facts": _facts(scene),
                "figures": _figures(table, result.metrics, result.classes),
                "parcels": len(table),
                "listed": len(drawn.rows),
                "reference": reference,
                "reference_file": None if reference is None else Path(reference.source).name,
            },
        )

    def _split(
        self, batches: Sequence[Geometries], pixel: float, size: tuple[int, int], colour: tuple[int, int, int]
    ) -> tuple[Shapes, str | None]:
        """Polygons to draw one by one, and the data URI of a picture of the others, None if there are none."""
        drawn = shapes(batches, pixel, self.tolerance, self.max_parcels, self.max_points)
        if len(drawn.rows) == sum(map(len, batches)):
            return drawn, None
        picture = outlines(batches, drawn.rows, size, pixel, colour)
        return drawn, _data_uri(Image.fromarray(picture), "PNG")


def _read(scene: Scene, step: float) -> npt.NDArray[np.uint8]:
    """The image with pixels ``step`` times as wide, (h, w, 3) uint8 RGB."""
    shape = (max(1, round(scene.height / step)), max(1, round(scene.width / step)))
    image, valid = scene.read(out_shape=shape)
    image[~valid] = NOTHING
    return image


def _data_uri(picture: Image.Image, kind: str, **options: Any) -> str:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


@dataclass(frozen=True)
class _Drawn(Sequence[Geometries]):
    """The parcels' polygons in the map's frame, batch by batch.

    Attributes:
        scene: they belong to.
        parcels: the table.
        to_map: from scene px.
    """

    scene: Scene
    parcels: Batches
    to_map: Affine

    def __len__(self) -> int:
        return len(self.parcels)

    def __getitem__(self, index: Any) -> Any:
        geometries = self.parcels[index].geometry.to_numpy()
        in_scene = geometries if self.scene.crs is None else move(geometries, ~self.scene.transform)
        return np.asarray(move(in_scene, self.to_map), dtype=object)


def _parcels(parcels: pandas.DataFrame, drawn: Shapes, classes: LandClasses) -> Parcels:
    table = parcels.iloc[drawn.rows]
    column, unit = _area_column(parcels)
    return Parcels(
        shapes=drawn,
        ids=table["parcel_id"].to_numpy(),
        classes=np.array(classes.positions(table["class_name"]), np.int64),
        land=classes,
        p_cultivated=table["p_cultivated"].to_numpy(),
        scores=table["score"].to_numpy(),
        rounds=table["round"].to_numpy(),
        areas=table[column].to_numpy(),
        unit=unit,
    )


def _area_column(parcels: pandas.DataFrame) -> tuple[str, str]:
    return ("area_m2", "m²") if "area_m2" in parcels else ("area_px", "px")


def _facts(scene: Scene) -> str:
    """Size, CRS and resolution of a scene, one line."""
    size = f"{scene.width:,} × {scene.height:,} px"
    metres = metres_across(scene)
    if scene.crs is None:
        return f"{size} · no CRS: areas in px"
    name = pyproj.CRS.from_user_input(scene.crs).name
    return f"{size} · {name}" + ("" if metres is None else f" · pixels of {metres / scene.width:.3g} m")


def _figures(table: pandas.DataFrame, metrics: Mapping[str, Any], land: LandClasses) -> list[dict[str, str]]:
    """Headline figures: label, value and what it is made of."""
    column, unit = _area_column(table)
    classes = [name for name in land.names if (table["class_name"] == name).any()]
    whole = area_text(table[column].sum(), unit)
    only = f", {_words(classes[0])}" if len(classes) == 1 else ""
    figures = [{"label": "Parcels", "value": f"{len(table):,}", "detail": whole + only}]
    for name in classes if not only else ():
        of_class = table[table["class_name"] == name]
        area = area_text(of_class[column].sum(), unit)
        figures.append({"label": _words(name).capitalize(), "value": f"{len(of_class):,}", "detail": area})
    if len(table):
        detail = f"half lie between {table[column].quantile(0.25):,.0f} and {table[column].quantile(0.75):,.0f}"
        figures.append({"label": "Median area", "value": f"{table[column].median():,.0f} {unit}", "detail": detail})
    coverage = metrics.get("coverage")
    if coverage:
        rounds = ", ".join(f"{number}: {_percent(share)}" for number, share in enumerate(coverage, 1))
        figures.append({"label": "Image covered", "value": _percent(coverage[-1]), "detail": f"after round {rounds}"})
    return figures + _scores(metrics.get("reference"))


def _scores(compared: dict[str, Any] | None) -> list[dict[str, str]]:
    """Agreement with the reference after the last round, nothing without one.

    Without classes it is that of a perfect classifier, as in the summary of the run.
    """
    if compared is None:
        return []
    unclassified = compared["predictions"] == ALL_SEGMENTS
    last = (compared["oracle_class"] if unclassified else compared)["rounds"][-1]
    given = ", if classes were perfect" if unclassified else ""
    area = {
        "label": f"Agreement of areas (IoU){given}",
        "value": _share(last["area_iou"]),
        "detail": f"precision {_share(last['area_precision'])}, recall {_share(last['area_recall'])}",
    }
    if compared["areas_only"]:
        return [area]
    objects = {
        "label": f"Agreement of parcels (F1){given}",
        "value": _share(last["object_f1"]),
        "detail": f"{last['matched_parcels']:,} of {last['reference_parcels']:,} reference parcels found",
    }
    return [area, objects]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _share(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return f"{value:.1%}" if np.isfinite(value) else "–"
