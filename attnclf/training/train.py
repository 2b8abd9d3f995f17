"""From labelled data to a model folder: the whole of `attnclf train`, callable from Python."""

import dataclasses
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attnclf.bundle import new_bundle, refuse_to_replace
from attnclf.config import Config
from attnclf.data import checks, corpus, splits
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.errors import ConfigError, DataError, DeviceError
from attnclf.evaluation.report import Report
from attnclf.evaluation.thresholds import settle
from attnclf.model.architectures import ARCHITECTURES
from attnclf.model.feature_gate import FeatureGate
from attnclf.model.features import Standardised, TfIdf, frequent_units
from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer
from attnclf.text.tokens import Tokens, foremost
from attnclf.text.vectors import read_vectors
from attnclf.training import checkpoint
from attnclf.training.attention.evidence import marked_units
from attnclf.training.attention.held import hold
from attnclf.training.cooccurrence import begin_alike
from attnclf.training.distributed import ALONE, Ranks
from attnclf.training.examples import Examples, encoded
from attnclf.training.finish import write_bundle
from attnclf.training.loop import Interrupted, Outcome, Progress, Run
from attnclf.training.mixing import beside_ngrams, relearned
from attnclf.training.pretraining import MOST, pretrain
from attnclf.training.sequences import label_sequences
from attnclf.training.temperature import temper
from attnclf.training.unlabeled import read_unlabeled


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """How the data files are to be read, where detection should not decide."""

    format: str | None = None
    text_columns: Sequence[str] | None = None
    label_column: str | None = None
    weight_column: str | None = None
    label_separator: str | None = None
    rationale_column: str | None = None
    on_bad_row: Literal["error", "skip"] = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A finished model: its folder, its report and how training ended.

    Of several processes only the first one writes; the others have no report.
    """

    folder: Path
    report: Report | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The rows to learn from, to choose by, and (where given) to test on.

    `whole` are the first two together where the second were set apart; None where they came by themselves.
    """

    train: Corpus
    valid: Corpus
    test: Corpus | None
    whole: Corpus | None = None


