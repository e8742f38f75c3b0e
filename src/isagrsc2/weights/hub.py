"""A model of the Hugging Face hub, as the folder it is: found locally, or fetched once on demand."""

import logging
import re
import textwrap
from pathlib import Path

from isagrsc2.errors import InputError

logger = logging.getLogger(__name__)

CONFIG = "config.json"
# All that is read of a model. Pickled weights, which other files may hold, are never fetched.
WEIGHTS = ("model.safetensors", "model-*.safetensors")
FILES = (CONFIG, "preprocessor_config.json", "processor_config.json", "model.safetensors.index.json", *WEIGHTS)

_ID = re.compile(r"[\w.-]+/[\w.-]+")


def locate_model(checkpoint: str, revision: str) -> Path:
    """The folder of a model.

    Args:
        checkpoint: a folder, or an id of the hub, ``owner/name``. What was fetched once, by whatever program, is taken from
            the cache of the hub's client (``HF_HOME``) and not looked up again.
        revision: branch, tag or commit of an id; a folder has none.

    Raises:
        InputError: neither of them; not to be fetched; or the folder lacks the configuration or the weights.
    """
    path = Path(checkpoint).expanduser()
    if path.is_file():
        raise InputError(f"{path} is a file; segmenter.checkpoint of segmenter=hf is the folder with {CONFIG} and weights.")
    if path.is_dir():
        _check_complete(path)
        return path
    if not _ID.fullmatch(checkpoint):
        raise InputError(f"{path} is no folder; give segmenter.checkpoint=FOLDER, or an id of the hub as in OWNER/NAME.")
    return _fetch(checkpoint, revision)


def files_of(folder: Path) -> list[Path]:
    """Files of a model that its results depend on, by name."""
    return sorted(path for path in folder.iterdir() if any(path.match(pattern) for pattern in FILES))


def _fetch(name: str, revision: str) -> Path:
    # timm, which the classifiers are made of, needs this package, too.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, OfflineModeIsEnabled

    def snapshot(cached: bool) -> Path:
        folder = snapshot_download(name, revision=revision, allow_patterns=list(FILES), local_files_only=cached)
        _check_complete(Path(folder))
        return Path(folder)

    try:
        return snapshot(cached=True)
    except (LocalEntryNotFoundError, InputError):
        logger.info("fetching %s, revision %s, from the Hugging Face hub", name, revision)
    by_hand = f"Where there is a network, `hf download {name} --local-dir FOLDER`; then segmenter.checkpoint=FOLDER."
    try:
        return snapshot(cached=False)
    except InputError:
        raise
    except GatedRepoError as error:
        raise InputError(
            f"{name} is only for who has accepted its licence: do so on its page of the hub, then `hf auth login`. {by_hand}"
        ) from error
    # Names, proxies, servers, disks: the client has a class for everything that can go wrong, and its own.
    except Exception as error:
        why = error.__cause__ or error
        reason = "HF_HUB_OFFLINE is set" if isinstance(why, OfflineModeIsEnabled) else f"{type(why).__name__}: {why}"
        reason = textwrap.shorten(reason, 160, placeholder=" ...")
        raise InputError(
            f"{name} is no folder here, and as an id of the hub it cannot be fetched ({reason}). {by_hand}"
        ) from error


def _check_complete(folder: Path) -> None:
    remedy = "give the folder that `hf download OWNER/NAME --local-dir FOLDER` or save_pretrained leaves."
    if not (folder / CONFIG).is_file():
        raise InputError(f"{folder} has no {CONFIG}; {remedy}")
    if not any(path.match(pattern) for path in folder.iterdir() for pattern in WEIGHTS):
        raise InputError(f"{folder} has no {WEIGHTS[0]}, and other formats are not read; {remedy}")
