import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from tiny_folders import fill, seed_layout
from tiny_scenes import LOADING, SPLIT, GridFinder, labelled_pngs

from isagrsc2.classification.data.base import ChipDataModule, ChipSet, ChipSplits
from isagrsc2.classification.data.image_folder import ImageFolder
from isagrsc2.classification.data.labelled_scenes import LabelledScenes
from isagrsc2.classification.data.mixed import MixedChips
from isagrsc2.errors import InputError
from isagrsc2.scene.stretch import NoStretch

CONF = Path(__file__).parents[3] / "conf"

SIZE = LOADING["chip_size"]
CLASSES = ("not_cultivated", "cultivated")


class Grey(ChipDataModule):
    """Chips of one brightness, named by their number; counts of train, val and test."""

    def __init__(self, brightness, counts, class_names=CLASSES, cultivated=("cultivated",), **changes):
        super().__init__(**(LOADING | changes))
        self.brightness = brightness
        self.counts = counts
        self.classes = (class_names, cultivated)
        self.loaded = 0

    def load(self):
        self.loaded += 1
        return ChipSplits(*self.classes, *(self.chips(count) for count in self.counts))

    def chips(self, count):
        labels = [number % 2 for number in range(count)]
        return ChipSet(labels, labels, [f"{self.brightness}, chip {number}" for number in range(count)], self.read)

    def read(self, label):
        return np.full((self.chip_size, self.chip_size, 3), self.brightness + label, np.uint8)


class Refusing(Grey):
    def load(self):
        raise InputError("data.path is missing; give data.path=IMAGES.")


def mix(sources, **changes):
    return MixedChips(sources=sources, **(LOADING | changes))


def folder(root, **changes):
    arguments = {
        "root": str(root),
        "classes": "as_named",
        "cultivated": ["field"],
        "labels": "binary",
        **SPLIT,
    }
    return ImageFolder(**(arguments | changes))


def scenes(root, **changes):
    arguments = {
        "path": str(root / "images"),
        "reference": str(root / "via_regions.json"),
        "bands": "auto",
        "stretch": NoStretch(),
        "finder": GridFinder(),
        "positives": "both",
        "max_inside": 0.2,
        "min_inside": 0.8,
        "min_area": 10,
        "per_scene": 100,
        **SPLIT,
    }
    return LabelledScenes(**(arguments | changes))


def pairs(part):
    return list(zip(part.names, part.labels, strict=True))


def test_each_side_has_the_chips_of_all_sources_in_order():
    data = mix({"dark": Grey(10, (2, 1, 0)), "bright": Grey(200, (1, 2, 3))})
    splits = data.splits
    assert (splits.class_names, splits.cultivated) == (CLASSES, ("cultivated",))
    assert pairs(splits.train) == [("10, chip 0", 0), ("10, chip 1", 1), ("200, chip 0", 0)]
    assert pairs(splits.val) == [("10, chip 0", 0), ("200, chip 0", 0), ("200, chip 1", 1)]
    assert pairs(splits.test) == [("200, chip 0", 0), ("200, chip 1", 1), ("200, chip 2", 0)]
    assert [int(splits.val.chip(index)[0, 0, 0]) for index in range(3)] == [10, 200, 201]


def test_batches_are_drawn_from_all_sources_and_augmented_once():
    brighter = {"augment": lambda chip: chip + 3}
    data = mix({"dark": Grey(10, (5, 1, 0), **brighter), "bright": Grey(200, (3, 1, 0), **brighter)}, **brighter)
    seen = {}
    for chips, labels, indices in data.train_dataloader():
        assert chips.shape == (4, 3, SIZE, SIZE)
        found = zip(chips[:, 0, 0, 0].tolist(), labels.tolist(), strict=True)
        seen |= dict(zip(indices.tolist(), found, strict=True))
    expected = [(10 + number % 2 + 3, number % 2) for number in range(5)] + [
        (203 + number % 2, number % 2) for number in range(3)
    ]
    assert seen == dict(enumerate(expected))


def test_one_source_is_enough_and_sources_can_be_mixed_themselves():
    source = Grey(10, (4, 2, 1))
    inner = mix({"only": source})
    splits = mix({"inner": inner, "other": Grey(200, (1, 1, 1))}).splits
    assert pairs(inner.splits.train) == pairs(source.splits.train)
    assert splits.train.names == [*source.splits.train.names, "200, chip 0"]
    assert source.loaded == 1


