"""The commands of the documentation: every one is composed or parsed, and those of the pages are run on small files.

A command is a line of a ``bash`` block, a line after ``$`` of a ``console`` block, or a whole ``python`` block. One that
nothing here knows fails. One that is not run is on a page of ``PAGES_NOT_RUN`` or matches a line of ``NOT_RUN``, which say why.
"""

import argparse
import copy
import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Why the commands of a page are composed or parsed and not run.
PAGES_NOT_RUN: Mapping[str, str] = {"README.md": "they are on the pages too", "docs/measurements.md": "they took hours"}
# The same for a command: a pattern of the command, and the reason.
NOT_RUN: Mapping[str, str] = {
    r"segmenter=(sam_vit|hf)|train/sam_decoder": "weights of hundreds of MB; tests/segmenters run small networks of the kind",
    r"classifier=clip": "weights of CLIP; tests/classification/clip has a small one",
    r"pretrained=true": "weights of ImageNet are fetched",
    r"logger\.offline=false": "a server; tests/tasks/tracking has one of its own",
    r"trainer=(gpu|ddp)": "a GPU, or several processes: tests/tasks/test_train_on_nodes.py",
    r"engine=dask|launcher=slurm|dask_jobqueue|^(CUDA_VISIBLE_DEVICES=\d )?(dask|srun|torchrun) ": "a cluster: tests/engines",
    r"hparams=|train\.py -m|launcher=joblib": "dozens of jobs: tests/tasks/test_sweeps.py, test_ablation.py",
    r"data=(nwpu_resisc45|deepglobe|usgs|mixed)": "large data sets; tests/classification/data has them in small",
    r"^(pip|make|source|python3 -m venv|hf) ": "changes the machine, or fetches",
    r"^(OMP_NUM_THREADS=1 )?python benchmarks/": "takes minutes: tests/benchmarks",
}

# What makes a command quick: a pattern of the command, and what is put behind it.
_TRAINING = ("trainer.accelerator=cpu", "trainer.max_epochs=1", "+trainer.enable_progress_bar=false", "data.workers=0")
_CHIPS = ("data.chip_size=32", "data.batch_size=4")
QUICK: Mapping[str, Sequence[str]] = {
    r"train\.py": _TRAINING,
    r"train\.py (?!experiment=)": _CHIPS,
    r"train\.py (?!.*(model|experiment)=)": ("model=cbam_resnet18",),
    r"engine\.workers=4": ("engine.workers=2",),
    r"ckpt_path=last": ("trainer.max_epochs=2",),
    r"data=labelled_scenes": ("data.per_scene=3",),
    r"experiment=train/compact": (
        "data.synthetic.size=96",
        "data.synthetic.val_scenes=1",
        "data.crop.size=64",
        "data.crops_per_epoch=4",
        "data.batch_size=2",
    ),
    r"evaluate\.py (?!subject=classifier)": ("subject.bootstrap_resamples=10",),
}

# What a reader puts something else for.
MEANT: Mapping[str, str] = {"model=NAME": "model=cbam_resnet50", "trainer.max_epochs=EPOCHS": "trainer.max_epochs=1"}
# The options as before.
AS_BEFORE = "..."

PYTHON = "python"
# Lines that are for the shell alone.
SHELL = ("source .venv/bin/activate", "python3 -m venv .venv")
# Programs that start another.
STARTERS = ("srun", "torchrun")


@dataclass(frozen=True)
class Command:
    """A line of a shell, or a block of Python.

    Attributes:
        page: name of the file.
        text: as it stands there, lines that go on joined.
        language: ``bash`` or ``python``.
    """

    page: str
    text: str
    language: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"

    def reason(self) -> str:
        """Why it is not run; empty for those that are."""
        if self.page in PAGES_NOT_RUN:
            return PAGES_NOT_RUN[self.page]
        return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, self.text)), "")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands_of(page: Path) -> Iterator[Command]:
    """In the order of the page."""
    name = name_of(page)
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
        if language == PYTHON:
            yield Command(name, block, PYTHON)
        if language not in ("bash", "console"):
            continue
        lines = block.replace("\\\n", " ").splitlines()
        prompt = "$ " if language == "console" else ""
        for line in lines:
            if line.startswith(prompt) and line.strip() and not line.startswith("#"):
                # What runs beside others does so without the sign.
                yield Command(name, line.removeprefix(prompt).strip().removesuffix(" &"), "bash")


