"""The linear model beside the network, and how much each of them counts: two weights, fitted to the validation rows."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.config import NgramConfig
from attnclf.model.mixture import Mixture
from attnclf.training import ngrams, objectives
from attnclf.training.examples import Examples

# Where the weights start and, with few rows, stay. Both speakers have seen their training rows too often to be modest;
# this is about what hundreds of validation rows of several public datasets make of them.
PRIOR = (0.3, 0.5)  # network, linear
PULL = 5.0  # of the prior, in rows


def beside_ngrams(
    network: nn.Module,
    said: Tensor,
    examples: Examples,
    validation: Examples,
    label_weights: NDArray[np.float32],
    units: Sequence[str],
    config: NgramConfig,
    say: Callable[[str], None],
) -> tuple[Mixture, Tensor]:
    """Return the trained network with a linear model over n-grams at its side, and their joint validation logits.

    `said` are the network's own logits of the validation rows (rows, labels); `label_weights` (labels,) count in the
    linear model as they did in the network; `units` are the known words by id.
    """
    start = time.monotonic()
    linear = ngrams.learn(examples, label_weights, units, config)
    beside = ngrams.logits(linear, validation)
    weights = mix(said, beside, validation.targets)
    a, b = weights.tolist()
    seconds = time.monotonic() - start
    say(f"Linear model over {linear.size:,} n-grams: {seconds:.0f} s; logits {a:.2f} · network + {b:.2f} · n-grams")
    return Mixture(network, linear, weights), a * said + b * beside


def mix(network: Tensor, linear: Tensor, targets: NDArray[np.integer] | NDArray[np.floating]) -> Tensor:
    """Return the weights (2,) under which a · network + b · linear makes the targets most likely.

    Both logits are (rows, labels). The objective is the summed loss plus a pull of the logarithms of the weights
    towards the prior ones (`PULL`), so that they are positive and a few rows cannot carry them away. Fitted by
    validation rows, the weights also make the probabilities honest: a is 1 / temperature (Guo et al. 2017).
    """
    true = torch.from_numpy(targets)
    several = targets.ndim == 2
    known = torch.ones(len(true), dtype=torch.bool) if several else true >= 0
    objective = objectives.binary_cross_entropy if several else objectives.cross_entropy
    rows, labels = int(known.sum()), network.shape[1]
    prior = torch.log(torch.tensor(PRIOR))
    logs = prior.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        a, b = logs.exp()
        mixed = a * network[known] + b * linear[known]
        mean = objective(mixed, true[known], torch.ones(rows), torch.ones(labels), 0.0)
        total = rows * mean + PULL * (logs - prior).square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return logs.detach().exp()
