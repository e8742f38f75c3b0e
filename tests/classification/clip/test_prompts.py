import pytest

from isagrsc2.classification.clip.prompts import Prompts
from isagrsc2.errors import InputError


def test_every_phrase_stands_in_every_template():
    prompts = Prompts(["photo of {}.", "{} from above"], ["a paddy field"], ["lake or sea", "forest"])
    assert prompts.sentences == [
        ["photo of a paddy field.", "a paddy field from above"],
        ["photo of lake or sea.", "lake or sea from above"],
        ["photo of forest.", "forest from above"],
    ]
    assert prompts.classes.names == ("a_paddy_field", "lake_or_sea", "forest")
    assert prompts.classes.cultivated == ("a_paddy_field",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"templates": []}, r"classifier\.templates=\[\] does not fit; give a list of texts"),
        ({"templates": "photo of {}"}, r"classifier\.templates=photo of \{\} does not fit"),
        ({"templates": ["photo of {}.", "a photo"]}, r"`a photo` must hold \{\} once"),
        ({"templates": ["{} and {}"]}, r"`\{\} and \{\}` must hold \{\} once"),
        ({"cultivated": []}, r"classifier\.cultivated=\[\]"),
        ({"not_cultivated": ["forest", 3]}, r"classifier\.not_cultivated=\['forest', 3\]"),
        ({"not_cultivated": ["forest", "farmland"]}, "hold farmland twice"),
    ],
)
def test_bad_prompts(changes, words):
    given = {"templates": ["{}."], "cultivated": ["farmland"], "not_cultivated": ["forest"]} | changes
    with pytest.raises(InputError, match=words) as caught:
        Prompts(**given)
    assert "\n" not in str(caught.value)
