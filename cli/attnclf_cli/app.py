"""The `attnclf` command: its sub-commands, and the one place where errors become a line and an exit status."""

import atexit
import errno
import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from attnclf import __version__
from attnclf.errors import AttnclfError
from attnclf_cli import streams

# Each is a function in a module of its name.
COMMANDS = ("train", "predict", "explain", "evaluate", "export", "push", "bench", "serve", "info", "mechanisms")
PROBLEM, INTERRUPTED, TERMINATED = 1, 130, 143
# What libraries say where the system refuses them memory: the loader, C++, Python's threads, torch, ONNX Runtime.
NO_MEMORY = (
    "failed to map segment",
    "annot allocate memory",
    "bad_alloc",
    "bad allocation",
    "can't start new thread",
    "can't allocate memory",
    "Failed to allocate memory",
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does: what it has begun to write is removed on the way out."""


class OneLineErrors(TyperGroup):
    """A group of commands whose known problems end as one line on stderr; any other exception is a bug of ours."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command, or say its help, until all of it is written."""
        try:
            try:
                return super().main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except streams.ReaderLeft:
            sys.exit(0)
        except Exception as error:
            line = _line_of(error)
            if line is None:
                raise
            typer.echo(f"Error: {line}", err=True)
            sys.exit(PROBLEM)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except Terminated as end:
            raise typer.Exit(TERMINATED) from end
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(INTERRUPTED) from interrupt


def _line_of(error: Exception) -> str | None:
    """Return what is wrong and the remedy in one line; None for a bug of ours."""
    if _out_of_memory(error):
        return "there is not enough memory; give this process more of it (ulimit -v, the limit of the container)"
    if isinstance(error, AttnclfError):
        from attnclf.text.screen import visible

        return visible(str(error))
    if isinstance(error, ModuleNotFoundError):  # what only predicts needs few packages; a part of one is a bug of ours
        if error.name is None or "." in error.name:
            return None
        return f"this needs the package {error.name}; pip install attnclf brings what is missing"
    if not isinstance(error, OSError):
        return None
    # Wherever a path is followed, it may not be allowed, or be gone; any disk may be full.
    if error.errno in FULL:
        return f"{error.strerror}; make room for it and for temporary files (TMPDIR)"
    if error.filename is None:
        return None
    from attnclf.text.screen import visible

    return f"{visible(os.fsdecode(error.filename))}: {error.strerror}; check the path"


def _out_of_memory(error: BaseException | None) -> bool:
    """Return whether memory was refused, to Python or to a library, here or in what an error was made from."""
    while error is not None:
        refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
        if isinstance(error, MemoryError) or refused or (_by_a_library(error) and _says_so(error)):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _by_a_library(error: BaseException) -> bool:
    """Return whether the words of an error are a library's own: the others quote names, paths and data."""
    return not isinstance(error, AttnclfError | ValueError | LookupError) and getattr(error, "filename", None) is None


def _says_so(error: BaseException) -> bool:
    return any(sign in str(error) for sign in NO_MEMORY)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"attnclf {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = (
        False
    ),
) -> None:
    pass


def application(asked: str = "") -> typer.Typer:
    """Return the command line with the command that is asked for, or with all where it is none of them.

    To load and describe the others takes longer than to label a line.
    """
    app = typer.Typer(
        name="attnclf",
        cls=OneLineErrors,
        help="Train a small text classifier on your own file, run it from a pipe, see which words decided.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        app.command()(getattr(import_module(f"attnclf_cli.{name}"), name))
    return app


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def main() -> None:
    """Run the command line and leave; at once where threads may still be at work.

    After a stream its reader may wait for a line on stdin, after a training whose time was over a library may compute.
    The interpreter's own way out would stumble over the locks that such threads hold, and takes its time.
    """
    status: int = 0
    streams.prepare()
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:  # what is ignored at the start stays ignored
        signal.signal(signal.SIGTERM, _terminate)
    try:
        application(*sys.argv[1:2])()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    if "attnclf.training.limits" in sys.modules:
        atexit._run_exitfuncs()  # of libraries; they know nothing of threads that are left within one
    elif "attnclf.runtime.windows" not in sys.modules:
        sys.exit(status)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
