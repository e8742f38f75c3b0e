"""CLIP models of open_clip: from a file, or fetched by an id."""

import difflib
import importlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isagrsc2.classification.clip.network import Tokenizer
from isagrsc2.classification.networks.normalisation import NORMALISATIONS, ColourStatistics, of_unit_range
from isagrsc2.classification.networks.published import CLIP, family_of, use_of
from isagrsc2.classification.networks.start import read_plain_state
from isagrsc2.classification.torch_files import read_torch_file
from isagrsc2.classification.torchscript import is_torchscript
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice

# Value of `classifier.checkpoint` for OpenAI's weights, or for what lies with a model of the hub or of a folder.
AUTO = "auto"
OPENAI = "openai"

# What begins the names of models that bring their own weights.
HUB, FOLDER = "hf-hub:", "local-dir:"

REMEDY = (
    "give classifier.checkpoint=PATH of a file of CLIP (open_clip's .safetensors, .bin and .pt, OpenAI's .pt) that fits "
    "classifier.model."
)

# Last parts of the names of what archives hold beside weights.
_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")

QUICK = "-quickgelu"


@dataclass(frozen=True)
class LoadedClip:
    """A CLIP model and what belongs to it.

    Attributes:
        model: of open_clip, on the CPU, in evaluation.
        tokenizer: sentences to tokens.
        colours: what its images are normalised by.
        image_size: side of its images, px.
    """

    model: Any
    tokenizer: Tokenizer
    colours: ColourStatistics
    image_size: int


def load_clip(model: str, checkpoint: str, normalisation: str, weights_dir: Path) -> LoadedClip:
    """Load a model.

    Args:
        model: open_clip's name of an architecture (``ViT-B-32-quickgelu``), ``hf-hub:OWNER/NAME`` or ``local-dir:FOLDER``.
        checkpoint: of an architecture: a file of weights, or an id that open_clip knows for it (``openai``,
            ``laion2b_s34b_b79k``), fetched once; ``auto``: ``openai``, or what lies with the model.
        normalisation: of the images, one of ``NORMALISATIONS``; ``auto``: as open_clip has it for the weights, or, of a
            file, for those published for the architecture.
        weights_dir: folder of fetched files.

    Raises:
        InputError: an option does not fit, open_clip is missing, it knows no such model, the weights cannot be had, or they
            are of something else.
    """
    check_choice("classifier.normalisation", normalisation, (AUTO, *NORMALISATIONS))
    open_clip = _import_open_clip()
    with _silent():
        if model.startswith((HUB, FOLDER)):
            if checkpoint != AUTO:
                raise InputError(
                    f"classifier.model={model} brings its own weights, so classifier.checkpoint={checkpoint} has no use; "
                    f"give classifier.checkpoint={AUTO}."
                )
            loaded = _load_whole(open_clip, model, weights_dir)
            possible = [of_unit_range(tuple(loaded.visual.image_mean), tuple(loaded.visual.image_std))]
        else:
            model = model.replace("/", "-")
            loaded, possible = _load_architecture(open_clip, model, checkpoint, weights_dir)
        tokenizer = _load_tokenizer(open_clip, model, weights_dir)
    colours = _choose_colours(model, normalisation, possible)
    return LoadedClip(loaded.eval(), tokenizer, colours, _image_size(loaded, model))


def _import_open_clip() -> Any:
    try:
        return importlib.import_module("open_clip")
    except ImportError:
        raise InputError("classifier=clip needs open_clip; pip install 'isagrsc2[clip]'") from None


def _load_whole(open_clip: Any, model: str, weights_dir: Path) -> Any:
    """A model that brings its configuration and weights."""
    try:
        return open_clip.create_model(model, cache_dir=str(weights_dir), require_pretrained=True, weights_only=True)
    except Exception as error:  # of files, of the network, of the hub's client, of torch
        raise InputError(f"classifier.model={model} cannot be loaded ({_reason(error)}); {_by_hand(model)}") from None


