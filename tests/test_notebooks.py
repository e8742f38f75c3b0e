"""Notebooks are stripped and define nothing, and on small data every one runs through and shows what it promises.

A notebook is made small as papermill does it: a cell behind the one tagged ``parameters`` sets the same names again.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from classical import CLASSICAL
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = ["01_first_parcels", "02_rounds_explained", "03_train_and_compare", "04_error_analysis"]

SCENE = ["scene=synthetic", "scene.seeds=[7]", "scene.width=160", "scene.height=128"]
CHIPS = ["scenes={train: 2, val: 1, test: 1}", "scene_size=128", "per_scene=6", "chip_size=32", "batch_size=8", "workers=0"]

# Parameters of each notebook, but for OUTPUT; and how many pictures and tables its outputs must have at least.
SMALL: dict[str, tuple[dict[str, list[str]], int, int]] = {
    "01_first_parcels": ({"SCENE": SCENE, "OPTIONS": CLASSICAL}, 2, 4),
    "02_rounds_explained": ({"SCENE": SCENE, "OPTIONS": CLASSICAL}, 5, 2),
    "03_train_and_compare": (
        {
            "DATA": ["data=synthetic", *(f"data.{chips}" for chips in CHIPS)],
            "OPTIONS": ["trainer=cpu", "trainer.max_epochs=1"],
        },
        5,
        1,
    ),
    "04_error_analysis": (
        {
            "SCENE": [*SCENE, "scene.seeds=[7,8]"],
            "OPTIONS": [*CLASSICAL, "subject.size_limits_m2=[2500,10000]", "subject.bootstrap_resamples=20"],
        },
        5,
        2,
    ),
}


def read(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: NotebookNode, mime: str) -> Iterator[Any]:
    """What the outputs show of one type."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if mime in output.get("data", {}):
                yield output.data[mime]


def test_these_are_the_notebooks() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES == sorted(SMALL)


@pytest.mark.parametrize("name", NAMES)
def test_stored_without_results(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec"}
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


@pytest.mark.parametrize("name", NAMES)
def test_imports_and_never_defines(name: str) -> None:
    for cell in code_cells(read(name)):
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, defined)], cell.source


@pytest.mark.parametrize("name", NAMES)
def test_one_cell_of_parameters_before_all_other_code(name: str) -> None:
    tagged = [number for number, cell in enumerate(code_cells(read(name))) if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == [0]
    # Whatever a test sets is a parameter.
    assigned = {
        target.id
        for node in ast.parse(code_cells(read(name))[0].source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert {"CONF", "OUTPUT", *SMALL[name][0]} <= assigned


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_through_and_shows_what_it_promises(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters, pictures, tables = SMALL[name]
    notebook = read(name)
    (place,) = [number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    source = [f"OUTPUT = Path({str(tmp_path)!r})", *(f"{key} = {value!r}" for key, value in parameters.items())]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join(source)))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # nobody's own start-up files
    before = set(FOLDER.iterdir())
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()

    assert set(FOLDER.iterdir()) == before
    warnings = [output.text for cell in code_cells(notebook) for output in cell.outputs if output.get("name") == "stderr"]
    assert warnings == []
    assert len(list(outputs(notebook, "image/png"))) >= pictures
    assert sum("<table" in html for html in outputs(notebook, "text/html")) >= tables
