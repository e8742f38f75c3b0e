"""The network: a timm ResNet with CBAM (Woo et al. 2018) after the last convolution of every block, before the sum.

timm builds it; this file adds the contract: bytes in, logits out.
"""

import timm
from timm.layers.cbam import CbamModule
from torch import Tensor, nn

from isagrsc2.classification.normalisation import ImageNetNormalisation
from isagrsc2.errors import InputError

# Our names of attentions, and timm's.
ATTENTIONS = {"cbam": "cbam", "none": None}


class ChipNetwork(nn.Module):
    """Bytes of RGB in, logits out: every classifier of chips keeps to this, whatever it makes of the colours.

    Attributes:
        normalise: bytes to floats.
        body: timm's network.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.normalise = ImageNetNormalisation()
        self.body = body

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 RGB to (N, K) logits."""
        logits: Tensor = self.body(self.normalise(chips))
        return logits


def build_network(architecture: str, attention: str, num_classes: int) -> ChipNetwork:
    """Build a network with random weights.

    Args:
        architecture: timm's name of a ResNet, such as ``resnet50``.
        attention: ``cbam`` or ``none``.
        num_classes: K.

    Raises:
        InputError: timm does not know the architecture, it takes no attention, or the attention is unknown.
    """
    if attention not in ATTENTIONS:
        raise InputError(f"attention={attention} is not known; choose from {', '.join(ATTENTIONS)}.")
    if not timm.is_model(architecture):
        raise InputError(f"architecture={architecture} is not known to timm; give a ResNet's name, such as resnet50.")
    try:
        body = timm.create_model(architecture, num_classes=num_classes, block_args={"attn_layer": ATTENTIONS[attention]})
    except TypeError:
        raise InputError(f"architecture={architecture} takes no block attention; give a ResNet, such as resnet50.") from None
    return ChipNetwork(body)


def attention_keys(body: nn.Module) -> set[str]:
    """Names, in the state dict, of everything that belongs to the attention."""
    return {
        f"{name}.{key}"
        for name, module in body.named_modules()
        if isinstance(module, CbamModule)
        for key in module.state_dict()
    }
