"""The memory of `attnclf predict` over millions of lines from a pipe: its peak, and that it does not grow."""

from benchmarks.results import machine, prose, table
from benchmarks.speed import models, texts
from benchmarks.speed.processes import ATTNCLF, memory_of_pipe
from benchmarks.speed.setup import Setup

DATASET, LINES = "trec", 10_000_000
FLAT = 0.05  # the peak of the whole may be so much above the peak of the first fifth


def measure(setup: Setup) -> str:
    """Return the table of the peak as lines go through."""
    count = setup.rows or LINES
    model = models.chosen(setup, DATASET)
    lines = texts.blocks(texts.all_rows(setup, DATASET), count, seed=1)
    found = memory_of_pipe([*ATTNCLF, "predict", "--model", model], lines, count)
    shares = {f"{share:.0%}": peak for share, peak in found.course}
    early = next(peak for share, peak in found.course if share >= 0.2)
    growth = found.peak / early - 1
    verdict = "It is flat" if growth <= FLAT else "**It grows**"
    return "\n\n".join(
        [
            machine("onnxruntime-gpu", "tokenizers"),
            f"{count:,} lines through a pipe in {found.seconds:,.0f} s. {texts.HOW}",
            table(
                ["lines", "peak resident memory so far, MB"],
                [[f"{share} of {count:,}", f"{peak:.0f}"] for share, peak in shares.items()],
            ),
            f"{verdict}: {growth:+.1%} from the first fifth of the lines to the end.",
        ]
    )
