"""SAM's prompt encoder and mask decoder for many points of one image, with less work for the same masks.

The decoder (Kirillov et al. 2023, appendix A, "Lightweight mask decoder") has few tokens per prompt (t = 7: one for scores,
four for masks, the point and a padding) and many places in the image (T = 4096) with C = 256 channels. Both look at each
other, twice in turns, and the tokens a third time. segment-anything projects all places of every prompt for every look. Here:

- *Once per image.* Before the image has looked at a token it is the same for all prompts, and so are its projections in the
  first layer (``SharedPlaces``).
- *Project tokens, not places.* Per head, q . (W_k x) = (W_k^T q) . x: heads * t = 56 folded queries meet the places as they
  are, where 128 channels would have been projected for each place. A mean of W_v x is W_v of the mean of x. The other way
  round, W_o (sum of a v) = sum of a (W_o v). A bias of the keys adds the same to all places and goes away in the softmax;
  the position code that is added to places is projected once and for all (``_Look.places``).
- *Matrix products instead of transposed convolutions.* Kernel and stride are 2, so nothing overlaps; channels stay last, and
  only the masks at the end are put in order.
- *Three masks.* The fourth answers several prompts at once and is not asked for.

These are equalities: only the rounding differs. Operations are less than half, and what is left are mostly matrix products.
"""

import math
from dataclasses import dataclass

import torch
from segment_anything.modeling import Sam
from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class SharedPlaces:
    """What the first layer does with an image before it meets a prompt. A = heads * d channels of the attention.

    Attributes:
        features: (1, T, C), image features with the embedding of "no mask" added.
        keys: (heads, T, d), for tokens that look at the image.
        values: (heads, T, d), as above.
        queries: (A, T), of the image that looks at tokens.
    """

    features: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor


class _Look:
    """One attention between tokens and places.

    Attributes:
        attention: segment-anything's.
        places: (A, T), what the position code of the places adds to their keys or queries.
    """

    def __init__(self, attention: Attention, places: Tensor) -> None:
        self.attention = attention
        self.places = places


class _Layer:
    """One layer of the two-way transformer.

    Attributes:
        block: segment-anything's.
        to_image: tokens look at places.
        to_tokens: places look at tokens.
        norm: weight and bias (C,) of the normalisation of places.
    """

    def __init__(self, block: TwoWayAttentionBlock, code: Tensor, dtype: torch.dtype) -> None:
        to_image, to_tokens = block.cross_attn_token_to_image, block.cross_attn_image_to_token
        self.block = block
        self.to_image = _Look(to_image, F.linear(code, to_image.k_proj.weight).T.to(dtype).contiguous())
        self.to_tokens = _Look(to_tokens, to_tokens.q_proj(code).T.to(dtype).contiguous())
        self.norm = block.norm4.weight.to(dtype), block.norm4.bias.to(dtype)


