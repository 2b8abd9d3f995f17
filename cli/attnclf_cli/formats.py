"""A prediction as one line of text, in the formats of `predict`."""

import csv
import io
import json
from typing import Protocol

from attnclf.runtime import answers
from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.runtime.records import record, record_with_attention, scored

SEPARATOR = "|"  # between several labels in one cell, as --label-separator reads them back
UNSURE = "?"  # in place of a label that is not probable enough
EXCERPT = 60  # characters of the text in a table row


class Line(Protocol):
    """Makes the line of one text; `top` is how many labels to show."""

    def __call__(self, classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
        """Return the line without its ending."""
        ...


def jsonl(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return one JSON object; `labels` is there with --top-k or several labels."""
    return json.dumps(record(classifier, prediction, top), ensure_ascii=False)


def jsonl_with_attention(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return the JSON object with the units that the model read and the weight of each."""
    return json.dumps(record_with_attention(classifier, text, prediction, top), ensure_ascii=False)


def tsv(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return label and score, tab-separated, one pair after the other; an empty line for a blank text."""
    if top == 1 and prediction.score is not None and not classifier.multi_label:  # most often by far
        return f"{prediction.label}\t{prediction.score:.4f}"
    return "\t".join(_cells(classifier, prediction, top))


def comma_separated(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return the cells of `tsv` as a csv line."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(_cells(classifier, prediction, top) or ["", ""])
    return line.getvalue()


def fasttext(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return `__label__NAME score` pairs as fastText prints them; spaces in a label become underscores."""
    shown = scored(classifier, prediction, top)
    return " ".join(f"__label__{'_'.join(label.split())} {score:.6g}" for label, score in shown)


def table(classifier: Classifier, text: str, prediction: Prediction, top: int) -> str:
    """Return label, score and the beginning of the text, aligned for reading."""
    width = max(len(label) for label in classifier.labels)
    shown = scored(classifier, prediction, top)
    excerpt = " ".join(text.split())
    excerpt = excerpt if len(excerpt) <= EXCERPT else excerpt[: EXCERPT - 1] + "…"
    pairs = "  ".join(f"{label:<{width}} {score:6.1%}" for label, score in shown) or f"{'-':<{width + 7}}"
    return f"{pairs}  {_printable(excerpt)}"


def if_sure(classifier: Classifier, text: str, prediction: Prediction, line: answers.Line, least: float) -> str:
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


def _cells(classifier: Classifier, prediction: Prediction, top: int) -> list[str]:
    shown = scored(classifier, prediction, top)
    if classifier.multi_label and top == 1:
        labels = SEPARATOR.join(label for label, _ in shown)
        return [] if prediction.label is None else [labels, f"{prediction.score:.4f}"]
    return [cell for label, score in shown for cell in (label, f"{score:.4f}")]


def _printable(text: str) -> str:
    """Replace what a terminal would obey instead of show."""
    return "".join(character if character.isprintable() else "·" for character in text)
