"""From labelled data to a model folder: the whole of `attnclf train`, callable from Python."""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import torch

from attnclf.bundle import new_bundle, refuse_to_replace
from attnclf.config import Config
from attnclf.data import checks
from attnclf.data.corpus import Corpus, plural
from attnclf.data.labels import LabelSet
from attnclf.data.read_options import ReadOptions
from attnclf.data.spill import Column
from attnclf.errors import ConfigError, DeviceError
from attnclf.evaluation.report import Report
from attnclf.model.architectures import ARCHITECTURES
from attnclf.text.numbers import NumberReader
from attnclf.text.ragged import leading_rows
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import checkpoint
from attnclf.training.calibrated import Calibrated, calibrated
from attnclf.training.distributed import ALONE, Ranks
from attnclf.training.examples import Examples, encoded
from attnclf.training.finish import write_bundle
from attnclf.training.judging import said_of
from attnclf.training.learner import Learned, Learner
from attnclf.training.limits import Interrupted, Limits
from attnclf.training.loop import Ending, Outcome, Progress
from attnclf.training.mixing import relearned
from attnclf.training.process import borrowed
from attnclf.training.rows import Splits, read_splits
from attnclf.training.self_training import MOST, Taught, unseen
from attnclf.training.unlabeled import read_unlabeled


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A finished model: its folder, its report and how training ended.

    Of several processes only the first one writes; the others have no report.
    """

    folder: Path
    report: Report | None
    outcome: Outcome


@borrowed()
def train(
    data: str,
    out: Path,
    *,
    valid: str | None = None,
    test: str | None = None,
    unlabeled: str | None = None,
    options: ReadOptions | None = None,
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
    keeps the best weights so far. The texts of the file `unlabeled` have no labels; their words are learned too, the
    encoder learns to foretell them, and the network learns once more from labels that it gave them. `ranks` are the
    processes that train together (`training.distributed.joined`). Trainings in several threads of one process wait for
    each other. Raises an AttnclfError for data, settings or a device that cannot work.
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
    options = options or ReadOptions()
    rows = read_splits(data, valid, test, options, config, say)
    labels = LabelSet.from_lists(rows.train.label_lists, multi_label=rows.train.multi_label)
    if ARCHITECTURES[config.model.architecture].sequential and not labels.multi_label:
        others = ", ".join(name for name, row in ARCHITECTURES.items() if not row.sequential)
        raise ConfigError(
            f"architecture {config.model.architecture} emits several labels, and these rows have one each",
            fix=f"pass another --architecture: {others}",
        )
    scored = [part for part in (rows.valid, rows.test) if part is not None]
    characters = sum(sum(map(len, part.texts)) for part in scored)
    limits = Limits(
        config.training.time_limit, interrupted or Interrupted(), len(labels), characters, sum(map(len, scored))
    )
    for warning in checks.warnings(rows.train, rows.valid, rows.test, labels):
        say(f"Warning: {warning}")

    torch.set_num_threads(config.training.threads)
    more = read_unlabeled(unlabeled, config, options.text_columns, say)
    tokenizer: Tokenizer | NumberReader
    if config.model.gate.columns:
        tokenizer = NumberReader(config.model.gate.columns)
    else:
        tokenizer = Tokenizer.learn(chain(rows.train.texts, more), **dataclasses.asdict(config.text))
    teaches = bool(more) and config.training.self_training
    if teaches and (ARCHITECTURES[config.model.architecture].sequential or isinstance(rows.train.texts, Column)):
        # Rows that stay on disk are many: they need no others, and beside others they would not stay there.
        say("Note: no self-training with architecture label-decoder, or where the rows stay on disk")
        teaches = False
    learner = Learner(
        config=config,
        labels=labels,
        tokenizer=tokenizer,
        more=more,
        teaches=teaches,
        device=place,
        ranks=ranks,
        out=out,
        say=say,
        watch=watch,
        limits=limits,
    )
    learned, judged, taught = learn(learner, rows, resume)
    if judged is None:
        return Trained(folder=out, report=None, outcome=learned.outcome)
    final, texts = None, 0 if taught is None else len(taught)
    if judged.beside is not None and rows.whole is not None:
        known = rows.whole if taught is None else taught.beside(rows.whole, labels)
        final = relearned(
            judged.beside,
            dataclasses.replace(Examples.of(known, tokenizer, labels, char_ngrams=True), taught=texts),
            learned.lesson.label_weights,
            tokenizer.tokens,
            config.model.ngrams,
            say,
            limits,
        )
    outcome = learned.outcome
    if limits.interrupted.requested:
        outcome = dataclasses.replace(outcome, ending="interrupted")
    with new_bundle(out) as folder:
        report = write_bundle(
            folder,
            name=out.name,
            network=judged.network,
            final=final,
            config=learned.lesson.config,
            tokenizer=tokenizer,
            labels=labels,
            temperature=judged.temperature,
            thresholds=judged.thresholds,
            train=rows.train,
            whole=rows.whole,
            taught=texts,
            weight_column=options.weight_column,
            evaluated={"valid": rows.valid} | ({"test": rows.test} if rows.test is not None else {}),
            outcome=outcome,
            baseline=baseline,
            say=say,
            limits=limits,
        )
    if limits.interrupted.requested:
        outcome = dataclasses.replace(outcome, ending="interrupted")
    if outcome.ending != "interrupted":
        shutil.rmtree(checkpoint.folder_of(out), ignore_errors=True)
    return Trained(folder=out, report=report, outcome=outcome)


def learn(learner: Learner, rows: Splits, resume: bool) -> tuple[Learned, Calibrated | None, Taught | None]:
    """Train on the rows and, where there are texts without labels, once more on both.

    Returned is what makes the validation rows more likely, the first or the second; what validation makes of it, on
    the rank that leads; and the labels that it learned from beside those of the rows.
    """
    ranks, limit = learner.ranks, learner.config.training.time_limit
    lesson = learner.lesson(rows.train, rows.valid)
    _say_cut(lesson.examples, learner.config, learner.say)
    fingerprint = learner.fingerprint(lesson)
    ranks.meet(fingerprint)
    state = None
    if resume or (ranks.restarts > 0 and ranks.first(lambda: checkpoint.fits(learner.out, fingerprint))):
        state = ranks.first(lambda: checkpoint.load(learner.out, fingerprint))
    judged: list[Calibrated] = []  # on the rank that leads
    if state is not None and "taught" in state["kept"]:
        taught = Taught.recalled(state["kept"]["taught"])
        first = learner.recalled(lesson, state["kept"]["teacher"])
    else:
        texts = unseen(learner.more, rows.train, rows.valid) if learner.teaches else []
        half = max(limit / 2, 1.0) if texts and limit is not None else limit
        first, state = learner.learn(lesson, fingerprint, state, time_limit=half), None
        if not texts or first.outcome.ending == "interrupted":
            return _alone(learner, first, first.outcome.ending)
        if ranks.agreed(0.0, learner.limits.interrupted.requested)[1]:
            return _alone(learner, first, "interrupted")

        def labelled() -> Taught:
            judged.append(calibrated(learner, first))
            return pseudo_labels(learner, judged[0], texts, rows.train)

        taught = ranks.first(labelled)
        learner.say(
            f"Self-training: {plural(len(taught), 'text')} without labels get those that the model gives, "
            f"with weights of {taught.weights.mean():.2f} on average"
        )
    both = learner.lesson(taught.beside(rows.train, learner.labels), rows.valid, len(taught))
    second = learner.learn(both, fingerprint, state, time_limit=limit, after=first, taught=taught)
    ranks.part()
    if not ranks.leads:
        return second, None, taught
    before = judged[0] if judged else calibrated(learner, first)
    after = calibrated(learner, second)
    # N-grams that know the texts may make up for a network that had no time to learn.
    cut_short = second.outcome.ending in ("interrupted", "time limit")
    better = after.loss < before.loss and not (cut_short and second.best < first.best)
    learner.say(
        f"Self-training: validation loss {before.loss:.3f} before, {after.loss:.3f} after: "
        f"{'the second' if better else 'the first'} training is kept"
    )
    if better:
        return second, after, taught
    # How training ended and how long it took is what happened last, whatever is kept.
    ended = dataclasses.replace(first.outcome, ending=second.outcome.ending, seconds=second.outcome.seconds)
    return dataclasses.replace(first, outcome=ended), before, None


def _alone(learner: Learner, first: Learned, ending: Ending) -> tuple[Learned, Calibrated | None, None]:
    """Return what was learned from the rows alone."""
    learner.ranks.part()
    judged = calibrated(learner, first) if learner.ranks.leads else None
    return dataclasses.replace(first, outcome=dataclasses.replace(first.outcome, ending=ending)), judged, None


def pseudo_labels(learner: Learner, judged: Calibrated, texts: Sequence[str], corpus: Corpus) -> Taught:
    """Return the labels that a model learned from a corpus gives to the first of the texts."""
    count = sum(map(len, leading_rows(encoded(learner.tokenizer, texts), MOST)))
    unlabeled = dataclasses.replace(
        corpus,
        texts=texts[:count],
        label_lists=[("",)] * count,
        weights=None,
        locations=[""] * count,
        rationales=None,
    )
    char_ngrams = judged.beside is not None
    examples = Examples.of(unlabeled, learner.tokenizer, learner.labels, char_ngrams=char_ngrams)
    said = said_of(judged.network.eval(), examples, char_ngrams=char_ngrams, labels=len(learner.labels))
    return Taught.by(said, judged.thresholds if learner.labels.multi_label else None, texts[:count])


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
