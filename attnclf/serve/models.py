"""The models that are served: each with its queues, and a newer version of its folder takes over while it serves."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from attnclf.bundle import MANIFEST, Precision, open_bundle
from attnclf.explain import choice
from attnclf.explain.methods import METHODS, working
from attnclf.runtime.backend import Device
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction
from attnclf.serve.batching import Batcher
from attnclf.serve.limits import CapacityLimiter, Limits
from attnclf.serve.metrics import Metrics
from attnclf.serve.refusals import Refusal

BuildReply = Callable[[Classifier, Sequence[str], list[Prediction]], Any]
Files = tuple[tuple[str, int, int, int], ...]

WARM_UP = ["a text to begin with", ""]
LOOK = 1.0  # seconds between two looks at the folders

log = logging.getLogger("attnclf.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOptions:
    """How models run, as the options of `attnclf predict` say, and what goes through the network together.

    `batch_tokens` None means what suits the device; `batch_delay` is in seconds.
    """

    device: Device = "auto"
    precision: Precision = "fp32"
    batch_size: int | None = None
    batch_tokens: int | None = None
    batch_delay: float = 0.002


TOKENS = {"cpu": 16_384, "cuda": 65_536}  # of a batch: some runs of the network, so that texts can be sorted by length


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts to predict, and what makes an answer of their predictions, in the same thread."""

    texts: Sequence[str]
    threshold: float | None
    build: BuildReply


class Loaded:
    """One version of a model folder, ready to run."""

    def __init__(self, folder: Path, runtime: RuntimeOptions) -> None:
        open_bundle(folder)  # says what is wrong with it
        self.files = files_of(folder)  # before they are read: what changes meanwhile is loaded the next time
        self.classifier = Classifier.load(
            folder, device=runtime.device, precision=runtime.precision, batch_size=runtime.batch_size
        )
        self.version = self.classifier.bundle.version[:12]
        if not self.classifier.bundle.columns:
            self.classifier.predict(WARM_UP)
        self.classifier.backend.warm_up()

    @property
    def methods(self) -> list[str]:
        """The methods of explanation that make sense for the model and need no torch."""
        names = working(self.classifier.bundle, self.classifier.backend.axes)
        return [name for name in names if not METHODS[name].torch]

    @property
    def best_method(self) -> str:
        """What the method `auto` takes; attention for a folder that does not say how faithful each method is."""
        bundle = self.classifier.bundle
        return choice.best(bundle) if choice.of_bundle(bundle) else choice.DEFAULT


