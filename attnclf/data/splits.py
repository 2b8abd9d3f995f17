"""Divide the rows into training and validation so that every label is in both and no text is."""

from collections.abc import Sequence

import numpy as np

from attnclf.data import duplicates
from attnclf.errors import ConfigError


def stratified(
    labels: np.ndarray, texts: Sequence[str], *, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted row indices of training and validation; `fraction` is validation's share of the distinct texts.

    `labels` is (rows,) int64, or (rows, labels) of 0 and 1. Each label with two distinct texts or more is on both
    sides (as far as possible where texts carry several labels). A label with one is in training, and equal texts are
    on one side. Rows with several labels are divided by iterative stratification (Sechidis et al. 2011).
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"the validation share is {fraction}", fix="set it between 0 and 1, such as 0.1")
    group = duplicates.groups(texts)
    count = int(group.max()) + 1 if len(group) else 0
    owner, label = pairs(labels, group)
    in_validation = assign(owner, label, count, fraction, np.random.default_rng(seed))
    repair(in_validation, owner, label)
    valid = in_validation[group]
    return np.flatnonzero(~valid), np.flatnonzero(valid)


def pairs(labels: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct (text, label) pairs, as two arrays, by text; a text without a label gets one of its own, "none"."""
    if labels.ndim == 1:
        owner, label, width = group, labels, int(labels.max(initial=0)) + 1
    else:
        rows, label = np.nonzero(labels)
        blank = np.flatnonzero(~labels.any(axis=1))
        width = labels.shape[1] + 1
        owner = np.concatenate([group[rows], group[blank]])
        label = np.concatenate([label, np.full(len(blank), width - 1)])
    distinct = np.unique(owner * width + label)
    return distinct // width, distinct % width


def quota(count: np.ndarray, fraction: float) -> np.ndarray:
    """How many of `count` texts go to validation: the share, but one at least and not all; none of a single one."""
    share = np.rint(count * fraction).astype(np.int64)
    return np.where(count < 2, 0, np.clip(share, 1, np.maximum(count - 1, 1)))


def assign(
    owner: np.ndarray, label: np.ndarray, count: int, fraction: float, generator: np.random.Generator
) -> np.ndarray:
    """Whether each text (texts,) goes to validation.

    Texts with several labels come first, for they are the hard ones. A random choice of the others then fills the quota
    of every label.
    """
    has_several = np.bincount(owner, minlength=count)[owner] > 1
    in_validation = np.zeros(count, dtype=bool)
    in_validation[assign_several(owner[has_several], label[has_several], fraction, generator)] = True
    totals = np.bincount(label)
    vacant = quota(totals, fraction) - np.bincount(label[in_validation[owner]], minlength=len(totals))
    alone = generator.permutation(np.flatnonzero(~has_several))
    alone = alone[np.argsort(label[alone], kind="stable")]
    names, start, size = np.unique(label[alone], return_index=True, return_counts=True)
    rank = np.arange(len(alone)) - np.repeat(start, size)
    in_validation[owner[alone[rank < np.repeat(vacant[names], size)]]] = True
    return in_validation


def assign_several(owner: np.ndarray, label: np.ndarray, fraction: float, generator: np.random.Generator) -> list[int]:
    """Texts for validation, when each has several labels.

    Take the label with the fewest texts not yet assigned. Give each of them to the side that wants that label most, and
    note on both sides what it brought of the other labels.
    """
    labels_of: dict[int, list[int]] = {}
    texts_of: dict[int, list[int]] = {}
    for position in generator.permutation(len(owner)).tolist():
        text, name = int(owner[position]), int(label[position])
        labels_of.setdefault(text, []).append(name)
        texts_of.setdefault(name, []).append(text)
    totals = np.bincount(label)
    wanted = [(totals - quota(totals, fraction)).tolist(), quota(totals, fraction).tolist()]
    space = [len(labels_of) * (1 - fraction), len(labels_of) * fraction]
    left = totals.tolist()
    assigned: dict[int, int] = {}
    while texts_of:
        rarest = min(texts_of, key=lambda name: (left[name], name))
        for text in texts_of.pop(rarest):
            if text in assigned:
                continue
            side = assigned[text] = max((0, 1), key=lambda side: (wanted[side][rarest], space[side]))
            space[side] -= 1
            for name in labels_of[text]:
                wanted[side][name] -= 1
                left[name] -= 1
    return [text for text, side in assigned.items() if side == 1]


def repair(in_validation: np.ndarray, owner: np.ndarray, label: np.ndarray) -> None:
    """Move texts, in place, so that labels missing on a side get there, where that takes no label from the other.

    A label that is missing in training comes back whatever validation loses by it.
    """
    width = int(label.max(initial=0)) + 1
    totals = np.bincount(label, minlength=width)
    there = np.bincount(label[in_validation[owner]], minlength=width)  # texts of each label in validation
    for name in np.flatnonzero((there == totals) & (totals > 0)):
        if there[name] < totals[name]:
            continue
        move(int(owner[label == name][0]), in_validation, owner, label, there)
    for name in np.flatnonzero((there == 0) & (totals > 1)):
        if there[name]:
            continue
        for text in owner[label == name]:
            carried = label[of(int(text), owner)]
            if ((totals - there)[carried] > 1).all():
                move(int(text), in_validation, owner, label, there)
                break


def move(text: int, in_validation: np.ndarray, owner: np.ndarray, label: np.ndarray, there: np.ndarray) -> None:
    """Move one text to the other side, and count its labels there."""
    in_validation[text] = not in_validation[text]
    there[label[of(text, owner)]] += 1 if in_validation[text] else -1


def of(text: int, owner: np.ndarray) -> slice:
    """Where the pairs of one text stand."""
    return slice(*np.searchsorted(owner, [text, text + 1]).tolist())
