"""The end of training: export, parity gate, evaluation through the exported model, baseline, report, bundle."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from attnclf import __version__
from attnclf.bundle import learned_from, write_manifest
from attnclf.config import Config
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.evaluation.report import Baseline, Report
from attnclf.explain import choice
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import check_parity
from attnclf.export.tables import exchange
from attnclf.model.architectures import ARCHITECTURES
from attnclf.model.mixture import Mixture
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.evaluate import evaluate
from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import baseline as linear
from attnclf.training.card import model_card
from attnclf.training.limits import Limits
from attnclf.training.loop import Outcome

SAMPLE = 2000  # texts whose length is taken for that of all


def write_bundle(
    folder: Path,
    *,
    name: str,
    network: nn.Module,
    final: Mixture | None,
    config: Config,
    tokenizer: Tokenizer | NumberReader,
    labels: LabelSet,
    temperature: float,
    thresholds: NDArray[np.float64],
    train: Corpus,
    whole: Corpus | None,
    taught: int,
    weight_column: str | None,
    evaluated: Mapping[str, Corpus],
    outcome: Outcome,
    baseline: bool,
    say: Callable[[str], None],
    limits: Limits,
) -> Report:
    """Fill an empty folder with a finished model and return its report.

    The scores are those of files just written, read back as `predict` reads them. A `final` network, where there is
    one, has another linear model, learned from the `whole` rows, the split "valid" among them: that split is scored by
    `network`, and all else by the final one, which stays in the folder. Raises ExportError when a graph differs from
    its network. `taught` is the number of texts that were given labels to be learned from, `weight_column` that of the
    rows which says what each counts. What the `limits` leave no time for is left out, with a note.
    """
    if isinstance(tokenizer, Tokenizer):
        tokenizer.save(folder / "tokenizer.json")
    export_onnx(network, folder / "model.onnx", multi_label=labels.multi_label)
    difference = _checked(folder, network, tokenizer, labels, config)
    description = {
        "attnclf": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "architecture": config.model.architecture,
        "pictures": ARCHITECTURES[config.model.architecture].pictures,
        "task": "multi-label" if labels.multi_label else "single-label",
        "labels": list(labels.names),
        "temperature": round(temperature, 6),
        "thresholds": thresholds.tolist(),
        "columns": list(config.model.gate.columns),
        "text": dataclasses.asdict(config.text),
        "config": _published(config),
        "training": {
            "rows": len(train),
            "taught": taught,
            "weight_column": weight_column,
            "seconds": round(outcome.seconds, 1),
            "ending": outcome.ending,
            "units": _mean_units(tokenizer, train),
        },
        "parity": difference,
    }
    write_manifest(folder, description)
    classifier = Classifier.load(folder, device="cpu")
    scores = {"valid": evaluate(classifier, evaluated["valid"])}
    # The cheap methods of explanation, on texts that nobody learned from.
    explained = limits.within(
        lambda check: choice.scores(classifier, evaluated["valid"].texts[: choice.LOOKED_AT], check), limits.latest - 1
    )
    if explained is None:
        say("Note: the methods of explanation are not scored: no time was left")
    explanations = choice.kept(explained or {})
    if final is not None:
        exchange(folder / "model.onnx", final)
        description["parity"] = _checked(folder, final, tokenizer, labels, config)
        write_manifest(folder, description)
        classifier = Classifier.load(folder, device="cpu")
    others = {split: evaluate(classifier, rows) for split, rows in evaluated.items() if split != "valid"}
    yardstick: Baseline | str | None = None
    if baseline:
        numeric = bool(config.model.gate.columns)
        yardstick = limits.within(
            lambda check: _baseline(train, whole, evaluated, labels, numeric, check), limits.latest - 1
        )
        yardstick = yardstick or "learning one was stopped"
    report = Report(
        title=f"{name}: {len(labels)} labels, learned from {learned_from(description)}",
        splits=scores | others,
        baseline=yardstick,
        history=outcome.history,
    )
    report.write(folder / "report")
    metrics = {split: _figures(metrics.to_dict()) for split, metrics in report.splits.items()}
    (folder / "README.md").write_text(model_card(name, description, report), encoding="utf-8")
    write_manifest(folder, {**description, "metrics": metrics, "explanations": explanations})
    return report


def _published(config: Config) -> dict[str, Any]:
    """Return the settings, with the file of pretrained vectors by its name: a model tells no paths of its maker."""
    settings = config.to_dict()
    embedding = settings["model"]["embedding"]
    if embedding["vectors"] is not None:
        embedding["vectors"] = Path(embedding["vectors"]).name
    return settings


def _checked(
    folder: Path, network: nn.Module, tokenizer: Tokenizer | NumberReader, labels: LabelSet, config: Config
) -> float:
    """Write the weights, and return by how much the graph differs from them at most."""
    network.eval()
    weights = save({key: value.contiguous() for key, value in network.state_dict().items()})
    (folder / "weights.safetensors").write_bytes(weights)
    return check_parity(
        network,
        folder / "model.onnx",
        vocabulary=tokenizer.size,
        multi_label=labels.multi_label,
        max_length=config.text.max_length,
    )


def _baseline(
    train: Corpus,
    whole: Corpus | None,
    evaluated: Mapping[str, Corpus],
    labels: LabelSet,
    numeric: bool,
    check: Callable[[], None] = lambda: None,
) -> Baseline | str:
    """Return a linear model's scores; as ours beside the network, it meets test rows when it knows all others."""
    if numeric:
        return "it reads texts, and these rows are numbers"
    reason = linear.skipped(sum(map(len, train.texts)), len(labels))
    if reason is not None:
        return reason

    def rows(corpus: Corpus) -> linear.Rows:
        known = labels.widened(corpus.label_lists) if labels.multi_label else labels
        return list(corpus.texts), known.encode(corpus.label_lists)

    return linear.fit_and_score(
        rows(train),
        {name: rows(part) for name, part in evaluated.items()},
        labels.names,
        whole=None if whole is None else rows(whole),
        check=check,
    )


def _mean_units(tokenizer: Tokenizer | NumberReader, train: Corpus) -> float:
    """Return the mean length of the first texts, in units."""
    return round(float(np.mean([len(ids) for ids in tokenizer.encode(list(train.texts[:SAMPLE]))])), 1)


def _figures(metrics: Mapping[str, object]) -> dict[str, object]:
    """Keep the single figures: the tables stand in report/metrics.json."""
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}
