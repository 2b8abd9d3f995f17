"""The linear model beside the network, and how much each of them counts: two weights, fitted to the validation rows."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.config import NgramConfig
from attnclf.model.mixture import Mixture
from attnclf.model.ngrams import NgramLinear
from attnclf.training import ngrams
from attnclf.training.examples import Examples
from attnclf.training.weighing import loss, weigh

# Where the weights start and, with few rows, stay. Both speakers have seen their training rows too often to be modest;
# this is about what hundreds of validation rows of several public datasets make of them.
PRIOR = (0.3, 0.5)  # network, linear
# C of the linear model, the first of equals: the weaker where texts say little about their labels, as with sentiment.
STRENGTHS = (10.0, 1.0)


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
    strengths = STRENGTHS if config.strength is None else (config.strength,)
    best, weights, joint = min(
        (
            _beside(linear, said, validation)
            for linear in ngrams.learn(examples, label_weights, units, config, strengths)
        ),
        key=lambda one: loss(one.joint, validation.targets),
    )
    a, b = weights.tolist()
    seconds = time.monotonic() - start
    say(f"Linear model over {best.size:,} n-grams: {seconds:.0f} s; logits {a:.2f} · network + {b:.2f} · n-grams")
    return Mixture(network, best, weights), joint


class Pair(NamedTuple):
    """A linear model, the weights (2,) of network and linear model, and their joint logits (rows, labels)."""

    linear: NgramLinear
    weights: Tensor
    joint: Tensor


def _beside(linear: NgramLinear, said: Tensor, validation: Examples) -> Pair:
    beside = ngrams.logits(linear, validation)
    weights = mix(said, beside, validation.targets)
    a, b = weights.tolist()
    return Pair(linear, weights, a * said + b * beside)


def mix(network: Tensor, linear: Tensor, targets: NDArray[np.integer] | NDArray[np.floating]) -> Tensor:
    """Return the weights (2,) under which a · network + b · linear makes the targets most likely.

    Both logits are (rows, labels). a is 1 / temperature, so that the probabilities are honest as well.
    """
    return weigh([network, linear], targets, PRIOR)
