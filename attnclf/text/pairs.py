"""Pairs of neighbouring tokens as hash values: "not good", and the two-character words of Chinese."""

from typing import Any

SLOTS = 2**18  # hash values of pairs; far more than frequent pairs, so that few collide
MULTIPLIER = 1_000_003  # a prime above most vocabularies, so that (a, b) and (b, a) hash apart


def slot(previous: Any, token: Any) -> Any:
    """Return the hash, 0 to SLOTS - 1, of each (previous id, id): int64 arrays or tensors of one shape.

    The first token of a text pairs with padding (id 0).
    """
    return (previous * MULTIPLIER + token) % SLOTS
