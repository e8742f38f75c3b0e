"""Small networks with random weights, in files as Real-ESRGAN publishes them.

The modules are written here after the papers, with the names of the published files: an oracle for what is read from them.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it gave."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for number in range(4):
            setattr(self, f"conv{number + 1}", nn.Conv2d(features + number * growth, growth, 3, padding=1))
        self.conv5 = nn.Conv2d(features + 4 * growth, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for number in range(4):
            seen.append(F.leaky_relu(getattr(self, f"conv{number + 1}")(torch.cat(seen, 1)), 0.2))
        return x + 0.2 * self.conv5(torch.cat(seen, 1))


class ResidualDenseBlock(nn.Module):
    """Three dense blocks."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(features, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """ESRGAN's generator, x4 (Wang et al. 2018); RealESRGAN_x4plus has 23 blocks of 64 features."""

    def __init__(self, channels: int, features: int = 8, blocks: int = 1, growth: int = 32) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(channels, features, 3, padding=1)
        self.body = nn.Sequential(*(ResidualDenseBlock(features, growth) for _ in range(blocks)))
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (
            nn.Conv2d(features, features, 3, padding=1) for _ in range(4)
        )
        self.conv_last = nn.Conv2d(features, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for conv in (self.conv_up1, self.conv_up2):
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))


class SRVGGNetCompact(nn.Module):
    """Convolutions in the resolution of the image, then its pixels are split; realesr-general-x4v3 has 32 of 64 features."""

    def __init__(self, channels: int, scale: int = 4, features: int = 8, layers: int = 2) -> None:
        super().__init__()
        self.scale = scale
        sizes = [channels, *(features,) * (layers + 1)]
        body: list[nn.Module] = []
        for before, after in pairwise(sizes):
            body += [nn.Conv2d(before, after, 3, padding=1), nn.PReLU(after)]
        self.body = nn.ModuleList([*body, nn.Conv2d(features, channels * scale**2, 3, padding=1)])

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for layer in self.body:
            out = layer(out)
        return F.pixel_shuffle(out, self.scale) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


def draw_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: patches of colours and noise."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(40, 216, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)[:height, :width]
    return np.clip(patches + rng.normal(0, 15, patches.shape), 0, 255).astype(np.uint8)


def apply(network: nn.Module, image: np.ndarray) -> np.ndarray:
    """What a network makes of an (H, W, 3) uint8 image at once: (s H, s W, 3) uint8."""
    with torch.inference_mode():
        out = network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1)
    return (out * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def spread(network: nn.Module, last: nn.Conv2d, channels: int, gain: float) -> nn.Module:
    """Make random weights show: else results are an even grey, and hardly anything comes through many layers.

    The last layer is scaled so that results fill the range of grey levels; those of the body by ``gain``, so that the whole
    receptive field counts.
    """
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight *= gain if name.startswith("body") and weight.ndim == 4 else 1
        image = torch.from_numpy(draw_image(64, 64)[..., :channels]).permute(2, 0, 1)[None].float() / 255
        seen: list[Tensor] = []
        hook = last.register_forward_hook(lambda module, given, out: seen.append(out))
        network(image)
        hook.remove()
        factor = 0.2 / seen[0].std()
        last.weight *= factor
        last.bias *= factor
        last.bias += 0.5 - network(image).mean()
    return network.eval()


@pytest.fixture
def make_rrdb() -> Callable[..., nn.Module]:
    """``make_rrdb(channels=3, features=8, blocks=1)``."""

    def make(channels: int = 3, **sizes: int) -> nn.Module:
        torch.manual_seed(0)
        network = RRDBNet(channels, **sizes)
        return spread(network, network.conv_last, channels, gain=6)

    return make


@pytest.fixture
def make_compact() -> Callable[..., nn.Module]:
    """``make_compact(channels=3, scale=4, features=8, layers=2)``."""

    def make(channels: int = 3, **sizes: int) -> nn.Module:
        torch.manual_seed(0)
        network = SRVGGNetCompact(channels, **sizes)
        last = network.body[-1]
        assert isinstance(last, nn.Conv2d)
        return spread(network, last, channels, gain=2)

    return make


@pytest.fixture
def image() -> Callable[..., np.ndarray]:
    return draw_image


@pytest.fixture
def at_once() -> Callable[[nn.Module, np.ndarray], np.ndarray]:
    return apply


@pytest.fixture
def rrdb_file(make_rrdb: Callable[..., nn.Module], tmp_path: Path) -> Path:
    """A small RRDBNet as RealESRGAN_x4plus.pth is saved."""
    path = tmp_path / "rrdb.pth"
    torch.save({"params_ema": make_rrdb().state_dict()}, path)
    return path


@pytest.fixture
def compact_file(make_compact: Callable[..., nn.Module], tmp_path: Path) -> Path:
    """A small SRVGGNetCompact as realesr-general-x4v3.pth is saved."""
    path = tmp_path / "compact.pth"
    torch.save({"params": make_compact().state_dict()}, path)
    return path
