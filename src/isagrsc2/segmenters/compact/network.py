"""The network of the compact segmenter: where borders of parcels are, where parcels are, and how deep inside one lies.

A U-Net (Ronneberger et al. 2015) with SqueezeNet 1.0 (Iandola et al. 2016) as encoder, so that ImageNet features can start
it, and a thin decoder up to full resolution. Borders, extent and distance help each other: Diakogiannis et al. 2020 (ResUNet-a,
section 3.2); of fields: Waldner & Diakogiannis 2020.
"""

import copy
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.squeezenet import Fire

# Maps that the network gives, in order.
BORDER, PARCEL, DEPTH = range(3)
MAPS = 3

# The coarsest features have a sixteenth of the image's sides.
STRIDE = 16

# ImageNet's mean, RGB 0 to 255, and its mean standard deviation.
MEAN = (123.0, 117.0, 104.0)
DEVIATION = 58.0

# What normalisation adds to a variance: torch's default.
_EPS = 1e-5

# torchvision's names of the layers that become the encoder, by stage; the pooling layers between them have no weights.
STEM = "features.0"
FIRES = (
    ("features.3", "features.4", "features.5"),
    ("features.7", "features.8", "features.9", "features.10"),
    ("features.12",),
)


class BorderNetwork(nn.Module):
    """Bytes of RGB in, three maps of the same size out; 1.5 M parameters.

    Unlike torchvision's, convolution and pooling of the encoder are padded, so that features lie where the pixels do.
    """

    mean: Tensor

    def __init__(self) -> None:
        """Build it with random weights."""
        super().__init__()
        self.stem = nn.Conv2d(3, 96, 7, stride=2, padding=3)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.fires = nn.ModuleList(
            [
                nn.Sequential(Fire(96, 16, 64, 64), Fire(128, 16, 64, 64), Fire(128, 32, 128, 128)),  # stride 4
                nn.Sequential(
                    Fire(256, 32, 128, 128), Fire(256, 48, 192, 192), Fire(384, 48, 192, 192), Fire(384, 64, 256, 256)
                ),  # stride 8
                nn.Sequential(Fire(512, 64, 256, 256)),  # stride 16
            ]
        )
        # An encoder without normalisation gives every stage another size of numbers.
        self.scalings = nn.ModuleList(nn.BatchNorm2d(channels) for channels in (96, 256, 512, 512))
        self.context = Context(512, 128)
        self.joins = nn.ModuleList([Join(128, 512, 96), Join(96, 256, 64), Join(64, 96, 32), Join(32, 8, 16)])
        self.colours = Convolution(3, 8)
        self.head = nn.Conv2d(16, MAPS, 1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 RGB to (N, 3, H, W) logits of border, parcel and depth; see ``BORDER``, ``PARCEL``, ``DEPTH``.

        Depth is the distance to the nearest border over the largest one that training tells apart.
        """
        height, width = images.shape[-2:]
        x = (images.float() - self.mean) / DEVIATION
        # Sides that 16 divides; the image goes on beyond its edge as it ends.
        x = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        values = F.relu(self.stem(x), inplace=True)  # (N, 96, H / 2, W / 2)
        # What is joined later waits with few channels: at these sizes it is most of the memory.
        eighth, quarter, half, whole = self.fine_layers()
        waiting = [half(self.scalings[0](values))]  # (N, 32, H / 2, W / 2)
        values = self.fires[0](self.pool(values))  # (N, 256, H / 4, W / 4)
        waiting.append(quarter(self.scalings[1](values)))  # (N, 64, H / 4, W / 4)
        values = self.fires[1](self.pool(values))  # (N, 512, H / 8, W / 8)
        waiting.append(eighth(self.scalings[2](values)))  # (N, 96, H / 8, W / 8)
        values = self.fires[2](self.pool(values))  # (N, 512, H / 16, W / 16)
        y = self.context(self.scalings[3](values))  # (N, 128, H / 16, W / 16)
        for join in self.joins[:-1]:
            y = join(y, waiting.pop())  # twice the sides
        y = self.joins[-1](y, whole(self.colours(x)))  # (N, 16, H, W)
        logits: Tensor = self.head(y)[..., :height, :width]
        return logits

    def fine_layers(self) -> list[nn.Module]:
        """What reduces the channels of finer features before they are joined, from the coarsest to the finest."""
        return [join.fine for join in self.joins if isinstance(join, Join)]

    def encoder(self) -> list[nn.Parameter]:
        """Parameters that ImageNet weights may start."""
        return [*self.stem.parameters(), *self.fires.parameters()]


class Context(nn.Module):
    """What lies around: dilated convolutions (Yu & Koltun 2016) and the mean of the image."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.reduce = Convolution(channels, width, kernel=1)
        self.dilated = nn.ModuleList(Convolution(width, width, dilation=dilation) for dilation in (2, 4, 8))
        self.whole = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, width, h, w)."""
        y: Tensor = self.reduce(x)
        for layer in self.dilated:
            y = y + layer(y)
        return y + self.whole(y.mean(dim=(2, 3), keepdim=True))


class Join(nn.Module):
    """Coarse features, enlarged, join finer ones of the encoder."""

    def __init__(self, coarse: int, fine: int, width: int) -> None:
        super().__init__()
        # Before they are enlarged, where they cost a quarter.
        self.coarse = nn.Conv2d(coarse, width, 1)
        self.fine = nn.Conv2d(fine, width, 1)
        self.mix = Convolution(width, width)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(N, C, h, w) and what ``self.fine`` made (N, width, 2 h, 2 w) to (N, width, 2 h, 2 w)."""
        enlarged = F.interpolate(self.coarse(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        enlarged += fine  # in place, as is the next: at full resolution every copy counts
        mixed: Tensor = self.mix(F.relu(enlarged, inplace=True))
        return mixed


class Convolution(nn.Sequential):
    """A convolution, normalised, and what is above zero of it."""

    def __init__(self, channels: int, width: int, kernel: int = 3, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        convolution = nn.Conv2d(channels, width, kernel, padding=padding, dilation=dilation, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


@torch.no_grad()
def fold_normalisation(network: BorderNetwork) -> BorderNetwork:
    """Make the same network without normalisation: for evaluation it is a convolution's weights times a number.

    Args:
        network: in evaluation; left as it is.

    Returns:
        A copy that gives the same up to rounding, in less time and memory, and cannot be trained.
    """
    folded = copy.deepcopy(network).requires_grad_(requires_grad=False)
    for layer in folded.modules():
        if isinstance(layer, Convolution):
            convolution, normalisation = cast("nn.Conv2d", layer[0]), cast("nn.BatchNorm2d", layer[1])
            layer[0], layer[1] = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()
    eighth, quarter, half, _ = folded.fine_layers()
    readers = (half, quarter, eighth, folded.context.reduce[0])
    for scaling, reader in zip(folded.scalings, readers, strict=True):
        _scale_before(scaling, reader)
    folded.scalings = nn.ModuleList(nn.Identity() for _ in readers)
    return folded


def _scale_before(scaling: nn.Module, reader: nn.Module) -> None:
    """Change a 1 × 1 convolution so that it gives without the normalisation before it what it gave with it."""
    before, own = scaling.state_dict(), reader.state_dict()  # views of the weights
    factor = before["weight"] / (before["running_var"] + _EPS).sqrt()  # (C,)
    shift = before["bias"] - before["running_mean"] * factor  # (C,)
    own["bias"] += own["weight"][:, :, 0, 0] @ shift  # (D, C) on (C,)
    own["weight"] *= factor[:, None, None]  # (D, C, 1, 1)


def encoder_weights(squeezenet: Mapping[str, Tensor], deviation: float) -> dict[str, Tensor]:
    """Weights of the encoder, out of those of a SqueezeNet 1.0.

    Args:
        squeezenet: state dict of torchvision's ``squeezenet1_0``.
        deviation: what RGB 0 to 255 was divided by when it was trained, after ImageNet's mean was taken off; 1 for weights
            trained with Caffe.

    Returns:
        Part of a state dict of ``BorderNetwork``. A ReLU network is positively homogeneous, so dividing its input and every
        bias by the same number divides its features by it and changes nothing else.

    Raises:
        KeyError: a layer is missing.
    """
    sources = {"stem": STEM} | {
        f"fires.{stage}.{place}.{part}": f"{layer}.{part}"
        for stage, layers in enumerate(FIRES)
        for place, layer in enumerate(layers)
        for part in ("squeeze", "expand1x1", "expand3x3")
    }
    state = {}
    for own, theirs in sources.items():
        state[f"{own}.weight"] = squeezenet[f"{theirs}.weight"].float()
        state[f"{own}.bias"] = squeezenet[f"{theirs}.bias"].float() * (deviation / DEVIATION)
    return state
