"""The table at the end of a scene."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from isagrsc2.metrics.scoring import ALL_SEGMENTS
from isagrsc2.scene.sources import Source

HECTARE = 10_000.0  # m²


def print_summary(source: Source, metrics: Mapping[str, Any], written: Mapping[str, Path]) -> None:
    """Print what a person wants to know of a finished scene."""
    table = Table(title=f"{source.name} ({source.origin})", show_header=False, title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("parcels", f"{metrics['parcels']}")
    for name, figures in metrics["classes"].items():
        table.add_row(name.replace("_", " "), f"{figures['parcels']} parcels, {_area(figures)}")
    if metrics["written"] < metrics["parcels"]:
        options = "export.min_area_m2, export.class_filter and export.most_uncertain"
        table.add_row("written", f"{metrics['written']} of them, as {options} say")
    table.add_row("coverage by round", "  ".join(f"{share:.3f}" for share in metrics["coverage"]) + "  of the valid area")
    if "reference" in metrics:
        _add_reference(table, metrics["reference"])
    tiles = metrics["tiles"]
    table.add_row("tiles", f"{tiles['computed']} computed, {tiles['reused']} taken from before")
    for number, tile in enumerate(tiles["lost"]):
        table.add_row("" if number else "lost: gaps in the map", lost_line(tile))
    seconds = metrics["seconds"]
    table.add_row("seconds", "  ".join(f"{stage} {value:.1f}" for stage, value in seconds.items()))
    folder = next(iter(written.values())).parent
    table.add_row("files", f"{folder}/\n" + "  ".join(path.name for path in written.values()))
    Console().print(table)


def lost_line(tile: Mapping[str, Any]) -> str:
    """Name a lost tile of ``metrics.json``, where it is and why."""
    x0, y0, x1, y1 = tile["window"]
    return f"{tile['tile']} (x {x0} to {x1}, y {y0} to {y1} px): {tile['reason']}"


def _area(figures: Mapping[str, Any]) -> str:
    return f"{figures['area_m2'] / HECTARE:.2f} ha" if "area_m2" in figures else f"{figures['area_px']:.0f} px"


def _add_reference(table: Table, reference: Mapping[str, Any]) -> None:
    """Figures against the reference after every round; without classes only those of a perfect classifier say something."""
    compared = {"kept as a perfect classifier would": reference["oracle_class"]["rounds"]}
    if reference["predictions"] != ALL_SEGMENTS:
        compared = {reference["predictions"]: reference["rounds"]} | compared
    table.add_section()
    parcels = "areas only" if reference["areas_only"] else f"{reference['parcels']} parcels"
    table.add_row("reference", f"{parcels}, {Path(reference['path']).name}")
    for title, rounds in compared.items():
        table.add_row("compared", title)
        for label, key in (("area IoU", "area_iou"), ("F1 at IoU 0.5", "object_f1"), ("mean best IoU", "mean_best_iou")):
            table.add_row(f"  {label}", "  ".join(_figure(figures[key]) for figures in rounds))
    table.add_section()


def _figure(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"
