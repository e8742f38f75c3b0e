"""Peak memory and seconds per megapixel of `segment.py` on rasters of very different size, with the cheapest segmenter.

    python benchmarks/large_raster.py
    python benchmarks/large_raster.py --sides 2000 8000 engine.workers=2

The rasters are GeoTIFFs of three bands put together from drawn farmland of 1000 x 1000 px, turned and mirrored.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rasterio.windows import Window
from rich.console import Console
from rich.table import Table

from isagrsc2.scene.farmland.draw import draw_farmland

ROOT = Path(__file__).resolve().parents[1]
CHEAP = ["segmenter=regions", "classifier=none", "logger=csv"]
BLOCK = 1000  # px
SEEDS = range(6)


def write_raster(path: Path, side: int) -> None:
    """Write a raster of ``side`` x ``side`` px block by block."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        style = instantiate(compose("segment", ["scene=synthetic"]).scene.style, _convert_="all")
    drawn = [draw_farmland(seed, BLOCK, BLOCK, style).image for seed in SEEDS]
    rng = np.random.default_rng(0)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "crs": "EPSG:32632"}
    profile |= {"transform": Affine(1, 0, 500_000, 0, -1, 5_500_000), "photometric": "RGB"}
    profile |= {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "ZSTD"}
    with rasterio.open(path, "w", **profile) as file:
        for row in range(0, side, BLOCK):
            strip = []
            for _ in range(0, side, BLOCK):
                block = np.rot90(drawn[rng.integers(len(drawn))], rng.integers(4))
                strip.append(block[::-1] if rng.random() < 0.5 else block)
            image = np.concatenate(strip, axis=1)[: side - row, :side]  # (1000, side, 3)
            file.write(np.moveaxis(image, -1, 0), window=Window(0, row, side, len(image)))


def measure(side: int, overrides: list[str], folder: Path) -> dict[str, float]:
    """Segment one raster in a process of its own."""
    path, output = folder / f"raster_{side}.tif", folder / f"out_{side}"
    write_raster(path, side)
    line = [sys.executable, "segment.py", f"scene.path={path}", f"output_dir={output}", *CHEAP, *overrides]
    start = time.perf_counter()
    process, peak = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL), 0.0
    while process.poll() is None:
        peak = max(peak, resident_mb(process.pid))
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{' '.join(line)} ended with {process.returncode}")
    seconds = time.perf_counter() - start
    metrics = json.loads((output / path.stem / "metrics.json").read_text(encoding="utf-8"))
    figures = {"tiles": metrics["tiles"]["computed"], "parcels": metrics["parcels"], "seconds": seconds}
    figures |= {"seconds per Mpx": seconds / side**2 * 1e6, "peak MB": max(peak, *metrics["memory_mb"].values())}
    figures |= {f"{stage} s/Mpx": value / side**2 * 1e6 for stage, value in metrics["seconds"].items()}
    return figures | {f"{stage} MB": value for stage, value in metrics["memory_mb"].items()}


def resident_mb(process: int) -> float:
    """What a process holds now. Not its peak since the start: that counts what stood in memory when it was forked."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:  # it has just ended
        return 0.0
    return max((int(one.split()[1]) * 1024 / 1e6 for one in lines if one.startswith("VmRSS")), default=0.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[4000, 20_000], help="px, the smallest first")
    parser.add_argument("overrides", nargs="*", help="options of segment.py")
    options = parser.parse_intermixed_args()
    columns = {}
    for side in options.sides:
        with tempfile.TemporaryDirectory() as folder:
            columns[side] = measure(side, options.overrides, Path(folder))
    first, last = (columns[options.sides[end]] for end in (0, -1))
    table = Table("", *(f"{side} px" for side in columns), "ratio")
    for name in first:
        table.add_row(name, *(f"{column.get(name, 0):.6g}" for column in columns.values()), f"{last[name] / first[name]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
