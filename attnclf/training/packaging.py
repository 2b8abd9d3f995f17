"""From a calibrated model to its folder: export, parity gate, scores of the exported files, baseline, report."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from attnclf import __version__
from attnclf.bundle import learned_from, write_manifest
from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.data.corpus import Corpus
from attnclf.data.training_set import Splits
from attnclf.evaluation.report import Baseline, Report
from attnclf.explain import choice
from attnclf.export.ngram_weights import replace_ngram_weights
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import check_parity
from attnclf.model.mixture import Mixture
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.evaluate import evaluate
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import baseline as linear
from attnclf.training.calibration.calibrate import CalibratedModel
from attnclf.training.card import model_card
from attnclf.training.context import TrainingContext
from attnclf.training.examples import Examples
from attnclf.training.state import Outcome

SAMPLE = 2000  # texts whose length is taken for that of all


def write_bundle(
    folder: Path,
    context: TrainingContext,
    rows: Splits,
    model: CalibratedModel,
    *,
    refitted: Mixture | None,
    pseudo_labels: int,
    outcome: Outcome,
    weight_column: str | None,
    baseline: bool,
) -> Report:
    """Fill an empty folder with a finished model and return its report.

    The scores are those of the files just written, read back as `predict` reads them. The linear model of a `refitted`
    ensemble was fitted to the validation rows too: so `model` scores these, and the refitted one, which stays in the
    folder, all others. `pseudo_labels` counts the texts with such labels, `weight_column` has the weight of each row.
    What the limits leave no time for is left out, with a note. Raises ExportError if a graph differs from its network.
    """
    limits, labels = context.limits, context.labels
    if isinstance(context.tokenizer, Tokenizer):
        context.tokenizer.save(folder / "tokenizer.json")
    export_onnx(model.network, folder / "model.onnx", multi_label=labels.multi_label)
    description = _description(context, model) | {
        "training": {
            "rows": len(rows.train),
            "taught": pseudo_labels,
            "weight_column": weight_column,
            "seconds": round(outcome.seconds, 1),
            "ending": outcome.ending,
            "units": _mean_length(model.fitted.data.examples),
        },
        "parity": _checked(folder, model.network, context),
    }
    write_manifest(folder, description)
    classifier = Classifier.load(folder, device="cpu")
    scores = {"valid": evaluate(classifier, rows.valid)}
    texts = rows.valid.texts[: choice.LOOKED_AT]  # no network was trained on them
    explained = limits.within(lambda check: choice.scores(classifier, texts, check), limits.latest - 1)
    if explained is None:
        context.say("Note: the methods of explanation are not scored: no time was left")
    if refitted is not None:
        replace_ngram_weights(folder / "model.onnx", refitted)
        description["parity"] = _checked(folder, refitted, context)
        write_manifest(folder, description)
        classifier = Classifier.load(folder, device="cpu")
    if rows.test is not None:
        scores["test"] = evaluate(classifier, rows.test)
    report = Report(
        title=f"{context.out.name}: {len(labels)} labels, learned from {learned_from(description)}",
        splits=scores,
        baseline=_baseline(context, rows) if baseline else None,
        history=outcome.history,
    )
    report.write(folder / "report")
    metrics = {split: _figures(metrics.to_dict()) for split, metrics in report.splits.items()}
    (folder / "README.md").write_text(model_card(context.out.name, description, report), encoding="utf-8")
    write_manifest(folder, {**description, "metrics": metrics, "explanations": choice.kept(explained or {})})
    return report


def _description(context: TrainingContext, model: CalibratedModel) -> dict[str, Any]:
    """Return the part of the manifest about the model itself."""
    config = model.fitted.data.config
    architecture = config.model.architecture
    return {
        "attnclf": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "architecture": architecture,
        "pictures": ARCHITECTURES[architecture].pictures,
        "task": "multi-label" if context.labels.multi_label else "single-label",
        "labels": list(context.labels.names),
        "temperature": round(model.temperature, 6),
        "thresholds": model.thresholds.tolist(),
        "columns": list(config.model.gate.columns),
        "text": dataclasses.asdict(config.text),
        "config": _published(config),
    }


def _published(config: Config) -> dict[str, Any]:
    """Return the settings, with the file of pretrained vectors by its name: a model has no paths of a machine."""
    settings = config.to_dict()
    embedding = settings["model"]["embedding"]
    if embedding["vectors"] is not None:
        embedding["vectors"] = Path(embedding["vectors"]).name
    return settings


def _checked(folder: Path, network: nn.Module, context: TrainingContext) -> float:
    """Write the weights, and return by how much the graph differs from them at most."""
    network.eval()
    weights = save({key: value.contiguous() for key, value in network.state_dict().items()})
    (folder / "weights.safetensors").write_bytes(weights)
    return check_parity(
        network,
        folder / "model.onnx",
        vocabulary=context.tokenizer.size,
        multi_label=context.labels.multi_label,
        max_length=context.config.text.max_length,
    )


def _baseline(context: TrainingContext, splits: Splits) -> Baseline | str:
    """Return a linear model's scores or why there are none; for test rows it is fitted to all others, as ours is."""
    labels, train = context.labels, splits.train
    if context.config.model.gate.columns:
        return "it reads texts, and these rows are numbers"
    reason = linear.skipped(sum(map(len, train.texts)), len(labels))
    if reason is not None:
        return reason

    def rows(corpus: Corpus) -> linear.Rows:
        known = labels.widened(corpus.label_lists) if labels.multi_label else labels
        return list(corpus.texts), known.encode(corpus.label_lists)

    def fit(check: Callable[[], None]) -> Baseline:
        return linear.fit_and_score(
            rows(train),
            {name: rows(part) for name, part in (("valid", splits.valid), ("test", splits.test)) if part is not None},
            labels.names,
            whole=None if splits.whole is None else rows(splits.whole),
            check=check,
        )

    return context.limits.within(fit, context.limits.latest - 1) or "training one was stopped"


def _mean_length(examples: Examples) -> float:
    """Return the mean length of the first texts whose labels people gave, in tokens."""
    own = len(examples) - examples.pseudo_labels
    return round(float(examples.tokens.lengths[: min(own, SAMPLE)].mean()), 1)


def _figures(metrics: Mapping[str, object]) -> dict[str, object]:
    """Keep the single figures: the tables stand in report/metrics.json."""
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}
