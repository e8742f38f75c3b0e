"""From `segment.py` to a labelling tool and back."""

import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.segment import segment

SMALL = ("scene=synthetic", "scene.seeds=[7]", "scene.width=256", "scene.height=192", "tiling.size=160", "tiling.overlap=48")


@pytest.fixture
def run(run_classical: Callable[..., Path]) -> Callable[..., Path]:
    return lambda *options: run_classical(segment, *SMALL, *options)


def test_the_least_certain_parcels_go_to_the_labelling_tool(run, tmp_path: Path) -> None:
    output = run("classifier=embedded", "export=[labelme,geoparquet,metrics]", "export.most_uncertain=5")
    folder = output / "synthetic_7"
    everything = geopandas.read_parquet(folder / "segments.parquet")
    distances = (everything["p_cultivated"] - 0.5).abs().to_numpy()
    nearest = sorted(everything["parcel_id"].to_numpy()[np.argsort(distances, kind="stable")[:5]].tolist())
    assert len(everything) > 5
    parcels = geopandas.read_parquet(folder / "parcels.parquet")
    assert sorted(parcels["parcel_id"]) == nearest
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["written"], metrics["parcels"]) == (5, len(everything))
    document = json.loads((folder / "labelme" / "synthetic_7.json").read_text())
    assert sorted({shape["parcel_id"] for shape in document["shapes"]}) == nearest

    # Somebody says that all of them are fields; of other land the file still says nothing.
    for shape in document["shapes"]:
        shape["label"] = "field"
    (folder / "labelme" / "synthetic_7.json").write_text(json.dumps(document, indent=2))
    with open_scene(folder / "synthetic_7.tif", "auto", NoStretch()) as scene:
        reference = read_reference(output, scene)
    assert reference.parcels["ref_id"].tolist() == sorted(nearest)
    own = everything.set_index("parcel_id").loc[reference.parcels["ref_id"]]
    assert shapely.hausdorff_distance(own.geometry.to_numpy(), reference.parcels.geometry.to_numpy()).max() <= 1.5
    assert sum(one.area for one in reference.unlabelled) == pytest.approx(256 * 192 - reference.parcels.area.sum())


def test_what_is_corrected_is_a_reference(run, tmp_path: Path) -> None:
    folder = run("export=[labelme,metrics]") / "synthetic_7"
    path = folder / "labelme" / "synthetic_7.json"
    document = json.loads(path.read_text())
    for shape in document["shapes"]:
        shape["label"] = "1"
    path.write_text(json.dumps(document))
    scores = json.loads((run(f"reference={path}", "export=metrics") / "synthetic_7" / "metrics.json").read_text())["reference"]
    assert scores["parcels"] == len({shape["parcel_id"] for shape in document["shapes"]})
    assert scores["rounds"][-1]["object_f1"] > 0.95  # the borders are simplified
