"""The convolutional block attention module (CBAM, Woo et al. 2018) and how it joins weights that know nothing of it.

The module is timm's ``CbamModule``: F' = M_c(F) F, F'' = M_s(F') F' (eq. 1). Channel attention is the paper's eq. 2,
M_c = sigmoid(W1 ReLU(W0 F_avg) + W1 ReLU(W0 F_max)) with reduction 16 and, as in the equation, no biases (the authors'
code has them). Spatial attention is eq. 3, M_s = sigmoid(f([F_avg; F_max])), f a 7 x 7 convolution on the mean and the
maximum over channels; as in the authors' code and unlike the equation, a batch normalisation follows f.

Two gates that were just made, each at about 1/2, follow every block. In a network that starts from weights of the plain
one they spoil what those compute: measured on 16 aerial photographs, the deviation of a SqueezeNet's features fell to 1 % and
their means pointed elsewhere (cosine 0.41). So the gates are set to exactly 1/2 and what stands before them is multiplied
by 4. Both are powers of two: the network computes, to the last bit, what the plain one does. The equations stay the
paper's, and a sigmoid at 1/2 learns fastest.
"""

from collections.abc import Sequence

import torch
from timm.layers.cbam import CbamModule
from torch import nn

# The two gates of a module at rest let 1/2 x 1/2 through.
COMPENSATION = 4.0


@torch.no_grad()
def pass_through(attention: CbamModule, before: Sequence[nn.Module]) -> None:
    """Let a module leave the signal as it is until it learns otherwise.

    Args:
        attention: its gates are set to 1/2, changed in place.
        before: layers with ``weight`` and ``bias`` whose outputs, joined, it receives, possibly through a ReLU; their
            outputs are multiplied by 4, changed in place.
    """
    # sigmoid(0) = 1/2. Each gate keeps one random layer, so that gradients reach the layer that is zero.
    nn.init.zeros_(attention.channel.fc2.weight)
    nn.init.zeros_(attention.spatial.conv.bn.weight)
    nn.init.zeros_(attention.spatial.conv.bn.bias)
    for layer in before:
        for parameter in layer.parameters(recurse=False):
            parameter.mul_(COMPENSATION)