class Model:
    """A model folder that is served under a name; `loaded` is the newest version that could be loaded.

    Raises AttnclfError where the folder cannot be loaded at all.
    """

    def __init__(self, name: str, folder: Path, runtime: RuntimeOptions, limits: Limits, metrics: Metrics) -> None:
        self.name, self._folder, self._runtime, self._metrics = name, folder, runtime, metrics
        self.loaded = Loaded(folder, runtime)
        self._seen = self.loaded.files
        self._tokens_per_character = 0.25
        session = self.loaded.classifier.backend
        self._predictions: Batcher[Texts, Any] = Batcher(
            self._predict,
            workers=session.workers,
            capacity=CapacityLimiter(limits.queue, "queue"),
            budget=runtime.batch_tokens or TOKENS[session.device],
            delay=runtime.batch_delay,
        )
        self._explanations: Batcher[Callable[[Loaded], Any], Any] = Batcher(
            lambda works: [work(self.loaded) for work in works],
            workers=1,
            capacity=CapacityLimiter(limits.explanations, "explanations"),
        )
        metrics.loaded(name, self.loaded.version)
        metrics.watch(name, "predict", lambda: self._predictions.capacity.used)
        metrics.watch(name, "explain", lambda: self._explanations.capacity.used)

    @property
    def columns(self) -> Sequence[str]:
        """The numeric columns that the model reads in place of a text."""
        return self.loaded.classifier.bundle.columns

    def predict(self, texts: Sequence[str], threshold: float | None, build: BuildReply) -> "asyncio.Future[Any]":
        """Queue texts; the answer is what `build` makes of the predictions. Raises Overloaded for a full queue."""
        if threshold is not None:
            self.loaded.classifier.start([], threshold=threshold)  # refused here, and not with a whole batch
        tokens = len(texts) + int(self._tokens_per_character * sum(map(len, texts)))
        return self._predictions.submit(Texts(texts, threshold, build), tokens)

    def explain(self, texts: int, work: Callable[[Loaded], Any]) -> "asyncio.Future[Any]":
        """Queue an explanation of `texts` texts. Raises Overloaded for a full queue."""
        return self._explanations.submit(work, texts)

    def count_explained(self) -> None:
        """Count a text that was explained."""
        self._metrics.explained(self.name)

    def _predict(self, works: list[Texts]) -> list[Any]:
        classifier = self.loaded.classifier  # one for the whole batch, whatever is loaded meanwhile
        answers: list[Any] = []
        for threshold, some in groupby(works, key=lambda work: work.threshold):
            group = list(some)
            texts = [text for work in group for text in work.texts]
            predictions = classifier.predict(texts, threshold=threshold)
            self._count(texts, predictions)
            begin = 0
            for work in group:
                end = begin + len(work.texts)
                answers.append(work.build(classifier, work.texts, predictions[begin:end]))
                begin = end
        return answers

    def _count(self, texts: Sequence[str], predictions: Sequence[Prediction]) -> None:
        tokens = sum([len(prediction.attention) for prediction in predictions])
        self._metrics.batch(self.name, len(texts), tokens)
        characters = sum(map(len, texts))
        if characters:
            self._tokens_per_character += 0.1 * (tokens / characters - self._tokens_per_character)

    def changed(self) -> bool:
        """Return whether the folder holds another version than the last one that was tried."""
        try:
            return files_of(self._folder) != self._seen
        except OSError:  # between the old folder and the new one
            return False

    def reload(self) -> None:
        """Load the folder again; where that fails, the version in service stays."""
        try:
            self._seen = files_of(self._folder)
            loaded = Loaded(self._folder, self._runtime)
        except Exception as error:  # whatever is wrong with the new one, there is an old one
            log.error("%s stays at version %s: %s", self.name, self.loaded.version, error)
            self._metrics.reloaded(self.name, well=False)
            return
        self.loaded = loaded
        self._metrics.reloaded(self.name, well=True)
        self._metrics.loaded(self.name, loaded.version)
        log.info("%s is now version %s", self.name, loaded.version)

    def close(self) -> None:
        """Let the threads go."""
        self._predictions.close()
        self._explanations.close()


class Models:
    """The models by name; the first is the default."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._by_name = {model.name: model for model in models}
        self.default = models[0]
        self._loading = asyncio.Lock()

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_name.values())

    def get(self, name: str | None) -> Model:
        """Return a model by its name. Raises Refusal for a name that is not served."""
        if name is None:
            return self.default
        if name not in self._by_name:
            raise Refusal(404, f"no model {name!r} is served", fix=f"use one of: {', '.join(self._by_name)}")
        return self._by_name[name]

    async def reload(self, *, changed: bool = False) -> None:
        """Load all folders again, or those that have changed, while requests are served."""
        async with self._loading:
            for model in self:
                if not changed or await asyncio.to_thread(model.changed):
                    await asyncio.to_thread(model.reload)

    async def watch(self) -> None:
        """Load what changes, for ever."""
        while True:
            await asyncio.sleep(LOOK)
            await self.reload(changed=True)


def files_of(folder: Path) -> Files:
    """Return what identifies a version of a folder: its files with inode, size and time of change."""
    (folder / MANIFEST).stat()
    found = [(entry.name, entry.stat()) for entry in os.scandir(folder) if entry.is_file()]
    return tuple(sorted((name, status.st_ino, status.st_size, status.st_mtime_ns) for name, status in found))