def _load_architecture(open_clip: Any, name: str, checkpoint: str, weights_dir: Path) -> tuple[Any, list[ColourStatistics]]:
    """A model of a known architecture with weights of a file or of an id, and by what its images may be normalised."""
    known = open_clip.list_models()
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, n=4, cutoff=0.4)) or "ViT-B-32-quickgelu"
        raise InputError(
            f"classifier.model={name} is no architecture that open_clip knows; choose one ({near}, ...), {HUB}OWNER/NAME or "
            f"{FOLDER}FOLDER."
        )
    published = {one: open_clip.get_pretrained_cfg(name, one) for one in open_clip.list_pretrained_tags_by_model(name)}
    wanted = OPENAI if checkpoint == AUTO else checkpoint
    path = Path(wanted).expanduser()
    if path.is_file():
        quick, possible = is_torchscript(path), list(published.values())
    elif wanted in published:
        quick, possible = published[wanted].get("quick_gelu", False), [published[wanted]]
    else:
        raise InputError(
            f"classifier.checkpoint={checkpoint} is neither a file nor an id that open_clip has for {name} "
            f"({', '.join(published) or 'it has none'}); {REMEDY}"
        )
    if quick and not open_clip.get_model_config(name).get("quick_gelu", False) and f"{name}{QUICK}" in known:
        # They would load, and see worse.
        raise InputError(f"{wanted} was trained with the activation QuickGELU; give classifier.model={name}{QUICK}.")
    if not path.is_file():
        path = _fetch(open_clip, name, wanted, published[wanted], weights_dir)
    try:
        model = open_clip.create_model(name, load_weights=False, pretrained_text=False, cache_dir=str(weights_dir))
    except Exception as error:  # some take their text encoder from the hub
        raise InputError(f"classifier.model={name} cannot be built ({_reason(error)}); {_by_hand(name)}") from None
    _load_file(open_clip, model, name, path)
    return model, [_colours(one) for one in possible]


def _load_file(open_clip: Any, model: Any, name: str, path: Path) -> None:
    """Load the weights of a file into a model."""
    try:
        if is_torchscript(path):
            state = read_torch_file(path, REMEDY)
            model.load_state_dict({key: value for key, value in state.items() if key.split(".")[-1] not in _NO_WEIGHTS})
        else:
            open_clip.load_checkpoint(model, str(path), weights_only=True)
    except InputError:
        raise
    except Exception as error:  # damaged bytes and other networks lead to errors of any kind
        reason = _reason(error)
    else:
        return
    state = _state_of(path)
    family = family_of(state)
    if family not in (None, CLIP):
        raise InputError(f"{use_of(path, state)}.")
    what = f"does not fit classifier.model={name}" if family == CLIP else f"is not CLIP's {name}"
    raise InputError(f"{path} {what} ({reason}); {REMEDY}")


def _state_of(path: Path) -> Mapping[str, Any]:
    """Names and tensors in a file that could not be loaded; none where it is no file of weights at all."""
    if path.suffix == ".safetensors":
        return read_plain_state(path, REMEDY)
    content = read_torch_file(path, REMEDY)
    content = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    return content if isinstance(content, Mapping) else {}


def _fetch(open_clip: Any, name: str, wanted: str, of_id: Mapping[str, Any], weights_dir: Path) -> Path:
    """The file of an id, fetched once; the hub's client and open_clip check its hash."""
    try:
        return Path(open_clip.download_pretrained(of_id, cache_dir=str(weights_dir)))
    except Exception as error:  # of the network, of the hub's client
        raise InputError(f"CLIP's {name}, {wanted}, cannot be fetched ({_reason(error)}); {_by_hand(name)}") from None


def _load_tokenizer(open_clip: Any, model: str, weights_dir: Path) -> Tokenizer:
    try:
        tokenizer: Tokenizer = open_clip.get_tokenizer(model, cache_dir=str(weights_dir))
    except Exception as error:  # some are fetched from the hub, some need further packages
        raise InputError(f"the tokenizer of classifier.model={model} cannot be loaded ({_reason(error)}).") from None
    return tokenizer


def _colours(published: Mapping[str, Any]) -> ColourStatistics:
    """What the images of published weights are normalised by."""
    return of_unit_range(tuple(published["mean"]), tuple(published["std"]))


def _choose_colours(name: str, normalisation: str, possible: list[ColourStatistics]) -> ColourStatistics:
    """What is asked for, else the only possibility, else CLIP's."""
    if normalisation != AUTO:
        return NORMALISATIONS[normalisation]
    distinct = set(possible)
    if len(distinct) > 1:
        names = [one for one, statistics in NORMALISATIONS.items() if statistics in distinct]
        raise InputError(
            f"weights of {name} are published for images of different normalisation, and a file does not say which it is; "
            f"give classifier.normalisation={' or '.join(names)} (most are of clip)."
        )
    return distinct.pop() if distinct else NORMALISATIONS["clip"]


def _image_size(model: Any, name: str) -> int:
    size = model.visual.image_size
    sides = set(size) if isinstance(size, tuple | list) else {size}
    if len(sides) != 1:
        raise InputError(f"classifier.model={name} takes images of {size} px, which are not square; choose another.")
    return int(sides.pop())


@contextmanager
def _silent() -> Iterator[None]:
    """open_clip tells every step to the root logger; what matters of it comes back as an error."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def _by_hand(model: str) -> str:
    return (
        f"without a network give classifier.checkpoint=PATH of a file for {model}"
        if not model.startswith((HUB, FOLDER))
        else f"without a network give classifier.model={FOLDER}FOLDER of one that holds open_clip_config.json and the weights"
    )


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{text[:160]}..." if len(text) > 160 else text or type(error).__name__
