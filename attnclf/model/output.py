"""What networks and their encoders return: named results, so that callers need no order."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


class Encoded(NamedTuple):
    """What an encoder returns: hidden states (batch, time, out_dim), and further outputs by name."""

    states: Tensor
    named: Mapping[str, Tensor] = NOTHING


class Output(NamedTuple):
    """What a network returns: logits (batch, labels) and the attention weights (batch, time) that explain shows.

    `named` holds further outputs. Each becomes an output of the exported graph under its name, for
    instance self_attention (batch, layers, heads, time, time).
    """

    logits: Tensor
    weights: Tensor
    named: Mapping[str, Tensor] = NOTHING


class Reading(NamedTuple):
    """The output of a network that pools, and what it was computed from.

    States (batch, time, dim), `keep` (batch, time) True at real tokens, and the scores (batch, time) that
    `alignment` turned into weights.
    """

    output: Output
    states: Tensor
    keep: Tensor
    scores: Tensor
    alignment: str
