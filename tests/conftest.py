"""What every test may use: a configuration composed in-process, rasters written by the test, farmland of a seed."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import settings
from omegaconf import DictConfig

ROOT = Path(__file__).parents[1]

# Machines differ too much for a deadline per example; the same examples every time.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("project")


@pytest.fixture
def compose_config() -> Callable[..., DictConfig]:
    """Compose a root configuration: ``compose_config("segment", "tiling.size=64")``."""

    def make(name: str, *overrides: str) -> DictConfig:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return compose(name, list(overrides), return_hydra_config=False)

    return make


@pytest.fixture
def write_raster(tmp_path: Path) -> Callable[..., Path]:
    """Write (H, W) or (H, W, B) values as a raster: ``write_raster("a.tif", values, crs="EPSG:32632", nodata=0)``."""

    def write(name: str, values: np.ndarray, **profile: Any) -> Path:
        bands = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)  # (B, H, W)
        path = tmp_path / name
        driver = {".png": "PNG", ".jpg": "JPEG"}.get(path.suffix, "GTiff")
        if "crs" in profile:
            profile.setdefault("transform", Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 6_200_000.0))
        shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # meant, where no CRS is given
            dataset = rasterio.open(path, "w", driver=driver, dtype=str(bands.dtype), **shape, **profile)
        with dataset:
            dataset.write(bands)
        return path

    return write
