"""From labelled data to a model folder: prepare, fit, calibrate, package. All of `attnclf train`, for Python too."""

import contextlib
import copy
import dataclasses
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch

from attnclf.bundle import new_bundle, refuse_out
from attnclf.config import Config
from attnclf.data.corpus import plural
from attnclf.data.training_set import (
    Sources,
    Splits,
    read_splits,
    read_unlabeled,
    to_pseudo_label,
)
from attnclf.evaluation.report import Report
from attnclf.model.mixture import Mixture
from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import checkpoint
from attnclf.training.calibration.calibrate import CalibratedModel, calibrate
from attnclf.training.calibration.ensemble import refit_ngrams
from attnclf.training.context import TrainingContext
from attnclf.training.distributed import ALONE, Ranks
from attnclf.training.examples import Examples
from attnclf.training.limits import Interrupted, Limits
from attnclf.training.packaging import write_bundle
from attnclf.training.preparation import PreparedData, add_ngram_evidence, add_ngrams, fingerprint, prepare
from attnclf.training.pretraining import pretrain
from attnclf.training.self_training import PseudoLabels, pseudo_label
from attnclf.training.state import Ending, Outcome, Progress
from attnclf.training.step import refuse_precision
from attnclf.training.trainer import FitResult, Trainer

_ONE_AT_A_TIME = threading.Lock()

