"""``python -m isagrsc2.scene.superres``: enlarge a raster, with its place on the map."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from isagrsc2.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the enlarged raster and say how large it is; a mistake of the user is one line and exit code 2."""
    options = _parser().parse_args(arguments)
    try:
        width, height = _enlarge(options)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{options.enlarged}: {width} x {height} px\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m isagrsc2.scene.superres",
        description="Enlarge a raster: GeoTIFF of three bands, 8 bit; CRS, place and missing pixels are kept.",
    )
    parser.add_argument("image", type=Path, metavar="IN", help="GeoTIFF, PNG, JPEG, ...")
    parser.add_argument("enlarged", type=Path, metavar="OUT", help="ends in .tif")
    parser.add_argument(
        "--superres", default="real_esrgan_x4", metavar="OPTION", help="option of conf/superres (default: real_esrgan_x4)"
    )
    parser.add_argument(
        "--checkpoint", metavar="PATH", help="network in a .pth or .safetensors file; without it one is fetched"
    )
    parser.add_argument("--model", help="which network is fetched: real_esrgan_x4plus or realesr_general_x4v3 (small)")
    parser.add_argument("--tile", type=int, metavar="PX", help="of IN that go through the network at once; memory follows")
    parser.add_argument("--overlap", type=int, metavar="PX", help="of IN that are cropped from the edges of such a tile")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--weights-dir", default="weights", metavar="FOLDER", help="of fetched networks (default: weights)")
    parser.add_argument("--bands", default="auto", help="auto, or three numbers as in 4,3,2 (default: auto)")
    parser.add_argument(
        "--stretch",
        default="percentile",
        metavar="OPTION",
        help="option of conf/scene/stretch: how other depths, and dull 8-bit images, become 8 bit (default: percentile)",
    )
    parser.add_argument("--conf", type=Path, default=Path("conf"), metavar="FOLDER", help="of option files (default: conf)")
    return parser


def _enlarge(options: argparse.Namespace) -> tuple[int, int]:
    """Do the work; returns width and height of the result."""
    # Here and not above: `--help` needs none of the libraries.
    from isagrsc2.scene.raster import open_scene
    from isagrsc2.scene.superres.enlarged_raster import write_enlarged
    from isagrsc2.scene.superres.option_files import make_option

    given = {name: getattr(options, name) for name in ("checkpoint", "model", "tile", "overlap")}
    changed = {name: value for name, value in given.items() if value is not None}
    shared = {"device": options.device, "weights_dir": options.weights_dir}
    stretch = make_option(options.conf / "scene" / "stretch", options.stretch, {}, {})
    with open_scene(options.image, _bands(options.bands), stretch) as scene:
        superres = make_option(options.conf / "superres", options.superres, shared, changed)
        with _progress(options.image.name) as announce:
            write_enlarged(scene, superres, options.enlarged, announce)
        return scene.width * superres.scale, scene.height * superres.scale


def _bands(text: str) -> str | list[int]:
    numbers = text.split(",")
    return [int(number) for number in numbers] if all(number.strip().isdecimal() for number in numbers) else text


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name)
        yield lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
