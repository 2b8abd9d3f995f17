"""What a network predicts for examples, and how good that is."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.data.batches import sorted_by_length
from attnclf.data.labels import marked
from attnclf.evaluation import metrics
from attnclf.evaluation.thresholds import labels_above, tune_thresholds
from attnclf.training.examples import Examples
from attnclf.training.step import Step
from attnclf.training.transfer import arriving, behind, late, sent

TOKENS = 16_384  # tokens of a batch with its padding
CELLS = 2**24  # tokens × labels of a batch: 64 MB for each array of contributions


class Predictions(NamedTuple):
    """Logits (rows, labels), float32 on the CPU, and the mean loss of the rows with known labels.

    `sequences` (rows, steps) are the labels that a network emitted which emits them one after the other, -1 from the
    end on; None of other networks.
    """

    logits: Tensor
    loss: float
    sequences: NDArray[np.int64] | None


def in_batches(lengths: NDArray[np.int64], labels: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows to predict together, from short to long; fewer where there are many labels."""
    return sorted_by_length(lengths, min(TOKENS, CELLS // labels))


def predict_logits(model: nn.Module, examples: Examples, *, char_ngrams: bool = True, labels: int = 1) -> Tensor:
    """Return the logits of a model for every row, (rows, labels); `char_ngrams` where it reads them.

    `labels` is their number, for batches that are smaller where there are many.
    """
    inputs = examples.batch_with_char_ngrams if char_ngrams else examples.batch
    logits: Tensor | None = None
    with torch.no_grad():
        for rows in in_batches(examples.tokens.lengths, labels):
            some = model(*map(torch.from_numpy, inputs(rows))).logits
            logits = some.new_empty(len(examples), some.shape[1]) if logits is None else logits
            logits[torch.from_numpy(rows)] = some
    return torch.empty(0, labels) if logits is None else logits


def predict(step: Step, network: nn.Module, examples: Examples) -> Predictions:
    """Return what a network predicts, in the precision and on the device of its training."""
    network.eval()
    labels, sequential = len(step.label_loss.label_weights), examples.sequences is not None
    logits = torch.empty(len(examples), labels)
    emitted: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * len(examples)
    total, counted = 0.0, 0
    parts = (_predict_batch(step, network, examples, rows) for rows in in_batches(examples.tokens.lengths, labels))
    for rows, some, loss, known, sequences in late(parts, behind(step.device)):
        total += float(loss()) * known
        counted += known
        logits[torch.from_numpy(rows)] = some()
        if sequences is not None:
            for row, sequence in zip(rows, sequences().numpy(), strict=True):
                emitted[row] = sequence
    return Predictions(logits, total / max(counted, 1), np.stack(emitted) if sequential else None)


def _predict_batch(step: Step, network: nn.Module, examples: Examples, rows: NDArray[np.int64]) -> tuple[Any, ...]:
    """Return the rows, their logits, the mean loss of those with known labels, their number, their sequences."""
    device, label_loss = step.device, step.label_loss.unweighted
    truth, sequential = examples.goals(rows), examples.sequences is not None
    known = np.flatnonzero(truth >= 0) if truth.ndim == 1 else np.arange(len(rows))
    ids, lengths = (sent(array, device) for array in examples.batch(rows))
    goals, index = sent(truth, device), sent(known, device)
    with torch.no_grad(), step.autocast():
        vectors = network.embedding(ids)  # type: ignore[operator]
        output = network.classify(vectors, lengths)  # type: ignore[operator]
        compared = label_loss.logits(network, vectors, lengths, goals) if sequential else output.logits
    loss = label_loss(compared[index].float(), goals[index], torch.ones(len(known), device=device))
    sequences = arriving(output.named["sequence"]) if sequential else None
    return rows, arriving(output.logits.float()), arriving(loss), len(known), sequences


def validation_score(targets: NDArray[Any], predictions: Predictions) -> float:
    """Return what the best epoch is chosen by: accuracy, or for several labels the micro-F1.

    That is of the labels that the network emits, or of those above the tuned threshold.
    """
    names = [str(label) for label in range(predictions.logits.shape[1])]
    several = targets.ndim == 2
    probabilities = (
        torch.sigmoid(predictions.logits) if several else torch.softmax(predictions.logits, dim=-1)
    ).numpy()
    if not several:
        return metrics.single(targets, probabilities, names).accuracy
    if predictions.sequences is not None:
        given = marked(predictions.sequences, len(names))
    else:
        given = labels_above(probabilities, tune_thresholds(targets, probabilities))
    return metrics.multi(targets, probabilities, names, given).micro_f1
