"""The ensemble of network and linear model: two weights of their logits, fitted to the validation rows.

What validation rows decided stays, and the linear model is then fitted again to those rows as well.
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
from attnclf.training.calibration.logit_weights import fit_logit_weights, loss
from attnclf.training.examples import Examples
from attnclf.training.limits import Limits
from attnclf.training.prediction import predict_logits

# Where the weights of network and linear model start and, with few validation rows, stay. Both have seen their training
# rows too often to be modest; this is about what hundreds of validation rows of several public datasets make of them.
NETWORK, LINEAR = 0.3, 0.5
FEW = 300  # training rows after which the network is worth half of that: it needs more of them than n-grams do


class Ensemble(NamedTuple):
    """Network and linear model, their joint validation logits (rows, labels), and the C that fits those rows best."""

    mixture: Mixture
    logits: Tensor
    strength: float


def fit_ensemble(
    network: nn.Module,
    logits: Tensor,
    linears: Mapping[float, NgramLinear],
    validation: Examples,
    rows: int,
    say: Callable[[str], None],
) -> Ensemble:
    """Return the trained network with the linear model over n-grams that fits the validation rows best.

    `logits` are those of the network for the validation rows (rows, labels); `rows` counts the training rows.
    """
    best = min(
        (_combine(network, linear, logits, validation, strength, prior(rows)) for strength, linear in linears.items()),
        key=lambda ensemble: loss(ensemble.logits, validation.targets),
    )
    a, b = best.mixture.weights.tolist()
    say(f"Logits: {a:.2f} · network + {b:.2f} · n-grams")
    return best


def prior(rows: int) -> tuple[float, float]:
    """Return the weights of network and linear model before any validation row, given the number of training rows."""
    return NETWORK * rows / (rows + FEW), LINEAR


def _combine(
    network: nn.Module,
    linear: NgramLinear,
    logits: Tensor,
    validation: Examples,
    strength: float,
    start: tuple[float, float],
) -> Ensemble:
    linear_logits = predict_logits(linear, validation, labels=logits.shape[1])
    # a is 1 / temperature of the network, so that the probabilities are honest as well.
    weights = fit_logit_weights([logits, linear_logits], validation.targets, start)
    a, b = weights.tolist()
    joint = a * logits
    joint += linear_logits.mul_(b)  # in place: with many labels these are the largest arrays of all
    return Ensemble(Mixture(network, linear, weights), joint, strength)


def refit_ngrams(
    ensemble: Ensemble,
    examples: Examples,
    label_weights: NDArray[np.float32],
    vocabulary: Sequence[str],
    config: NgramConfig,
    say: Callable[[str], None],
    limits: Limits,
) -> Mixture | None:
    """Return the same with its linear model fitted again, to all these rows; None where there is no time for that.

    The rows that chose its C and its weight are among them, so nothing may be scored by them any more.
    """
    start = time.monotonic()
    before = ensemble.mixture.linear
    linear = limits.within(
        lambda check: next(
            ngrams.learn(examples, label_weights, vocabulary, config, [ensemble.strength], check, before)
        ),
        limits.latest - limits.finish,
    )
    seconds = time.monotonic() - start
    if linear is None:
        say(f"Note: the linear model was not refitted with the validation rows: stopped after {seconds:.0f} s")
        return None
    say(
        f"Refitted the linear model on all {len(examples):,} rows in {seconds:.0f} s; "
        "the validation scores below were measured before that"
    )
    return Mixture(ensemble.mixture.network, linear, ensemble.mixture.weights)
