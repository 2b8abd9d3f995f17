"""From rows to a network that knows their labels: what a training does once, and with self-training twice."""

import copy
import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from attnclf.config import Config, TrainingConfig
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.errors import ConfigError
from attnclf.model.architectures import ARCHITECTURES
from attnclf.model.ngrams import NgramLinear
from attnclf.text.numbers import NumberReader
from attnclf.text.ragged import Ragged, leading_rows
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import mixing, ngrams
from attnclf.training.attention.evidence import marked_units, spoken
from attnclf.training.building import build, build_gate, refuse_too_large
from attnclf.training.cooccurrence import begin_alike, cooccurrence_vectors
from attnclf.training.distributed import Ranks
from attnclf.training.examples import Examples, encoded
from attnclf.training.limits import Limits
from attnclf.training.loop import Outcome, Progress, Run
from attnclf.training.pretraining import MOST, pretrain
from attnclf.training.self_training import Taught
from attnclf.training.sequences import label_sequences

Weights = dict[str, Tensor]
T = TypeVar("T")

NGRAMS, VECTORS = 0.4, 0.25  # share of the time left that may go into n-grams, and into the first vectors
SEARCH = 1e-8  # seconds that these take, on one core, for each word and the square of the length of its vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is to be learned from and chosen by, and the new network that is to learn.

    `config` has what the data decided; `label_weights` is (labels,). `linears` are the linear models over n-grams by
    the C that they were learned with, once they have been.
    """

    config: Config
    examples: Examples
    validation: Examples
    network: nn.Module
    label_weights: NDArray[np.float32]
    linears: Mapping[float, NgramLinear] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A lesson that has been learned: its network on the CPU, and what that says of the validation rows.

    `said` are logits (rows, labels); `began` are the weights before any label was seen, where another
    network is to begin with them; else it is empty.
    """

    lesson: Lesson
    said: Tensor
    outcome: Outcome
    began: Weights

    @property
    def best(self) -> tuple[float, float]:
        """Score and loss (negative) of the network's best epoch on the validation rows."""
        return max((epoch["valid_score"], -epoch["valid_loss"]) for epoch in self.outcome.history)

    def kept(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it, for `Learner.recalled`."""
        return {"network": self.lesson.network.state_dict(), "said": self.said, "outcome": asdict(self.outcome)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """What the lessons of a training have in common.

    `more` are texts without labels; where `teaches`, they are given some, to be learned from in another lesson.
    """

    config: Config
    labels: LabelSet
    tokenizer: Tokenizer | NumberReader
    more: Sequence[str]
    teaches: bool
    device: torch.device
    ranks: Ranks
    out: Path
    say: Callable[[str], None]
    watch: Callable[[Progress], None]
    limits: Limits

    @property
    def reads_ngrams(self) -> bool:
        """Whether n-grams stand beside the network."""
        return self.config.model.ngrams.features > 0

    @property
    def sequential(self) -> bool:
        """Whether the network emits labels one after the other."""
        return ARCHITECTURES[self.config.model.architecture].sequential

    def lesson(self, train: Corpus, valid: Corpus, taught: int = 0) -> Lesson:
        """Encode the rows, the last of them `taught`, and make a new network for them.

        It is the same at every call but for what the rows decide.
        """
        torch.manual_seed(self.config.training.seed)
        examples, validation = (
            Examples.of(part, self.tokenizer, self.labels, char_ngrams=self.reads_ngrams) for part in (train, valid)
        )
        examples = dataclasses.replace(examples, taught=taught)
        if self.sequential:
            frequency = Counter(name for names in train.label_lists for name in names)
            order = self.config.model.decoder.order
            examples, validation = (
                dataclasses.replace(part, sequences=label_sequences(read.label_lists, self.labels, order, frequency))
                for part, read in ((examples, train), (validation, valid))
            )
        if train.rationales is not None and isinstance(self.tokenizer, Tokenizer):
            examples = dataclasses.replace(examples, evidence=marked_units(train, self.tokenizer, examples.tokens))
        if self.config.model.architecture == "feature-gate":
            network, config = build_gate(self.config, self.tokenizer.size, len(self.labels), self.say, examples)
        else:
            network, config = build(self.config, self.tokenizer, len(self.labels), self.say, examples.sequences)
        refuse_too_large(network)
        return Lesson(
            config=config,
            examples=examples,
            validation=validation,
            network=network,
            label_weights=label_weights(config, self.labels, examples),
        )

    def fingerprint(self, lesson: Lesson) -> str:
        """Return a digest of everything that decides the course of training, so that --resume never mixes two runs."""
        settings = lesson.config.to_dict()
        settings["training"].pop("time_limit")  # a resumed run may be given more time
        units = self.tokenizer.tokens if isinstance(self.tokenizer, Tokenizer) else []
        unknown = [list(part.unknown or ()) for part in (lesson.examples, lesson.validation)]
        digest = hashlib.sha256(json.dumps([settings, self.labels.names, units, unknown], sort_keys=True).encode())
        if self.config.model.embedding.vectors is not None:
            digest.update(lesson.network.get_parameter("embedding.weight").detach().numpy().data)
        for part in (lesson.examples, lesson.validation):
            evidence = None if part.evidence is None else part.evidence.ids
            for array in (part.tokens.ids, part.tokens.offsets, part.targets, part.weights, part.sequences, evidence):
                if array is not None:
                    digest.update(np.ascontiguousarray(array).data)
        for text in self.more:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
        return digest.hexdigest()

    def learn(
        self,
        lesson: Lesson,
        fingerprint: str,
        state: dict[str, Any] | None,
        *,
        time_limit: float | None,
        after: Learned | None = None,
        taught: Taught | None = None,
    ) -> Learned:
        """Train the network of a lesson beside its n-grams, or go on from the state of a checkpoint.

        Where the lesson is one with labels that were given after another one, `taught` are these and `after` is that.
        `time_limit` counts from the beginning of all.
        """
        resumed = self.limits.elapsed
        lesson = self._with_ngrams(lesson, time_limit)
        lesson = self._led(lesson, time_limit)
        if state is not None and state["kept"].get("unbegun"):
            self.say("Resuming from the beginning: training was stopped while it foretold words")
            state = None
        spent, began = 0.0, {} if state is None else state["kept"].get("began", {})
        if after is not None and state is None:
            spent, began = after.outcome.seconds, {}
            lesson.network.load_state_dict(after.began)
        elif self.config.learns_unlabeled and state is None:
            spent = self._begin(lesson.network, lesson.examples, lesson.config.training, time_limit)
            began = copy.deepcopy(lesson.network.state_dict()) if self.teaches else {}
        training = lesson.config.training
        if time_limit is not None:
            seconds, _ = self.ranks.agreed(self.limits.learning(time_limit), False)
            training = dataclasses.replace(training, time_limit=seconds)
        run = Run(
            lesson.network, lesson.examples, lesson.validation, training, lesson.label_weights, self.device, self.ranks
        )
        run.place.seconds, _ = self.ranks.agreed(max(spent, self.limits.elapsed), False)
        run.place.begun = run.place.seconds
        run.prepared = spent > 0
        if after is not None and taught is not None:
            run.place.before = after.outcome.history[-1]["step"]
            run.kept = {"taught": taught.kept(), "teacher": after.kept()}
        else:
            stopped = spent > 0 and self.ranks.agreed(0.0, self.limits.interrupted.requested)[1]
            run.kept = {"began": began, "unbegun": stopped}
        if state is not None:
            run.restore(state)
            run.place.seconds, _ = self.ranks.agreed(run.place.seconds + self.limits.elapsed - resumed, False)
            state.clear()  # as large as all that learns
            self.say(f"Resuming in epoch {run.place.epoch + 1} after step {run.place.step:,} of {run.steps:,}")
        outcome = run.train(
            out=self.out, fingerprint=fingerprint, watch=self.watch, interrupted=self.limits.interrupted
        )
        said = torch.empty(0)
        if self.ranks.leads:
            said = run.predict(lesson.validation).logits if run.best_logits is None else run.best_logits
        lesson.network.cpu()
        return Learned(lesson=lesson, said=said, outcome=outcome, began=began)

    def recalled(self, lesson: Lesson, kept: Mapping[str, Any]) -> Learned:
        """Return what was learned of a lesson before the checkpoint that has this of it."""
        lesson = self._with_ngrams(lesson, self.config.training.time_limit)
        lesson.network.load_state_dict(kept["network"])
        return Learned(lesson=lesson, said=kept["said"], outcome=Outcome(**kept["outcome"]), began={})

    def _with_ngrams(self, lesson: Lesson, time_limit: float | None) -> Lesson:
        """Learn the linear models of a lesson, where there are n-grams; as many as there is time for."""
        if not self.reads_ngrams:
            return lesson
        config, start = self.config.model.ngrams, time.monotonic()
        strengths, units = mixing.strengths(config), self.tokenizer.tokens

        def learned() -> list[NgramLinear]:
            found: list[NgramLinear] = []

            def learn(check: Callable[[], None]) -> None:
                found.extend(ngrams.learn(lesson.examples, lesson.label_weights, units, config, strengths, check))

            self.limits.within(learn, self.limits.share(NGRAMS, time_limit))
            return list(found)

        linears = self.ranks.first(learned)
        seconds = time.monotonic() - start
        if not linears:
            self.say(f"Note: no n-grams beside the network: learning them was stopped after {seconds:.0f} s")
            return dataclasses.replace(lesson, config=without_ngrams(lesson.config))
        self.say(f"Linear model over {linears[0].size:,} n-grams: {seconds:.0f} s")
        if linears[0].labels is not None:
            self.say(
                f"Note: {linears[0].size:,} n-grams × {len(self.labels):,} labels are too many for a number each: "
                f"every n-gram has {len(linears[0].labels)} numbers, and so has every label"
            )
        return dataclasses.replace(lesson, linears=dict(zip(strengths, linears, strict=False)))

    def _led(self, lesson: Lesson, time_limit: float | None) -> Lesson:
        """Let the linear models tell attention where to go, where nobody marked any evidence."""
        examples = lesson.examples
        marked = examples.evidence is not None and bool(examples.evidence.ids.any())
        if marked or not lesson.config.learns_from_ngrams:
            return lesson
        weakest = lesson.linears[min(lesson.linears)]  # it knows these rows least by heart

        def read(check: Callable[[], None]) -> Ragged:
            parts = checked(spoken(weakest, examples), check)
            return Ragged.on_disk(parts) if examples.tokens.stored else Ragged.join(list(parts))

        evidence = self.limits.within(read, self.limits.share(NGRAMS, time_limit))
        if self.ranks.agreed(0.0, evidence is None)[1]:
            self.say("Note: attention is not led by n-grams: reading what they say was stopped")
            return lesson
        return dataclasses.replace(lesson, examples=dataclasses.replace(examples, evidence=evidence, source="ngrams"))

    def _begin(
        self, network: nn.Module, examples: Examples, training: TrainingConfig, time_limit: float | None
    ) -> float:
        """Let vectors begin by co-occurrence, and the network foretell the words of texts; return the seconds."""
        texts = list(leading_rows(chain([examples.tokens], encoded(self.tokenizer, self.more)), MOST))
        table = network.get_parameter("embedding.weight")
        until = self.limits.share(VECTORS, time_limit)
        enough = self.limits.elapsed + SEARCH * len(table) * table.shape[1] ** 2 < until
        # On one core: waiting for others, where something else wants them, makes this search thirty times as long.
        # Without a limit it takes all, for its last digits depend on their number.
        cores = None if time_limit is None else 1

        def found(check: Callable[[], None]) -> NDArray[np.float32]:
            with threadpool_limits(cores, user_api="blas"):
                return cooccurrence_vectors(checked(texts, check), *table.shape)

        vectors = self.ranks.first(lambda: self.limits.within(found, until if enough else 0.0))
        if vectors is None:
            self.say("Note: vectors begin at random: reading which words stand together was stopped")
        else:
            begin_alike(table, vectors)
        if time_limit is not None:
            training = dataclasses.replace(training, time_limit=max(time_limit - self.limits.elapsed, 1.0))
        return self._foretell(network, Ragged.join(texts), training) if self.more else 0.0

    def _foretell(self, network: nn.Module, texts: Ragged, training: TrainingConfig) -> float:
        """Let the network foretell the words of texts, one rank for all of them, and return the seconds that took."""
        ranks = self.ranks
        found = ranks.first(
            lambda: pretrain(network, texts, training, self.device, self.watch, self.limits.interrupted)
        )
        if found is None:
            return 0.0
        network.load_state_dict(ranks.first(lambda: {key: value.cpu() for key, value in network.state_dict().items()}))
        self.say(
            f"Foretelling the words of {len(texts):,} texts: {found.units:,} units in {found.seconds:.0f} s, "
            f"loss {found.first:.2f} to {found.last:.2f}"
        )
        return found.seconds


def checked(parts: Iterable[T], check: Callable[[], None]) -> Iterator[T]:
    """Yield the parts, with a call of `check` before each."""
    for part in parts:
        check()
        yield part


def without_ngrams(config: Config) -> Config:
    """Return the settings of a network with no n-grams beside it."""
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, ngrams=dataclasses.replace(config.model.ngrams, features=0)),
    )


def label_weights(config: Config, labels: LabelSet, examples: Examples) -> NDArray[np.float32]:
    """Return the weight of each label (labels,): all 1, by name, or "balanced".

    Balanced is rows / (labels × rows of the label) for one label a row, and the rows without a label over the rows
    with it, from 0.01 to 100, for several (King & Zeng 2001). Only rows whose labels people gave are counted.
    """
    targets = examples.targets[: len(examples) - examples.taught]
    chosen = config.training.class_weights
    weights = np.ones(len(labels), dtype=np.float32)
    if isinstance(chosen, dict):
        for name, weight in chosen.items():
            if name not in labels.index:
                raise ConfigError(f"class_weights names {name!r}", fix=f"use labels: {', '.join(labels.names)}")
            weights[labels.index[name]] = weight
        if not weights.any():
            raise ConfigError("no row counts: every class weight is 0", fix="give a label a weight above 0")
    elif chosen == "balanced" and labels.multi_label:
        having = targets.sum(axis=0)
        weights = np.clip((len(targets) - having) / np.maximum(having, 1), 0.01, 100).astype(np.float32)
    elif chosen == "balanced":
        counts = np.bincount(targets, minlength=len(labels))
        weights = (len(targets) / (len(labels) * np.maximum(counts, 1))).astype(np.float32)
    return weights
