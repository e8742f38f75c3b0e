"""Real imagery, where it lies beside the repository (it is no part of it): what every result must be."""

from collections.abc import Callable
from pathlib import Path

import geopandas
import pytest
import rasterio
import shapely
from omegaconf import DictConfig

from isagrsc2.scene.polygons import rasterise
from isagrsc2.tasks.segment import segment

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not DATA.is_dir(), reason="no imagery beside the repository"),
]


@pytest.mark.parametrize(
    ("images", "reference"),
    [
        ("farmland_x4/*.jpg", "none"),
        ("naip_parcels/images/*.png", "naip_parcels/via_regions.json"),
        ("naip_geotiff/*.tif", "none"),
        ("denmark_s2/RGB_small.tif", "denmark_s2/marker2016_small.shp"),
    ],
)
def test_results_are_complete_and_planar(
    images: str, reference: str, compose_config: Callable[..., DictConfig], tmp_path: Path
) -> None:
    given = [f"scene.path='{DATA / images}'", f"reference={DATA / reference if reference != 'none' else 'none'}"]
    lowest = []
    everything = "prompting.rounds.round_4.search.min_score=0"  # what the segmenter takes for no parcel, too
    cfg = compose_config("segment", *given, everything, "export=[geoparquet,instances,metrics]", f"output_dir={tmp_path}")
    segment(cfg)
    folders = sorted(file.parent for file in tmp_path.glob("*/metrics.json"))
    assert len(folders) == len(list(DATA.glob(images)))
    for folder in folders:
        parcels = geopandas.read_parquet(folder / "parcels.parquet")
        segments = geopandas.read_parquet(folder / "segments.parquet")
        assert parcels.is_valid.all()
        assert shapely.area(parcels.geometry.to_numpy()).sum() == pytest.approx(parcels.union_all().area, rel=1e-6)
        with rasterio.open(folder / "instances.tif") as dataset:
            labels = dataset.read(1)
        assert (labels == rasterise(segments["parcel_id"].to_numpy(), segments.geometry.to_numpy(), labels.shape)).all()
        lowest.append((labels > 0).mean())
    assert min(lowest) >= 0.95
