"""A trained network and a linear model over n-grams as one: their logits added, each with its own weight."""

import torch
from jaxtyping import Int
from torch import Tensor, nn

from attnclf.model.ngrams import NgramLinear
from attnclf.model.output import Output
from attnclf.text.ragged import UNKNOWN_ID


class Mixture(nn.Module):
    """logits = a · network + b · linear: a product of experts (Hinton 2002, eq. 1) with two weights.

    Its output has a further named one, `contributions` (batch, time, labels): the exact contribution of each token
    to the logits through the linear model. The network's own `value_logits` and `evidence` are weighted as its
    logits are.
    """

    weights: Tensor

    def __init__(self, network: nn.Module, linear: NgramLinear, weights: Tensor) -> None:
        super().__init__()
        self.network = network
        self.linear = linear
        self.register_buffer("weights", weights)

    def forward(
        self,
        ids: Int[Tensor, "batch time"],
        lengths: Int[Tensor, " batch"],
        char_ngrams: Int[Tensor, "unknown grams"],
    ) -> Output:
        """Classify rows of ids, each real up to its length; the n-grams of id vocabulary + n are `char_ngrams[n]`."""
        known = torch.where(ids < len(self.linear.words), ids, UNKNOWN_ID)
        logits, weights, named = self.network(known, lengths)
        linear = self.linear(ids, lengths, char_ngrams)
        a, b = self.weights
        shares = {name: a * named[name] for name in ("value_logits", "evidence")}
        return Output(
            logits=a * logits + b * linear.logits,
            weights=weights,
            named={**named, **shares, "contributions": b * linear.contributions},
        )
