"""The models that are measured: trained once, as a person would, and kept until the code that makes them changes."""

import hashlib
import subprocess
import sys
from pathlib import Path

import attnclf
from attnclf.bundle import open_bundle
from attnclf.errors import BundleError
from benchmarks.speed.processes import ATTNCLF
from benchmarks.speed.settings import NotHereError, Setup

SOURCES = ("bundle.py", "config.py", "presets.py", "text", "data", "attention", "model", "training", "export")


def trained(setup: Setup, dataset: str, preset: str = "balanced") -> Path:
    """Return the folder of a model of this dataset, with an int8 network too if that is as accurate."""
    out = setup.work / f"{dataset}-{preset}-{fingerprint()}"
    train, test = setup.split(dataset, "train"), setup.split(dataset, "test")
    if not out.is_dir():
        print(f"  training {out}", file=sys.stderr, flush=True)
        valid = ("--valid", str(setup.split(dataset, "valid"))) if setup.has(dataset, "valid") else ()
        options = ["--out", str(out), "--preset", preset, "--device", "cpu", "--no-baseline", "--quiet", *valid]
        subprocess.run([*ATTNCLF, "train", str(train), "--test", str(test), *options], check=True, stdout=sys.stderr)
    if not (out / "model.int8.onnx").is_file():
        command = [*ATTNCLF, "export", "--model", str(out), "--precision", "int8", "--data", str(test)]
        subprocess.run(command, check=False, stdout=sys.stderr)  # refused where it is less accurate
    return out


def chosen(setup: Setup, dataset: str) -> Path:
    """Return the model that --model names, or one trained on this dataset."""
    if setup.model is None:
        return trained(setup, dataset)
    try:
        open_bundle(setup.model)
    except BundleError as error:
        raise NotHereError(f"{error}; pass another --model, or leave it out to train one") from error
    return setup.model


def precisions(model: Path) -> list[str]:
    """Return the precisions that a folder has."""
    return ["fp32", "int8"] if (model / "model.int8.onnx").is_file() else ["fp32"]


def fingerprint() -> str:
    """Return a few letters that change with the code that makes models."""
    package = Path(attnclf.__file__).parent
    digest = hashlib.sha256()
    for source in SOURCES:
        path = package / source
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def size(folder: Path) -> float:
    """Return the megabytes of a file, or of all files in a folder."""
    files = [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6
