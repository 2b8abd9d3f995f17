"""The linear model beside the network, and how much each of them counts: two weights, fitted to the validation rows.

What was chosen by validation rows that were set apart stays, and the linear model then learns from them as well.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.config import NgramConfig
from attnclf.model.mixture import Mixture
from attnclf.model.ngrams import NgramLinear
from attnclf.training import ngrams
from attnclf.training.examples import Examples
from attnclf.training.judging import said_of
from attnclf.training.limits import Limits
from attnclf.training.weighing import loss, weigh

# Where the weights of network and linear model start and, with few validation rows, stay. Both have seen their training
# rows too often to be modest; this is about what hundreds of validation rows of several public datasets make of them.
NETWORK, LINEAR = 0.3, 0.5
FEW = 300  # training rows after which the network is worth half of that: it needs more of them than n-grams do
# C of the linear model, the first of equals: the weaker where texts say little about their labels, as with sentiment.
STRENGTHS = (10.0, 1.0)


class Beside(NamedTuple):
    """Network and linear model, their joint validation logits (rows, labels), and the C that served those rows best."""

    mixture: Mixture
    joint: Tensor
    strength: float


def strengths(config: NgramConfig) -> Sequence[float]:
    """Return the C of the linear models that are learned: the one that is set, else those that may serve."""
    return STRENGTHS if config.strength is None else (config.strength,)


def beside_ngrams(
    network: nn.Module,
    said: Tensor,
    linears: Mapping[float, NgramLinear],
    validation: Examples,
    rows: int,
    say: Callable[[str], None],
) -> Beside:
    """Return the trained network with a linear model over n-grams at its side, that of the C which serves best.

    `said` are the network's own logits of the validation rows (rows, labels); all have learned from so many `rows`.
    """
    best = min(
        (_beside(network, linear, said, validation, strength, prior(rows)) for strength, linear in linears.items()),
        key=lambda one: loss(one.joint, validation.targets),
    )
    a, b = best.mixture.weights.tolist()
    say(f"Logits: {a:.2f} · network + {b:.2f} · n-grams")
    return best


def prior(rows: int) -> tuple[float, float]:
    """Return the weights of network and linear model before any validation row, after so many training rows."""
    return NETWORK * rows / (rows + FEW), LINEAR


def _beside(
    network: nn.Module,
    linear: NgramLinear,
    said: Tensor,
    validation: Examples,
    strength: float,
    start: tuple[float, float],
) -> Beside:
    beside = said_of(linear, validation, labels=said.shape[1])
    # a is 1 / temperature of the network, so that the probabilities are honest as well.
    weights = weigh([said, beside], validation.targets, start)
    a, b = weights.tolist()
    joint = a * said
    joint += beside.mul_(b)  # in place: with many labels these are the largest arrays of all
    return Beside(Mixture(network, linear, weights), joint, strength)


def relearned(
    beside: Beside,
    examples: Examples,
    label_weights: NDArray[np.float32],
    units: Sequence[str],
    config: NgramConfig,
    say: Callable[[str], None],
    limits: Limits,
) -> Mixture | None:
    """Return the same with its linear model learned anew, from all these rows; None where there is no time for that.

    Those that have chosen its C and its weight are among them, so nothing may be scored by them any more.
    """
    start = time.monotonic()
    before = beside.mixture.linear
    linear = limits.within(
        lambda check: next(ngrams.learn(examples, label_weights, units, config, [beside.strength], check, before)),
        limits.latest - limits.finish,
    )
    seconds = time.monotonic() - start
    if linear is None:
        stopped = f"learning it again was stopped after {seconds:.0f} s"
        say(f"Note: the linear model does not know the rows set apart: {stopped}")
        return None
    say(f"Linear model again, from all {len(examples):,} rows: {seconds:.0f} s; validation scores are from before that")
    return Mixture(beside.mixture.network, linear, beside.mixture.weights)
