"""Functions of one tensor, each on a core of its own, forward and backward.

The two directions of a recurrent layer need nothing of each other, and on a CPU they are most of a training step. One
product shared between cores does not pay at these sizes; one direction for each core does, and as nothing is summed in
another order, the result is the same to the last bit.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from attnclf.cores import cores

Branch = tuple[nn.Module, Callable[[Tensor], Tensor]]  # whose parameters the function uses, and the function


def at_once(branches: Sequence[Branch], vectors: Tensor) -> tuple[Tensor, ...]:
    """Return the value of each branch's function."""
    # More threads for each product, another precision or another device: torch's own ways, which threads do not share.
    alone = torch.get_num_threads() > 1 or torch.is_autocast_enabled("cpu") or torch.is_inference_mode_enabled()
    if alone or vectors.device.type != "cpu" or len(branches) == 1 or cores() == 1:
        return tuple(function(vectors) for _, function in branches)
    parameters = [parameter for module, _ in branches for parameter in module.parameters()]
    values: tuple[Tensor, ...] = _AtOnce.apply(branches, vectors, *parameters)  # type: ignore[no-untyped-call]
    return values


class _AtOnce(torch.autograd.Function):
    """Each branch has a graph of its own, from a leaf in place of the vectors to its value."""

    @staticmethod
    def forward(ctx: Any, branches: Sequence[Branch], vectors: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        _, wanted, *_ = ctx.needs_input_grad
        learning = any(ctx.needs_input_grad)

        def run(branch: Branch) -> tuple[Tensor, Tensor]:
            with torch.set_grad_enabled(learning):
                leaf = vectors.detach().requires_grad_(wanted)
                return leaf, branch[1](leaf)

        ctx.graphs = list(_workers().map(run, branches))
        ctx.modules = [module for module, _ in branches]
        return tuple(value.detach() for _, value in ctx.graphs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        def run(graph: tuple[Tensor, Tensor], module: nn.Module, gradient: Tensor) -> list[Tensor | None]:
            leaf, value = graph
            learners = [leaf, *module.parameters()]
            moving = [learner for learner in learners if learner.requires_grad]
            found = iter(torch.autograd.grad(value, moving, gradient) if moving else ())
            return [next(found) if learner.requires_grad else None for learner in learners]

        found = list(_workers().map(run, ctx.graphs, ctx.modules, gradients))
        of_leaves = [of_leaf for of_leaf, *_ in found if of_leaf is not None]
        of_vectors = reduce(torch.add, of_leaves) if of_leaves else None
        return None, of_vectors, *(gradient for _, *of_parameters in found for gradient in of_parameters)


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), initializer=torch.set_num_threads, initargs=(1,))
