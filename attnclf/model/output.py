"""What networks and their encoders return: named results, so that callers need no order."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


class Encoded(NamedTuple):
    """What an encoder returns: hidden states (batch, time, out_dim), and what else is worth looking at, by name."""

    states: Tensor
    named: Mapping[str, Tensor] = NOTHING


class Output(NamedTuple):
    """What a network returns: logits (batch, labels) and the attention weights (batch, time) that explain shows.

    `named` holds what else is worth looking at. Each becomes an output of the exported graph under its name, for
    instance self_attention (batch, layers, heads, time, time).
    """

    logits: Tensor
    weights: Tensor
    named: Mapping[str, Tensor] = NOTHING


class Reading(NamedTuple):
    """What a network that pools says, and what it came from.

    States (batch, time, dim), `keep` (batch, time) True at real units, and the scores (batch, time) that the alignment
    of this name made weights of.
    """

    output: Output
    states: Tensor
    keep: Tensor
    scores: Tensor
    alignment: str
