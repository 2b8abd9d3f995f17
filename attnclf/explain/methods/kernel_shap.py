"""Shapley values from sampled coalitions of tokens: the mean contribution of a token over all orders of tokens."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer, mask
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

SAMPLES = 512  # coalitions of a text, or eight for each token if these are more
EXACT = 9  # tokens of a text up to which every coalition (510) is tried: no sampling, no error


@explanation_method("kernel-shap", "the mean gain over many masked texts", signed=True, order=8, removal="mask")
def kernel_shap(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return Shapley values of value(), where a token outside the coalition is masked, with their standard errors.

    Lundberg & Lee 2017, theorem 2: least squares over coalitions weighted by the Shapley kernel, constrained to the sum
    value(text) - value(nothing). Coalitions are drawn from the kernel in pairs of one and its complement (Covert & Lee
    2021, section 4). The error is the sandwich estimate over pairs, 0 where all coalitions were tried.
    """
    return [_explained(target, scorer) for target in targets]


def _explained(target: ExplanationTarget, scorer: PerturbationScorer) -> Weights:
    tokens = len(target.ids)
    whole, nothing = np.ones(tokens, dtype=bool), np.zeros(tokens, dtype=bool)
    if tokens == 1:
        values = _values(target, scorer, np.stack([whole, nothing]))
        return Weights(values[:1] - values[1:], np.zeros(1))
    exact = tokens <= EXACT
    coalitions, shares = _all(tokens) if exact else _drawn(tokens, max(SAMPLES, 8 * tokens), target.seed)
    values = _values(target, scorer, np.vstack([whole, nothing, coalitions]))
    weights, error = solved(coalitions, shares, values[2:] - values[1], float(values[0] - values[1]))
    return Weights(weights, np.zeros(tokens) if exact else error)


def _values(
    target: ExplanationTarget, scorer: PerturbationScorer, coalitions: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return target.value(scorer.logits([mask(target.ids, keep) for keep in coalitions]))


def _all(tokens: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return every coalition but the empty and the whole one, half of them first and then their complements."""
    chosen = []
    weights = []
    for size in range(1, tokens):
        for members in combinations(range(tokens), size):
            row = np.zeros(tokens, dtype=bool)
            row[list(members)] = True
            if row[0]:  # the other half are the complements
                chosen.append(row)
                weights.append(_kernel(tokens)[size - 1] / _choose(tokens, size))
    half, shares = np.array(chosen), np.array(weights)
    # A coalition and its complement have the same weight, for the kernel is symmetric.
    return np.vstack([half, ~half]), np.concatenate([shares, shares]) / (2 * shares.sum())


def _choose(tokens: int, size: int) -> float:
    return float(np.prod(np.arange(tokens - size + 1, tokens + 1) / np.arange(1, size + 1)))


def _kernel(tokens: int) -> NDArray[np.float64]:
    """Return the probability of each size 1 … tokens - 1 under the Shapley kernel, (n - 1) / (s (n - s)) normalised."""
    sizes = np.arange(1, tokens)
    mass = 1 / (sizes * (tokens - sizes))
    shares: NDArray[np.float64] = mass / mass.sum()
    return shares


def _drawn(tokens: int, samples: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return coalitions and then their complements."""
    generator = np.random.default_rng(seed)
    sizes = generator.choice(np.arange(1, tokens), size=samples // 2, p=_kernel(tokens))
    ranks = generator.random((samples // 2, tokens)).argsort(axis=1).argsort(axis=1)
    half = ranks < sizes[:, np.newaxis]
    return np.vstack([half, ~half]), np.full(2 * len(half), 1 / (2 * len(half)))


def solved(
    coalitions: NDArray[np.bool_], shares: NDArray[np.float64], values: NDArray[np.float64], total: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights w (tokens,) that minimise Σ share (value - z·w)² under Σ w = total, and their standard errors.

    The second half of `coalitions` (rows, tokens) are the complements of the first; `shares` (rows,) sum to 1.
    """
    z = coalitions.astype(np.float64)
    inverse = np.linalg.pinv(z.T @ (z * shares[:, np.newaxis]))
    across = inverse.sum(axis=1) / inverse.sum()
    bound = inverse - np.outer(across, inverse.sum(axis=0))  # what is left of the inverse under the constraint
    weights: NDArray[np.float64] = bound @ (z.T @ (shares * values)) + across * total
    residuals = values - z @ weights
    pairs = len(z) // 2
    moments = (z[:pairs] * residuals[:pairs, np.newaxis] + z[pairs:] * residuals[pairs:, np.newaxis]) / 2
    spread = moments @ bound.T
    error: NDArray[np.float64] = np.sqrt((spread**2).sum(axis=0)) / pairs
    return weights, error
