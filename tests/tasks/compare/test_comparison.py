"""What is shown of runs, and how they are called and sorted."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from isagrsc2.errors import InputError
from isagrsc2.tasks.compare.comparison import Comparison, compare
from isagrsc2.tasks.compare.differences import differing_options
from isagrsc2.tasks.compare.figures import best_value, choose_figures, figure_text, sorted_by
from isagrsc2.tasks.compare.runs import Run


def make_run(name: str, figures: dict[str, float], **changes: Any) -> Run:
    values: dict[str, Any] = {"kind": "segment", "choices": {}, "options": {}, "monitored": None}
    return Run(**{"folder": Path("/out") / name, "figures": figures, **values, **changes})


def test_only_options_that_differ() -> None:
    one = make_run(
        "a", {}, options={"seed": 0, "tiling.size": 512, "output_dir": "a", "logger.name": "a", "scene.bands": [1, 2]}
    )
    two = make_run("b", {}, options={"seed": 0, "tiling.size": 256, "output_dir": "b", "logger.name": "b", "scene.bands": [3]})
    assert differing_options([one, two]) == {"tiling.size": ["512", "256"], "scene.bands": ["[1,2]", "[3]"]}
    assert differing_options([one]) == differing_options([one, one]) == {}


def test_below_a_choice_only_runs_of_the_same_choice_are_compared() -> None:
    def run(segmenter: str, **options: Any) -> Run:
        named = {f"segmenter.{name}": value for name, value in options.items()}
        return make_run("x", {}, choices={"segmenter": segmenter, "logger": segmenter}, options=named)

    sam, regions = run("sam", checkpoint="b", least=3), run("regions", scale=0.5, least=4)
    assert differing_options([sam, regions]) == {"segmenter": ["sam", "regions"]}
    other = run("regions", scale=0.25, least=4)
    expected = {"segmenter": ["sam", "regions", "regions"], "segmenter.scale": ["-", "0.5", "0.25"]}
    assert differing_options([sam, regions, other]) == expected


def test_a_group_inside_another_option_stands_where_it_is_put() -> None:
    def run(chosen: str, value: int) -> Run:
        return make_run(
            "x",
            {},
            choices={"data/augment": chosen, "hierarchy@segmenter.borders": chosen},
            options={"data.augment.flip": value, "segmenter.borders.n": value},
        )

    assert differing_options([run("a", 1), run("b", 2)]) == {
        "data/augment": ["a", "b"],
        "hierarchy@segmenter.borders": ["a", "b"],
    }


def test_the_most_telling_figures_come_first() -> None:
    figures = {"seconds/read": 1.0, "coverage/round_1": 0.5, "coverage/round_2": 0.75, "seconds/total": 2.0, "parcels/iou": 0.5}
    assert choose_figures([make_run("a", figures)], ()) == ["parcels/iou", "coverage/round_2", "seconds/total"]
    assert choose_figures([make_run("a", figures)], ["seconds/*", "parcels/iou"]) == [
        "seconds/read",
        "seconds/total",
        "parcels/iou",
    ]
    training = make_run("a", {f"val/{number}": 0.0 for number in range(20)}, monitored=("val/7", "max"))
    assert choose_figures([training], ())[:2] == ["val/7", "val/0"]
    assert len(choose_figures([training], ())) == 8
    with pytest.raises(InputError) as caught:
        choose_figures([make_run("a", {"x": 1.0})], ["y*"])
    assert str(caught.value) == "--figures y* fits no figure of these runs; choose from x."


def test_the_best_comes_first_in_the_direction_of_the_figure() -> None:
    runs = [
        make_run("a", {"parcels/iou": 0.5, "val/loss": 1.0, "parcels/count": 3}),
        make_run("b", {"parcels/iou": 0.75, "val/loss": 2.0, "parcels/count": 5}),
        make_run("c", {}),
    ]
    for figure, order, best in (("parcels/iou", "bac", 0.75), ("val/loss", "abc", 1.0), ("parcels/count", "bac", None)):
        assert [run.folder.name for run in sorted_by(runs, figure)] == list(order)
        assert best_value(runs, figure) == best
    # What the best checkpoint was chosen by is told by the run.
    told = [make_run("a", {"val/f1": 0.5}, monitored=("val/f1", "min")), make_run("b", {"val/f1": 0.75})]
    assert best_value(told, "val/f1") == 0.5
    assert best_value(runs[:1], "parcels/iou") is None  # nothing to compare with
    assert best_value([runs[0], runs[0]], "parcels/iou") is None
    with pytest.raises(InputError) as caught:
        sorted_by(runs, "iou")
    assert str(caught.value) == "--sort iou is no figure of these runs; choose from parcels/count, parcels/iou, val/loss."


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (1.0, "1"), (0.12345, "0.1235"), (12.345, "12.35"), (123.456, "123.5"), (1234.5, "1234")]
)
def test_figures_as_text(value: float | None, text: str) -> None:
    assert figure_text(value) == text


def printed(comparison: Comparison) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(comparison.table())
    return captured.get()


def test_runs_of_a_kind_are_compared_among_themselves(tmp_path: Path) -> None:
    runs = [
        make_run("s/[a]", {"parcels/iou": 0.5, "parcels/extra": 1.0}, options={"tiling.size": 64}),
        make_run("s/b", {"parcels/iou": 0.75}, options={"tiling.size": 32}),
        make_run("t/c", {"val/accuracy": 0.25}, kind="train classifier", options={"seed": 1}),
    ]
    segment, train = compare(runs, (), None)
    assert (segment.kind, segment.names, segment.sort) == ("segment", ["b", "[a]"], "parcels/iou")
    assert (segment.options, segment.left_out()) == ({"tiling.size": ["32", "64"]}, ["parcels/extra"])
    assert (train.kind, train.names, train.figures) == ("train classifier", ["c"], ["val/accuracy"])
    text = printed(segment)
    assert segment.title == "segment: 2 runs by parcels/iou, the best first"
    assert text.index("0.7500") < text.index("[a]") < text.index("0.5000")
    assert train.title == "train classifier: 1 run by val/accuracy, the best first"
    # Asked for figures of one kind only.
    (only,) = compare(runs, ["parcels/*"], "parcels/extra")
    assert (only.figures, only.names) == (["parcels/iou", "parcels/extra"], ["[a]", "b"])
    for comparison in (segment, train, only):
        comparison.draw(tmp_path / "picture.png")
        with Image.open(tmp_path / "picture.png") as picture:
            assert picture.width > 300


def test_the_picture_has_a_point_per_figure(tmp_path: Path) -> None:
    runs = [make_run(name, {"parcels/iou": iou, "seconds/total": 1.0}) for name, iou in (("a", 0.5), ("b", 0.75))]
    (comparison,) = compare(runs, (), None)
    comparison.draw(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(2**20)}
    assert {(0x2C, 0x7A, 0x39), (0x3B, 0x75, 0xAF)} <= colours  # the best, and the others
