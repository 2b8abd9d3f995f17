"""Memory of training by rows, where rows are kept on disk: python -m benchmarks.larger [--rows 2000] [--ngrams N].

Each training is a process of its own that treats every file as too large for memory. The figure is the private memory
of the process (RssAnon of Linux). Pages of mapped files can be dropped at any time and have a column of their own.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TIMES = (1, 10, 100)
WORDS, UNITS = 2000, 20
# The batch is that of the smallest file too: of few rows, batches are made smaller.
SMALL = {
    "text": {"min_frequency": 1},
    "model": {"embedding": {"dim": 16}, "encoder": {"hidden": 8}},
    "training": {"epochs": 1, "min_steps": 1, "batch_size": 24, "adversarial": 0.0},
}


def written(file: Path, rows: int) -> None:
    """Write rows of words that say the label, and the same words however many rows there are."""
    draw = random.Random(0)
    words = [f"w{number}" for number in range(WORDS)]
    with file.open("w", encoding="utf-8") as lines:
        lines.write("text,label\n")
        for row in range(rows):
            lines.write(f"{' '.join(draw.choices(words, k=UNITS))} {'ab'[row % 2]}{row % 7},{'ab'[row % 2]}\n")


def memory() -> dict[str, int]:
    """Return the kilobytes of this process by kind."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    fields = (line.split(":") for line in status)
    return {name: int(value.split()[0]) for name, value in fields if name in ("RssAnon", "RssFile")}


def trained(file: Path, ngrams: int) -> None:
    """Train on the file, and print the largest memory on the way, by what the process reported last."""
    from attnclf.config import Config, merged
    from attnclf.data.read_options import ReadOptions
    from attnclf.data.training_set import Sources
    from attnclf.training.pipeline import train

    config = Config.from_dict(merged(SMALL, {"model": {"ngrams": {"features": ngrams}}}))
    peak, running = memory(), True

    def watch() -> None:
        while running:
            for name, value in memory().items():
                peak[name] = max(peak[name], value)
            time.sleep(0.02)

    start = memory()
    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.process_time()
    train(
        str(file),
        file.parent / "model",
        config=config,
        device="cpu",
        baseline=False,
        say=lambda line: None,
        sources=Sources(options=ReadOptions(large_bytes=0)),
    )
    running = False
    watcher.join()
    print(json.dumps({"start": start["RssAnon"], **peak, "seconds": time.process_time() - began}))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000, help="of the smallest file; the others have 10 and 100 times")
    parser.add_argument("--ngrams", type=int, default=0, help="features of the linear model; 0 is without one")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        trained(arguments.one, arguments.ngrams)
        return
    print("| rows | MB on disk | MB of its own at most | MB of mapped files | processor seconds |")
    print("| --: | --: | --: | --: | --: |")
    for factor in TIMES:
        rows = arguments.rows * factor
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            written(file, rows)
            command = [sys.executable, "-m", "benchmarks.larger", "--one", file, "--ngrams", str(arguments.ngrams)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            found = json.loads(done.stdout)
            size = file.stat().st_size / 1e6
        own, mapped = found["RssAnon"] / 1e3, found["RssFile"] / 1e3
        print(f"| {rows:,} | {size:.1f} | {own:.0f} | {mapped:.0f} | {found['seconds']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
