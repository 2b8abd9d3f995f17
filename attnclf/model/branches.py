"""Independent branches of a network, each on a core of its own, forward and backward.

The two directions of a layer are most of a training step on a CPU. Sharing one product between cores does not pay at
these sizes; one direction for each core does. Nothing is summed in another order, so the result is the same to the last
bit. The other core gets one long call: threads that return to Python between short calls wait for its lock. That core
takes a while to wake, so it gets the shorter branch.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from attnclf.machine import cores
from attnclf.workers import Workers

Value = TypeVar("Value")


class Branch(NamedTuple):
    """A function of the common input, and the module that does most of it, whose parameters it uses."""

    run: Callable[[Tensor], Tensor]
    module: nn.Module


def run_parallel(branches: Sequence[Branch], rows: Tensor) -> tuple[Tensor, ...]:
    """Return the result of each branch for the rows; the first branch runs here, the others on other cores."""
    # More threads for each product, another precision or another device: torch's own ways, which threads do not share.
    alone = torch.get_num_threads() > 1 or torch.is_autocast_enabled("cpu") or torch.is_inference_mode_enabled()
    if alone or rows.device.type != "cpu" or cores() == 1:
        return tuple(branch.run(rows) for branch in branches)
    parameters = [parameter for branch in branches for parameter in branch.module.parameters()]
    learning = torch.is_grad_enabled()  # within a function of autograd it is always off
    inputs = [rows] * len(branches)
    made: tuple[Tensor, ...] = _RunParallel.apply(learning, branches, *inputs, *parameters)  # type: ignore[no-untyped-call]
    return made


class _RunParallel(torch.autograd.Function):
    """Each branch has a graph of its own, from a leaf in place of the input to what it makes."""

    @staticmethod
    def forward(ctx: Any, learning: bool, branches: Sequence[Branch], *tensors: Tensor) -> tuple[Tensor, ...]:
        def run(branch: Branch, leaf: Tensor) -> Tensor:
            with torch.set_grad_enabled(learning):
                return branch.run(leaf)

        leaves = [rows.detach().requires_grad_(rows.requires_grad) for rows in tensors[: len(branches)]]
        ctx.ends = _each(run, branches, leaves)
        ctx.learners = [[leaf, *branch.module.parameters()] for leaf, branch in zip(leaves, branches, strict=True)]
        return tuple(end.detach() for end in ctx.ends)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        def run(end: Tensor, learners: Sequence[Tensor], gradient: Tensor) -> list[Tensor | None]:
            moving = [learner for learner in learners if learner.requires_grad]
            found = iter(torch.autograd.grad(end, moving, gradient) if moving else ())
            return [next(found) if learner.requires_grad else None for learner in learners]

        found = _each(run, ctx.ends, ctx.learners, gradients)
        # The last branch first: so autograd itself adds them up, which goes back from what was made last.
        of_inputs = [of_leaf for of_leaf, *_ in reversed(found)]
        return None, None, *of_inputs, *(gradient for _, *of_parameters in found for gradient in of_parameters)


def _each(function: Callable[..., Value], *arguments: Sequence[Any]) -> list[Value]:
    """Call the function for each place of the arguments: here for the first, when the others are on their way."""
    first, *others = zip(*arguments, strict=True)
    elsewhere = [_workers().begin(function, *other) for other in others]
    return [function(*first), *(future.result() for future in elsewhere)]


@cache
def _workers() -> Workers:
    return Workers(cores() - 1, partial(torch.set_num_threads, 1))