COMMANDS = list(chain.from_iterable(map(commands_of, PAGES)))


def words_of(text: str, folder: Path) -> list[str]:
    """The words of a command as bash makes them, patterns of files that are in the folder and ``$(...)`` included."""
    signs = [word for word in shlex.shlex(text, posix=True, punctuation_chars=True) if word and not word.strip("();<>|&")]
    assert not signs, f"one command a line, please: {text}"
    printed = subprocess.run(["bash", "-c", f"printf '%s\\0' {text}"], cwd=folder, capture_output=True, text=True, check=True)
    words = printed.stdout.split("\0")[:-1]
    while re.match(r"[A-Z_]+=", words[0]):  # variables of the environment
        words = words[1:]
    return [MEANT.get(word, word) for word in words if word != AS_BEFORE]


# ---- Composing and parsing


def check(words: Sequence[str]) -> None:
    """Fail if a command cannot be understood by the program it starts."""
    program, *arguments = words
    if " ".join(words) in SHELL:
        return
    if program in STARTERS:
        (place,) = [index for index, word in enumerate(words) if word in ("train.py", "dask")]
        check(words[place:] if words[place] == "dask" else [PYTHON, *words[place:]])
    elif program == PYTHON and arguments[0].endswith(".py"):
        check_script(Path(arguments[0]), arguments[1:])
    elif program == PYTHON and arguments[0] == "-m":
        check_module(arguments[1], arguments[2:])
    elif program in CHECKS:
        CHECKS[program](arguments)
    else:
        pytest.fail(f"nobody knows how to check {program}; teach {Path(__file__).name}.")


def check_script(script: Path, arguments: Sequence[str]) -> None:
    """Entry points compose; benchmarks are there, and take these arguments."""
    assert (ROOT / script).is_file()
    if script.parent == Path():
        check_composes(script.stem, arguments)
    elif "argparse" in (ROOT / script).read_text():
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(ROOT / script.parent)
            parse_only(lambda: runpy.run_path(str(ROOT / script), run_name="__main__"), str(script), arguments)
        composed("segment", [word for word in arguments if "=" in word and word[0] != "-"])
    else:
        check_composes("train", arguments)


def check_module(module: str, arguments: Sequence[str]) -> None:
    """Modules with options of Hydra compose, others parse."""
    root = module.rpartition(".")[2]
    if (ROOT / "conf" / f"{root}.yaml").is_file():
        check_composes(root, arguments)
    else:
        parse_only(importlib.import_module(f"{module}.__main__" if is_package(module) else module).main, module, arguments)


def is_package(module: str) -> bool:
    return importlib.util.find_spec(module).submodule_search_locations is not None  # type: ignore[union-attr]


class Parsed(Exception):  # noqa: N818
    """Arguments were understood."""


def parse_only(main: Callable[[], Any], program: str, arguments: Sequence[str]) -> None:
    """Let a program parse its arguments, and no more."""

    def then_stop(parse: Callable[..., Any]) -> Callable[..., Any]:
        def stopping(*given: Any) -> Any:
            parse(*given)
            raise Parsed

        return stopping

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *arguments])
        for name in ("parse_args", "parse_intermixed_args"):
            patch.setattr(argparse.ArgumentParser, name, then_stop(getattr(argparse.ArgumentParser, name)))
        with pytest.raises(Parsed):
            main()


