"""Who may import whom, read from the imports; the drawing is in the README."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "isagrsc2"

# Of the lowest layer first; a package may import its own layer and those before it.
LAYERS = [
    {"errors", "files", "options", "stopwatch", "device", "memory"},
    {"weights", "training"},
    {"segmenters", "scene"},
    {"delineation", "classification", "parcels", "reference", "prompt_training"},
    {"metrics", "engines", "parts"},
    {"export", "figures", "pipeline"},
    {"tasks"},
]


def imported(path: Path) -> set[str]:
    """Top-level names a module imports anywhere, those of our own package as ``isagrsc2.NAME``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        else:
            continue
        for module in modules:
            parts = module.split(".")
            names.add(".".join(parts[:2]) if parts[0] == "isagrsc2" and len(parts) > 1 else parts[0])
    return names


def modules() -> dict[Path, str]:
    """Every module with the name of the package or module of ours that it belongs to."""
    paths = [path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py"]
    return {path: path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in paths}


def test_every_package_has_a_layer() -> None:
    assert set(modules().values()) == set().union(*LAYERS)


def test_imports_go_down() -> None:
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path, package in modules().items()
        for name in imported(path)
        if name.startswith("isagrsc2.")
        if level[name.removeprefix("isagrsc2.")] > level[package]
    ]
    assert wrong == []


def test_only_tasks_knows_the_configuration() -> None:
    knowing = {package for path, package in modules().items() if imported(path) & {"hydra", "omegaconf", "wandb"}}
    assert knowing == {"tasks"}


def test_delineation_and_metrics_know_no_files_and_no_torch() -> None:
    for path, package in modules().items():
        if package in {"delineation", "metrics"}:
            assert not imported(path) & {"torch", "torchvision", "pathlib", "geopandas.io"}, path
