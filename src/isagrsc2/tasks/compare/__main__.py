"""``python -m isagrsc2.tasks.compare outputs/...``: finished runs in one table and one picture."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from isagrsc2.errors import InputError
from isagrsc2.tasks.compare.comparison import Comparison, compare
from isagrsc2.tasks.compare.runs import find_runs

# Columns of the table where the output is a file and has no width of its own.
WIDTH = 130
# What the user caused.
_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table per kind of run and draw it; 2 and one line on standard error where there is nothing to compare."""
    parser = argparse.ArgumentParser(
        prog="python -m isagrsc2.tasks.compare",
        description="Compare finished runs of segment.py, train.py and evaluate.py: options that differ, then figures.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of a run, or one that holds runs at any depth")
    parser.add_argument("--sort", metavar="FIGURE", help="sort by this figure, the best first (default: the first shown)")
    parser.add_argument(
        "--figures", metavar="PATTERNS", default="", help="show these, as in 'parcels/*,seconds/total'; '*': all"
    )
    parser.add_argument(
        "--plot", type=Path, default=Path("comparison.png"), metavar="PNG", help="the picture (default: comparison.png)"
    )
    options = parser.parse_args(arguments)
    patterns = [pattern for pattern in options.figures.split(",") if pattern]
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        if not options.plot.absolute().parent.is_dir():
            raise InputError(f"the folder of {options.plot} is not there; choose another --plot.")
        found = find_runs(options.folders)
        comparisons = compare(found.runs, patterns, options.sort)
        for comparison in comparisons:
            _show(comparison, console)
        paths = _paths(options.plot, [comparison.kind for comparison in comparisons])
        for comparison, path in zip(comparisons, paths, strict=True):
            comparison.draw(path)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED
    for reason in found.skipped:
        sys.stderr.write(f"skipped: {reason}\n")
    sys.stdout.write(f"picture{'' if len(paths) == 1 else 's'}: {', '.join(map(str, paths))}\n")
    return 0


def _show(comparison: Comparison, console: Console) -> None:
    # Not as the table's own title, which would be no wider than the table.
    console.print(comparison.title, style="bold", markup=False, highlight=False)
    console.print(comparison.table())
    if left_out := comparison.left_out():
        some = ", ".join(left_out[:3]) + (", ..." if len(left_out) > 3 else "")
        number = f"{len(left_out)} more figure{'' if len(left_out) == 1 else 's'}"
        console.print(f"{number} with --figures: {some}", markup=False, highlight=False)
    console.print()


def _paths(path: Path, kinds: Sequence[str]) -> list[Path]:
    """A picture per kind of run; the given path where there is only one."""
    if len(kinds) == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{kind.replace(' ', '_')}{path.suffix}") for kind in kinds]


if __name__ == "__main__":
    sys.exit(main())
