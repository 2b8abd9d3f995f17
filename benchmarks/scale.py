"""Measure prediction on Ray: throughput with 1 and 2 workers, and the memory of every process over a long run.

    python -m benchmarks.scale [throughput] [memory] [--rows 200000] [--data FOLDER | --model DIR]

Run from the root of the repository. The texts are those of `benchmarks.speed.texts`: recombined, so that no two are
alike but by chance and new words never end. They lie in parquet files of equal length. Only the sections of the parts
that were measured are replaced.
"""

import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from benchmarks.results import machine, put, section, table
from benchmarks.speed import models, texts
from benchmarks.speed.contender import environment
from benchmarks.speed.processes import ATTNCLF
from benchmarks.speed.rounds import Spread, in_turns, ratio
from benchmarks.speed.settings import DATA, OUT, WORK, Data, Model, NotHereError, Out, Setup, Work

DATASET = "trec"
ROWS = {"throughput": 1_000_000, "memory": 10_000_000}
FILES = {"throughput": 8, "memory": 40}
ROUNDS = 3
LOOK = 0.5  # seconds between two looks at the memory of all processes
OTHERS = "Ray's own processes together"
MARKS = (0.1, 0.5, 1.0)  # of the run, at which memory is printed


class Part(StrEnum):
    """What can be measured."""

    throughput = "throughput"
    memory = "memory"


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    parts: Annotated[list[Part] | None, typer.Argument(show_default=False)] = None,
    data: Data = DATA,
    model: Model = None,
    rows: Annotated[int | None, typer.Option(min=1000, help="Instead of each part's own number.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = ROUNDS,
    work: Work = WORK,
    out: Out = OUT,
) -> None:
    """Measure the parts, both without a name, and write their sections."""
    work.mkdir(parents=True, exist_ok=True)
    setup = Setup(data=data, work=work, rounds=rounds, rows=rows, model=model)
    measures = {Part.throughput: throughput, Part.memory: memory}
    try:
        for part in [part for part in Part if part in (parts or Part)]:
            put(out, f"Scale: {part}", measures[part](setup))
    except NotHereError as reason:
        raise typer.Exit(f"skipped: {reason}") from reason


def throughput(setup: Setup) -> str:
    """Return the table of seconds and texts a second: one process on one core, and 1 and 2 workers."""
    from attnclf.engines.ray import cluster

    model = models.chosen(setup, DATASET).resolve()
    rows = setup.rows or ROWS["throughput"]
    folder = made(setup, rows, FILES["throughput"])
    few = made(setup, FILES["throughput"], FILES["throughput"])
    contenders = {
        "predict, one process on one core": lambda: alone(model, few, folder),
        "ray, 1 worker": lambda: on_ray(model, few, folder, 1),
        "ray, 2 workers": lambda: on_ray(model, few, folder, 2),
    }
    with cluster(2):
        found = in_turns(contenders, setup.rounds or ROUNDS, unmeasured=0)
    rates = {name: [rows / (one["all"] - one["start"]) for one in rounds] for name, rounds in found.items()}
    one, two = rates["ray, 1 worker"], rates["ray, 2 workers"]
    efficiency = Spread.of([each / 2 for each in (pair[0] / pair[1] for pair in zip(two, one, strict=True))])
    against = ratio(one, rates["predict, one process on one core"])
    return section(
        machine("ray", "onnxruntime-gpu", "tokenizers", "pyarrow"),
        f"`python -m benchmarks.scale throughput`: {rows:,} texts in {FILES['throughput']} parquet files, "
        f"{setup.rounds} rounds in turns, median (least to greatest). {texts.HOW} Start-up is the same run with one "
        "text in each file, in a Ray that runs already; texts a second are those of the seconds after start-up.",
        table(
            ["", "seconds", "of these start-up", "texts a second"],
            [
                [
                    name,
                    Spread.of([round_["all"] for round_ in rounds]).shown(1),
                    Spread.of([round_["start"] for round_ in rounds]).shown(1),
                    Spread.of(rates[name]).shown(),
                ]
                for name, rounds in found.items()
            ],
        ),
        f"Efficiency of 2 workers, texts a second against twice those of 1 worker in the same round: "
        f"{efficiency.shown(2)}. One worker against one process on one core: {against.shown(2)}.",
    )


def memory(setup: Setup) -> str:
    """Return the table of every process's memory in the course of one long run."""
    model = models.chosen(setup, DATASET).resolve()
    rows = setup.rows or ROWS["memory"]
    folder = made(setup, rows, FILES["memory"])
    out = cleared(setup.work / "scale-out")
    command = [*ATTNCLF, "predict", "--engine", "ray", str(folder), "--out", str(out), "--model", str(model)]
    started = time.perf_counter()
    looks: list[Look] = []
    with subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.DEVNULL, env=environment()) as run:
        while run.poll() is None:
            looks.extend(resident(run.pid, time.perf_counter() - started))
            time.sleep(LOOK)
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command)
    seconds, looks = time.perf_counter() - started, named(looks)
    answered = sum(file.read_bytes().count(b"\n") for file in out.glob("*.tsv"))
    shutil.rmtree(out)
    if answered != rows:
        raise RuntimeError(f"{answered:,} answers for {rows:,} texts")
    return section(
        machine("ray", "onnxruntime-gpu", "tokenizers", "pyarrow"),
        f"`python -m benchmarks.scale memory`: {rows:,} texts in {FILES['memory']} parquet files, 2 workers, "
        f"{seconds:,.0f} s from start to exit, {rows / seconds:,.0f} texts a second; each text was answered. "
        f"{texts.HOW} Resident memory in MB, looked at every {LOOK} s: the most within the tenth that ends there of "
        "the time since the workers were started, and within the whole run. What processes share is counted in each.",
        table(
            ["process", *(f"at {mark:.0%}" for mark in MARKS), "most"],
            [[name, *(f"{value:,.0f}" for value in values)] for name, values in course(looks)],
        ),
        "Seconds that cores worked for a million texts, start-up included: "
        f"{', '.join(f'{name} {worked / rows * 1e6:,.1f}' for name, worked in costs(looks).items())}.",
    )


