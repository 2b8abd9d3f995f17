"""The Python face: train and load. `attnclf train` calls `train_folder` too, so that both train the same network."""

import contextlib
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack, cast

from attnclf.bundle import new_bundle, refuse_out
from attnclf.config import Config, parse_assignment, read_toml
from attnclf.config.presets import PRESETS
from attnclf.config.presets import settings as settings_of
from attnclf.data.read_options import ReadOptions
from attnclf.data.training_set import Sources, check_sources
from attnclf.errors import ConfigError, as_arguments, speaks_of_arguments
from attnclf.machine import rank, restart_count, world_size
from attnclf.runtime import classifier as loaded

if TYPE_CHECKING:
    from attnclf.training.limits import Interrupted
    from attnclf.training.pipeline import Trained
    from attnclf.training.state import Progress

File = str | PathLike[str]


class TrainingOptions(TypedDict, total=False):
    """The options of `train` besides preset and seed: each has the name of its option of the command."""

    valid: object
    test: object
    unlabeled: object
    text_column: str | Sequence[str] | None
    feature_columns: Sequence[str] | None
    label_column: str | None
    weight_column: str | None
    label_separator: str | None
    rationale_column: str | None
    input_format: str | None
    on_bad_row: Literal["error", "skip"]
    architecture: str | None
    config: File | Config | None
    settings: Mapping[str, Any] | Iterable[str] | None
    vectors: File | None
    epochs: int | None
    time_limit: float | None
    device: Literal["auto", "cpu", "cuda"]
    track: Sequence[str]
    resume: bool
    force: bool
    baseline: bool


class Classifier(loaded.Classifier):
    """A loaded model: `labels`, `predict`, `predict_proba`, `explain`, `save`.

    A model that was trained without `out` lives in a temporary folder, which is removed with the object.
    """

    @classmethod
    @speaks_of_arguments
    def load(
        cls,
        folder: File,
        *,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        precision: Literal["fp32", "fp16", "int8"] = "fp32",
        threads: int = 0,
        batch_size: int | None = None,
    ) -> Self:
        """Load a model folder, or `hf:owner/name` from the hub.

        `threads` 0 is all cores. At most `batch_size` texts go through the network together. Raises BundleError for a
        missing or damaged folder, DeviceError for a missing device, HubError for a model that cannot be fetched.
        """
        classifier = super().load(
            fspath(folder), device=device, precision=precision, threads=threads, batch_size=batch_size
        )
        return cast("Self", classifier)

    predict = speaks_of_arguments(loaded.Classifier.predict)
    predict_proba = speaks_of_arguments(loaded.Classifier.predict_proba)
    explain = speaks_of_arguments(loaded.Classifier.explain)

    @speaks_of_arguments
    def save(self, folder: File, *, force: bool = False) -> Path:
        """Copy the model to a folder and return its path.

        Raises ConfigError for a folder that holds a model already, unless `force` is True, and BundleError for a folder
        that holds something else.
        """
        path = Path(folder)
        if path.resolve() == self.bundle.folder.resolve():
            return path
        refuse_out(path, force=force)
        with new_bundle(path) as new:
            shutil.copytree(self.bundle.folder, new, dirs_exist_ok=True)
        return path


load = Classifier.load


@speaks_of_arguments
def train(
    data: object,
    out: File | None = None,
    *,
    preset: str = "balanced",
    seed: int | None = None,
    quiet: bool = False,
    progress: "Callable[[Progress], None] | None" = None,
    **options: Unpack[TrainingOptions],
) -> Classifier:
    """Train a classifier with the defaults of `attnclf train`, and return it loaded.

    `data` is a path, `hf:NAME`, a list of (text, label) pairs or of dicts, a data frame of pandas or polars, a
    `datasets.Dataset` or a pyarrow Table. A list of labels in place of a label makes a multi-label model. Without `out`
    the model lives in a temporary folder that the classifier owns; `Classifier.save` keeps it. Notes go to stderr,
    unless `quiet`; `progress` receives every step.

    The options are those of the command, `--label-column` as `label_column`. `valid` and `test` are what `data` may be;
    without `valid` a tenth of the rows chooses the best epoch. `unlabeled` is a path or a list of texts. `settings` are
    nested values or "section.key=value" strings. `config` is a file of settings, or a `Config` in place of all
    settings. `time_limit` is in seconds. `track` lists trackers: csv, tensorboard, wandb, mlflow. `on_bad_row="skip"`
    leaves bad rows out, and `baseline=False` the comparison with a linear model.

    Raises an AttnclfError for data, settings or a device that cannot work, TypeError for an unknown option.

    >>> about = {"billing": "my card was charged", "delivery": "my parcel is late"}
    >>> rows = [(f"{text} {number}", label) for label, text in about.items() for number in range(10)]

    >>> clf = train(rows, preset="fast", epochs=5, device="cpu", baseline=False, quiet=True)

    >>> clf.labels
    ('billing', 'delivery')
    >>> [prediction.label for prediction in clf.predict(["a late parcel"])]
    ['delivery']
    """
    unknown = sorted(options.keys() - TrainingOptions.__annotations__.keys())
    if unknown:
        raise TypeError(f"train() has no argument {unknown[0]!r}")
    owned = None if out is not None else Path(tempfile.mkdtemp(prefix="attnclf-"))
    folder = Path(out) if out is not None else Path(str(owned), "model")

    def say(line: str) -> None:
        if not quiet or line.startswith("Warning:"):
            print(as_arguments(line), file=sys.stderr)  # noqa: T201

    try:
        train_folder(data, folder, preset=preset, seed=seed, say=say, watch=progress, **options)
        classifier = load(folder, device=options.get("device", "auto"))
    except BaseException:
        if owned is not None:
            shutil.rmtree(owned, ignore_errors=True)
        raise
    return classifier if owned is None else keep(classifier, owned)


