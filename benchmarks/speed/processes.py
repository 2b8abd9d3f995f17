"""Whole processes, as a person starts them: how long they take, and how much memory at most."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.speed.contender import environment
from benchmarks.speed.settings import NotHereError

ATTNCLF = (sys.executable, "-m", "attnclf")
LOOK = 0.02  # seconds between two looks at the memory of a process

Command = Sequence[str | Path]


def seconds(command: Command, *, given: bytes | None = None, out: Path | None = None) -> float:
    """Run to the end and return how long it took; results go to `out` or nowhere. Raises where the command fails."""
    with _opened(out) as output:
        started = time.perf_counter()
        subprocess.run(
            list(map(str, command)),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env=environment(),
            check=True,
        )
        return time.perf_counter() - started


class Memory(NamedTuple):
    """Peak resident memory in MB when so much of the input had been answered: (share, MB); and the seconds in all."""

    course: list[tuple[float, float]]
    seconds: float

    @property
    def peak(self) -> float:
        """The peak in MB."""
        return self.course[-1][1]


def memory(command: Command) -> Memory:
    """Run to the end while watching the process's peak."""
    started = time.perf_counter()
    running = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip
    peak = 0.0
    while running.poll() is None:
        peak = max(peak, _peak(running.pid))
        time.sleep(LOOK)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, running.args)
    return Memory([(1.0, peak)], time.perf_counter() - started)


def memory_of_pipe(command: Command, lines: Iterable[bytes], count: int, looks: int = 10) -> Memory:
    """Feed `count` lines, in blocks, to a process that answers each with one line; note its peak `looks` times.

    The last look comes when every line has been answered and the pipe is still open: nothing is missed.
    """
    started = time.perf_counter()
    answered, course = 0, []
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment(),
    ) as running:  # fmt: skip
        assert running.stdin is not None
        assert running.stdout is not None
        threading.Thread(target=_feed, args=(running.stdin, lines), daemon=True).start()
        while answered < count:
            block = running.stdout.read1(2**20)
            if not block:
                raise subprocess.CalledProcessError(running.wait(), running.args)
            answered += block.count(b"\n")
            if answered >= count * (len(course) + 1) // looks:
                course.append((answered / count, _peak(running.pid)))
                print(f"  {answered:,} lines: {course[-1][1]:.0f} MB", file=sys.stderr, flush=True)
        course.append((1.0, _peak(running.pid)))
    return Memory(course, time.perf_counter() - started)


def _feed(pipe: IO[bytes], lines: Iterable[bytes]) -> None:
    for block in lines:
        pipe.write(block)
    pipe.flush()


def _peak(process: int) -> float:
    """Return the peak resident memory of a process in MB, 0 where it has just ended."""
    if sys.platform != "linux":
        raise NotHereError("the memory of another process is read from /proc: on Linux only")
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="utf-8"))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _opened(out: Path | None) -> IO[bytes]:
    return Path("/dev/null" if out is None else out).open("wb")
