"""Learning the linear model of many labels: its table is a product of two, learned together by gradient descent.

One regression a label takes time and memory that grow with features × labels. Here each feature and each label has a
vector of a few numbers, the rank. The contribution of a feature to a label is the product of both, as in fastText
(Joulin et al. 2017). The numbers of labels begin at random and those of features at 0, so that a feature never seen
contributes nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.nn import functional

CELLS = 6_000_000  # of the tables of features: 24 MB
LEAST, MOST = 16, 256  # rank
BATCH, EPOCHS = 128, 10
WORK = 3e11  # multiplications, about a minute; a sparse one counts as `SPARSE`
SPARSE = 10
FEATURES, LABELS = 2.0, 0.005  # learning rates: of gradient descent, a row's share, and of Adam
WARMUP = 0.05


class Factored(NamedTuple):
    """The numbers of features (columns, rank) and of labels (rank, labels), and the bias (labels,), all float32."""

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    bias: NDArray[np.float32]


def rank(columns: int) -> int:
    """Return the length of the vector of each feature, given the number of features."""
    return min(max(CELLS // columns, LEAST), MOST)


def learn(
    values: sparse.csr_matrix,
    targets: NDArray[np.integer] | NDArray[np.floating],
    weights: NDArray[np.floating],
    label_weights: NDArray[np.float32],
    rank: int,
    check: Callable[[], None],
) -> Factored:
    """Learn from features (rows, columns) and targets as those of `Examples`; `check` is called before every step.

    `weights` (rows,) multiply the loss of a row, `label_weights` (labels,) with several labels that of its labels.
    """
    values, labels = values.astype(np.float32), len(label_weights)
    generator = torch.Generator().manual_seed(0)
    table = np.zeros((values.shape[1], rank), dtype=np.float32)
    heads = (torch.randn(rank, labels, generator=generator) * rank**-0.5).requires_grad_()
    bias = _prior(targets, labels).requires_grad_()
    optimizer = torch.optim.Adam([heads, bias], lr=LABELS)
    order = np.random.default_rng(0)
    counting = np.flatnonzero(weights > 0)
    work = rank * (SPARSE * values.nnz + len(counting) * labels)
    epochs = max(min(EPOCHS, int(WORK // work)), 1)
    most = min(len(counting), int(len(counting) * WORK / work))  # rows of an epoch
    batches = [
        rows
        for _ in range(epochs)
        for rows in np.array_split(order.permutation(counting)[:most], max(1, round(most / BATCH)))
    ]
    importance = torch.from_numpy(label_weights)
    for step, rows in enumerate(batches):
        check()
        factor = min(1.0, (step + 1) / (WARMUP * len(batches))) * (1 - step / len(batches))
        part = values[rows]
        columns, part.indices = np.unique(part.indices, return_inverse=True)
        part = sparse.csr_matrix((part.data, part.indices, part.indptr), shape=(len(rows), len(columns)))
        states = torch.from_numpy(part @ table[columns]).requires_grad_()
        counts = torch.from_numpy(weights[rows].astype(np.float32))
        loss = _loss(states @ heads + bias, torch.from_numpy(targets[rows]), counts, importance)
        optimizer.zero_grad()
        (loss / len(rows)).backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = LABELS * factor
        optimizer.step()
        assert states.grad is not None
        table[columns] -= FEATURES * factor * len(rows) * (part.T @ states.grad.numpy())
    return Factored(table, heads.detach().numpy(), bias.detach().numpy())


def _prior(targets: NDArray[np.integer] | NDArray[np.floating], labels: int) -> Tensor:
    """Return the logits (labels,) of what is known before any feature: how many rows each label has."""
    several = targets.ndim == 2
    having = targets.sum(axis=0) if several else np.bincount(targets, minlength=labels)
    others = len(targets) - having if several else 0
    return torch.from_numpy(np.log((having + 1) / (others + 1)).astype(np.float32))


def _loss(logits: Tensor, targets: Tensor, counts: Tensor, importance: Tensor) -> Tensor:
    """Return the summed loss of rows: cross entropy, or with several labels that of each label."""
    if targets.ndim == 1:
        return (functional.cross_entropy(logits, targets, reduction="none") * counts).sum()
    each = functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=importance, reduction="none")
    return (each.sum(dim=1) * counts).sum()
