"""The report's pictures as SVG text: learning curve, confusion matrix, reliability diagram.

Every function returns a whole SVG document with a light background of its own, so it reads on a dark page too. Text
stays text, drawn in the reader's fonts, and the same figures make the same bytes. Matplotlib loads on the first call.
"""

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size

from attnclf.evaluation.calibration import Calibration

INK, FAINT, BLUE, ORANGE = "#24292f", "#d0d7de", "#0969da", "#bc4c00"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "attnclf",
    "text.parse_math": False,  # a label such as "$5-$10" is no formula
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


def learning_curve(history: Sequence[Mapping[str, float]]) -> str:
    """Draw train and validation loss by epoch, the validation score below them, and the best epoch across both.

    Each entry has `epoch`, `train_loss`, `valid_loss` and `valid_score` (0 to 1, higher is better).
    """
    epochs, train, valid, score = (
        np.array([entry[key] for entry in history], np.float64)
        for key in ("epoch", "train_loss", "valid_loss", "valid_score")
    )
    best = int(np.argmax(np.nan_to_num(score, nan=-np.inf)))
    marker = "o" if len(history) < 40 else ""
    with _canvas(6.4, 5.0) as (figure, document):
        losses, scores = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        figure.subplots_adjust(left=0.12, right=0.97, top=0.93, bottom=0.11, hspace=0.28)
        losses.plot(epochs, train, marker=marker, markersize=4, color=ORANGE, label="training")
        losses.plot(epochs, valid, marker=marker, markersize=4, color=BLUE, label="validation")
        losses.set_title("Loss")
        losses.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
        scores.plot(epochs, 100 * score, marker=marker, markersize=4, color=BLUE)
        scores.plot(epochs[best], 100 * score[best], marker="o", markersize=8, color=BLUE)
        scores.set_title(f"Validation score, %: best {100 * score[best]:.1f} in epoch {epochs[best]:g}")
        scores.set_xlabel("epoch")
        scores.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        scores.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        for axes in (losses, scores):
            axes.grid(visible=True, axis="y")
            axes.axvline(epochs[best], color=INK, linewidth=0.8, linestyle=":")
            axes.margins(y=0.12)
    return document[0]


def confusion(matrix: NDArray[np.int64], names: Sequence[str]) -> str:
    """Draw how many rows of each true label (rows) got each label (columns), shaded by share of the true label.

    `matrix` is (labels, labels); long names are cut. Counts are written in the cells up to 30 labels.
    """
    labels = len(names)
    cell, size = (0.52, 9) if labels <= 12 else (0.34, 7) if labels <= 30 else (0.2, 7)  # inches, points
    short = [cut(" ".join(name.split()), 24) for name in names]
    margin = max(cell_len(name) for name in short) * 0.62 * size / 72 + 0.2
    side = cell * labels
    width, height = max(margin + side + 0.15, 3.8), 0.4 + side + margin
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    rows, columns = np.nonzero(matrix)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    with _canvas(width, height) as (figure, document):
        from matplotlib.collections import PolyCollection

        axes = figure.add_axes((margin / width, margin / height, side / width, side / height))
        squares = PolyCollection(np.stack([columns, rows], axis=1)[:, None] + corners, cmap="Blues", linewidths=0)
        squares.set_array(share[rows, columns])
        squares.set_clim(0, 1)
        axes.add_collection(squares)
        axes.set(xlim=(0, labels), ylim=(labels, 0))
        # Anchored text ends at its tick in whatever font the reader has.
        axes.set_xticks(
            np.arange(labels) + 0.5, short, rotation=90, rotation_mode="anchor", ha="right", va="center", fontsize=size
        )
        axes.set_yticks(np.arange(labels) + 0.5, short, fontsize=size)
        axes.set_xticks(np.arange(labels + 1), minor=True)
        axes.set_yticks(np.arange(labels + 1), minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(visible=True, which="minor")
        axes.spines[:].set(visible=True)
        figure.text(0.1 / width, 1 - 0.25 / height, "True label (rows), predicted label (columns)", fontsize=9)
        for row, column in zip(rows, columns, strict=True) if labels <= 30 else ():
            colour = "white" if share[row, column] > 0.5 else INK
            center = {"x": column + 0.5, "y": row + 0.5, "ha": "center", "va": "center"}
            axes.text(s=str(matrix[row, column]), **center, fontsize=size - 1, color=colour)
    return document[0]


def reliability(calibration: Calibration) -> str:
    """Draw observed frequency against stated probability (a perfect model is on the diagonal), and how often each came.

    The title carries the expected calibration error (Guo et al. 2017, figure 1).
    """
    count, bins = calibration.count, len(calibration.count)
    middle, filled = (np.arange(bins) + 0.5) / bins, count > 0
    with _canvas(5.0, 5.4) as (figure, document):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        figure.subplots_adjust(left=0.14, right=0.96, top=0.93, bottom=0.1, hspace=0.12)
        upper.bar(middle[filled], calibration.observed[filled], width=0.92 / bins, color=BLUE, alpha=0.35)
        upper.plot((0, 1), (0, 1), color=INK, linewidth=0.8, linestyle="--")
        upper.plot(calibration.stated[filled], calibration.observed[filled], marker="o", markersize=4, color=BLUE)
        upper.set_title(f"Calibration error {calibration.ece:.3f} (0 is perfect)")
        upper.set_ylabel("how often it was true")
        upper.set_ylim(-0.02, 1.02)
        lower.bar(middle, count / max(count.sum(), 1), width=0.92 / bins, color=BLUE)
        lower.set_ylabel("share")
        lower.set_xlabel("probability the model states")
        lower.set_xlim(0, 1)
        for axes in (upper, lower):
            axes.grid(visible=True, axis="y")
            axes.set_axisbelow(True)
    return document[0]


@contextmanager
def _canvas(width: float, height: float) -> Iterator[tuple[Any, list[str]]]:
    """Lend an empty figure, inches wide and high; the list holds its SVG once the block is left."""
    with _no_warnings_of("matplotlib"):  # of a home folder that is not writable: it works without one
        import matplotlib
        from matplotlib.figure import Figure

    document: list[str] = []
    with warnings.catch_warnings(), matplotlib.rc_context(STYLE):
        # The reader's fonts draw the text, not matplotlib's, so what matplotlib's lack does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width, height), facecolor="white")
        yield figure, document
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
        document.append(target.getvalue())


@contextmanager
def _no_warnings_of(logger: str) -> Iterator[None]:
    """Let a logger pass errors only."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def cut(name: str, cells: int) -> str:
    """Shorten a long name to N terminal cells, in its middle: names of a family differ at the end."""
    if cell_len(name) <= cells:
        return name
    head, tail = set_cell_size(name, cells * 2 // 3), set_cell_size(name[::-1], cells - cells * 2 // 3 - 1)
    return f"{head.rstrip()}…{tail.rstrip()[::-1]}"