def train(
    data: str,
    out: Path,
    *,
    valid: str | None = None,
    test: str | None = None,
    unlabeled: str | None = None,
    options: DataOptions | None = None,
    config: Config | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    resume: bool = False,
    force: bool = False,
    baseline: bool = True,
    say: Callable[[str], None] = print,
    watch: Callable[[Progress], None] = lambda progress: None,
    interrupted: Interrupted | None = None,
    ranks: Ranks = ALONE,
) -> Trained:
    """Train a classifier on `data` and write its model folder to `out`.

    `say` receives notes and warnings a line at a time, `watch` every step. `interrupted` ends training early and
    keeps the best weights so far. The texts of the file `unlabeled` have no labels; their words are learned too, and
    the encoder learns to foretell them. `ranks` are the processes that train together
    (`training.distributed.joined`). Raises an AttnclfError for data, settings or a device that cannot work.
    """
    config = config or Config()
    if out.resolve() == Path.cwd():
        raise ConfigError("the folder you are in cannot become a model", fix="name another one: --out model")
    refuse_to_replace(out)
    checkpoint.refuse_unwritable(out)
    if out.exists() and any(out.iterdir()) and not force:
        raise ConfigError(f"{out} already holds a model", fix="pass --force to replace it, or another --out")
    if ranks.count > 1 and "-" in (data, valid, test, unlabeled):
        raise ConfigError("several processes cannot share stdin", fix="name a file")
    place = ranks.device(_device(device))
    if place.type == "cpu" and config.training.precision == "fp16":
        raise DeviceError("a CPU does not learn in fp16", fix="set training.precision to auto, bf16 or fp32")
    rows = read_splits(data, valid, test, options or DataOptions(), config, say)
    labels = LabelSet.from_lists(rows.train.label_lists, multi_label=rows.train.multi_label)
    checks.refuse_unlearnable(rows.train, labels)
    sequential = ARCHITECTURES[config.model.architecture].sequential
    if sequential and not labels.multi_label:
        others = ", ".join(name for name, row in ARCHITECTURES.items() if not row.sequential)
        raise ConfigError(
            f"architecture {config.model.architecture} emits several labels, and these rows have one each",
            fix=f"pass another --architecture: {others}",
        )
    for warning in checks.warnings(rows.train, rows.valid, rows.test, labels):
        say(f"Warning: {warning}")

    torch.set_num_threads(config.training.threads)
    torch.manual_seed(config.training.seed)
    options = options or DataOptions()
    more = read_unlabeled(unlabeled, config, options.text_columns, say)
    tokenizer: Tokenizer | NumberReader
    if config.model.gate.columns:
        tokenizer = NumberReader(config.model.gate.columns)
    else:
        tokenizer = Tokenizer.learn(chain(rows.train.texts, more), **dataclasses.asdict(config.text))
    spelled = config.model.ngrams.features > 0
    examples, validation = (Examples.of(part, tokenizer, labels, spelled=spelled) for part in (rows.train, rows.valid))
    if sequential:
        frequency = Counter(name for names in rows.train.label_lists for name in names)
        examples, validation = (
            dataclasses.replace(
                part, sequences=label_sequences(read.label_lists, labels, config.model.decoder.order, frequency)
            )
            for part, read in ((examples, rows.train), (validation, rows.valid))
        )
    if rows.train.rationales is not None and isinstance(tokenizer, Tokenizer):
        examples = dataclasses.replace(examples, evidence=marked_units(rows.train, tokenizer, examples.tokens))
    _say_cut(examples, config, say)
    if config.model.architecture == "feature-gate":
        network, config = build_gate(config, tokenizer.size, len(labels), say, examples)
    else:
        network, config = build(config, tokenizer, len(labels), say, examples.sequences)
    importance = label_weights(config, labels, examples)
    fingerprint = _fingerprint(config, labels, examples, validation)
    ranks.meet(fingerprint)
    resumed = resume or (ranks.restarts > 0 and ranks.first(lambda: checkpoint.fits(out, fingerprint)))
    interrupted = interrupted or Interrupted()
    spent = 0.0
    if config.learns_unlabeled and not resumed:
        texts = list(foremost(chain([examples.tokens], encoded(tokenizer, more)), MOST))
        begin_alike(network.get_parameter("embedding.weight"), texts)
        if more:
            spent = _foretell(network, Tokens.join(texts), config, place, ranks, say, watch, interrupted)
    run = Run(network, examples, validation, config.training, importance, place, ranks)
    run.place.seconds = spent
    if resumed:
        run.restore(ranks.first(lambda: checkpoint.load(out, fingerprint)))
        say(f"Resuming in epoch {run.place.epoch + 1} after step {run.place.step:,} of {run.steps:,}")
    outcome = run.train(out=out, fingerprint=fingerprint, watch=watch, interrupted=interrupted)

    ranks.part()
    if not ranks.leads:
        return Trained(folder=out, report=None, outcome=outcome)
    said = run.predict(validation).logits
    network = network.cpu()
    temperature, final = 1.0, None
    if spelled:
        knowing = importance, tokenizer.units, config.model.ngrams, say
        beside = beside_ngrams(network, said, examples, validation, *knowing)
        network, said = beside.mixture, beside.joint
        temperature = float(1 / network.weights[0])
        if rows.whole is not None:
            final = relearned(beside, Examples.of(rows.whole, tokenizer, labels, spelled=True), *knowing)
    elif not sequential:
        said, temperature = temper(network, said, validation.targets)
    thresholds: NDArray[np.float64] = np.full(len(labels), 0.5)
    if labels.multi_label and not sequential:
        thresholds = settle(validation.targets.astype(np.int64), torch.sigmoid(said).numpy())
    with new_bundle(out) as folder:
        report = write_bundle(
            folder,
            name=out.name,
            network=network,
            final=final,
            config=config,
            tokenizer=tokenizer,
            labels=labels,
            temperature=temperature,
            thresholds=thresholds,
            train=rows.train,
            whole=rows.whole,
            evaluated={"valid": rows.valid} | ({"test": rows.test} if rows.test is not None else {}),
            outcome=outcome,
            baseline=baseline,
        )
    if outcome.ending != "interrupted":
        shutil.rmtree(checkpoint.folder_of(out), ignore_errors=True)
    return Trained(folder=out, report=report, outcome=outcome)


