from isagrsc2.tasks.same_split import differences_of_split

OPTION = {"_target_": "a.ImageFolder", "root": "chips", "seed": 0, "test_share": 0.25, "chip_size": 64, "workers": 2}
SCENES = {"_target_": "a.LabelledScenes", "path": "scenes", "seed": 0, "val_share": 0.2, "chip_size": 64}
DRAWN = {"_target_": "a.SyntheticChips", "seed": 0, "chip_size": 64}
MIXED = {"_target_": "a.MixedChips", "seed": 0, "chip_size": 64, "sources": {"labelled": SCENES, "synthetic": DRAWN}}


def test_the_same_split():
    assert differences_of_split(OPTION, OPTION) == {}
    assert differences_of_split(OPTION, {**OPTION, "root": "./x/../chips", "chip_size": 128, "workers": 0}) == {}


def test_another_seed_or_share_splits_otherwise():
    assert differences_of_split(OPTION, {**OPTION, "seed": 3, "test_share": 0.1}) == {"seed": (0, 3), "test_share": (0.25, 0.1)}


def test_other_files_were_not_seen():
    assert differences_of_split(OPTION, {**OPTION, "root": "others", "seed": 3}) == {}
    assert differences_of_split(OPTION, {**OPTION, "_target_": "a.Usgs", "seed": 3}) == {}
    drawn = {"_target_": "a.SyntheticChips", "seed": 0}
    assert differences_of_split(drawn, {**drawn, "seed": 3}) == {}


def mixed(**sources):
    return {**MIXED, "sources": sources}


def test_sources_that_are_joined_are_looked_at_one_by_one():
    assert differences_of_split(MIXED, MIXED) == {}
    # Of the order of chips, and of what is drawn anew.
    assert differences_of_split(MIXED, {**MIXED, "seed": 3, "batch_size": 8}) == {}
    now = mixed(labelled={**SCENES, "seed": 3, "chip_size": 32}, synthetic={**DRAWN, "seed": 3})
    assert differences_of_split(MIXED, now) == {"sources.labelled.seed": (0, 3)}
    assert differences_of_split(MIXED, mixed(outer=now)) == {"sources.outer.sources.labelled.seed": (0, 3)}


def test_a_source_is_the_same_under_another_name_and_alone():
    other = {**SCENES, "val_share": 0.5}
    assert differences_of_split(MIXED, mixed(mine=other)) == {"sources.mine.val_share": (0.2, 0.5)}
    assert differences_of_split(MIXED, other) == {"val_share": (0.2, 0.5)}
    assert differences_of_split(other, MIXED) == {"sources.labelled.val_share": (0.5, 0.2)}
    assert differences_of_split(MIXED, {**other, "path": "others"}) == {}
    assert differences_of_split(MIXED, mixed(labelled={**other, "path": "others"}, synthetic=DRAWN)) == {}
