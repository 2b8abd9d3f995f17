"""How time and memory grow: predict on 1, 10 and 100 times the lines, training with more rows and more words."""

import io
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.results import machine, section, table
from benchmarks.speed import models, texts
from benchmarks.speed.processes import ATTNCLF, memory
from benchmarks.speed.settings import Row, Setup

DATASET = "trec"
LINES, ROWS, WORDS = 10_000, 2_000, 1_000
TIMES = (1, 10, 100)
PICTURE = Path("docs/scaling.svg")
UNITS = 20  # of a row whose words are made up

Points = list[tuple[int, float]]


def measure(setup: Setup) -> str:
    """Draw the picture, and return the tables behind it."""
    model = models.chosen(setup, DATASET)
    lines = setup.rows or LINES
    times: Points = []
    peaks: Points = []
    for factor in TIMES:
        file = texts.written(setup, DATASET, lines * factor)
        found = memory([*ATTNCLF, "predict", file, "--model", model])
        times.append((lines * factor, found.seconds))
        peaks.append((lines * factor, found.peak))
        _tell(f"predict, {lines * factor:,} lines: {found.seconds:.1f} s, {found.peak:.0f} MB")
    rows = min(ROWS, setup.rows or ROWS)
    known = texts.all_rows(setup, DATASET)
    by_rows = [(rows * factor, training(setup, made_of(known, rows * factor))) for factor in (1, 4, 16)]
    by_words = [
        (WORDS * factor, training(setup, made_up(rows * 4, WORDS * factor), WORDS * factor)) for factor in (1, 10, 30)
    ]
    drawing = draw(times, peaks, by_rows, by_words)
    target = PICTURE if setup.rows is None else setup.work / PICTURE.name
    target.write_text(drawing, encoding="utf-8")
    per_line = [seconds / count for count, seconds in times]
    return section(
        machine("onnxruntime-gpu", "torch", "tokenizers"),
        f"Whole processes, measured once. {texts.HOW} Training is one epoch of preset balanced without the "
        "baseline, from reading to the model on disk; for the vocabulary, rows of "
        f"{UNITS} made-up words, all equally frequent. Drawn in [a picture](../docs/{PICTURE.name}).",
        table(
            ["predict, lines", "seconds", "peak memory, MB"],
            [[f"{n:,}", f"{one:.1f}", f"{mb:.0f}"] for (n, one), (_, mb) in zip(times, peaks, strict=True)],
        ),
        f"Time a line at {TIMES[-1]} times the lines, of that at {TIMES[-2]} times: {per_line[-1] / per_line[-2]:.2f}.",
        table(["training, rows", "peak memory, MB"], [[f"{n:,}", f"{mb:.0f}"] for n, mb in by_rows]),
        table(["training, different words", "peak memory, MB"], [[f"{n:,}", f"{mb:.0f}"] for n, mb in by_words]),
    )


def training(setup: Setup, rows: Sequence[Row], vocabulary: int = 30_000) -> float:
    """Return the peak memory in MB of one epoch on these rows."""
    file = setup.work / "scaling.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"text": row.text, "label": row.label}, ensure_ascii=False) + "\n" for row in rows)
    recipe = ["training.epochs=1", "training.min_steps=0", f"text.vocabulary={max(vocabulary, 16)}"]
    settings = [part for one in recipe for part in ("--set", one)]
    out = setup.work / "scaling-model"
    command = [*ATTNCLF, "train", file, "--out", out, "--force", "--no-baseline", "--device", "cpu", "--quiet"]
    peak = memory([*command, *settings]).peak
    _tell(f"training, {len(rows):,} rows, vocabulary {vocabulary:,}: {peak:.0f} MB")
    return peak


def made_of(rows: Sequence[Row], count: int) -> list[Row]:
    """Return recombined rows."""
    endless = texts.recombined(rows, seed=2)
    return [next(endless) for _ in range(count)]


def made_up(count: int, words: int) -> list[Row]:
    """Return rows in which each word of a vocabulary of this size occurs, if possible twice."""

    def endless() -> Iterator[str]:
        draw = random.Random(0)
        while True:
            yield from (f"w{number}" for number in draw.sample(range(words), words))

    source = endless()
    return [Row(" ".join(next(source) for _ in range(UNITS)), "ab"[number % 2]) for number in range(count)]


def draw(times: Points, peaks: Points, by_rows: Points, by_words: Points) -> str:
    """Return the four curves as SVG text, on a light ground of its own so that it reads on a dark page too."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullLocator

    from attnclf.evaluation.figures import BLUE, INK, ORANGE, STYLE

    panels = [
        ("predict: time", "lines", "seconds", times, BLUE),
        ("predict: peak memory", "lines", "MB", peaks, BLUE),
        ("train: peak memory by rows", "rows", "MB", by_rows, ORANGE),
        ("train: peak memory by words", "different words", "MB", by_words, ORANGE),
    ]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 5.2), facecolor="white", layout="constrained")
        for axes, (title, across, up, points, colour) in zip(figure.subplots(2, 2).flat, panels, strict=True):
            counts, values = zip(*points, strict=True)
            axes.set_xscale("log")
            if up == "seconds":
                axes.set_yscale("log")
                straight = [values[-1] * count / counts[-1] for count in counts]
                axes.plot(counts, straight, color=INK, linewidth=0.8, linestyle="--", label="proportional")
                axes.legend(loc="upper left")
                axes.yaxis.set_minor_locator(NullLocator())
            else:
                axes.set_ylim(0, 1.25 * max(values))
            axes.plot(counts, values, marker="o", markersize=5, color=colour)
            axes.set_xticks(counts)
            axes.xaxis.set_minor_locator(NullLocator())
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axes.set(title=title, xlabel=across, ylabel=up)
            axes.grid(visible=True, axis="y")
            axes.margins(x=0.12)
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
