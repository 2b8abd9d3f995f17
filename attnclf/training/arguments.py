"""What a training can be refused for before torch is imported or a row is read."""

import tempfile
from pathlib import Path

from attnclf.bundle import refuse_to_replace
from attnclf.data.detect import refuse_missing
from attnclf.errors import ConfigError


def refuse_arguments(out: Path, sources: tuple[object, ...], *, force: bool, processes: int = 1) -> None:
    """Raise an AttnclfError for a folder that cannot become a model, and for sources that are missing or unshareable.

    `sources` are the files of rows, texts and vectors, "-" for stdin, None for one that is not given; `processes` is
    the number of those that train together.
    """
    if out.resolve() == Path.cwd():
        raise ConfigError("the folder you are in cannot become a model", fix="name another one: --out model")
    refuse_to_replace(out)
    _refuse_unwritable(out)
    if out.exists() and any(out.iterdir()) and not force:
        raise ConfigError(f"{out} already holds a model", fix="pass --force to replace it, or another --out")
    for source in sources:
        if source is None or isinstance(source, str):
            refuse_missing(source)
    if processes > 1 and any(isinstance(source, str) and source == "-" for source in sources):
        raise ConfigError("several processes cannot share stdin", fix="name a file")


def _refuse_unwritable(out: Path) -> None:
    """Raise ConfigError where no folder can be made beside a future model: better now than after training."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}", fix="pass another --out") from error
