"""RESULTS.md: what a benchmark prints goes between two marks of its own; the rest of the page is written by hand."""

import os
import platform
import statistics
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from attnclf.machine import cores


def put(path: Path, heading: str, body: str) -> None:
    """Write `body` under its level-two heading: in place of what was measured before, or as a new section at the end.

    Text of the section outside the marks is kept, and so are all other sections.
    """
    begin, end = f"<!-- measured: {heading} -->", "<!-- end of measured -->"
    page = path.read_text(encoding="utf-8") if path.is_file() else "# Results\n"
    before, found, after = page.partition(begin)
    if not found:
        before, after = f"{page.rstrip()}\n\n## {heading}\n\n", ""
    else:
        after = after.partition(end)[2]
    path.write_text(f"{before}{begin}\n{body.strip()}\n{end}{after.rstrip()}\n", encoding="utf-8")


def publish(body: str, out: Path | None, heading: str) -> None:
    """Print a section, and write it into a page if one is named."""
    print(body)
    if out is not None:
        put(out, heading, body)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are figures."""
    lines = [f"| {' | '.join(columns)} |", f"| --- |{' --: |' * (len(columns) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def mean_and_range(values: Sequence[float], digits: int = 1) -> str:
    """Return `mean (least to greatest)`, or the value if there is one."""
    spread = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def section(*blocks: str) -> str:
    """Join tables and paragraphs; the lines of a paragraph become as long as those that are written by hand."""
    return "\n\n".join(
        block if block.startswith("|") else textwrap.fill(block, 120, break_long_words=False, break_on_hyphens=False)
        for block in blocks
    )


def machine(*packages: str) -> str:
    """Return one line: processor, cores, memory, system, versions of Python and of these packages, date, load."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    parts = [
        processor(),
        f"{cores()} cores",
        *([f"{memory:.0f} GiB"] if memory else []),
        platform.system(),
        ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in dict.fromkeys(packages))]
        ),
        f"{datetime.now(UTC):%Y-%m-%d}",
        *([f"load average {os.getloadavg()[0]:.1f} afterwards"] if hasattr(os, "getloadavg") else []),
    ]
    return "; ".join(parts) + "."


def threads(count: int) -> str:
    """Return `1 thread`, `2 threads`."""
    return f"{count} thread{'s' if count > 1 else ''}"


def processor() -> str:
    """Return the name of the processor."""
    described = Path("/proc/cpuinfo")
    if sys.platform == "linux" and described.is_file():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
