"""What a classifier starts to learn from: random weights, those of a plain network, or those of a trained classifier."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from isagrsc2.classification.networks.network import ChipNetwork
from isagrsc2.classification.networks.start import REMEDY, start_from
from isagrsc2.classification.torch_files import read_torch_file
from isagrsc2.classification.trained import Trained, check_same_network, load_trained
from isagrsc2.classification.weights_file import FORMAT, SUFFIX
from isagrsc2.weights.embedded import IN_PACKAGE, resolve
from isagrsc2.weights.registry import CLASSIFIER

# Of checkpoints of ``train.py``.
_CHECKPOINT = ".ckpt"

# Of a network, all that decides which weights it has.
_STRUCTURE = ("architecture", "attention", "colour")


def give_first_weights(network: ChipNetwork, backbone: Mapping[str, Any], class_names: Sequence[str]) -> None:
    """Give a new network the weights that it starts from.

    Args:
        network: built from ``backbone``, changed in place.
        backbone: its ``pretrained`` is ``embedded`` (the classifier in the package), the path of a classifier (a checkpoint of
            ``train.py``, or weights exported from one), or what ``start_from`` takes.
        class_names: K names, in the order of the logits; the linear layer of a classifier of other classes stays random.

    Raises:
        InputError: the weights cannot be had or do not fit.
    """
    pretrained = backbone["pretrained"]
    path = None if isinstance(pretrained, bool) else resolve(str(pretrained), CLASSIFIER)
    if path is None or not (pretrained == IN_PACKAGE or _is_classifier(path)):
        start_from(network, backbone)
        return
    trained = load_trained(path, REMEDY)
    check_same_network(path, trained.backbone, {part: backbone[part] for part in _STRUCTURE})
    _load(network, trained, class_names)


def _is_classifier(path: Path) -> bool:
    """Whether a file is of a classifier of ours; what cannot be read is reported by whoever reads it as something else."""
    if path.suffix == _CHECKPOINT:
        content = read_torch_file(path, REMEDY)
        return isinstance(content, Mapping) and "hyper_parameters" in content
    if path.suffix != SUFFIX:
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


def _load(network: ChipNetwork, trained: Trained, class_names: Sequence[str]) -> None:
    state = trained.network.state_dict()
    if trained.class_names != tuple(class_names):
        linear = network.get_classifier()
        (name,) = (name for name, module in network.named_modules() if module is linear)
        state = {key: value for key, value in state.items() if not key.startswith(f"{name}.")}
    network.load_state_dict(state, strict=False)
