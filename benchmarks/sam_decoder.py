"""Seconds of SAM's encoder and decoder: segment-anything's own against ours, on the same machine, weights and shapes.

    python benchmarks/sam_decoder.py
    python benchmarks/sam_decoder.py segmenter=sam_vit_h device=cuda segmenter.batch.cuda=128

Overrides are those of segment.py. Weights are random, which makes no difference to the time. The limit is the number of
operations that we need over the rate of the machine's matrix products, both measured here.
"""

import copy
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from limits import clocked, encoder_operations, operations, product_rate
from rich.console import Console
from rich.table import Table
from segment_anything import SamPredictor, sam_model_registry
from segment_anything.modeling import Sam
from torch import Tensor

from isagrsc2.device import choose_device
from isagrsc2.segmenters.sam.asking import batch_on
from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder
from isagrsc2.segmenters.sam.segmenter import SamEmbedding, SamSegmenter

ROOT = Path(__file__).parents[1]

POINTS = 64  # segment-anything's generator asks so many at once
SIDE = 1024  # px, of the image
TURNS = 2  # of each, by turns, so that a noisy neighbour meets all
THEIRS = "segment-anything"


@torch.no_grad()
def decoder_operations(sam: Sam) -> tuple[int, int]:
    """Operations of segment-anything's decoder and of ours for all points; nothing is computed."""
    sam = copy.deepcopy(sam).to("meta")
    with torch.device("meta"):
        grid, channels = sam.prompt_encoder.image_embedding_size, sam.prompt_encoder.embed_dim
        features, prompts = torch.empty(1, channels, *grid), torch.empty(POINTS, 2, channels)
        outputs = 1 + sam.mask_decoder.num_mask_tokens
        theirs = operations(lambda: sam.mask_decoder(features, features, prompts, features.expand(POINTS, -1, -1, -1), True))
        ours = operations(
            lambda: ask_ours(PromptDecoder(sam, torch.float32), features, torch.empty(POINTS, outputs + 2, channels))
        )
    return theirs, ours


def ask_ours(decoder: PromptDecoder, features: Tensor, tokens: Tensor) -> None:
    """Decode prompts of an image."""
    decoder.decode(decoder.share(features), tokens)


class Rival:
    """Encoder and decoder of one side."""

    def __init__(self, sam: Sam, segmenter: SamSegmenter | None) -> None:
        self._predictor, self._segmenter = SamPredictor(sam), segmenter
        self._embedding: SamEmbedding | None = None

    def encode(self, image: np.ndarray) -> None:
        """Look at an image."""
        if self._segmenter is None:
            self._predictor.set_image(image)
        else:
            self._embedding = self._segmenter.embed(image)

    def decode(self, points: np.ndarray) -> None:
        """Ask points of the image."""
        if self._segmenter is None:
            prompts = torch.as_tensor(points, dtype=torch.float32, device=self._predictor.device)[:, None]
            foreground = torch.ones(len(points), 1, device=self._predictor.device)
            features = self._predictor.features
            sam = self._predictor.model
            sparse, dense = sam.prompt_encoder(points=(prompts, foreground), boxes=None, masks=None)
            with torch.no_grad():
                sam.mask_decoder(features, sam.prompt_encoder.get_dense_pe(), sparse, dense, multimask_output=True)
        else:
            assert self._embedding is not None
            candidates = self._segmenter.segment(self._embedding, points)
            candidates.chosen(tuple(np.indices(candidates.scores.shape).reshape(2, -1)))  # draws all


def main() -> None:
    """Measure and print."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("segment", ["segmenter=sam_vit_b", *sys.argv[1:]])
    option = cfg.segmenter
    device = choose_device(option.device)
    sam = sam_model_registry[option.model]().to(device).eval()
    batch = batch_on(device, dict(option.batch))
    numbers = (option.device, batch, option.stability_offset)
    rivals = {THEIRS: Rival(sam, None)}
    for precision in ("float32", "bfloat16"):
        rivals[precision] = Rival(sam, SamSegmenter.from_model(sam, *numbers, precision, option.compile))

    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    points = rng.random((POINTS, 2)) * SIDE
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in rivals}
    for turn in range(TURNS + option.compile):
        for name, rival in rivals.items():
            _, encoder = clocked(device, lambda: rival.encode(image))  # noqa: B023  # called at once
            _, decoder = clocked(device, lambda: rival.decode(points))  # noqa: B023
            if turn >= option.compile:  # compiling takes the first turn
                times[name][0].append(encoder)
                times[name][1].append(decoder)

    encoder_work, (their_work, our_work) = encoder_operations(sam), decoder_operations(sam)
    title = f"{option.model}, {device}, {torch.get_num_threads()} threads, {batch} points per call, random weights"
    table = Table("", f"encoder, {SIDE} px", "ratio", "limit", f"decoder, {POINTS} points", "ratio", "limit", title=title)
    table.columns[0].no_wrap = True
    best = [statistics.median(part) for part in times[THEIRS]]
    for name, parts in times.items():
        rate = product_rate(device, torch.bfloat16 if name == "bfloat16" else torch.float32)
        cells = [name]
        for part, reference, work in zip(parts, best, (encoder_work, our_work), strict=True):
            middle = statistics.median(part)
            cells += [f"{middle:.2f} s", f"{reference / middle:.1f}", f"{work / rate:.2f} s"]
        table.add_row(*cells)
    Console().print(table)
    print(f"operations: encoder {encoder_work / 1e9:.0f} G; decoder {their_work / 1e9:.0f} G, ours {our_work / 1e9:.0f} G")


if __name__ == "__main__":
    main()
