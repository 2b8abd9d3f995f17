"""A prediction as one line of text, in the formats of `predict`."""

import csv
import io
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Protocol

from attnclf.data.label_cells import joined
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction
from attnclf.runtime.records import record, scored
from attnclf.runtime.streaming import FormatLine

UNSURE = "?"  # in place of a label that is not probable enough
EXCERPT = 60  # cells of the text in a table row

_ENDING = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")  # a tab or a line break: would end a cell of tsv, or its line


class Line(Protocol):
    """Makes the line of one text; `top` is how many labels to show."""

    def __call__(self, classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
        """Return the line without its ending."""
        ...


def jsonl(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return one JSON object; `labels` is there with --top-k or several labels."""
    return json.dumps(record(classifier, prediction, top), ensure_ascii=False)


def jsonl_with_attention(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return the JSON object with the tokens that the model read and the weight of each."""
    return json.dumps(record(classifier, prediction, top, attention=True), ensure_ascii=False)


def tsv(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return label and score, tab-separated, one pair after the other; an empty line for a blank text.

    A tab or a line break in a label becomes a space.
    """
    if top == 1 and prediction.label is not None and not classifier.multi_label:  # most often by far
        return f"{_unbroken(prediction.label)}\t{prediction.score:.4f}"
    return "\t".join(_cells(classifier, prediction, top, _unbroken))


def comma_separated(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return the cells of `tsv` as a csv line; a blank text has as many, all of them empty."""
    line = io.StringIO()
    # Before Python 3.13 a line break within a cell is quoted only where it is one of those that end a line.
    cells = _cells(classifier, prediction, top) or [""] * _width(classifier, top)
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()[:-2]


def fasttext(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return `__label__NAME score` pairs as fastText prints them; spaces in a label become underscores."""
    shown = scored(classifier, prediction, top)
    return " ".join(f"__label__{'_'.join(label.split())} {score:.6g}" for label, score in shown)


def table(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return label, score and the beginning of the text, aligned for reading."""
    from attnclf.text.screen import short

    width = max(_shown(label)[1] for label in classifier.labels)
    pairs = []
    for label, score in scored(classifier, prediction, top):
        name, cells = _shown(label)
        pairs.append(f"{name}{' ' * (width - cells)} {score:6.1%}")
    return f"{'  '.join(pairs) or '-'.ljust(width + 7)}  {short(' '.join(text.split()), EXCERPT)}"


def if_sure(classifier: Classifier, text: str, prediction: Prediction, line: FormatLine, least: float) -> str:
    """Return `line` with `UNSURE` in place of a label whose probability is below `least`."""
    unsure = prediction.score is not None and prediction.score < least
    return line(classifier, text, prediction._replace(label=UNSURE) if unsure else prediction)


LINES: dict[str, Line] = {
    "table": table,
    "tsv": tsv,
    "csv": comma_separated,
    "jsonl": jsonl,
    "fasttext": fasttext,
}


def _cells(classifier: Classifier, prediction: Prediction, top: int, written: Callable[[str], str] = str) -> list[str]:
    shown = [(written(label), score) for label, score in scored(classifier, prediction, top)]
    if classifier.multi_label and top == 1:
        labels = joined(label for label, _ in shown)
        return [] if prediction.label is None else [labels, f"{prediction.score:.4f}"]
    return [cell for label, score in shown for cell in (label, f"{score:.4f}")]


def _width(classifier: Classifier, top: int) -> int:
    """Return how many cells the line of a text has."""
    return 2 * min(top, len(classifier.labels))


@cache  # labels are few and lines are many
def _unbroken(label: str) -> str:
    """Return a label on one line and without tabs; where it has any, all its white space becomes single spaces."""
    return " ".join(label.split()) if _ENDING.search(label) else label


@cache
def _shown(label: str) -> tuple[str, int]:
    """Return a label that is safe to show, and how many cells of a terminal it takes."""
    from rich.cells import cell_len

    from attnclf.text.screen import visible

    shown = visible(_unbroken(label))
    return shown, cell_len(shown)