def read_splits(
    data: str, valid: str | None, test: str | None, options: DataOptions, config: Config, say: Callable[[str], None]
) -> Splits:
    """Read the files, and part validation rows from the training rows where no file for them is given.

    A hub dataset brings its own validation and test splits unless files are named. Rationales are read of the training
    rows only. Raises ConfigError for a column of rationales that these settings cannot learn from.
    """
    if options.rationale_column is not None and not config.learns_rationales:
        raise ConfigError(
            "these settings learn nothing from rationales: "
            + (
                "training.attention.rationale is 0"
                if not config.training.attention.rationale
                else f"architecture {config.model.architecture!r} with alignment {config.model.attention.alignment!r} "
                "has no weights that could be drawn to them"
            ),
            fix="leave --rationale-column out",
        )

    def part(argument: str, split: str | None = None, *, learn: bool = False) -> Corpus:
        # Evidence and weights are for learning.
        ways = options if learn else dataclasses.replace(options, rationale_column=None, weight_column=None)
        read = corpus.read(
            argument,
            split=split,
            feature_columns=config.model.gate.columns,
            rationales=learn and config.learns_rationales,
            **dataclasses.asdict(ways),
        )
        say(read.description)
        for row in read.bad[:5]:
            say(f"Warning: left out {row.place}: {row.reason}")
        if len(read.bad) > 5:
            say(f"Warning: left out {len(read.bad) - 5:,} more")
        return read

    own = corpus.hub_splits(data) if data.startswith("hf:") else ()
    learned = part(data, learn=True)
    whole = None
    if valid is not None:
        judged = part(valid)
    elif "validation" in own:
        judged = part(data, "validation")
    else:
        labels = LabelSet.from_lists(learned.label_lists, multi_label=learned.multi_label)
        checks.refuse_unlearnable(learned, labels)
        kept, apart = splits.stratified(
            labels.encode(learned.label_lists),
            learned.texts,
            fraction=config.training.valid_fraction,
            seed=config.training.seed,
        )
        if not len(apart):
            raise DataError(
                "no text can be set aside for validation: each has a label that no other one has",
                fix="add rows, or pass a file as --valid",
            )
        whole, learned, judged = learned, learned.subset(kept), learned.subset(apart)
        say(f"{len(kept):,} rows to learn from, {len(apart):,} set aside for validation")
    tested = part(test) if test is not None else None
    if test is None and "test" in own:
        try:
            tested = part(data, "test")
        except DataError as error:  # many have no labels there; nobody asked for it
            say(f"Note: the split test is left out: {error.problem}")
    for name, other in (("--valid", judged), ("--test", tested)):
        if other is not None and other.multi_label and not learned.multi_label:
            raise DataError(
                f"the {name} rows have several labels each, the training rows one",
                fix="give both files the same kind of labels",
            )
    # Of a few rows that may have several labels, each may happen to have one.
    several = learned.multi_label
    judged = dataclasses.replace(judged, multi_label=several)
    tested = tested and dataclasses.replace(tested, multi_label=several)
    return Splits(train=learned, valid=judged, test=tested, whole=whole)


def build(
    config: Config,
    tokenizer: Tokenizer | NumberReader,
    labels: int,
    say: Callable[[str], None],
    sequences: NDArray[np.int64] | None = None,
) -> tuple[nn.Module, Config]:
    """Return a new network, and the settings with what the data decided: width of vectors, steps of the decoder."""
    embedding = config.model.embedding
    vectors = None
    if embedding.vectors is not None:
        vectors, found = read_vectors(Path(embedding.vectors), tokenizer.units)
        embedding = dataclasses.replace(embedding, dim=vectors.shape[1])
        say(f"{embedding.vectors}: vectors of width {embedding.dim} for {found.sum():,} of {tokenizer.size:,} units")
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, embedding=embedding))
    if sequences is not None and not config.model.decoder.steps:
        decoder = dataclasses.replace(config.model.decoder, steps=sequences.shape[1])
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, decoder=decoder))
    architecture = ARCHITECTURES[config.model.architecture]
    network = architecture.build(config.model, tokenizer.size, labels, config.text.max_length)
    if vectors is not None:
        table = network.get_parameter("embedding.weight")
        with torch.no_grad():
            table[torch.from_numpy(found)] = torch.from_numpy(vectors[found])
        table.requires_grad_(embedding.trainable)
    if config.training.attention.weights != "learned":
        hold(network.get_submodule("pooling"), config.training.attention.weights)
    return network, config


