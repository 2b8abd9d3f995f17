"""One worker of a run: it opens the model once and predicts files, each from its first row to its last."""

import contextlib
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, NamedTuple, cast

from attnclf.atomic import atomic_upload
from attnclf.bundle import Precision
from attnclf.data.inputs import format_of, texts
from attnclf.data.read_options import ReadOptions
from attnclf.data.source import Source
from attnclf.data.streams import GZIP_MAGIC, Damage, head_of
from attnclf.engines.destination import File
from attnclf.errors import AttnclfError
from attnclf.runtime.backend import Device
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.streaming import FormatLine, stream_predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How files are predicted; it travels to the workers, so `line` must be a function that they can import too.

    `model` is a folder that every worker can read. `sources` and `targets` are the file systems of a `Plan`.
    """

    model: str
    sources: Any
    targets: Any
    line: FormatLine
    threshold: float | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    device: Device = "auto"
    precision: Precision = "fp32"
    batch_size: int | None = None


class Outcome(NamedTuple):
    """What became of one file: counts of texts, of those cut and of damaged lines, or the problem and its remedy."""

    source: str
    texts: int = 0
    truncated: int = 0
    damaged: int = 0
    problem: str = ""
    fix: str = ""


class Worker:
    """Predicts files, one after the other, on one core or one GPU."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.classifier = Classifier.load(
            job.model, device=job.device, precision=job.precision, threads=1, batch_size=job.batch_size
        )

    def predict(self, file: File) -> Outcome:
        """Write the answers to one file. Nothing is written where it cannot be read to its end."""
        job, damage = self.job, Damage()
        try:
            options = replace(job.options, feature_columns=self.classifier.bundle.columns)
            with opened(job.sources, file.source) as stream, atomic_upload(job.targets, file.target) as output:
                kind = format_of(file.source, options.format, head_of(stream, file.source))
                lines = texts(Source(name=file.source, format=kind, stream=stream), options, damage=damage)
                done = stream_predictions(self.classifier, lines, output, line=job.line, threshold=job.threshold)
        except AttnclfError as error:
            return Outcome(file.source, problem=error.problem, fix=error.fix)
        except OSError as error:
            return Outcome(file.source, problem=str(error), fix="check the address, the permissions and the space left")
        return Outcome(file.source, done.texts, done.truncated, damage.lines)


@contextlib.contextmanager
def opened(system: Any, path: str) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressing it if its first two bytes say gzip, whatever it is called."""
    with system.open(path, "rb") as stored:
        zipped = stored.read(2) == GZIP_MAGIC
        stored.seek(0)
        if zipped:
            with gzip.open(stored, "rb") as stream:
                yield cast("BinaryIO", stream)
        else:
            yield stored
