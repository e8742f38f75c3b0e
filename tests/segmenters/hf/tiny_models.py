"""Miniatures of the five families, with weights that make every term count, as folders that ``save_pretrained`` writes."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here may want a network; read when the hub's client is imported

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

WIDTH = 32
GRID = 16  # places a side: masks have 64 x 64 px

PROMPTS = {"hidden_size": WIDTH, "mask_input_channels": 4}
DECODER = {"hidden_size": WIDTH, "mlp_dim": 2 * WIDTH, "num_attention_heads": 2, "iou_head_hidden_dim": WIDTH}
SIZES = [[4 * GRID, 4 * GRID], [2 * GRID, 2 * GRID], [GRID, GRID]]
HIERA = {
    "hidden_size": 8,
    "embed_dim_per_stage": [8, 16, 32, 64],
    "num_attention_heads_per_stage": [1, 2, 4, 8],
    "blocks_per_stage": [1, 1, 2, 1],
    "window_size_per_stage": [8, 4, 4, 4],
    "global_attention_blocks": [3],
}
SAM_2_VISION = {
    "backbone_config": {"model_type": "sam2_hiera_det_model", **HIERA},
    "backbone_channel_list": [64, 32, 16, 8],
    "backbone_feature_sizes": SIZES,
    "fpn_hidden_size": WIDTH,
}
REPVIT = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
EDGE_TAM_VISION = {
    "backbone_config": {"model_type": "timm_wrapper", "architecture": "repvit_m1", "num_classes": 0, "model_args": REPVIT},
    "backbone_channel_list": [384, 192, 96, 48],
    "backbone_feature_sizes": SIZES,
    "fpn_hidden_size": WIDTH,
}
SAM_3_SIDE = 14 * GRID
SAM_3_VISION = {
    "model_type": "sam3_vision_model",
    "backbone_config": {
        "model_type": "sam3_vit_model",
        "hidden_size": WIDTH,
        "intermediate_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SAM_3_SIDE,
        "pretrain_image_size": 56,
        "window_size": 4,
        "global_attn_indexes": [1],
    },
    "backbone_feature_sizes": SIZES,
    "fpn_hidden_size": WIDTH,
    "scale_factors": [4.0, 2.0, 1.0],
}


def sam_parts(side: int = 16 * GRID) -> dict[str, Any]:
    vision = {
        "hidden_size": WIDTH,
        "output_channels": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": side,
        "window_size": 3,
        "global_attn_indexes": [1],
        "num_pos_feats": WIDTH // 2,
        "mlp_dim": 2 * WIDTH,
    }
    return {
        "vision_config": vision,
        "prompt_encoder_config": {**PROMPTS, "image_size": side},
        "mask_decoder_config": dict(DECODER),
    }


def multi_scale_parts(vision: dict[str, Any], side: int = 16 * GRID, patch: int = 16) -> dict[str, Any]:
    return {
        "vision_config": dict(vision),
        "prompt_encoder_config": {**PROMPTS, "image_size": side, "patch_size": patch},
        "mask_decoder_config": dict(DECODER),
    }


def _sam() -> nn.Module:
    return transformers.SamModel(transformers.SamConfig(**sam_parts()))


def _sam_hq() -> nn.Module:
    parts = sam_parts()
    parts["mask_decoder_config"]["vit_dim"] = WIDTH
    return transformers.SamHQModel(transformers.SamHQConfig(**parts))


def _sam_2() -> nn.Module:
    return transformers.Sam2Model(transformers.Sam2Config(**multi_scale_parts(SAM_2_VISION)))


def _edge_tam() -> nn.Module:
    return transformers.EdgeTamModel(transformers.EdgeTamConfig(**multi_scale_parts(EDGE_TAM_VISION)))


def _sam_3() -> nn.Module:
    parts = multi_scale_parts(SAM_3_VISION, SAM_3_SIDE, 14)
    return transformers.Sam3TrackerModel(transformers.Sam3TrackerConfig(**parts))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "sam": _sam,
    "sam_hq": _sam_hq,
    "sam2": _sam_2,
    "edgetam": _edge_tam,
    "sam3_tracker": _sam_3,
}


def image_processor(kind: str) -> Any:
    side = SAM_3_SIDE if kind.startswith("sam3") else 16 * GRID
    if kind in ("sam", "sam_hq"):
        return transformers.SamImageProcessor(size={"longest_edge": side}, pad_size={"height": side, "width": side})
    made = transformers.Sam3ImageProcessor if kind.startswith("sam3") else transformers.Sam2ImageProcessor
    return made(size={"height": side, "width": side})


def stir(model: nn.Module) -> nn.Module:
    """Draw all weights, also those that begin as zeros or ones; only timm's stay, whose normalisation is used to them."""
    generator = torch.Generator().manual_seed(0)
    for name, weights in (*model.named_parameters(), *model.named_buffers()):
        if "timm_model" in name or not weights.is_floating_point() or "inv_freq" in name or "rope" in name:
            continue
        drawn = torch.randn(weights.shape, generator=generator)
        if "positional_embedding" in name:
            drawn *= 0.7  # frequencies
        elif weights.dim() == 1:
            drawn = 0.3 * drawn + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        elif "attn" in name:
            drawn *= 2.0 / weights[0].numel() ** 0.5  # or everything would look everywhere
        elif weights.dim() in (2, 4) and "embed" not in name and "token" not in name:
            drawn /= weights[0].numel() ** 0.5
        if "iou_prediction_head.proj_out" in name:
            drawn = 0.1 * drawn + (0.5 if weights.dim() == 1 else 0.0)
        weights.data.copy_(drawn)
    return model.eval()


def save(kind: str, folder: Path) -> Path:
    """Write the miniature of a family."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = stir(MODELS[kind]())
    model.save_pretrained(folder)
    image_processor(kind).save_pretrained(folder)
    return folder
