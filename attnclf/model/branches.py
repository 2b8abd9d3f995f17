"""Recurrent layers that need nothing of each other, each on a core of its own, forward and backward.

The two directions of a layer are most of a training step on a CPU. One product shared between cores does not pay at
these sizes; one direction for each core does, and as nothing is summed in another order, the result is the same to the
last bit. A core is given one long call, for threads that come back to Python between short ones wait for its lock.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from attnclf.cores import cores

Value = TypeVar("Value")


def at_once(layers: Sequence[nn.Module], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the states of each layer over its own input."""
    # More threads for each product, another precision or another device: torch's own ways, which threads do not share.
    alone = torch.get_num_threads() > 1 or torch.is_autocast_enabled("cpu") or torch.is_inference_mode_enabled()
    if alone or inputs[0].device.type != "cpu" or cores() == 1:
        return tuple(layer(rows)[0] for layer, rows in zip(layers, inputs, strict=True))
    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    states: tuple[Tensor, ...] = _AtOnce.apply(layers, *inputs, *parameters)  # type: ignore[no-untyped-call]
    return states


class _AtOnce(torch.autograd.Function):
    """Each layer has a graph of its own, from a leaf in place of its input to its states."""

    @staticmethod
    def forward(ctx: Any, layers: Sequence[nn.Module], *tensors: Tensor) -> tuple[Tensor, ...]:
        wanted = ctx.needs_input_grad[1:]
        learning = any(wanted)

        def run(layer: nn.Module, rows: Tensor, wanted: bool) -> tuple[Tensor, Tensor]:
            with torch.set_grad_enabled(learning):
                leaf = rows.detach().requires_grad_(wanted)
                return leaf, layer(leaf)[0]

        ctx.layers = layers
        ctx.graphs = _each(run, layers, tensors[: len(layers)], wanted[: len(layers)])
        return tuple(states.detach() for _, states in ctx.graphs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        def run(graph: tuple[Tensor, Tensor], layer: nn.Module, gradient: Tensor) -> list[Tensor | None]:
            leaf, states = graph
            learners = [leaf, *layer.parameters()]
            moving = [learner for learner in learners if learner.requires_grad]
            found = iter(torch.autograd.grad(states, moving, gradient) if moving else ())
            return [next(found) if learner.requires_grad else None for learner in learners]

        found = _each(run, ctx.graphs, ctx.layers, gradients)
        of_parameters = (gradient for _, *rest in found for gradient in rest)
        return None, *(of_leaf for of_leaf, *_ in found), *of_parameters


def _each(function: Callable[..., Value], *arguments: Sequence[Any]) -> list[Value]:
    """Call the function for each place of the arguments: here for the first, which is where the caches are warm."""
    first, *others = zip(*arguments, strict=True)
    elsewhere = [_workers().submit(function, *other) for other in others]
    return [function(*first), *(future.result() for future in elsewhere)]


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores() - 1, initializer=torch.set_num_threads, initargs=(1,))
