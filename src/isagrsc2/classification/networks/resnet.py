"""ResNets of timm, plain or with CBAM after the last convolution of every block, before the sum (Woo et al. 2018, figure 3)."""

from collections.abc import Iterator, Mapping, Sequence

import timm
from timm.layers.cbam import CbamModule
from timm.models.resnet import ResNet
from torch import Tensor, nn

from isagrsc2.classification.networks.fetching import fetching
from isagrsc2.classification.networks.network import ChipNetwork

# Our names of attentions, and timm's.
ATTENTIONS = {"cbam": "cbam", "none": None}


class ResNetNetwork(ChipNetwork):
    """A ResNet of timm."""

    normalisation = "imagenet"
    understood = ("imagenet",)
    head = "fc"
    body: ResNet

    def __init__(self, architecture: str, attention: str, num_classes: int) -> None:
        """Build it with random weights.

        Args:
            architecture: timm's name of a ResNet, such as ``resnet50``.
            attention: ``cbam`` or ``none``.
            num_classes: K; 0 for a body that ends with its features.
        """
        body = timm.create_model(architecture, num_classes=num_classes, block_args={"attn_layer": ATTENTIONS[attention]})
        super().__init__(body)
        self._architecture = architecture

    def forward(self, chips: Tensor) -> Tensor:
        """See ``ChipNetwork.forward``."""
        return self._run_body(chips)

    def get_classifier(self) -> nn.Module:
        """See ``ChipNetwork.get_classifier``."""
        classifier: nn.Module = self.body.get_classifier()
        return classifier

    def fetch_official(self) -> Mapping[str, Tensor]:
        """See ``ChipNetwork.fetch_official``; timm fetches them."""
        with fetching(self._architecture):
            state: dict[str, Tensor] = timm.create_model(self._architecture, pretrained=True).state_dict()
        return state

    def gates(self) -> Iterator[tuple[CbamModule, Sequence[nn.Module]]]:
        """See ``ChipNetwork.gates``: each stands behind the last batch normalisation of its block."""
        for block in self._blocks():
            if isinstance(block.se, CbamModule):
                yield block.se, (block.get_submodule("bn3" if hasattr(block, "bn3") else "bn2"),)

    def _blocks(self) -> Iterator[nn.Module]:
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            yield from self.body.get_submodule(stage).children()

    def _run_body(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 to what the body gives, block by block: timm would recompute normalisation's statistics too."""
        body = self.body
        x = body.maxpool(body.act1(body.bn1(body.conv1(self.normalise(chips)))))  # (N, 64, S / 4, S / 4)
        for block in self._blocks():
            x = self._pass((block,), x)
        result: Tensor = body.forward_head(x)  # x: (N, C, S / 32, S / 32)
        return result
