"""Files on Ray Data: a dataset of paths, and actors that each open the model once and predict whole files.

The rows of the dataset are paths, not texts. If Ray Data read the texts, blocks of one file would end up on several
workers and come back in any order, and nobody would know which files are finished. With a file as the row, the order
is kept, each input has one output, and a failed run can continue. A worker streams a file from its first row to its
last, and the output gets its name when it is complete. Each worker needs the memory of a window of texts, whatever the
size of the files. A file keeps one worker busy, so there should be several files for each worker.

When a worker dies, Ray Data starts another one, which gets the same file again, a few times. When the run dies, the
same command continues with the unfinished files.
"""

import contextlib
import logging
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from attnclf.engines.destination import File
from attnclf.engines.worker import Job, Outcome, Worker
from attnclf.errors import AttnclfError, ConfigError, DeviceError
from attnclf.machine import cores

STORE = 2**27  # bytes of Ray's object store on one machine: only paths and counts go through it
START_ATTEMPTS = 3  # to start Ray on a busy machine
MAX_ATTEMPTS = 4  # for one file, whose content may be what kills its worker


class AttemptCounter:
    """The number of attempts for each file, counted in an actor that outlives the workers."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, path: str) -> int:
        """Count one more attempt, and return their number."""
        self.counts[path] += 1
        return self.counts[path]


class Actor(Worker):
    """A worker as Ray Data calls it: a row in, a row out."""

    def __init__(self, job: Job, attempts: Any) -> None:
        super().__init__(job)
        self.attempts = attempts

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Predict the file of a row, unless its worker died too often."""
        import ray

        file = File(**row)
        if ray.get(self.attempts.count.remote(file.source)) > MAX_ATTEMPTS:
            fix = "look for what is special in it, such as a line of gigabytes"
            return Outcome(file.source, problem=f"its worker died {MAX_ATTEMPTS} times", fix=fix)._asdict()
        return self.predict(file)._asdict()


def refuse_without_ray() -> None:
    """Raise ConfigError where Ray Data is not installed."""
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "--engine ray needs Ray Data, which is not installed", fix="pip install 'attnclf[ray]'"
        ) from error


def predict_files(files: Iterable[File], job: Job, *, workers: int | None = None) -> Iterator[Outcome]:
    """Predict files, in any order, on the cluster at RAY_ADDRESS or else on this machine; yield what became of each.

    `workers` actors have a core each, or a GPU each where there are GPUs and the job may use them; without it as many
    as the cluster has. Raises ConfigError where Ray is missing or cannot start, DeviceError for a GPU that is not
    there, AttnclfError where workers cannot start or keep dying.
    """
    refuse_without_ray()
    import ray

    rows = [file._asdict() for file in files]
    with cluster(workers):
        room = ray.cluster_resources()
        gpus = 0 if job.device == "cpu" or job.precision == "int8" else int(room.get("GPU", 0))
        if job.device == "cuda" and not gpus:
            raise DeviceError("--device cuda was asked for, but this cluster has no GPU", fix="pass --device cpu")
        if not gpus:
            job = replace(job, device="cpu")
        size = workers or gpus or int(room.get("CPU", 1))
        outcomes = (
            ray.data.from_items(rows, override_num_blocks=len(rows))
            .map(
                Actor,
                fn_constructor_args=(job, ray.remote(num_cpus=0)(AttemptCounter).remote()),
                # One file at a time: a second that waits at a busy worker would be missing where another is idle.
                compute=ray.data.ActorPoolStrategy(size=min(size, len(rows)), max_tasks_in_flight_per_actor=1),
                **({"num_gpus": 1} if gpus else {"num_cpus": 1}),
            )
            .iter_rows()
        )
        try:
            for outcome in outcomes:
                yield Outcome(**outcome)
        except ray.exceptions.RayError as error:
            raise AttnclfError(
                f"the run on Ray failed: {reason(error)}",
                fix="repeat the command to continue with the unfinished files",
            ) from error


@contextlib.contextmanager
def cluster(workers: int | None) -> Iterator[None]:
    """Use the Ray that runs in this process, else the cluster at RAY_ADDRESS, else one of this machine's own."""
    import ray

    silence_ray_data()
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    here = {"num_cpus": workers or cores(), "object_store_memory": STORE, "include_dashboard": False}
    start(address, {} if address else here)
    try:
        yield
    finally:
        with stderr_discarded():  # a thread of Ray Data that an interrupt leaves behind writes a warning
            ray.shutdown()


def start(address: str | None, options: Mapping[str, Any]) -> None:
    """Connect to a cluster, or start one here.

    Ray gives each of its own processes 15 seconds to start and ends itself where a busy machine takes longer. What has
    been read from the disk for the first attempt makes the next one faster.
    """
    import ray

    # Its C++ part writes to stderr what is no error.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if not address and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        # Of this cluster alone. Ray itself would leave one in the home folder, and any later `ray start` would want it.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    for attempt in range(START_ATTEMPTS):
        try:
            with stderr_discarded(), no_usage_statistics():
                ray.init(address or "local", logging_level=logging.ERROR, log_to_driver=False, **options)
        except Exception as error:  # what it raises when it times out has no other type
            ray.shutdown()
            if address or attempt == START_ATTEMPTS - 1:
                where, fix = (f"at {address}", "check RAY_ADDRESS, or unset it") if address else ("here", "try again")
                raise ConfigError(f"Ray cannot start {where}: {reason(error)}", fix=fix) from error
        else:
            return


@contextlib.contextmanager
def no_usage_statistics() -> Iterator[None]:
    """Start no process for usage statistics.

    Ray starts one even where they are switched off, and that asks the metadata hosts of three clouds in which of them
    it is (2.60). No setting leaves it out. With another Ray, whose own parts have other names, it is started.
    """
    try:
        from ray._private.node import Node

        kept = Node.start_api_server
    except (ImportError, AttributeError):
        yield
        return
    Node.start_api_server = lambda node, **_: None
    try:
        yield
    finally:
        Node.start_api_server = kept


@contextlib.contextmanager
def stderr_discarded() -> Iterator[None]:
    """Discard what any code of this process writes to stderr."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def silence_ray_data() -> None:
    """Switch off the progress bars and logs of Ray Data, and its time limit for a slow file."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def reason(error: BaseException) -> str:
    """Return the most useful line of a message of Ray: the last of a traceback, else the first."""
    cause = error.__cause__ or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()] or [type(cause).__name__]
    return lines[-1] if any("Traceback" in line for line in lines) else lines[0]
