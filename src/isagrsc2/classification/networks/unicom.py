"""Image encoders of UNICOM (An et al. 2023), read from the official FP16 files, and a linear layer.

A vision transformer without class token. Unlike CLIP's there is no text, the activation is ReLU6, queries, keys and
values have no biases, and the embedding is made of all patches: two linear layers, each with batch normalisation, on the
tokens laid end to end. Names, shapes and computation are those of deepglint/unicom.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from isagrsc2.classification.networks.network import ChipNetwork
from isagrsc2.errors import InputError

RELEASES = "https://github.com/deepglint/unicom/releases"

# Share of a deepest block's samples that skip it in training, rising linearly from 0 in the first (official).
DROP_PATH = 0.1
# Hidden units of a block over its width (official).
MLP_RATIO = 4
# Added to variances of the embedding's batch normalisations (official).
EPSILON = 2e-5
# Deviation of random weights (official).
INIT_DEVIATION = 0.02


@dataclass(frozen=True)
class Geometry:
    """Sizes of an encoder.

    Attributes:
        file_name: the official file.
        input_size: side of the image, px.
        patch_size: side of a patch, px.
        width: of a token.
        embedding: numbers that describe an image.
        depth: blocks.
        heads: of a block's attention.
    """

    file_name: str
    input_size: int
    patch_size: int
    width: int
    embedding: int
    depth: int
    heads: int

    @property
    def patches(self) -> int:
        """Tokens of an image."""
        return (self.input_size // self.patch_size) ** 2


GEOMETRIES = {
    "unicom_vit_b32": Geometry("FP16-ViT-B-32.pt", 224, 32, 768, 512, 12, 12),
    "unicom_vit_b16": Geometry("FP16-ViT-B-16.pt", 224, 16, 768, 768, 12, 12),
    "unicom_vit_l14": Geometry("FP16-ViT-L-14.pt", 224, 14, 1024, 768, 24, 16),
    "unicom_vit_l14_336": Geometry("FP16-ViT-L-14-336px.pt", 336, 14, 1024, 768, 24, 16),
}


class UnicomNetwork(ChipNetwork):
    """An encoder of UNICOM and a linear layer on its embedding.

    Attributes:
        classifier: the linear layer.
    """

    normalisation = "clip"
    understood = ("clip",)
    head = "classifier"  # no file has one
    body: "Encoder"

    def __init__(self, geometry: Geometry, num_classes: int) -> None:
        """Build it with random weights.

        Args:
            geometry: sizes of the encoder.
            num_classes: K.
        """
        super().__init__(Encoder(geometry))
        self.classifier = nn.Linear(geometry.embedding, num_classes)
        self.required_chip_size = geometry.input_size
        self._file_name = geometry.file_name

    def forward(self, chips: Tensor) -> Tensor:
        """See ``ChipNetwork.forward``.

        Raises:
            InputError: the chips have another side than the encoder's images.
        """
        if chips.shape[2] != self.required_chip_size or chips.shape[3] != self.required_chip_size:
            raise InputError(
                f"chips of {chips.shape[3]} x {chips.shape[2]} px do not fit this network, which knows the patches of "
                f"{self.required_chip_size} px; give data.chip_size={self.required_chip_size}."
            )
        body = self.body
        tokens = body.patch_embed(self.normalise(chips)) + body.pos_embed  # (N, P, D)
        for block in body.blocks:
            tokens = self._pass((block,), tokens)
        logits: Tensor = self.classifier(body.embed(tokens))
        return logits

    def get_classifier(self) -> nn.Module:
        """See ``ChipNetwork.get_classifier``."""
        return self.classifier

    def fetch_official(self) -> Mapping[str, Tensor]:
        """See ``ChipNetwork.fetch_official``: half a gigabyte and more is fetched by hand."""
        raise InputError(
            f"model.backbone.pretrained=true has nothing to fetch for UNICOM; download {self._file_name} from {RELEASES} "
            f"and give model.backbone.pretrained=PATH/{self._file_name}."
        )


class Encoder(nn.Module):
    """The official encoder, in the parts that ``UnicomNetwork`` runs one after the other."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        width, embedding = geometry.width, geometry.embedding
        self.patch_embed = PatchEmbedding(geometry.patch_size, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, geometry.patches, width))
        rates = [DROP_PATH * number / max(geometry.depth - 1, 1) for number in range(geometry.depth)]
        self.blocks = nn.ModuleList(Block(width, geometry.heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(width)
        self.feature = nn.Sequential(
            nn.Linear(width * geometry.patches, width, bias=False),
            nn.BatchNorm1d(width, eps=EPSILON),
            nn.Linear(width, embedding, bias=False),
            nn.BatchNorm1d(embedding, eps=EPSILON),
        )
        nn.init.trunc_normal_(self.pos_embed, std=INIT_DEVIATION)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=INIT_DEVIATION)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def embed(self, tokens: Tensor) -> Tensor:
        """(N, P, D) tokens to an (N, E) embedding."""
        embedding: Tensor = self.feature(self.norm(tokens).flatten(1))  # (N, P * D) to (N, E)
        return embedding


class PatchEmbedding(nn.Module):
    """Patches to tokens."""

    def __init__(self, patch_size: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) to (N, P, D), patches row by row."""
        tokens: Tensor = self.proj(images).flatten(2).transpose(1, 2)
        return tokens


class Block(nn.Module):
    """Attention, then a perceptron, each on normalised tokens and added to them."""

    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.drop_path = DropPath(drop_path)
        self.mlp = Perceptron(width, MLP_RATIO * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, P, D) to the same shape."""
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        result: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return result


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, P, D) to the same shape."""
        qkv = self.qkv(tokens).unflatten(2, (3, self.heads, -1))  # (N, P, 3, heads, D / heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (N, heads, P, D / heads) each
        attended = F.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.proj(attended.transpose(1, 2).flatten(2))  # (N, P, D)
        return result


class Perceptron(nn.Module):
    """Two linear layers."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.ReLU6()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, P, D) to the same shape."""
        result: Tensor = self.fc2(self.act(self.fc1(tokens)))
        return result
