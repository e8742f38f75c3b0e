"""What CLIP is asked: phrases that describe land, each put into several templates."""

from collections.abc import Sequence

from isagrsc2.classification.class_mapping import Classes
from isagrsc2.errors import InputError

# Where the phrase stands in a template.
PLACE = "{}"


class Prompts:
    """Phrases of cultivated and of other land, and templates of sentences around them.

    Attributes:
        classes: the K phrases as classes, spaces as underscores; those of cultivated land first.
    """

    def __init__(self, templates: Sequence[str], cultivated: Sequence[str], not_cultivated: Sequence[str]) -> None:
        """Check them.

        Args:
            templates: sentences that hold ``{}`` once.
            cultivated: phrases of cultivated land.
            not_cultivated: phrases of any other land.

        Raises:
            InputError: one of the lists is empty or no list of texts, a template has no place for a phrase, or a phrase is
                given twice.
        """
        lists = {"templates": templates, "cultivated": cultivated, "not_cultivated": not_cultivated}
        for name, texts in lists.items():
            if isinstance(texts, str) or not texts or not all(isinstance(text, str) and text.strip() for text in texts):
                raise InputError(f"classifier.{name}={texts} does not fit; give a list of texts, as in '[one text,another]'.")
        for template in templates:
            if template.count(PLACE) != 1:
                raise InputError(
                    f"classifier.templates: `{template}` must hold {PLACE} once, where the phrase stands, as in "
                    f"`satellite photo of {PLACE}.`"
                )
        phrases = [*cultivated, *not_cultivated]
        names = [phrase.strip().replace(" ", "_") for phrase in phrases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                f"classifier.cultivated and classifier.not_cultivated hold {', '.join(twice)} twice; one phrase is one class."
            )
        self.classes = Classes("classifier=clip", tuple(names), tuple(names[: len(cultivated)]))
        self._templates = tuple(templates)
        self._phrases = tuple(phrases)

    @property
    def sentences(self) -> list[list[str]]:
        """K lists: of each class its phrase in every template."""
        return [[template.replace(PLACE, phrase) for template in self._templates] for phrase in self._phrases]
