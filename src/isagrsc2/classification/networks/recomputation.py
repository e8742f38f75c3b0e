"""Two ways through a stage of a network: keep its activations for the backward pass, or compute them again there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Apply modules in turn; autograd keeps what they computed."""
    for module in modules:
        x = module(x)
    return x


def recompute(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Apply modules in turn and keep only the input; the backward pass computes the rest again (Chen et al. 2016).

    Gradients and running statistics are those of ``run``.

    Args:
        modules: none may change its input in place.
        x: the input.
    """
    if torch.compiler.is_compiling():
        # The compiler repeats computations, not changes of buffers, and traces no contexts.
        compiled: Tensor = checkpoint(run, modules, x, use_reentrant=False)
        return compiled
    result: Tensor = checkpoint(
        run, modules, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _statistics_kept(modules))
    )
    return result


@contextmanager
def _statistics_kept(modules: Sequence[nn.Module]) -> Iterator[None]:
    """While this lasts batch normalisation normalises by the batch, but does not count the batch once more."""
    norms = [part for module in modules for part in module.modules() if isinstance(part, _BatchNorm)]
    counted = [norm for norm in norms if norm.track_running_stats]
    before = [(norm.momentum, norm.get_buffer("num_batches_tracked").clone()) for norm in counted]
    for norm in counted:
        norm.momentum = 0.0  # the weight of the batch in the running statistics
    try:
        yield
    finally:  # torch ends a repetition by an exception as soon as it has what it needs
        for norm, (momentum, count) in zip(counted, before, strict=True):
            norm.momentum = momentum
            norm.get_buffer("num_batches_tracked").copy_(count)