def build_gate(
    config: Config, vocabulary: int, labels: int, say: Callable[[str], None], examples: Examples
) -> tuple[nn.Module, Config]:
    """Return a new feature gate over columns, or the units that most texts have, and the settings with their number."""
    tokens, gate = examples.tokens, config.model.gate
    if gate.columns:
        network = FeatureGate(config.model, vocabulary, labels)
        network.embedding = Standardised.over(tokens.ids.reshape(len(tokens), -1))
        say(f"A gate of form {gate.form} over the columns {', '.join(gate.columns)}")
        return network, config
    units, idf = frequent_units(tokens.ids, tokens.offsets, vocabulary, gate.most)
    if not len(units):
        raise DataError("no unit of these texts is a known one", fix="lower it: --set text.min_frequency=1")
    config = dataclasses.replace(
        config, model=dataclasses.replace(config.model, gate=dataclasses.replace(gate, features=len(units)))
    )
    network = FeatureGate(config.model, vocabulary, labels)
    network.embedding = TfIdf.over(units, idf, vocabulary)
    say(f"A gate of form {gate.form} over {len(units):,} units (--set model.gate.features=N)")
    return network, config


def _foretell(
    network: nn.Module,
    texts: Tokens,
    config: Config,
    place: torch.device,
    ranks: Ranks,
    say: Callable[[str], None],
    watch: Callable[[Progress], None],
    interrupted: Interrupted,
) -> float:
    """Let the network foretell the words of texts, one rank for all of them, and return the seconds that took."""
    found = ranks.first(lambda: pretrain(network, texts, config.training, place, watch, interrupted))
    if found is None:
        return 0.0
    network.load_state_dict(ranks.first(lambda: {name: value.cpu() for name, value in network.state_dict().items()}))
    say(
        f"Foretelling the words of {len(texts):,} texts: {found.units:,} units in {found.seconds:.0f} s, "
        f"loss {found.first:.2f} to {found.last:.2f}"
    )
    return found.seconds


def label_weights(config: Config, labels: LabelSet, examples: Examples) -> NDArray[np.float32]:
    """Return the weight of each label (labels,): all 1, by name, or "balanced".

    Balanced is rows / (labels × rows of the label) for one label a row, and the rows without a label over the rows
    with it, from 0.01 to 100, for several (King & Zeng 2001).
    """
    chosen = config.training.class_weights
    weights = np.ones(len(labels), dtype=np.float32)
    if isinstance(chosen, dict):
        for name, weight in chosen.items():
            if name not in labels.index:
                raise ConfigError(f"class_weights names {name!r}", fix=f"use labels: {', '.join(labels.names)}")
            weights[labels.index[name]] = weight
    elif chosen == "balanced" and labels.multi_label:
        having = examples.targets.sum(axis=0)
        weights = np.clip((len(examples) - having) / np.maximum(having, 1), 0.01, 100).astype(np.float32)
    elif chosen == "balanced":
        counts = np.bincount(examples.targets, minlength=len(labels))
        weights = (len(examples) / (len(labels) * np.maximum(counts, 1))).astype(np.float32)
    return weights


def _device(name: Literal["auto", "cpu", "cuda"]) -> Literal["cpu", "cuda"]:
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda was asked for, but torch sees no GPU", fix="pass --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def _say_cut(examples: Examples, config: Config, say: Callable[[str], None]) -> None:
    if examples.cut:
        say(
            f"Note: {examples.cut:,} of {len(examples):,} texts are read up to their first "
            f"{config.text.max_length:,} units only (--set text.max_length=N)"
        )


def _fingerprint(config: Config, labels: LabelSet, *parts: Examples) -> str:
    """Return a digest of everything that decides the course of training, so that --resume never mixes two runs."""
    settings = config.to_dict()
    settings["training"].pop("time_limit")  # a resumed run may be given more time
    digest = hashlib.sha256(json.dumps([settings, labels.names], sort_keys=True).encode())
    for part in parts:
        evidence = None if part.evidence is None else part.evidence.ids
        for array in (part.tokens.ids, part.tokens.offsets, part.targets, part.weights, part.sequences, evidence):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