class Look(NamedTuple):
    """One process at one time: its resident memory, and the seconds that cores have worked for it so far."""

    second: float
    process: int
    name: str
    megabytes: float
    worked: float


def costs(looks: list[Look]) -> dict[str, float]:
    """Return the seconds that cores worked for the workers, the driver, and the rest."""
    worked: dict[str, float] = defaultdict(float)
    for look in {look.process: look for look in looks}.values():  # the last look at each
        worked["workers" if look.name.startswith("worker") else look.name] += look.worked
    return dict(sorted(worked.items()))


def course(looks: list[Look]) -> Iterator[tuple[str, list[float]]]:
    """Yield for each process its memory at the marks, of the time since there are workers, and at most.

    Ray's own are added up.
    """
    by_name: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for look in looks:
        by_name[look.name][look.second] += look.megabytes
    begin, end = min(look.second for look in looks if look.name.startswith("worker")), looks[-1].second
    ends = [begin + mark * (end - begin) for mark in MARKS]
    for name, values in sorted(by_name.items()):
        spans = [[mb for second, mb in values.items() if at - 0.1 * (end - begin) <= second <= at] for at in ends]
        yield name, [*(max(span, default=0.0) for span in spans), max(values.values())]


def named(looks: list[Look]) -> list[Look]:
    """Return the looks with workers numbered, those too at which a worker was not yet known as one."""
    workers = sorted({look.process for look in looks if look.name == "worker"})
    return [
        look._replace(name=f"worker {workers.index(look.process) + 1}") if look.process in workers else look
        for look in looks
    ]


def resident(root: int, second: float) -> Iterator[Look]:
    """Yield a look at a process and at all that it and they have started. Linux only."""
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    found: dict[int, tuple[int, str, float, float]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                about = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            worked = (int(about[11]) + int(about[12])) / tick
            found[int(folder.name)] = int(about[1]), command, int(about[21]) * page / 1e6, worked
    for process, (_, command, megabytes, worked) in found.items():
        above = process
        while above in found and above != root:
            above = found[above][0]
        if above == root:
            name = "driver" if process == root else "worker" if "MapWorker" in command else OTHERS
            yield Look(second, process, name, megabytes, worked)


def alone(model: Path, few: Path, folder: Path) -> dict[str, float]:
    """Return the seconds of `predict` on one core, all files one after the other in one process each."""
    found = {}
    for name, files in (("start", few), ("all", folder)):
        started = time.perf_counter()
        for file in sorted(files.iterdir()):
            subprocess.run(
                [*ATTNCLF, "predict", str(file), "--model", str(model)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
                check=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {0}),
            )
        found[name] = time.perf_counter() - started
    return found


def on_ray(model: Path, few: Path, folder: Path, workers: int) -> dict[str, float]:
    """Return the seconds of a run on the Ray that runs already."""
    from functools import partial

    from attnclf_cli.formats import tsv

    from attnclf.engines.plan import plan
    from attnclf.engines.ray import predict_files
    from attnclf.engines.worker import Job

    found = {}
    for name, files in (("start", few), ("all", folder)):
        out = cleared(folder.parent / "scale-out")
        todo = plan(str(files), str(out), settings={}, suffix=".tsv")
        job = Job(
            model=str(model), sources=todo.sources, targets=todo.targets, line=partial(tsv, top=1), device="cpu"
        )  # fmt: skip
        started = time.perf_counter()
        problems = [one.problem for one in predict_files(todo.unfinished, job, workers=workers) if one.problem]
        found[name] = time.perf_counter() - started
        shutil.rmtree(out)
        if problems:
            raise RuntimeError(problems[0])
    return found


def cleared(folder: Path) -> Path:
    """Return a folder that is not there."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def made(setup: Setup, rows: int, files: int) -> Path:
    """Return a folder of parquet files with this number of texts in all; it is generated if it is missing."""
    import pyarrow
    import pyarrow.parquet

    folder = setup.work / f"scale-{DATASET}-{rows}"
    if folder.is_dir():
        return folder.resolve()
    print(f"  making {folder}", file=sys.stderr, flush=True)
    fresh = cleared(folder.with_suffix(".new"))
    fresh.mkdir()
    endless = (row.text for row in texts.recombined(texts.all_rows(setup, DATASET), seed=3))
    for number in range(files):
        part = list(islice(endless, rows * (number + 1) // files - rows * number // files))
        pyarrow.parquet.write_table(
            pyarrow.table({"text": part}), fresh / f"part-{number:03}.parquet", row_group_size=50_000
        )
    return fresh.rename(folder).resolve()


if __name__ == "__main__":
    app()
