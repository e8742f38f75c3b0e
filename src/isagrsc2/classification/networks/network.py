"""What every network of chips has in common, whatever is inside."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Self

from timm.layers.cbam import CbamModule
from torch import Tensor, nn

from isagrsc2.classification.networks.normalisation import NORMALISATIONS, Normalisation
from isagrsc2.classification.networks.recomputation import recompute, run


class ChipNetwork(nn.Module, ABC):
    """Bytes of RGB in, logits out.

    The encoder is all of ``body`` but the linear layer that ``get_classifier`` gives.

    Attributes:
        normalisation: what the network's input is normalised by; see ``NORMALISATIONS``.
        understood: normalisations that files of weights for ``body`` may have been trained with.
        head: name of the linear layer in files of weights for ``body``.
        required_chip_size: the only side of a chip, px, that the network takes; 0 for any.
        normalise: bytes to floats.
        body: the published network; the names of its weights are the official ones.
    """

    normalisation: ClassVar[str]
    understood: ClassVar[tuple[str, ...]]
    head: ClassVar[str]
    required_chip_size: int = 0

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.normalise = Normalisation(NORMALISATIONS[self.normalisation])
        self.body = body
        self._encoder_is_frozen = False
        self._pass = run

    @abstractmethod
    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 RGB to (N, K) logits."""

    @abstractmethod
    def get_classifier(self) -> nn.Module:
        """The last, linear layer: the only one whose shape depends on the classes."""

    @abstractmethod
    def fetch_official(self) -> Mapping[str, Tensor]:
        """Weights of ``body`` as their authors publish them, trained on ImageNet.

        Raises:
            InputError: there are none, or they cannot be fetched.
        """

    def gates(self) -> Iterator[tuple[CbamModule, Sequence[nn.Module]]]:
        """Every attention, with the layers whose outputs, joined, it receives (possibly through a ReLU); here none."""
        return iter(())

    def adapt(self, state: Mapping[str, Tensor], normalisation: str) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Weights that do on this network's input what ``state`` does on its own; here the two are the same.

        Args:
            state: weights of ``body``.
            normalisation: what they were trained with; one of ``understood``.
        """
        return state

    def set_gradient_checkpointing(self, enable: bool) -> None:
        """Choose whether the backward pass computes activations again instead of keeping them; results are the same."""
        self._pass = recompute if enable else run

    def freeze_encoder(self) -> None:
        """Let only what follows the encoder learn; the encoder's batch statistics and dropout stay as in evaluation."""
        self._encoder_is_frozen = True
        self.body.requires_grad_(False)
        self.get_classifier().requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """See ``nn.Module.train``; a frozen encoder stays in evaluation."""
        super().train(mode)
        if self._encoder_is_frozen:
            self.body.eval()
            self.get_classifier().train(mode)
        return self
