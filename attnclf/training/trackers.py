"""Following a training from outside: its numbers go to a tracker, each by the tracker's own library.

`TRACKERS` is the table: a new tracker is one function and one row.
"""

import contextlib
import csv
import importlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from attnclf.config import Config
from attnclf.errors import ConfigError
from attnclf.evaluation.report import Report
from attnclf.training.state import Progress

EVERY = 20  # steps between two notes of the running loss
COLUMNS = ("step", "epoch", "loss", "train_loss", "valid_loss", "valid_score", "seconds")

Log = Callable[[int, Mapping[str, float]], None]


class Destination(NamedTuple):
    """Where a tracker writes, the settings of the run, and whether it continues an earlier run."""

    folder: Path
    settings: Mapping[str, Any]
    resumed: bool


@contextlib.contextmanager
def to_csv(destination: Destination) -> Iterator[Log]:
    """Write a line for each step that is logged to `log.csv`, with an empty cell for what is not."""
    path = destination.folder / "log.csv"
    with ExitStack() as stack:
        open_files: list[Any] = []

        def log(step: int, values: Mapping[str, float]) -> None:
            if not open_files:  # not before there is something to log: the run may be refused
                earlier = _rows_before(step, path) if destination.resumed else []
                file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
                open_files.extend((csv.DictWriter(file, COLUMNS, extrasaction="ignore"), file))
                open_files[0].writeheader()
                open_files[0].writerows(earlier)
            if not values.keys().isdisjoint(COLUMNS):
                open_files[0].writerow({"step": step, **values})
                open_files[1].flush()

        yield log


def _rows_before(step: int, path: Path) -> list[dict[str, str]]:
    """Return what was written up to the last checkpoint; the rest happens again."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["step"]) < step]


@contextlib.contextmanager
def to_tensorboard(destination: Destination) -> Iterator[Log]:
    """Write event files for `tensorboard --logdir`."""
    writers = _needed(MODULES["tensorboard"], "tensorboard")
    folder = destination.folder / "tensorboard"
    with ExitStack() as stack:
        open_files: list[Any] = []

        def log(step: int, values: Mapping[str, float]) -> None:
            if not open_files:
                if not destination.resumed:
                    shutil.rmtree(folder, ignore_errors=True)
                writer = writers.SummaryWriter(str(folder), purge_step=step if destination.resumed else None)
                open_files.append(stack.enter_context(writer))
                writer.add_text("settings", f"```\n{json.dumps(destination.settings, indent=2)}\n```")
            for name, value in values.items():
                open_files[0].add_scalar(name, value, step)

        yield log


@contextlib.contextmanager
def to_wandb(destination: Destination) -> Iterator[Log]:
    """Send to Weights & Biases, as its own environment variables say (WANDB_PROJECT, WANDB_MODE)."""
    wandb = _needed(MODULES["wandb"], "wandb")
    with wandb.init(dir=str(destination.folder), config=dict(destination.settings)) as run:
        yield lambda step, values: run.log(dict(values), step=step)


@contextlib.contextmanager
def to_mlflow(destination: Destination) -> Iterator[Log]:
    """Send to MLflow, as its own environment variables say (MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME)."""
    mlflow = _needed(MODULES["mlflow"], "mlflow")
    with mlflow.start_run():
        mlflow.log_dict(dict(destination.settings), "settings.json")
        yield lambda step, values: mlflow.log_metrics(dict(values), step=step)


TRACKERS: dict[str, Callable[[Destination], AbstractContextManager[Log]]] = {
    "csv": to_csv,
    "tensorboard": to_tensorboard,
    "wandb": to_wandb,
    "mlflow": to_mlflow,
}


# The module of each tracker that is a library of its own.
MODULES = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


class Tracking:
    """Logs a training to trackers: the running loss every `EVERY` steps, each epoch, and the scores at the end."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self.logs = logs
        self.step = 0

    def watch(self, progress: Progress) -> None:
        """Take note of a step or an epoch, once there are labels to learn: trackers want steps that only rise."""
        if progress.stage == "words":
            return
        self.step = progress.before + progress.step
        if progress.finished is not None:
            epoch = progress.finished
            names = ("epoch", "train_loss", "valid_loss", "valid_score", "seconds")
            self._log({name: getattr(epoch, name) for name in names})
        elif progress.step % EVERY == 0:
            self._log({"loss": progress.loss})

    def end(self, report: Report) -> None:
        """Take note of the scores of the finished model."""
        for split, metrics in report.splits.items():
            self._log({f"final/{split}_score": metrics.score, f"final/{split}_macro_f1": metrics.macro_f1})

    def _log(self, values: Mapping[str, float]) -> None:
        for log in self.logs:
            log(self.step, values)


@contextlib.contextmanager
def tracking(names: Sequence[str], out: Path, config: Config, *, resumed: bool = False) -> Iterator[Tracking]:
    """Yield what logs to the trackers of these names; those that write files do so in `OUT.tracking`.

    Raises ConfigError for a tracker whose library is missing.
    """
    folder = out.parent / f"{out.name}.tracking"
    for name in names:
        if name in MODULES:
            _needed(MODULES[name], name)
    with ExitStack() as stack:
        if names:
            folder.mkdir(parents=True, exist_ok=True)
            stack.callback(_remove_if_empty, folder)
        destination = Destination(folder, config.to_dict(), resumed)
        yield Tracking([stack.enter_context(TRACKERS[name](destination)) for name in dict.fromkeys(names)])


def _remove_if_empty(folder: Path) -> None:
    """Leave nothing of a run that was refused, or that reports elsewhere."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _needed(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"--track {package} needs {package}", fix=f"pip install {package}") from error