class PromptDecoder:
    """Masks and scores of single foreground points.

    Args:
        sam: any size and any weights, on the device where it is to run. The weights must not change later.
        dtype: of all that has the image's size. Tokens are few: they are float32 always.
    """

    @torch.no_grad()
    def __init__(self, sam: Sam, dtype: torch.dtype) -> None:
        self._encoder, self._decoder, self._dtype = sam.prompt_encoder, sam.mask_decoder, dtype
        transformer = sam.mask_decoder.transformer
        self._code = sam.prompt_encoder.get_dense_pe()[0].flatten(1).T  # (T, C), of positions
        self._layers = [_Layer(block, self._code, dtype) for block in transformer.layers]
        final = transformer.final_attn_token_to_image
        self._final = _Look(final, F.linear(self._code, final.k_proj.weight).T.to(dtype).contiguous())
        self._heads, width = final.num_heads, final.internal_dim
        own = torch.eye(self._heads, device=self._code.device).repeat_interleave(width // self._heads, dim=1)
        self._own = own[:, None]  # (heads, 1, A), 1 where a channel belongs to the head
        first, norm, _, second, _ = sam.mask_decoder.output_upscaling
        self._first = _as_product(first.weight, first.bias, dtype)
        self._second = _as_product(second.weight, second.bias, dtype)
        self._norm = norm.weight.to(dtype), norm.bias.to(dtype)

    @torch.no_grad()
    def share(self, features: Tensor) -> SharedPlaces:
        """Do what no prompt is needed for.

        Args:
            features: (1, C, h / 4, w / 4) float32, of the image encoder.
        """
        places = features[0].flatten(1).T + self._encoder.no_mask_embed.weight  # (T, C)
        block = self._layers[0].block
        to_image, to_tokens = block.cross_attn_token_to_image, block.cross_attn_image_to_token
        return SharedPlaces(
            features=places.to(self._dtype).contiguous()[None],
            keys=self._by_head(to_image.k_proj(places + self._code)),
            values=self._by_head(to_image.v_proj(places)),
            queries=to_tokens.q_proj(places + self._code).T.to(self._dtype).contiguous(),
        )

    @torch.no_grad()
    def tokens(self, points: Tensor) -> Tensor:
        """What the decoder starts with, (B, t, C) float32.

        Args:
            points: (B, 2) float32, x and y in px of the network's input; the centre of the first pixel is 0.
        """
        foreground = torch.ones(len(points), 1, dtype=torch.int32, device=points.device)
        prompts, _ = self._encoder(points=(points[:, None], foreground), boxes=None, masks=None)  # (B, 2, C)
        outputs = torch.cat([self._decoder.iou_token.weight, self._decoder.mask_tokens.weight])  # (5, C)
        return torch.cat([outputs.expand(len(points), -1, -1), prompts], dim=1)

    @torch.no_grad()
    def decode(self, shared: SharedPlaces, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Predict masks and scores: ``attend``, and ``draw`` for all.

        Args:
            shared: of the image.
            prompts: (B, t, C), see ``tokens``; B at least 1.

        Returns:
            Logits (B, 3, h, w) in the decoder's dtype, and scores (B, 3) float32.
        """
        tokens, places, scores = self.attend(shared, prompts)
        return self.draw(tokens, places), scores

    @torch.no_grad()
    def attend(self, shared: SharedPlaces, prompts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Let prompts and places look at each other, about half of the work; scores need no more.

        Args:
            shared: of the image.
            prompts: (B, t, C), see ``tokens``; B at least 1.

        Returns:
            Tokens (B, t, C) float32 and places (B, T, C) in the decoder's dtype for ``draw``, and scores (B, 3) float32.
        """
        first, *others = self._layers
        tokens = first.block.norm1(first.block.self_attn(prompts, prompts, prompts))  # (B, t, C)
        tokens = first.block.norm2(tokens + self._look_at_shared(first.to_image.attention, tokens + prompts, shared))
        tokens = first.block.norm3(tokens + first.block.mlp(tokens))
        spread = self._spread(self._keys(first, tokens + prompts))  # (B, heads * t, A)
        logits = torch.matmul(spread.to(self._dtype), shared.queries)  # (B, heads * t, T)
        places = self._look_back(first, tokens, logits, shared.features.repeat(len(tokens), 1, 1))  # (B, T, C)
        for layer in others:
            block = layer.block
            query = tokens + prompts
            tokens = block.norm1(tokens + block.self_attn(query, query, tokens))
            tokens = block.norm2(tokens + self._look(layer.to_image, tokens + prompts, places))
            tokens = block.norm3(tokens + block.mlp(tokens))
            spread = self._spread(self._keys(layer, tokens + prompts))
            logits = self._meet(spread, layer.to_tokens, layer.to_tokens.attention.q_proj.weight, places)
            places = self._look_back(layer, tokens, logits, places)
        tokens = tokens + self._look(self._final, tokens + prompts, places)
        tokens = self._decoder.transformer.norm_final_attn(tokens)
        scores = self._decoder.iou_prediction_head(tokens[:, 0])[:, 1:]  # (B, 3)
        return tokens, places, scores

    @torch.no_grad()
    def draw(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Logits (B, 3, h, w) in the decoder's dtype, of what ``attend`` gave."""
        return self._draw(tokens, places)

    def _by_head(self, channels: Tensor) -> Tensor:
        """(T, A) to (heads, T, d)."""
        return channels.unflatten(1, (self._heads, -1)).transpose(0, 1).to(self._dtype).contiguous()

    def _spread(self, channels: Tensor) -> Tensor:
        """(B, t, A) to (B, heads * t, A): a row for each head and token, with the channels of the head alone."""
        return (channels[:, None] * self._own).flatten(1, 2)

    def _meet(self, spread: Tensor, look: _Look, projection: Tensor, places: Tensor) -> Tensor:
        """Logits (B, heads * t, T) of tokens (B, heads * t, A) and places (B, T, C), whose projection is (A, C)."""
        folded = (spread @ projection).to(self._dtype)  # (B, heads * t, C)
        logits = torch.matmul(spread.to(self._dtype), look.places)  # (B, heads * t, T)
        return logits.baddbmm_(folded, places.transpose(1, 2))  # in place: not in place, torch copies first

    def _look_at_shared(self, attention: Attention, query: Tensor, shared: SharedPlaces) -> Tensor:
        """Tokens (B, t, C) look at an image that is the same for all; the tokens of all prompts are queries of one call."""
        prompts = len(query)
        by_head = attention.q_proj(query).unflatten(2, (self._heads, -1)).permute(2, 0, 1, 3)  # (heads, B, t, d)
        queries = by_head.flatten(1, 2).to(self._dtype)[None]  # (1, heads, B * t, d)
        mixed = F.scaled_dot_product_attention(queries, shared.keys[None], shared.values[None])[0]  # (heads, B * t, d)
        mixed = mixed.unflatten(1, (prompts, -1)).permute(1, 2, 0, 3).flatten(2)  # (B, t, A)
        return attention.out_proj(mixed.float())

    def _look(self, look: _Look, query: Tensor, places: Tensor) -> Tensor:
        """Tokens (B, t, C) look at places (B, T, C)."""
        attention = look.attention
        spread = self._spread(attention.q_proj(query) / self._temperature(attention))
        shares = self._meet(spread, look, attention.k_proj.weight, places).softmax(-1)  # (B, heads * t, T)
        mixed = torch.bmm(shares, places).float().unflatten(1, (self._heads, -1))  # (B, heads, t, C)
        projection = attention.v_proj.weight.unflatten(0, (self._heads, -1))  # (heads, d, C)
        values = torch.einsum("bntc,ndc->btnd", mixed, projection).flatten(2) + attention.v_proj.bias  # (B, t, A)
        return attention.out_proj(values)

    def _keys(self, layer: _Layer, query: Tensor) -> Tensor:
        """(B, t, A), of tokens (B, t, C) that places look at."""
        attention = layer.to_tokens.attention
        return attention.k_proj(query) / self._temperature(attention)

    def _look_back(self, layer: _Layer, tokens: Tensor, logits: Tensor, places: Tensor) -> Tensor:
        """Places (B, T, C), which are written over, look at tokens (B, t, C) with given logits (B, heads * t, T)."""
        attention = layer.to_tokens.attention
        # The softmax is over the few tokens; with the places last it runs along the memory.
        shares = logits.unflatten(1, (self._heads, -1)).softmax(2).flatten(1, 2)
        # The shares of a head sum to 1, so its part of the bias may go into the values.
        values = self._spread(attention.v_proj(tokens)) @ attention.out_proj.weight.T + attention.out_proj.bias / self._heads
        seen = places.baddbmm_(shares.transpose(1, 2), values.to(self._dtype))  # (B, T, C)
        return F.layer_norm(seen, seen.shape[-1:], *layer.norm, layer.block.norm4.eps)

    def _temperature(self, attention: Attention) -> float:
        return math.sqrt(attention.internal_dim // self._heads)

    def _draw(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Logits (B, 3, h, w) of the last tokens (B, t, C) and places (B, T, C)."""
        _, norm, activation, _, last_activation = self._decoder.output_upscaling
        fine = F.linear(places, *self._first).unflatten(2, (4, -1))  # (B, T, 4, C / 4): 2 x 2 in each place
        fine = activation(F.layer_norm(fine, fine.shape[-1:], *self._norm, norm.eps))
        fine = last_activation(F.linear(fine, *self._second))  # (B, T, 4, 4 * C / 8): 2 x 2 in each of these
        networks = self._decoder.output_hypernetworks_mlps
        drawn = [networks[mask](tokens[:, 1 + mask]) for mask in range(1, len(networks))]
        kernels = torch.stack(drawn, dim=1).to(self._dtype)  # (B, 3, C / 8)
        masks = torch.bmm(kernels, fine.view(len(tokens), -1, kernels.shape[-1]).transpose(1, 2))  # (B, 3, 16 T)
        height, width = self._encoder.image_embedding_size
        masks = masks.view(len(tokens), -1, height, width, 2, 2, 2, 2)  # y, x, then twice y and x within
        return masks.permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(*masks.shape[:2], 4 * height, 4 * width)


def _as_product(kernel: Tensor, bias: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weight (4 * C', C) and bias (4 * C',) that do to a place what a 2 x 2 transposed convolution of stride 2 does."""
    weight = kernel.permute(2, 3, 1, 0).flatten(0, 2)  # (C, C', 2, 2) to (2 * 2 * C', C)
    return weight.to(dtype).contiguous(), bias.repeat(4).to(dtype)
