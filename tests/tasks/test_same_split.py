from isagrsc2.tasks.same_split import differences_of_split

OPTION = {"_target_": "a.ImageFolder", "root": "chips", "seed": 0, "test_share": 0.25, "chip_size": 64, "workers": 2}


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