def test_folders_and_scenes_together_as_they_are_alone(tmp_path):
    chips, fields = seed_layout(tmp_path / "chips"), labelled_pngs(tmp_path / "scenes")
    data = mix({"labelled": scenes(fields), "folder": folder(chips)}, workers=1)
    alone = [scenes(fields).splits, folder(chips).splits]
    for side in ("train", "val", "test"):
        whole, parts = getattr(data.splits, side), [getattr(one, side) for one in alone]
        assert pairs(whole) == [pair for part in parts for pair in pairs(part)]
        own = [part.chip(index) for part in parts for index in range(len(part.labels))]
        assert all((whole.chip(index) == chip).all() for index, chip in enumerate(own))
    read = torch.cat([batch[0] for batch in data.val_dataloader()])  # by another process
    assert (read.permute(0, 2, 3, 1).numpy() == np.stack([data.splits.val.chip(index) for index in range(len(read))])).all()


def test_chips_have_one_size_whatever_a_source_was_given():
    inner = mix({"small": Grey(10, (1, 1, 1), chip_size=8)}, chip_size=9)
    splits = mix({"inner": inner, "large": Grey(200, (1, 1, 1), chip_size=32)}).splits
    assert [splits.train.chip(index).shape for index in range(2)] == [(SIZE, SIZE, 3)] * 2


def test_the_chips_of_each_source_are_counted_in_the_log(caplog):
    with caplog.at_level(logging.INFO):
        _ = mix({"dark": Grey(10, (2, 1, 0)), "bright": Grey(200, (1, 2, 3))}).splits
    assert caplog.messages == [
        "data.sources.dark: chips of train, val and test: 2, 1, 0",
        "data.sources.bright: chips of train, val and test: 1, 2, 3",
    ]


def test_other_classes_name_both_sources(tmp_path):
    fill(tmp_path / "wood", 5)
    fill(tmp_path / "field", 5)
    data = mix({"drawn": Grey(10, (2, 1, 1)), "folder": folder(tmp_path, labels="folders")})
    with pytest.raises(InputError) as caught:
        _ = data.splits
    assert str(caught.value) == (
        "data.sources.drawn has not_cultivated, cultivated (cultivated: cultivated), but data.sources.folder has field, wood "
        "(cultivated: field): sources that are joined need the same classes; give labels=binary to the one that has more than "
        "two, or leave it out, as in '~data.sources.folder'."
    )


@pytest.mark.parametrize(
    "other",
    [
        {"class_names": CLASSES[::-1]},  # labels are positions in the names
        {"cultivated": ()},
    ],
)
def test_the_same_names_are_not_enough(other):
    with pytest.raises(InputError, match=r"data\.sources\.b has .*need the same classes"):
        _ = mix({"a": Grey(10, (2, 1, 1)), "b": Grey(200, (2, 1, 1), **other)}).splits


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({}, r"^data\.sources names no source of chips"),
        ({"a": {"root": "chips"}}, r"^data\.sources\.a makes no chips; add a source by \+data@data\.sources\.a=OPTION\.$"),
    ],
)
def test_sources_that_do_not_fit(sources, words):
    with pytest.raises(InputError, match=words):
        mix(sources)


def test_what_is_wrong_with_a_source_says_which_it_is():
    sources = {"drawn": Grey(10, (2, 1, 1)), "labelled": Refusing(10, (2, 1, 1))}
    words = r"^data\.sources\.labelled, called data in what follows: data\.path is missing; give data\.path=IMAGES\.$"
    with pytest.raises(InputError, match=words):
        _ = mix(sources).splits


def option(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", ["data=mixed", "data.workers=0", *overrides]).data


def test_the_option_has_one_chip_size_for_all_sources():
    few = ("data.sources.synthetic.scenes={train: 1, val: 1, test: 1}", "data.sources.synthetic.scene_size=128")
    data = option("~data.sources.labelled", *few, "data.chip_size=24")
    assert instantiate(data).splits.train.chip(0).shape == (24, 24, 3)
    # As evaluate.py does when it knows the checkpoint.
    assert instantiate(data, chip_size=20).splits.train.chip(0).shape == (20, 20, 3)


def test_the_option_takes_another_source(tmp_path):
    folder = ("+data@data.sources.folder=image_folder", f"data.sources.folder.root={seed_layout(tmp_path)}")
    splits = instantiate(option("~data.sources.labelled", "~data.sources.synthetic", *folder, "data.chip_size=24")).splits
    assert len(splits.test.labels) == 8
    assert splits.test.chip(0).shape == (24, 24, 3)


def test_the_option_asks_for_scenes_before_it_draws_any(caplog):
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(InputError, match=r"^data\.sources\.labelled, .*: data\.path and data\.reference are missing"),
    ):
        _ = instantiate(option()).splits
    assert not caplog.messages