def keep(classifier: Classifier, folder: Path) -> Classifier:
    """Return the classifier as the owner of a temporary folder, which is removed when the classifier is."""
    weakref.finalize(classifier, shutil.rmtree, folder, ignore_errors=True)
    return classifier


def train_folder(
    data: object,
    out: Path,
    *,
    preset: str = "balanced",
    seed: int | None = None,
    say: Callable[[str], None] = print,
    watch: "Callable[[Progress], None] | None" = None,
    interrupted: "Interrupted | None" = None,
    loading: AbstractContextManager[object] | None = None,
    **options: Unpack[TrainingOptions],
) -> "Trained":
    """Train a classifier, write its folder `out`, and return how training ended.

    `watch` receives every step. `loading` is entered while torch is imported. The rest is as in `train`.
    """
    data, valid, test, unlabeled = (
        fspath(given) if isinstance(given, PathLike) else given
        for given in (data, options.get("valid"), options.get("test"), options.get("unlabeled"))
    )
    text_column, device, resume, force = (
        options.get("text_column"),
        options.get("device", "auto"),
        options.get("resume", False),
        options.get("force", False),
    )
    sources = Sources(
        valid=valid,
        test=test,
        unlabeled=unlabeled,
        options=ReadOptions(
            format=options.get("input_format"),
            text_columns=[text_column] if isinstance(text_column, str) else text_column,
            label_column=options.get("label_column"),
            weight_column=options.get("weight_column"),
            label_separator=options.get("label_separator"),
            rationale_column=options.get("rationale_column"),
            on_bad_row=options.get("on_bad_row", "error"),
        ),
    )
    config = _settled(preset, seed, options)
    refuse_out(out, force=force)
    check_sources(data, valid, test, unlabeled, config.model.embedding.vectors or None, processes=world_size())
    with loading or contextlib.nullcontext():
        from attnclf.training.distributed import joined
        from attnclf.training.pipeline import train as run
        from attnclf.training.trackers import tracking
    followers = list(options.get("track", ())) if rank() == 0 else []  # the first process writes and prints
    with (
        tracking(followers, out, config, resumed=resume or restart_count() > 0) as tracked,
        joined(device) as ranks,
    ):

        def watched(progress: "Progress") -> None:
            if watch is not None:
                watch(progress)
            tracked.watch(progress)

        trained = run(
            data,
            out,
            sources=sources,
            config=config,
            device=device,
            resume=resume,
            force=force,
            baseline=options.get("baseline", True),
            say=say,
            watch=watched,
            interrupted=interrupted,
            ranks=ranks,
        )
        if trained.report is not None:
            tracked.end(trained.report)
    return trained


def _settled(preset: str, seed: int | None, options: TrainingOptions) -> Config:
    """Return the settings that the options mean. Raises ConfigError for those that cannot work."""
    config, settings, epochs, columns = (
        options.get("config"),
        options.get("settings"),
        options.get("epochs"),
        options.get("feature_columns"),
    )
    if isinstance(config, Config):
        given = map(options.get, ("architecture", "settings", "vectors", "epochs", "time_limit", "feature_columns"))
        if any(value is not None for value in (seed, *given)):
            raise ConfigError("a Config has all settings", fix="change it, or pass --set in its place")
        return config
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}", fix=f"use one of: {', '.join(PRESETS)}")
    flags: dict[str, float | None] = {"seed": seed, "time_limit": options.get("time_limit")}
    if epochs is not None:
        flags |= {"epochs": epochs, "min_steps": 0}  # what is asked for holds for small files too
    layers = [settings] if isinstance(settings, Mapping) else map(parse_assignment, settings or [])
    vectors, architecture = options.get("vectors"), options.get("architecture")
    chosen = settings_of(
        preset,
        read_toml(Path(config)) if config else {},
        *layers,
        {"training": {name: value for name, value in flags.items() if value is not None}},
        {"model": {"embedding": {"vectors": fspath(vectors)}}} if vectors else {},
        {"model": {"architecture": architecture}} if architecture else {},
        {"model": {"gate": {"columns": list(columns)}}} if columns is not None else {},
    )
    return Config.from_dict(chosen)
