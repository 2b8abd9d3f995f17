"""The models that are served: each with its queues, and replaced while it serves when its folder changes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from attnclf.bundle import Precision
from attnclf.explain import choice
from attnclf.explain.methods import METHODS, working
from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.runtime.session import Device
from attnclf.serve.batching import Batcher
from attnclf.serve.limits import Limits, Room
from attnclf.serve.refusals import Refusal

Rendered = Callable[[Classifier, Sequence[str], list[Prediction]], Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts to predict, and what makes an answer of the predictions, in the same thread."""

    texts: Sequence[str]
    threshold: float | None
    rendered: Rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How models run: as the options of `attnclf predict` say, and how they are batched."""

    device: Device = "auto"
    precision: Precision = "fp32"
    batch_size: int | None = None
    batch_units: int = 4096
    batch_delay: float = 0.002


class Model:
    """A model folder that is served under a name. `classifier` is the newest version that could be loaded."""

    def __init__(self, name: str, folder: Path, running: Running, limits: Limits) -> None:
        self.name, self.folder, self.running = name, folder, running
        self.classifier = self.load()
        self._units_per_character = 0.25
        self.predictions: Batcher[Texts, Any] = Batcher(
            self._predict,
            workers=self.classifier.session.workers,
            room=Room(limits.queue, "queue"),
            budget=running.batch_units,
            delay=running.batch_delay,
        )
        self.explanations: Batcher[Callable[[Classifier], Any], Any] = Batcher(
            lambda works: [work(self.classifier) for work in works],
            workers=1,
            room=Room(limits.explanations, "explanations"),
        )

    @property
    def methods(self) -> list[str]:
        """The methods of explanation that make sense for the model and need no torch."""
        axes = self.classifier.session.axes
        return [name for name in working(self.classifier.bundle, axes) if not METHODS[name].torch]

    @property
    def best_method(self) -> str:
        """What the method `auto` takes; attention for a folder that does not say how faithful each method is."""
        bundle = self.classifier.bundle
        return choice.best(bundle) if choice.of_bundle(bundle) else choice.DEFAULT

    def load(self) -> Classifier:
        """Open the folder and run the network once. Raises AttnclfError where that cannot be done."""
        classifier = Classifier.load(
            self.folder,
            device=self.running.device,
            precision=self.running.precision,
            batch_size=self.running.batch_size,
        )
        classifier.session.warm_up()
        return classifier

    def predict(self, texts: Sequence[str], threshold: float | None, rendered: Rendered) -> "asyncio.Future[Any]":
        """Queue texts; the answer is what `rendered` makes of the predictions."""
        units = self._units_per_character * sum(map(len, texts))
        return self.predictions.submit(Texts(texts, threshold, rendered), texts=len(texts), units=units)

    def explain(self, texts: int, work: Callable[[Classifier], Any]) -> "asyncio.Future[Any]":
        """Queue an explanation of so many texts."""
        return self.explanations.submit(work, texts=texts, units=0)

    def _predict(self, works: list[Texts]) -> list[Any]:
        classifier = self.classifier  # one for the whole batch, whatever is loaded meanwhile
        answers: list[Any] = []
        for threshold, some in groupby(works, key=lambda work: work.threshold):
            group = list(some)
            predictions = classifier.predict([text for work in group for text in work.texts], threshold=threshold)
            begin = 0
            for work in group:
                answers.append(work.rendered(classifier, work.texts, predictions[begin : begin + len(work.texts)]))
                begin += len(work.texts)
        return answers


class Models:
    """The models by name; the first is the default."""

    def __init__(self, models: Sequence[Model]) -> None:
        self.by_name = {model.name: model for model in models}
        self.default = models[0]

    def get(self, name: str | None) -> Model:
        """Return a model by its name. Raises Refusal for a name that is not served."""
        if name is None:
            return self.default
        if name not in self.by_name:
            raise Refusal(404, f"no model {name!r} is served", fix=f"use one of: {', '.join(self.by_name)}")
        return self.by_name[name]

    def described(self) -> dict[str, Any]:
        """Return what GET /labels answers."""
        return {
            "models": {
                model.name: {
                    "labels": list(model.classifier.labels),
                    "task": model.classifier.bundle.manifest["task"],
                    "default": model is self.default,
                    "methods": model.methods,
                    "best": model.best_method,
                }
                for model in self.by_name.values()
            }
        }
