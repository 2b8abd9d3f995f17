"""What is wrong with data that can be read: too little to learn from, or a score that will mislead."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from attnclf.data import duplicates
from attnclf.data.corpus import Corpus, plural
from attnclf.data.labels import LabelSet
from attnclf.errors import DataError

FEWEST_ROWS = 10
FEW_ROWS = 5
NAMED = 5


def refuse_unlearnable(corpus: Corpus, labels: LabelSet) -> None:
    """Raise DataError unless there are ten rows or more, two answers or more, one of them twice, and a weight."""
    answers = Counter(corpus.label_lists)
    if not answers:
        raise DataError("there are no rows to learn from", fix="check that this is the right file")
    if len(answers) == 1:
        (only,) = answers
        name = f"the label '{', '.join(only)}'" if only else "no label"
        raise DataError(
            f"one class only: every row has {name}, so there is nothing to tell apart",
            fix="add rows of another class, or name another column with --label-column",
        )
    if len(corpus) < FEWEST_ROWS:
        raise DataError(
            f"{plural(len(corpus), 'row')} are too few to learn from",
            fix=f"add rows: {FEWEST_ROWS} is the minimum, some dozens of each label begin to be useful",
        )
    if corpus.weights is not None and not (corpus.weights > 0).any():
        raise DataError("no row counts: every weight is 0", fix="name another column with --weight-column")
    rows_of = Counter(name for names in corpus.label_lists for name in names)
    if max(rows_of.values()) < 2:
        raise DataError(
            f"each of the {len(labels):,} labels has one row only",
            fix="add rows, or check that --label-column names the right column",
        )


def refuse_foreign(corpus: Corpus, known: Iterable[str], whose: str) -> None:
    """Raise DataError where no row has a label that is known, as with the wrong column or separator."""
    rows_of = Counter(name for names in corpus.label_lists for name in names)
    if not rows_of.keys() & set(known):
        raise DataError(
            f"no row has a label of {whose} (they have {listed(rows_of.most_common()) or 'none'})",
            fix="pass rows with such labels, or check --label-column and --label-separator",
        )


def warnings(train: Corpus, valid: Corpus | None, test: Corpus | None, labels: LabelSet) -> list[str]:
    """One sentence for each thing that makes the model or its score worse than it looks."""
    held_out = [(name, corpus) for name, corpus in (("validation", valid), ("test", test)) if corpus is not None]
    found = [unseen(name, corpus, labels) for name, corpus in held_out]
    found += [lacking(name, corpus, labels) for name, corpus in held_out]
    found.append(rare(train))
    seen = duplicates.keys(train.texts)
    found += [repeated(name, "training", corpus, seen) for name, corpus in held_out]
    if valid is not None and test is not None:
        found.append(repeated("test", "validation", test, duplicates.keys(valid.texts)))
    found.append(contradictory(train, seen))
    return [sentence for sentence in found if sentence]


def unseen(name: str, corpus: Corpus, labels: LabelSet) -> str:
    """Return a warning that rows have labels that training never showed."""
    unknown = Counter(label for names in corpus.label_lists for label in names if label not in labels.index)
    rows = sum(any(label in unknown for label in names) for names in corpus.label_lists) if unknown else 0
    if not rows:
        return ""
    return (
        f"{plural(rows, 'row')} of the {name} data {'has' if rows == 1 else 'have'} labels that the training data "
        f"does not ({listed(unknown.most_common())}): they count as wrong"
    )


def lacking(name: str, corpus: Corpus, labels: LabelSet) -> str:
    """Return a warning of labels that the other data has no row of, where it is large enough to have one of each."""
    known = {label for names in corpus.label_lists for label in names}
    lacked = [label for label in labels.names if label not in known]
    if not lacked or len(corpus) < max(len(labels), FEW_ROWS):
        return ""
    shown = ", ".join(lacked[:NAMED]) + (f" and {len(lacked) - NAMED:,} more" if len(lacked) > NAMED else "")
    return (
        f"the {name} data has no row of {len(lacked):,} of the {len(labels):,} labels ({shown}): "
        f"the {name} score does not tell how well {'it is' if len(lacked) == 1 else 'they are'} learned"
    )


def rare(train: Corpus) -> str:
    """Return a warning of labels that have too few rows to be learned well."""
    rows_of = Counter(name for names in train.label_lists for name in names)
    few = sorted(((name, rows) for name, rows in rows_of.items() if rows < FEW_ROWS), key=lambda item: item[1])
    if not few:
        return ""
    return (
        f"{plural(len(few), 'label')} with fewer than {FEW_ROWS} training rows ({listed(few)}): expect little of them"
    )


def repeated(name: str, other: str, corpus: Corpus, seen: np.ndarray) -> str:
    """Return a warning of texts that the other data has too."""
    rows = int(np.isin(duplicates.keys(corpus.texts), seen).sum())
    if not rows:
        return ""
    return (
        f"{rows:,} of {plural(len(corpus), f'{name} row')} {'has its' if rows == 1 else 'have their'} text in the "
        f"{other} data too: the {name} score looks better than it is"
    )


def contradictory(train: Corpus, keys: np.ndarray) -> str:
    """Return a warning of texts that have different labels, and where one does; `keys` (rows,) are of the texts."""
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    numbers: dict[tuple[str, ...], int] = {}
    answer = np.fromiter(
        (numbers.setdefault(tuple(sorted(names)), len(numbers)) for names in train.label_lists), dtype=np.int64
    )
    differs = np.flatnonzero(answer != answer[first[group]])
    if not len(differs):
        return ""
    texts = len(np.unique(group[differs]))
    row = int(differs[0])
    rows = f"{train.locations[int(first[group[row]])]} and {train.locations[row]}"
    return (
        f"{plural(texts, 'training text')} {'comes' if texts == 1 else 'come'} with different labels (such as {rows})"
    )


def listed(counts: Sequence[tuple[str, int]]) -> str:
    """Write labels with their rows: a: 3, b: 1."""
    shown = ", ".join(f"{name}: {rows:,}" for name, rows in counts[:NAMED])
    return f"{shown} and {len(counts) - NAMED:,} more" if len(counts) > NAMED else shown
