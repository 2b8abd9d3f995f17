"""How long work is watched: a live bar on a terminal, plain lines elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

if TYPE_CHECKING:
    from attnclf.training.state import Progress

Say = Callable[[str], None]
Watch = Callable[["Progress"], None]

STAGES = {"words": "Words", "labels": "Epoch"}
REFRESH = 0.1  # seconds between two updates of the bar
QUIET = 10.0  # seconds between two lines where there is no bar


@contextlib.contextmanager
def display(notes: Console) -> Iterator[tuple[Say, Watch]]:
    """Yield a function for notes and one for progress, both writing to the console of notes."""

    def say(line: str) -> None:
        notes.print(Text(line, style="yellow" if line.startswith("Warning:") else ""), soft_wrap=True)

    def tell(progress: "Progress") -> None:
        if progress.finished is not None:
            say(_line(progress))

    if not notes.is_terminal or notes.quiet:
        yield say, tell
        return
    with Bar(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[loss]}"), TimeRemainingColumn(),
        console=notes, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None, loss="", visible=False)
        drawn = 0.0

        def draw(progress: "Progress") -> None:
            nonlocal drawn
            if progress.finished is None and time.monotonic() - drawn < REFRESH:
                return
            drawn = time.monotonic()
            bar.update(
                task,
                visible=True,
                total=progress.steps,
                completed=progress.step,
                description=f"{STAGES[progress.stage]} {progress.epoch}/{progress.epochs}",
                loss=f"loss {progress.loss:.3f}",
            )
            tell(progress)

        yield say, draw


@contextlib.contextmanager
def counted(notes: Console, work: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that reports a stage: its name, the steps done, and their number."""
    if not notes.is_terminal:
        said = time.monotonic()

        def tell(stage: str, done: int, of: int) -> None:
            nonlocal said
            if time.monotonic() - said >= QUIET:
                said = time.monotonic()
                notes.print(Text(f"{work}: {done / of:.0%}, {stage}"), soft_wrap=True)

        yield tell
        return
    with Bar(
        TextColumn(f"{work}: {{task.description}}"), BarColumn(), TimeRemainingColumn(), console=notes, transient=True
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, of: bar.update(task, description=stage, completed=done, total=of)


def _line(progress: "Progress") -> str:
    epoch = progress.finished
    assert epoch is not None
    return (
        f"epoch {epoch.epoch:>3}/{progress.epochs}  train loss {epoch.train_loss:.3f}  valid loss "
        f"{epoch.valid_loss:.3f}  valid score {epoch.valid_score:6.1%}  {epoch.seconds:5.0f} s"
    )
