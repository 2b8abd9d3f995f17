"""A network in another precision: made, compared with the original one, and kept only if it is as accurate."""

import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from attnclf.atomic import atomic_write, output_path
from attnclf.bundle import NETWORKS, Precision, add_file, checksum, open_bundle
from attnclf.data.checks import refuse_foreign
from attnclf.data.corpus import Corpus
from attnclf.errors import BundleError, DataError, ExportError
from attnclf.export.half import halve
from attnclf.export.quantize import quantize
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.evaluate import CHUNK, evaluate
from attnclf.runtime.onnxruntime_backend import open_backend
from attnclf.runtime.samples import made_for

MAX_LOSS = 0.003  # of accuracy, or of micro-F1 for multi-label models
MAX_CHANGED = 0.01  # share of the texts that may get another label, without labelled rows
TEXTS = 2000  # made-up texts, without labelled rows

Made = Literal["fp16", "int8"]
MAKERS: dict[Made, Callable[[Path, Path], None]] = {"fp16": halve, "int8": quantize}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The network in another precision, compared with the original one.

    `difference` is the largest between two probabilities, `changed` the share of `texts` with another label or set of
    labels. `score` and `original` are accuracy (micro-F1 with several labels), None without labelled rows. `bytes` and
    `original_bytes` are the sizes of the two files.
    """

    texts: int
    difference: float
    changed: float
    score: float | None
    original: float | None
    bytes: int
    original_bytes: int


def add_precision(folder: Path, precision: Made, rows: Corpus | None = None) -> Comparison:
    """Add a network in another precision to a model folder, after comparing it with the original one.

    They are compared on labelled rows or on made texts; fp16 on a GPU if there is one. Raises ExportError, and leaves
    the folder as it was, when the score falls by more than `MAX_LOSS`, without labelled rows when more than
    `MAX_CHANGED` of the labels change, and when a probability is no finite number; DataError for rows of
    which none has a label of the model.
    """
    original = Classifier.load(folder, device="cpu")
    bundle = original.bundle
    if rows is not None:
        refuse_foreign(rows, original.labels, "this model")
    try:
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as temporary:
            path = Path(temporary) / NETWORKS[precision]
            MAKERS[precision](bundle.network("fp32"), path)
            session = open_backend(path, device="cpu" if precision == "int8" else "auto")
            made = Classifier(bundle, original.tokenizer, session)
            texts = made_for(original, TEXTS) if rows is None else rows.texts
            comparison = compare(original, made, texts, rows, bytes=path.stat().st_size)
            refuse_loss(comparison, precision)
            add_file(bundle, path, **{precision: asdict(comparison)})
    except OSError as error:
        raise BundleError(
            f"cannot write into {folder}: {error.strerror}",
            fix="check its permissions, and the free space there and in TMPDIR",
        ) from error
    return comparison


def compare(
    original: Classifier, other: Classifier, texts: Sequence[str], rows: Corpus | None, *, bytes: int
) -> Comparison:
    """Run both over the same texts, and score both where there are labelled rows."""
    difference, changed = 0.0, 0
    for start in range(0, len(texts), CHUNK):
        part = list(texts[start : start + CHUNK])
        before, chosen = original.probabilities_and_labels(part)
        after, chosen_after = other.probabilities_and_labels(part)
        if original.multi_label:
            changed += int((chosen != chosen_after).any(axis=1).sum())
        else:
            changed += int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
        difference = float(np.maximum(difference, np.abs(before - after).max()))  # NaN stays NaN
    return Comparison(
        texts=len(texts),
        difference=difference,
        changed=changed / len(texts),
        score=None if rows is None else evaluate(other, rows).score,
        original=None if rows is None else evaluate(original, rows).score,
        bytes=bytes,
        original_bytes=original.bundle.network("fp32").stat().st_size,
    )


def refuse_loss(comparison: Comparison, precision: Made) -> None:
    """Raise ExportError for a loss above the limits."""
    if not math.isfinite(comparison.difference):
        raise ExportError(
            f"some numbers of this model are out of range in {precision}, and nothing was written",
            fix="use it as it is",
        )
    if comparison.score is not None and comparison.original is not None:
        lost = comparison.original - comparison.score
        if lost > MAX_LOSS + 1e-12:
            raise ExportError(
                f"in {precision} this model loses {100 * lost:.1f} points ({100 * comparison.original:.1f} to "
                f"{100 * comparison.score:.1f}); {100 * MAX_LOSS:.1f} are allowed, and nothing was written",
                fix="use it as it is, or measure on more rows",
            )
    elif comparison.changed > MAX_CHANGED:
        raise ExportError(
            f"in {precision} this model gives {comparison.changed:.1%} of {comparison.texts:,} made texts another "
            f"label; {MAX_CHANGED:.0%} are allowed without labelled rows, and nothing was written",
            fix="pass --data FILE with labelled rows, so that accuracy decides",
        )


def copy_out(folder: Path, precision: Precision, out: str | Path) -> None:
    """Copy the network of a model folder to a file, which appears when it is complete and checked.

    Raises BundleError for a damaged or missing network, ConfigError for a file in the model folder, DataError where
    nothing can be written.
    """
    path = open_bundle(folder).network(precision)
    try:
        with atomic_write(output_path(out, option="--to", model=folder, file=NETWORKS[precision])) as temporary:
            with path.open("rb") as network, temporary.open("wb") as copy:
                shutil.copyfileobj(network, copy)
            if temporary.is_file() and checksum(temporary) != checksum(path):  # a pipe cannot be read again
                raise DataError(f"{out} could not be written in full", fix="look for free space there")
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}", fix="pass another --to") from error
