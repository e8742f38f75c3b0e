"""What a machine can do at best: the rate of its matrix products, and the operations that a network needs."""

import copy
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from segment_anything.modeling import Sam
from torch.utils.flop_counter import FlopCounterMode

PRODUCT = (4096, 768, 3072)  # of the matrices whose product gives the machine's rate: a layer of vit_b
TURNS = 10  # the best of so many

Result = TypeVar("Result")


def clocked(device: torch.device, work: Callable[[], Result]) -> tuple[Result, float]:
    """Do some work; what came of it, and its wall time in s."""
    begun = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return result, time.perf_counter() - begun


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a matrix product, the best of some."""
    rows, inner, columns = PRODUCT
    left, right = (torch.randn(shape, device=device, dtype=dtype) for shape in ((rows, inner), (inner, columns)))
    work = 2 * rows * inner * columns
    return max(work / clocked(device, lambda: left @ right)[1] for _ in range(TURNS))


@torch.no_grad()
def operations(work: Callable[[], object]) -> int:
    """Operations of the matrix products and convolutions in some work, which is done."""
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: _count_in_place})
    with counter:
        work()
    return counter.get_total_flops()


def encoder_operations(sam: Sam) -> int:
    """Operations of the image encoder, as segment-anything computes it; nothing is computed."""
    encoder = copy.deepcopy(sam.image_encoder).to("meta")
    return operations(lambda: encoder(torch.empty(1, 3, encoder.img_size, encoder.img_size, device="meta")))


def _count_in_place(_: object, left: torch.Size, right: torch.Size, *__: object, **___: object) -> int:
    """Operations of ``baddbmm_`` on shapes (B, m, k) and (B, k, n): torch knows only how to count what is not in place."""
    return 2 * left.numel() * right[-1]
