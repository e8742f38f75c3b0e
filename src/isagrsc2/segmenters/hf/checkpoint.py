"""A folder that ``save_pretrained`` has written, as a network and what prepares images for it."""

import json
import textwrap
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isagrsc2.errors import InputError
from isagrsc2.segmenters.hf.architecture import Architecture
from isagrsc2.segmenters.hf.high_quality import HighQuality
from isagrsc2.segmenters.hf.multi_scale import MultiScale
from isagrsc2.segmenters.hf.plain import Plain
from isagrsc2.segmenters.hf.preparation import LongestSide, Preparation, SquareCanvas
from isagrsc2.weights.hub import CONFIG


@dataclass(frozen=True)
class Family:
    """Which classes a checkpoint is read with.

    Attributes:
        name: for people.
        model: class of transformers.
        image_processor: class of transformers.
        preparation: what surrounds the image processor.
        architecture: what surrounds the model.
    """

    name: str
    model: str
    image_processor: str
    preparation: type[Preparation]
    architecture: type[Architecture]


SAM = Family("SAM", "SamModel", "SamImageProcessor", LongestSide, Plain)
HQ_SAM = Family("HQ-SAM", "SamHQModel", "SamImageProcessor", LongestSide, HighQuality)
SAM_2 = Family("SAM 2", "Sam2Model", "Sam2ImageProcessor", SquareCanvas, MultiScale)
EDGE_TAM = Family("EdgeTAM", "EdgeTamModel", "Sam2ImageProcessor", SquareCanvas, MultiScale)
SAM_3 = Family("SAM 3", "Sam3TrackerModel", "Sam3ImageProcessor", SquareCanvas, MultiScale)

# By `model_type`. SAM 2, EdgeTAM and SAM 3 are published as models of videos; the model of images is a part of them.
FAMILIES = {
    "sam": SAM,
    "sam_hq": HQ_SAM,
    "sam2": SAM_2,
    "sam2_video": SAM_2,
    "edgetam": EDGE_TAM,
    "edgetam_video": EDGE_TAM,
    "sam3_tracker": SAM_3,
    "sam3_tracker_video": SAM_3,
    "sam3_video": SAM_3,
}


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds.

    Attributes:
        family: what it is.
        model: of transformers, on the CPU, in evaluation mode, float32.
        image_processor: of transformers.
    """

    family: Family
    model: Any
    image_processor: Any


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a folder; code that it may hold is not run, and nothing is fetched.

    Args:
        folder: with ``config.json``, ``preprocessor_config.json`` (or ``processor_config.json``) and safetensors.

    Raises:
        InputError: a model of another type; files are missing, damaged or do not fit each other; no transformers.
    """
    try:
        import transformers
    except ImportError as error:
        raise InputError("segmenter=hf needs transformers; pip install 'isagrsc2[hf]'") from error
    family = family_of(folder)
    with _quiet():
        processor = _read(transformers, family.image_processor, folder, {})
        arguments = {"use_safetensors": True, "attn_implementation": "sdpa", "dtype": "float32", "output_loading_info": True}
        model, found = _read(transformers, family.model, folder, arguments)
    missing = sorted(set(found["missing_keys"]) - _share_positions(model, found["missing_keys"]))
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} tensors of {family.name}, the first is {missing[0]}; fetch the folder again."
        )
    return Checkpoint(family, model.eval(), processor)


def _share_positions(model: Any, missing: Collection[str]) -> set[str]:
    """Give prompts and places the same code of positions where a file has it once, and say which tensors that were.

    It is one module in the published networks. transformers has two of it, and some files leave out one, as they were tied.
    """
    codes = {
        "prompt_encoder.shared_embedding.positional_embedding": model.prompt_encoder.shared_embedding.positional_embedding,
        "shared_image_embedding.positional_embedding": model.shared_image_embedding.positional_embedding,
    }
    absent = codes.keys() & missing
    if len(absent) != 1:
        return set()
    (there,) = codes.keys() - absent
    (name,) = absent
    codes[name].data.copy_(codes[there].data)
    return absent


def family_of(folder: Path) -> Family:
    """What kind of model a folder holds.

    Raises:
        InputError: another one, or ``config.json`` cannot be read.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}); fetch the folder again.") from error
    kind = config.get("model_type") if isinstance(config, Mapping) else None
    if kind not in FAMILIES:
        raise InputError(f"{path} is of model_type {kind}; segmenter=hf knows {', '.join(FAMILIES)}.")
    return FAMILIES[kind]


def _read(transformers: Any, name: str, folder: Path, arguments: dict[str, Any]) -> Any:
    try:
        return getattr(transformers, name).from_pretrained(str(folder), local_files_only=True, **arguments)
    # Files that are cut off or were made by hand fail anywhere between the first byte and the last layer.
    except Exception as error:
        reason = textwrap.shorten(str(error), 200, placeholder=" ...")
        raise InputError(f"{folder} cannot be read as {name} ({type(error).__name__}: {reason}); fetch it again.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from warning of what is meant so (an image model is taken from a video model), and from its bars."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
