"""`attnclf info`: what a model folder holds, and what it would run on here."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.bundle import Bundle
    from attnclf.runtime.backend import Backend


class InfoFormat(StrEnum):
    """The output format."""

    table = "table"
    json = "json"


def info(
    model: options.ModelFolder,
    format: Annotated[InfoFormat, typer.Option("--format", "-f")] = InfoFormat.table,
    device: options.Device = options.DeviceName.auto,
) -> None:
    """Describe a model (task, labels, scores, size, device) and verify the checksum of every file."""
    from attnclf.bundle import learned_from
    from attnclf.runtime.classifier import Classifier

    classifier = Classifier.load(model, device=device.value)
    classifier.bundle.verify()
    manifest = classifier.bundle.manifest
    size = sum(path.stat().st_size for path in classifier.bundle.folder.rglob("*") if path.is_file())
    if format is InfoFormat.json:
        typer.echo(
            json.dumps(
                {
                    **manifest,
                    "bytes": size,
                    "device": classifier.backend.device,
                    "no_gpu": classifier.backend.no_gpu,
                    "precisions": classifier.bundle.precisions,
                },
                ensure_ascii=False,
            )
        )
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from attnclf.text.screen import visible

    rows = {
        "task": f"{manifest['task']}, {len(classifier.labels)} labels",
        "labels": ", ".join(classifier.labels),
        "trained": f"{manifest['created']} on {learned_from(manifest)} by attnclf {manifest['attnclf']}",
        "text": f"{manifest['text']['unit']} units, {classifier.tokenizer.size:,} known, the first "
        f"{manifest['text']['max_length']:,} of a text are read",
        "network": f"{classifier.bundle.architecture}: {_network(classifier.bundle)}",
        "size": f"{size / 1e6:.1f} MB",
        "precision": ", ".join(classifier.bundle.precisions),
        "device": _device(classifier.backend),
    }
    if classifier.bundle.columns:
        rows["text"] = f"none; the columns {', '.join(classifier.bundle.columns)}"
    for split, metrics in manifest["metrics"].items():
        score = metrics["micro_f1"] if classifier.multi_label else metrics["accuracy"]
        name = "micro-F1" if classifier.multi_label else "accuracy"
        rows[split] = f"{name} {100 * score:.1f}, macro-F1 {100 * metrics['macro_f1']:.1f} ({metrics['rows']:,} rows)"
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(visible(value)))
    Console(highlight=False).print(table)


def _device(backend: "Backend") -> str:
    return backend.device if backend.no_gpu is None else f"{backend.device}, not the GPU: {backend.no_gpu}"


def _network(bundle: "Bundle") -> str:
    """Return the parts of the network, as far as its architecture has them."""
    model = bundle.manifest["config"]["model"]
    encoder, attention, parts = model["encoder"], model["attention"], []
    from attnclf.catalog import ARCHITECTURES

    reads = ARCHITECTURES[bundle.architecture].reads

    if "encoder" in reads:
        parts.append(f"{encoder['cell']} {encoder['hidden']} wide")
    if "transformer" in reads:
        parts.append(f"{model['transformer']['layers']} x {model['transformer']['heads']} heads")
    if "gate" in reads:
        gate = model["gate"]
        over = f"{len(bundle.columns):,} columns" if bundle.columns else f"{gate['features']:,} units"
        parts.append(f"{gate['form']} gate over {over}")
    if "attention" in reads:
        parts += [f"{attention[step]} {step}" for step in ("score", "alignment", "context")]
    return ", ".join(parts)
