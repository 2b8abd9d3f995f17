"""Which sequence of labels is the most probable: beam search as tensor operations, so that a graph can hold it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from attnclf.model.decoder import State, Step

Advance = Callable[[Int[Tensor, "batch beam"], State, int], Step]


class Found(NamedTuple):
    """What a search finds.

    `sequence` (batch, steps) int64 holds the labels in the order of emission, -1 from the end on. `probabilities`
    (batch, labels): the probability that a label is emitted, summed over every prefix that the search has expanded,
    Σ P(prefix) · p(label | prefix). These are different events, so the sum never exceeds the true probability, and
    reaches it when the beam leaves out no prefix. `alignment` (batch, steps, time): where the decoder looked at each
    step of the sequence; zero after the end.
    """

    sequence: Tensor
    probabilities: Tensor
    alignment: Tensor


def most_probable(advance: Advance, state: State, *, labels: int, steps: int, beam: int) -> Found:
    """Search for the sequence y_1 … y_n of labels, none twice, with the largest Π p(y_i | y_1 … y_{i-1}) · p(end | …).

    `advance` takes the symbols emitted last (batch, beam), the state and the number of the step; symbol `labels` is the
    start when read and the end when emitted. A sequence that has not ended after `steps` labels is cut there. `beam`
    hypotheses are kept at each step (1: greedy). Scores are not corrected for length.
    """
    hidden = state[0]
    every = torch.arange(labels + 1, device=hidden.device)
    never = torch.full((), -torch.inf, device=hidden.device)
    state = tuple(part.expand(-1, beam, -1) for part in state)
    # All hypotheses begin alike, so only the first counts.
    begun = torch.where(torch.arange(beam, device=hidden.device) == 0, 0.0, never)
    total = begun + torch.zeros_like(hidden[:, :, 0], dtype=torch.float32)
    symbols = torch.full_like(total, labels, dtype=torch.int64)
    allowed = torch.ones_like(total, dtype=torch.bool).unsqueeze(-1) | (every >= 0)
    ended = torch.zeros_like(total, dtype=torch.bool)
    probabilities = torch.zeros_like(total[:, :1]) + torch.zeros_like(every[:labels])
    trail = []
    for number in range(steps):
        logits, state, weights = advance(symbols, state, number)
        known = torch.log_softmax(logits.float().masked_fill(~allowed, -torch.inf), dim=-1)
        # What has ended stays as it is: it ends again, for certain.
        known = torch.where(ended.unsqueeze(-1), torch.where(every == labels, 0.0, never), known)
        scores = total.unsqueeze(-1) + known
        probabilities = probabilities + scores[..., :labels].exp().sum(dim=1)
        total, best = scores.flatten(1).topk(beam)
        parents, symbols = best // (labels + 1), best % (labels + 1)
        trail.append((parents, symbols, weights))
        state = tuple(picked(part, parents) for part in state)
        emitted = (every == symbols.unsqueeze(-1)) & (every < labels)
        allowed = picked(allowed, parents) & ~emitted
        ended = symbols == labels

    # From the best hypothesis back to where it came from.
    place = torch.zeros_like(symbols[:, :1])
    path = []
    for parents, symbols, weights in reversed(trail):
        symbol, place = symbols.gather(1, place), parents.gather(1, place)
        path.append((symbol, picked(weights, place)))
    sequence = torch.cat([symbol for symbol, _ in reversed(path)], dim=1)
    sequence = torch.where(sequence == labels, -1, sequence)
    alignment = torch.cat([row for _, row in reversed(path)], dim=1)
    # The first row is there even when the sequence is empty: where the decoder looked before it said "end".
    looked = torch.cat([torch.ones_like(sequence[:, :1], dtype=torch.bool), sequence[:, 1:] >= 0], dim=1)
    return Found(sequence, probabilities, alignment * looked.unsqueeze(-1))


def picked(values: Tensor, places: Int[Tensor, "batch beam"]) -> Tensor:
    """Return for each row the entries at `places` of its second axis: (batch, q, width) → (batch, beam, width)."""
    return values.gather(1, places.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