def check_composes(root: str, arguments: Sequence[str]) -> None:
    """Compose the configuration; with a sweep, that of every value once."""
    flags = [word for word in arguments if word[0] == "-"]
    assert set(flags) <= {"-m", "--help", "--cfg"}, flags
    overrides = [word for word in arguments if "=" in word or word[0] in "~+"]
    assert len(overrides) + len(flags) + flags.count("--cfg") == len(arguments), arguments
    sweep = composed(root, [first(one) for one in map(values_of, overrides)])["hydra"]
    assert (sweep["mode"] is RunMode.MULTIRUN or "-m" in flags) == is_sweep(overrides, sweep)
    values = list(map(values_of, overrides))
    for place, several in enumerate(values):
        for value in several[1:]:
            composed(root, [value if index == place else first(one) for index, one in enumerate(values)])
    # What a file of conf/hparams sweeps over, without the other options: the same for every command.
    file = [override for override in overrides if override.startswith("hparams=")]
    for key, several in (sweep["sweeper"].get("params") or {}).items():
        for value in values_of(f"{key}={several}"):
            composed(root, [*file, value])


def is_sweep(overrides: Sequence[str], sweep: Mapping[str, Any]) -> bool:
    return bool(sweep["sweeper"].get("params")) or any(len(values_of(one)) > 1 for one in overrides)


def first(values: Sequence[str]) -> str:
    return values[0]


def values_of(override: str) -> list[str]:
    """One override per value of a sweep; none for a range that is drawn from."""
    (parsed,) = OverridesParser.create().parse_overrides([override])
    if not parsed.is_sweep_override():
        return [override]
    if not parsed.is_choice_sweep():
        return []
    return [f"{parsed.get_key_element()}={value}" for value in parsed.sweep_string_iterator()]


def composed(root: str, overrides: Sequence[str]) -> Any:
    """Compose as Hydra does; options are composed once for all commands that choose the same, and numbers put into a copy."""
    choices: list[str] = []
    numbers: list[str] = []
    for override in overrides:
        (choices if is_choice(override) else numbers).append(override)
    cfg = copy.deepcopy(chosen(root, tuple(choices)))
    ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(numbers), cfg)
    return cfg


def is_choice(override: str) -> bool:
    """Whether it is one of an option; Hydra's own numbers, which cannot be changed later, are taken for such."""
    key = override.partition("=")[0].lstrip("~+").partition("@")[0]
    return key.startswith("hydra") or (ROOT / "conf" / key).is_dir()


@cache
def chosen(root: str, choices: tuple[str, ...]) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose(root, list(choices), return_hydra_config=True)


def check_pip(arguments: Sequence[str]) -> None:
    """Requirements are there, extras are in pyproject.toml, and other packages have a version."""
    command, *what = arguments
    assert command == "install"
    if what[0] == "-r":
        assert (ROOT / what[1]).is_file()
    elif what[0] == "-e":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = re.fullmatch(r"\.\[([\w,]+)\]", what[1])
        assert extras
        assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    else:
        assert re.fullmatch(r"[\w-]+==[\w.]+", what[0])
    assert len(what) == (2 if what[0][0] == "-" else 1)


def check_make(arguments: Sequence[str]) -> None:
    (target,) = arguments
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def check_dask(arguments: Sequence[str]) -> None:
    from distributed.cli import dask_scheduler, dask_worker

    programs = {"scheduler": dask_scheduler, "worker": dask_worker}
    programs[arguments[0]].main.make_context(arguments[0], list(arguments[1:]))


def check_hf(arguments: Sequence[str]) -> None:
    program = Path(sys.executable).with_name("hf")
    told = subprocess.run([program, arguments[0], "--help"], capture_output=True, text=True, check=True).stdout
    assert {word for word in arguments if word[:2] == "--"} <= set(re.findall(r"--[a-z-]+", told))


