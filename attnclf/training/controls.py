"""Whether attention earns anything on these data: the same network trained again with weights that learn nothing."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.config import Config, merged
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.data.read_options import ReadOptions
from attnclf.data.training_set import Sources, read_splits
from attnclf.errors import ConfigError
from attnclf.evaluation.intervals import Mean, bootstrapped
from attnclf.runtime.classifier import Classifier
from attnclf.training.pipeline import train
from attnclf.training.state import Progress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

CONTROLS: Mapping[str, Literal["uniform", "frozen"]] = {
    "uniform attention": "uniform",
    "frozen random attention": "frozen",
}


class Control(NamedTuple):
    """The score of a network whose attention learned nothing, and how much higher the model's own is, row by row."""

    score: Mean
    lost: Mean

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {"score": self.score._asdict(), "lost": self.lost._asdict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """A model and its controls, scored on `rows` rows; it prints itself.

    `measure` is the accuracy, or where a row may have several labels the F1 of a row, mean over rows.
    """

    rows: int
    measure: str
    own: Mean
    others: Mapping[str, Control]

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        others = {name: control.to_dict() for name, control in self.others.items()}
        return {"rows": self.rows, "measure": self.measure, "own": self.own._asdict(), **others}

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.text import Text

        from attnclf.explain.render.terminal.evaluation import Figures, interval

        yield Text(f"\nThe same network with attention that learned nothing, {self.rows:,} rows", style="bold")
        yield Figures(
            ["attention", self.measure, "less than learned"],
            [
                ["learned", interval(self.own, 3), ""],
                *([name, interval(one.score, 3), interval(one.lost, 3)] for name, one in self.others.items()),
            ],
        )


class Origin(NamedTuple):
    """What a model learned from, as its training got it."""

    data: str
    sources: Sources


def origin_of(
    classifier: Classifier, data: str, *, valid: str | None = None, options: ReadOptions | None = None
) -> Origin:
    """Return what a model learned from, after a look at whether its controls can learn from it too.

    `data` and `valid` are what training got; the column of weights is the one it took. Raises ConfigError for
    other rows, for an architecture that does not pool states by attention, and without the file of pretrained vectors
    in the current folder. Raises DataError for rows that cannot be read.
    """
    settings, learned = (classifier.bundle.manifest[part] for part in ("config", "training"))
    if learned.get("taught"):
        raise ConfigError(
            "the model learned from texts without labels too, which its controls would not have",
            fix="leave --controls out, or train with --set training.self_training=false",
        )
    options = replace(options or ReadOptions(), weight_column=learned.get("weight_column"))
    sources = Sources(valid=valid, options=options)
    config = control_config(settings, "frozen")  # refuses an architecture without such attention before it reads rows
    vectors = config.model.embedding.vectors
    if vectors is not None and not Path(vectors).exists():
        raise ConfigError(
            f"the model began with the vectors of {vectors}, and that file is not here",
            fix="run the command in the folder of that file",
        )
    rows, known = read_splits(data, sources, config, lambda line: None), learned["rows"]
    own = len(rows.train)
    if own != known or rows.labels.names != classifier.labels:
        other = f"these are {own:,}" if own != known else "these have other labels"
        raise ConfigError(
            f"the model learned from {known:,} rows, and {other}",
            fix="pass what attnclf train got: --train FILE, and --valid FILE where it had one",
        )
    return Origin(data, sources)


def retrained(
    classifier: Classifier,
    rows: Corpus,
    origin: Origin,
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    say: Callable[[str], None] = print,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Controls:
    """Train the controls of a model on what it learned from, and score all on `rows`."""
    settings = classifier.bundle.manifest["config"]
    own = _correctness(classifier, rows)
    others = {}
    for name, weights in CONTROLS.items():
        say(f"Training with {name}")
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "model"
            train(
                origin.data, out, sources=origin.sources, config=control_config(settings, weights), device=device,
                baseline=False, say=lambda line: None, watch=watch,
            )  # fmt: skip
            correct = _correctness(Classifier.load(out), rows)
        others[name] = Control(bootstrapped(correct), bootstrapped(own - correct))
    measure = "F1 of a row" if classifier.multi_label else "accuracy"
    return Controls(rows=len(rows), measure=measure, own=bootstrapped(own), others=others)


def control_config(settings: Mapping[str, Any], weights: Literal["uniform", "frozen"]) -> Config:
    """Return the settings of a control: the model's own, except for what its attention may learn."""
    asked: dict[str, Any] = {"training": {"attention": {"weights": weights}}}
    if weights == "uniform":
        hard = settings["model"]["attention"]["context"] == "hard"
        asked["model"] = {"attention": {"alignment": "global", **({"context": "soft"} if hard else {})}}
    return Config.from_dict(merged(settings, asked))


def _correctness(classifier: Classifier, rows: Corpus) -> NDArray[np.float64]:
    """Return how correct each row is (rows,): 0 or 1, or with several labels its F1, which is 1 for none and none.

    A label that the model does not know is missed.
    """
    probabilities, predicted = classifier.probabilities_and_labels(list(rows.texts))
    if not classifier.multi_label:
        true = LabelSet(classifier.labels, False).encode(rows.label_lists)
        return np.asarray(probabilities.argmax(axis=1) == true, dtype=np.float64)
    return np.array(list(_f1(predicted, rows, classifier.labels)))


def _f1(predicted: NDArray[np.bool_], rows: Corpus, names: tuple[str, ...]) -> Iterator[float]:
    for row, true in zip(predicted, rows.label_lists, strict=True):
        chosen = {name for name, yes in zip(names, row, strict=True) if yes}
        total = len(chosen) + len(set(true))
        yield 2 * len(chosen & set(true)) / total if total else 1.0