State = dict[str, Any]  # of a checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A finished model: its folder, its report, and how training ended.

    Only the first of several processes writes; the others have no report.
    """

    folder: Path
    report: Report | None
    outcome: Outcome


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Wait for other trainings in this process to end, and give torch's random state and threads back afterwards.

    Two at a time would draw from one stream of random numbers, and torch's exporter works for one thread only.
    """
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@exclusive()
def train(
    data: object,
    out: Path,
    *,
    sources: Sources | None = None,
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
    """Train a classifier on `data`, and on what else the sources name, and write its model folder to `out`.

    `say` receives notes and warnings a line at a time, `watch` every step. `interrupted` ends training early and keeps
    the best weights so far. `ranks` are the processes that train together (`training.distributed.joined`). Trainings in
    several threads of one process wait for each other. Raises an AttnclfError for data, settings or a device that
    cannot work.
    """
    config, sources = config or Config(), sources or Sources()
    refuse_out(out, force=force)
    chosen = ranks.device(device)
    refuse_precision(config.training.precision, chosen)
    torch.set_num_threads(config.training.threads)
    limit = config.training.time_limit
    rows, begun = read_splits(data, sources, config, say), time.monotonic()
    texts = read_unlabeled(sources, config, say)
    candidates = to_pseudo_label(texts, rows, config, say)
    columns = config.model.gate.columns
    context = TrainingContext(
        config=config, labels=rows.labels, unlabeled=texts, candidates=candidates,
        tokenizer=NumberReader(columns) if columns
        else Tokenizer.learn(chain(rows.train.texts, texts), **dataclasses.asdict(config.text)),
        device=chosen, ranks=ranks, out=out, say=say, watch=watch,
        limits=Limits(limit, interrupted or Interrupted(), len(rows.labels), *rows.scored, begun=begun),
    )  # fmt: skip
    outcome, model, pseudo = fit_and_calibrate(context, rows, resume)
    if model is None:
        return Trained(folder=out, report=None, outcome=outcome)
    refitted = _refit(context, rows, model, pseudo)
    outcome = _interrupted(context, outcome)
    pseudo_labels, weight_column = 0 if pseudo is None else len(pseudo), sources.options.weight_column
    with new_bundle(out) as folder:
        report = write_bundle(
            folder, context, rows, model, refitted=refitted, pseudo_labels=pseudo_labels, outcome=outcome,
            weight_column=weight_column, baseline=baseline,
        )  # fmt: skip
    outcome = _interrupted(context, outcome)
    if outcome.ending != "interrupted":
        shutil.rmtree(checkpoint.folder_of(out), ignore_errors=True)
    return Trained(folder=out, report=report, outcome=outcome)


def fit_and_calibrate(
    context: TrainingContext, rows: Splits, resume: bool
) -> tuple[Outcome, CalibratedModel | None, PseudoLabels | None]:
    """Train on the rows and, if there are candidates for pseudo-labels, once more on both.

    Returns how training ended, the model that makes the validation rows more likely, and the pseudo-labels that it was
    trained on in addition to the rows. Only the first of several processes has a model.
    """
    ranks, limit, texts = context.ranks, context.config.training.time_limit, context.candidates
    data = prepare(context, rows.train, rows.valid)
    if data.examples.cut:
        context.say(
            f"Note: {data.examples.cut:,} of {len(data.examples):,} texts are read up to their first "
            f"{context.config.text.max_length:,} tokens only (--set text.max_length=N)"
        )
    digest = fingerprint(context, data)
    ranks.meet(digest)
    state: State | None = None
    if resume or (ranks.restarts > 0 and ranks.first(lambda: checkpoint.fits(context.out, digest))):
        state = ranks.first(lambda: checkpoint.load(context.out, digest))
    if state is not None and "taught" in state["kept"]:  # the first training is over
        data = add_ngrams(context, data, limit)
        first = FitResult.from_state(data, state["kept"]["teacher"])
        return _self_train(context, rows, digest, first, None, PseudoLabels.from_state(state["kept"]["taught"]), state)
    half = max(limit / 2, 1.0) if texts and limit is not None else limit
    first = fit(context, data, digest, state, time_limit=half)
    ending: Ending = first.outcome.ending
    if texts and ending != "interrupted" and context.interrupted():
        ending = "interrupted"
    if not texts or ending == "interrupted":
        ranks.part()
        outcome = dataclasses.replace(first.outcome, ending=ending)
        return outcome, calibrate(context, first) if ranks.leads else None, None
    model: CalibratedModel | None = None

    def label() -> PseudoLabels:
        nonlocal model
        model = calibrate(context, first)
        return pseudo_label(context, model, texts, rows.train)

    pseudo = ranks.first(label)
    context.say(
        f"Self-training: pseudo-labelled {plural(len(pseudo), 'text')} without labels; "
        f"their weight is {pseudo.weights.mean():.2f} on average"
    )
    return _self_train(context, rows, digest, first, model, pseudo, None)


def fit(
    context: TrainingContext,
    data: PreparedData,
    digest: str,
    state: State | None,
    *,
    time_limit: float | None,
    first: FitResult | None = None,
    pseudo: PseudoLabels | None = None,
) -> FitResult:
    """Train the linear models over n-grams and the network, or continue from the state of a checkpoint.

    The second training of self-training has the `pseudo` labels and the `first` result. `time_limit` counts from the
    beginning of all.
    """
    limits, ranks, resumed = context.limits, context.ranks, context.limits.elapsed
    data = add_ngram_evidence(context, add_ngrams(context, data, time_limit), time_limit)
    if state is not None and state["kept"].get("unbegun"):
        context.say("Resuming from the beginning: training was stopped while the network was being pretrained")
        state = None
    spent, pretrained = 0.0, {} if state is None else state["kept"].get("began", {})
    if first is not None and state is None:
        spent, pretrained = first.outcome.seconds, {}
        data.network.load_state_dict(first.data.pretrained)
    elif context.config.learns_unlabeled and state is None:
        spent = pretrain(context, data, time_limit)
        pretrained = copy.deepcopy(data.network.state_dict()) if context.candidates else {}
    if time_limit is not None:
        time_limit, _ = ranks.agreed(limits.learning(time_limit), False)
    data = dataclasses.replace(data, pretrained=pretrained)
    if first is not None and pseudo is not None:
        kept: State = {"taught": pseudo.state_dict(), "teacher": first.state_dict()}
    else:
        kept = {"began": pretrained, "unbegun": spent > 0 and context.interrupted()}
    trainer = Trainer(
        data,
        context.device,
        ranks=ranks,
        save=lambda state: checkpoint.save(context.out, {"fingerprint": digest, "kept": kept, **state}),
        save_first=spent > 0,
        time_limit=time_limit,
        watch=context.watch,
        interrupted=limits.interrupted,
    )
    if state is not None:
        trainer.restore(state)
        trainer.state.seconds, _ = ranks.agreed(trainer.state.seconds + limits.elapsed - resumed, False)
        state.clear()  # as large as the network and its optimizer
        context.say(
            f"Resuming in epoch {trainer.state.epoch + 1} after step {trainer.state.step:,} of {trainer.steps:,}"
        )
    else:
        trainer.state.seconds, _ = ranks.agreed(max(spent, limits.elapsed), False)
        trainer.state.begun = trainer.state.seconds
        trainer.state.before = 0 if first is None else first.outcome.history[-1]["step"]
    return trainer.fit()


def _self_train(
    context: TrainingContext,
    rows: Splits,
    digest: str,
    first: FitResult,
    before: CalibratedModel | None,
    pseudo: PseudoLabels,
    state: State | None,
) -> tuple[Outcome, CalibratedModel | None, PseudoLabels | None]:
    """Train a second network on rows and pseudo-labelled texts, and return the model that fits validation better."""
    limit = context.config.training.time_limit
    data = prepare(context, pseudo.appended_to(rows.train, context.labels), rows.valid, len(pseudo))
    second = fit(context, data, digest, state, time_limit=limit, first=first, pseudo=pseudo)
    context.ranks.part()
    if not context.ranks.leads:
        return second.outcome, None, pseudo
    before, after = before or calibrate(context, first), calibrate(context, second)
    # N-grams that know the texts may make up for a network that had no time to learn.
    cut_short = second.outcome.ending in ("interrupted", "time limit")
    better = after.loss < before.loss and not (cut_short and second.best < first.best)
    context.say(
        f"Self-training: validation loss {before.loss:.3f} before, {after.loss:.3f} after; "
        f"the {'second' if better else 'first'} model is kept"
    )
    if better:
        return second.outcome, after, pseudo
    # How training ended and how long it took is what happened last, whatever is kept.
    ended = dataclasses.replace(first.outcome, ending=second.outcome.ending, seconds=second.outcome.seconds)
    return ended, before, None


def _refit(
    context: TrainingContext, rows: Splits, model: CalibratedModel, pseudo: PseudoLabels | None
) -> Mixture | None:
    """Refit the linear model on training and validation rows, where the latter were set apart from the former."""
    if model.ensemble is None or rows.whole is None:
        return None
    whole = rows.whole if pseudo is None else pseudo.appended_to(rows.whole, context.labels)
    examples = Examples.of(whole, context.tokenizer, context.labels, char_ngrams=True)
    return refit_ngrams(
        model.ensemble,
        dataclasses.replace(examples, pseudo_labels=0 if pseudo is None else len(pseudo)),
        model.fitted.data.label_weights,
        context.tokenizer.tokens,
        context.config.model.ngrams,
        context.say,
        context.limits,
    )


def _interrupted(context: TrainingContext, outcome: Outcome) -> Outcome:
    """Return the outcome, with its ending if somebody has asked to stop in the meantime."""
    return dataclasses.replace(outcome, ending="interrupted") if context.limits.interrupted.requested else outcome
