"""One row per scene, every figure a column: for pandas, and for tables that end up in papers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

from isagrsc2.files import replacing
from isagrsc2.tasks.parcels_pictures import Evaluated
from isagrsc2.tasks.parcels_summary import scene_report
from isagrsc2.tasks.tracking.scene_figures import scene_figures

FILE = "scenes.parquet"


def write_scenes(scenes: Sequence[Evaluated], consistency: Mapping[str, Mapping[str, Any]], folder: Path) -> Path:
    """Write ``scenes.parquet``.

    Text: ``scene``, ``folder``, ``image``, ``crs``, ``predictions``, ``reference/path``; ``reference/areas_only`` is a
    boolean. All others are numbers, null where undefined: ``width``, ``height``; ``reference/parcels``, ``repaired``,
    ``overlapping``, ``outside``; scores after the last round by the names of ``metrics.json`` (``object_f1``), those after
    round k with ``/round_k`` behind, size classes as ``by_size/m2_6400_25600/object_f1`` (bounds; ``inf``: none), a perfect
    classifier's with ``oracle_class/`` before; ``outcomes/found`` and so on, see ``Outcomes``; ``consistency_f1`` and so
    on where tile consistency was measured; of the run that made the parcels what ``scene_figures`` gives (``seconds/total``,
    ``memory_mb/peak``), ``tiles/computed`` and ``tiles/reused``: seconds are only of what was computed last.

    Args:
        scenes: at least one.
        consistency: scores by name of scene.
        folder: takes the file.
    """
    rows = [_row(scene, consistency.get(scene.result.name, {})) for scene in scenes]
    table = pandas.DataFrame(rows)
    text = {"scene", "folder", "image", "crs", "predictions", "reference/path"}
    kinds = {name: "string" if name in text else "float64" for name in table} | {"reference/areas_only": "bool"}
    path = folder / FILE
    with replacing(path) as temporary:
        table.astype(kinds).to_parquet(temporary, index=False)
    return path


def _row(scene: Evaluated, consistency: Mapping[str, Any]) -> dict[str, Any]:
    result, reference, report = scene.result, scene.reference, scene_report(scene.counts)
    return {
        "scene": result.name,
        "folder": str(result.folder),
        "image": str(result.scene["path"]),
        "width": result.scene["width"],
        "height": result.scene["height"],
        "crs": result.scene["crs"],
        "predictions": report["predictions"],
        "reference/path": reference.source,
        **{f"reference/{name}": value for name, value in reference.counts().items()},
        **_flat(report),
        **{f"outcomes/{name}": value for name, value in (report["outcomes"] or {}).items()},
        **{f"oracle_class/{name}": value for name, value in _flat(report["oracle_class"]).items()},
        **consistency,
        **of_run(result.figures),
    }


def _flat(report: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of ``metrics.json`` under flat names."""
    rounds, last = report["rounds"], report["last_round"]
    flat = {name: value for name, value in rounds[-1].items() if name != "round"}
    flat |= {name: value for name, value in last.items() if name != "by_size"}
    for scores in rounds:
        flat |= {f"{name}/round_{scores['round']}": value for name, value in scores.items() if name != "round"}
    bounds = {"unit", "from", "to"}
    for size in last["by_size"]:
        upper = "inf" if size["to"] is None else f"{size['to']:.12g}"
        place = f"by_size/{size['unit']}_{size['from']:.12g}_{upper}"
        flat |= {f"{place}/{name}": value for name, value in size.items() if name not in bounds}
    return flat


def of_run(figures: Mapping[str, Any]) -> dict[str, float]:
    """What the run that made the parcels says of itself, under the names of dashboards; without what is compared here."""
    own = {name: value for name, value in figures.items() if name not in ("reference", "coverage")}
    tiles = {f"tiles/{kind}": figures["tiles"][kind] for kind in ("computed", "reused")}
    return scene_figures({**own, "coverage": []}) | tiles