CHECKS = {"pip": check_pip, "make": check_make, "dask": check_dask, "hf": check_hf}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_understood(page: Path, tmp_path: Path) -> None:
    wrong = []
    for command in commands_of(page):
        try:
            if command.language == PYTHON:
                compile(command.text, command.page, "exec")
            else:
                check(words_of(command.text, tmp_path))
        except (Exception, SystemExit, pytest.fail.Exception) as error:
            wrong.append(f"{command.text}\n  {type(error).__name__}: {error}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.parametrize(
    "text", ["ogr2ogr b.gpkg a.gpkg", "python segment.py tiling.sise=3", "python segment.py -m tiling.size=512", "python a.py"]
)
def test_what_nobody_knows_fails(text: str, tmp_path: Path) -> None:
    with pytest.raises((Exception, pytest.fail.Exception)):
        check(words_of(text, tmp_path))


def test_every_reason_and_every_short_cut_is_needed() -> None:
    texts = [command.text for command in COMMANDS if command.page not in PAGES_NOT_RUN]
    for pattern in (*NOT_RUN, *QUICK):
        if "benchmarks" not in pattern:
            assert any(re.search(pattern, text) for text in texts), pattern


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    places = [place for place in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in place]
    for place in places:
        path, _, heading = place.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), place
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], place


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index


# ---- Running

# Runs the commands of a page one after the other in one process, as libraries take seconds to import; each as a user does:
# by its script, with its arguments. Stops at the first that fails.
SESSION = """
import json, runpy, sys, time, traceback, warnings
from pathlib import Path
root, commands = Path(sys.argv[1]), json.loads(sys.stdin.read())
warnings.filterwarnings("ignore", message=".*found in sys.modules", category=RuntimeWarning)
for number, (kind, what, arguments) in enumerate(commands):
    sys.argv, begun, code = [what, *arguments], time.monotonic(), 0
    try:
        if kind == "block":
            exec(compile(what, "<block>", "exec"), {})
        elif kind == "module":
            runpy.run_module(what, run_name="__main__")
        else:
            runpy.run_path(str(root / what), run_name="__main__")
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.write(f"== {number} {code} {time.monotonic() - begun:.1f} s\\n")
    if code:
        sys.exit(1)
"""


def quick(command: Command, words: Sequence[str]) -> list[Any]:
    """What ``SESSION`` is told."""
    if command.language == PYTHON:
        return ["block", command.text, []]
    assert words[0] == PYTHON, f"only Python is run: {command.text}; or give a reason in NOT_RUN."
    more = [one for pattern, several in QUICK.items() if re.search(pattern, command.text) for one in several]
    more = [] if {"--help", "--cfg"} & set(words) else more
    if words[1] == "-m":
        return ["module", words[2], [*words[3:], *more]]
    return ["script", words[1], [*words[2:], *more]]


RUN = {page: [one for one in COMMANDS if one.page == page and not one.reason()] for page in map(name_of, PAGES)}


def test_every_page_has_commands_that_run() -> None:
    # docs/segmenters.md and docs/cluster.md are about weights and machines that are not here.
    without = {page for page, commands in RUN.items() if not commands}
    assert without <= {*PAGES_NOT_RUN, "docs/segmenters.md", "docs/cluster.md"}


@pytest.mark.slow
@pytest.mark.timeout(900)  # of many commands, on a machine that does other work too
@pytest.mark.parametrize("page", [page for page, commands in RUN.items() if commands])
def test_the_commands_of_a_page_run(page: str, inputs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    shutil.copytree(inputs, folder, symlinks=True)
    for name in ("conf", "pyproject.toml"):  # what a user has in the folder
        (folder / name).symlink_to(ROOT / name)
    asked = [quick(one, [] if one.language == PYTHON else words_of(one.text, folder)) for one in RUN[page]]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", SESSION, str(ROOT)],
        input=json.dumps(asked),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    finished = done.stderr.count("\n== ") + done.stderr.startswith("== ")
    assert done.returncode == 0, f"{RUN[page][finished - 1]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert finished == len(asked)
    for command, line in zip(RUN[page], re.findall(r"^== .*$", done.stderr, re.MULTILINE), strict=True):
        sys.stdout.write(f"{line.split(maxsplit=3)[-1]:>8}  {command.text}\n")  # pytest -rP shows what takes how long
