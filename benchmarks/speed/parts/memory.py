"""The memory of `attnclf predict` over millions of lines from a pipe: its peak, and that it does not grow."""

from benchmarks.results import machine, section, table
from benchmarks.speed import models, texts
from benchmarks.speed.processes import ATTNCLF, memory_of_pipe
from benchmarks.speed.settings import Setup

DATASET, LINES = "trec", 10_000_000
FLAT = 10  # MB that the peak of the whole may be above that of the first fifth


def measure(setup: Setup) -> str:
    """Return the table of the peak as lines go through."""
    count = setup.rows or LINES
    model = models.chosen(setup, DATASET)
    lines = texts.blocks(texts.all_rows(setup, DATASET), count, seed=1)
    found = memory_of_pipe([*ATTNCLF, "predict", "--model", model], lines, count)
    shares = {f"{share:.0%}": peak for share, peak in found.course}
    early = next(peak for share, peak in found.course if share >= 0.2)
    growth = found.peak - early
    verdict = "It is flat" if growth <= FLAT else "**It grows**"
    return section(
        machine("onnxruntime-gpu", "tokenizers"),
        f"{count:,} lines through a pipe in {found.seconds:,.0f} s. {texts.HOW}",
        table(
            ["lines", "peak resident memory so far, MB"],
            [[f"{share} of {count:,}", f"{peak:.0f}"] for share, peak in shares.items()],
        ),
        f"{verdict}: {growth:+.0f} MB from the first fifth of the lines to the end.",
    )
