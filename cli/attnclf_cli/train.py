"""`attnclf train`: from a labelled file to a model folder."""

import contextlib
import re
import shlex
import signal
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from attnclf.catalog import ARCHITECTURES
from attnclf.errors import ConfigError
from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.training.limits import Interrupted


def known(architecture: str) -> str:
    """Return the name of an architecture; wrong usage if there is none."""
    if architecture not in ARCHITECTURES:
        raise typer.BadParameter(f"{architecture!r} is not one of {', '.join(ARCHITECTURES)}")
    return architecture


class Preset(StrEnum):
    """Named sets of choices, from quick to thorough; plain is the network of the papers."""

    fast = "fast"
    balanced = "balanced"
    accurate = "accurate"
    plain = "plain"


class Tracker(StrEnum):
    """A program that receives the progress of training."""

    csv = "csv"
    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="csv, tsv, jsonl, json, parquet (or .gz), a fastText file, a folder of class folders, hf:NAME, or -",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.", show_default=False)],
    valid: Annotated[
        str | None,
        typer.Option(help="Rows that choose the best epoch; default: a tenth of DATA.", show_default=False),
    ] = None,
    test: Annotated[str | None, typer.Option(help="Rows to score the finished model on.", show_default=False)] = None,
    unlabeled: Annotated[
        str | None, typer.Option(help="Texts without labels; training learns from them too.", show_default=False)
    ] = None,
    text_column: options.TextColumns = None,
    feature_columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Numeric columns to read instead of text.", show_default=False),
    ] = None,
    label_column: options.LabelColumn = None,
    weight_column: Annotated[
        str | None, typer.Option(help="Column with the weight of each row.", show_default=False)
    ] = None,
    label_separator: options.LabelSeparator = None,
    rationale_column: Annotated[
        str | None,
        typer.Option(help="Column with the evidence that people marked; attention learns it.", show_default=False),
    ] = None,
    input_format: options.DataFormat = None,
    on_bad_row: options.OnBadRow = options.BadRows.error,
    preset: Annotated[
        Preset, typer.Option(metavar="NAME", help=f"Named set of settings: {', '.join(Preset)}.")
    ] = Preset.balanced,
    architecture: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", parser=known, help=f"The network: {', '.join(ARCHITECTURES)}.", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Settings file; it overrides the preset.", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="One setting, section.key=value; it overrides all files.",
            show_default=False,
        ),
    ] = None,
    vectors: Annotated[
        str | None, typer.Option(help="Pretrained vectors in text form (.vec, GloVe).", show_default=False)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of passes over DATA.", show_default=False)
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(metavar="30s|10m|2h", help="Stop training after this time.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Random seed; the same seed gives the same model.", show_default=False)
    ] = None,
    device: options.Device = options.DeviceName.auto,
    track: Annotated[
        list[Tracker] | None,
        typer.Option(
            metavar="NAME", help=f"Also send the progress of training to: {', '.join(Tracker)}.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted run from its last checkpoint.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model in --out.")] = False,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Do not compare with TF-IDF + logistic regression.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and errors.")] = False,
) -> None:
    """Train a classifier on your labelled data and write its model folder."""
    from rich.console import Console
    from rich.markup import escape

    from attnclf.api import train_folder
    from attnclf.bundle import open_bundle
    from attnclf.machine import rank
    from attnclf.training.limits import Interrupted
    from attnclf_cli.progress import display

    quiet = quiet or rank() > 0  # the first process prints
    notes = Console(stderr=True, quiet=quiet, highlight=False)
    interrupted = Interrupted()
    with display(notes) as (say, draw), stopping(interrupted, say):
        trained = train_folder(
            data,
            out,
            valid=valid,
            test=test,
            unlabeled=unlabeled,
            text_column=text_column,
            feature_columns=None if feature_columns is None else listed(feature_columns),
            label_column=label_column,
            weight_column=weight_column,
            label_separator=label_separator,
            rationale_column=rationale_column,
            input_format=input_format,
            on_bad_row=on_bad_row.value,
            preset=preset.value,
            architecture=architecture,
            config=config,
            settings=settings,
            vectors=vectors,
            epochs=epochs,
            time_limit=seconds(time_limit) if time_limit else None,
            seed=seed,
            device=device.value,
            track=track or (),
            resume=resume,
            force=force,
            baseline=not no_baseline,
            say=say,
            watch=draw,
            interrupted=interrupted,
            loading=notes.status("Loading torch …"),
        )
    if not quiet:
        Console(highlight=False).print(trained.report)
    reading = (
        "attnclf predict rows.csv" if not quiet and open_bundle(out).columns else "cat texts.txt | attnclf predict"
    )
    usage = f"{reading} -m {shlex.quote(str(out))}"
    notes.print(f"\nWrote {escape(str(out))}. Try: [bold]{escape(usage)}[/bold]", soft_wrap=True)
    if trained.outcome.ending == "interrupted":
        notes.print(
            "Training was interrupted; the same command with --resume --force continues from the last checkpoint."
        )
        raise typer.Exit(130)


def listed(names: str) -> list[str]:
    """Return the names that "age, income" means; ConfigError if there is none."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    if not found:
        raise ConfigError(f"--feature-columns {names!r} names no column", fix="write it as age,income")
    return found


def seconds(text: str) -> float:
    """Return the seconds that "90", "30s", "10m" or "1.5h" means."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None:
        raise ConfigError(f"--time-limit {text!r} is not a time", fix="write it as 30s, 10m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


@contextlib.contextmanager
def stopping(interrupted: "Interrupted", say: Callable[[str], None]) -> Iterator[None]:
    """Let the first Ctrl-C end training with the best model so far; the second one leaves at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        if interrupted.requested:
            raise KeyboardInterrupt
        interrupted.requested = True
        say("Stopping; the best model so far is kept. Ctrl-C again leaves without a model.")

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as a shell tells a job in the background
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
