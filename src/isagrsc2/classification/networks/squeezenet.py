"""SqueezeNet 1.0 (Iandola et al. 2016) of torchvision, plain or with CBAM after every fire module."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from timm.layers.cbam import CbamModule
from torch import Tensor, nn
from torchvision.models.squeezenet import Fire, SqueezeNet, SqueezeNet1_0_Weights

from isagrsc2.classification.networks.fetching import fetching
from isagrsc2.classification.networks.network import ChipNetwork
from isagrsc2.classification.networks.normalisation import NORMALISATIONS

FIRST = "features.0"
LAST = "classifier.1"


class GatedSqueezeNet(SqueezeNet):
    """torchvision's network with a place for attention after every layer, filled after fire modules.

    Attributes:
        attention: one module per layer of ``features``; those that do nothing are ``Identity``.
    """

    def __init__(self, attention: str, num_classes: int) -> None:
        super().__init__("1_0", num_classes)
        fires = [layer if isinstance(layer, Fire) and attention == "cbam" else None for layer in self.features]
        self.attention = nn.ModuleList(CbamModule(_channels(fire)) if fire else nn.Identity() for fire in fires)
        # torchvision's fourth, a ReLU between convolution and mean, goes: a class whose logit falls below 0 on every
        # chip would get no gradient any more.
        dropout, convolution, _, pooling = self.get_submodule("classifier").children()
        self.classifier = nn.Sequential(dropout, convolution, pooling)


class SqueezeNetNetwork(ChipNetwork):
    """A SqueezeNet 1.0. Its input is normalised by ImageNet's statistics, whatever its weights were trained with."""

    normalisation = "imagenet"
    understood = ("imagenet", "mean_only")
    head = LAST
    body: GatedSqueezeNet

    def __init__(self, attention: str, num_classes: int) -> None:
        """Build it with random weights.

        Args:
            attention: ``cbam`` or ``none``.
            num_classes: K.
        """
        super().__init__(GatedSqueezeNet(attention, num_classes))

    def forward(self, chips: Tensor) -> Tensor:
        """See ``ChipNetwork.forward``."""
        x = self.normalise(chips)
        for layer, attention in zip(self.body.features, self.body.attention, strict=True):
            # Only what is costly and leaves its input alone is computed again; the first ReLU works in place.
            x = self._pass((layer, attention), x) if isinstance(layer, Fire) else layer(x)
        logits: Tensor = self.body.classifier(x).flatten(1)  # (N, 512, S / 16, S / 16) to (N, K)
        return logits

    def get_classifier(self) -> nn.Module:
        """See ``ChipNetwork.get_classifier``."""
        return self.body.get_submodule(LAST)

    def fetch_official(self) -> Mapping[str, Tensor]:
        """See ``ChipNetwork.fetch_official``; torchvision fetches them."""
        with fetching("squeezenet1_0"):
            state: Mapping[str, Tensor] = SqueezeNet1_0_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
        return state

    def gates(self) -> Iterator[tuple[CbamModule, Sequence[nn.Module]]]:
        """See ``ChipNetwork.gates``: each receives the two expanding convolutions of its fire module, joined."""
        for fire, attention in zip(self.body.features, self.body.attention, strict=True):
            if isinstance(attention, CbamModule):
                yield attention, (fire.expand1x1, fire.expand3x3)

    def adapt(self, state: Mapping[str, Tensor], normalisation: str) -> Mapping[str, Tensor]:
        """See ``ChipNetwork.adapt``.

        With u = (x - m) / d the input of the weights and v = (x - n) / e the network's, u = (e v + n - m) / d: the first
        convolution takes e / d into its weights and (n - m) / d into its bias. That is exact, because it does not pad.
        The signal would then stay as large as it was, thousands for weights that were trained without division, and
        saturate the gates; so it is divided by the mean of e / d, s, all along. Convolution, ReLU and maximum allow that
        if every bias is divided too; the last layer multiplies by s again.
        """
        theirs, own = NORMALISATIONS[normalisation], NORMALISATIONS[self.normalisation]
        if theirs == own or not state.keys() >= {f"{FIRST}.weight", f"{FIRST}.bias"}:
            return state
        deviation = torch.tensor(theirs.deviation)
        ratio = torch.tensor(own.deviation) / deviation  # (3,)
        offset = (torch.tensor(own.mean) - torch.tensor(theirs.mean)) / deviation  # (3,)
        scale = ratio.mean()
        adapted = {
            key: value.float() / scale if key.endswith(".bias") and key.startswith("features.") else value.float()
            for key, value in state.items()
        }
        weight = state[f"{FIRST}.weight"].float()  # (96, 3, 7, 7)
        moved = torch.einsum("ochw,c->o", weight, offset)  # (96,)
        adapted[f"{FIRST}.weight"] = weight * (ratio / scale).view(1, 3, 1, 1)
        adapted[f"{FIRST}.bias"] = (state[f"{FIRST}.bias"].float() + moved) / scale
        return adapted | {key: state[key].float() * scale for key in (f"{LAST}.weight",) if key in state}


def _channels(fire: Fire) -> int:
    return int(fire.expand1x1.out_channels + fire.expand3x3.out_channels)
