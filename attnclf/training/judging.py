"""What a model says of examples, and how good that is."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.data.batches import sorted_by_length
from attnclf.data.labels import marked
from attnclf.evaluation import metrics
from attnclf.evaluation.thresholds import chosen, settle
from attnclf.training.examples import Examples

TOKENS = 16_384  # units of a batch with its padding
CELLS = 2**24  # units × labels of a batch: 64 MB for each array of what units say of labels


class Judged(NamedTuple):
    """What a network says of examples: logits (rows, labels) on the CPU, the mean loss of the rows with known labels.

    `sequences` (rows, steps) are the labels that a network emitted which emits them one after the other, -1 from the
    end on; None of other networks.
    """

    logits: Tensor
    loss: float
    sequences: NDArray[np.int64] | None


def in_batches(lengths: NDArray[np.int64], labels: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows to judge together, from short to long; fewer where there are many labels."""
    return sorted_by_length(lengths, min(TOKENS, CELLS // labels))


def said_of(model: nn.Module, examples: Examples, *, char_ngrams: bool = True, labels: int = 1) -> Tensor:
    """Return what a model says of every row, (rows, labels); `char_ngrams` where it reads those of unknown words.

    `labels` is their number, for batches that are smaller where there are many.
    """
    inputs = examples.batch_with_char_ngrams if char_ngrams else examples.batch
    said: Tensor | None = None
    with torch.no_grad():
        for rows in in_batches(examples.tokens.lengths, labels):
            logits = model(*map(torch.from_numpy, inputs(rows))).logits
            said = logits.new_empty(len(examples), logits.shape[1]) if said is None else said
            said[torch.from_numpy(rows)] = logits
    return torch.empty(0, labels) if said is None else said


def validation_score(targets: NDArray[Any], judged: Judged) -> float:
    """Return what the best epoch is chosen by: accuracy, or for several labels the micro-F1.

    That is of the labels that the network emits, or of those above the tuned threshold.
    """
    names = [str(label) for label in range(judged.logits.shape[1])]
    several = targets.ndim == 2
    probabilities = (torch.sigmoid(judged.logits) if several else torch.softmax(judged.logits, dim=-1)).numpy()
    if not several:
        return metrics.single(targets, probabilities, names).accuracy
    if judged.sequences is not None:
        said = marked(judged.sequences, len(names))
    else:
        said = chosen(probabilities, settle(targets, probabilities))
    return metrics.multi(targets, probabilities, names, said).micro_f1
