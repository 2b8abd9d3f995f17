"""A model at rest: a folder that holds everything needed to run and nothing that can execute code.

`attnclf.json` describes the model and carries the checksum of every other file. The folder appears as a whole.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from attnclf.atomic import atomic_folder, atomic_write, refuse_lost
from attnclf.errors import BundleError, ConfigError

FORMAT_VERSION = 2
MANIFEST = "attnclf.json"

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
NETWORKS: dict[Precision, str] = {"fp32": "model.onnx", "fp16": "model.fp16.onnx", "int8": "model.int8.onnx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened model folder; the checksum of a file is verified when its path is asked for.

    `version` is the SHA-256 of `attnclf.json`, in hexadecimal: two models have one version when all files are equal.
    """

    folder: Path
    manifest: dict[str, Any]
    version: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the network's outputs."""
        return tuple(self.manifest["labels"])

    @property
    def multi_label(self) -> bool:
        """Whether a text may have several labels, or none."""
        return bool(self.manifest["task"] == "multi-label")

    @property
    def architecture(self) -> str:
        """The network's name in `attnclf.model.architectures`."""
        return str(self.manifest.get("architecture", "temporal"))

    @property
    def pictures(self) -> str:
        """Which picture shows the network's attention: highlight, heads, labels or features."""
        return str(self.manifest.get("pictures", "highlight"))

    @property
    def columns(self) -> tuple[str, ...]:
        """The numeric columns that the network reads in place of a text; empty for one that reads text."""
        return tuple(self.manifest.get("columns", ()))

    @property
    def reads_ngrams(self) -> bool:
        """Whether the network reads the n-grams of unknown words in addition to the ids."""
        return bool(self.manifest["config"]["model"]["ngrams"]["features"])

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The precisions in which the folder has the network."""
        return tuple(precision for precision in PRECISIONS if NETWORKS[precision] in self.manifest["checksums"])

    def network(self, precision: Precision = "fp32") -> Path:
        """Return the checked path of the network in a precision; raises BundleError for one that was not made."""
        if precision != "fp32" and precision not in self.precisions:
            raise BundleError(
                f"{self.folder} has no {precision} network",
                fix=f"make it: attnclf export --model {self.folder} --precision {precision}",
            )
        return self.path(NETWORKS[precision])

    def path(self, name: str) -> Path:
        """Return the path of a file that the manifest lists, after checking that it is the file that was written."""
        expected = self.manifest["checksums"].get(name)
        if expected is None:
            raise BundleError(f"{self.folder} has no {name}", fix="train the model again, or pass another folder")
        path = self.folder / name
        if path.resolve() != self.folder.resolve() / name or not path.is_file():
            raise BundleError(f"{path} is missing or a link", fix="copy the whole model folder again")
        if checksum(path) != expected:
            raise BundleError(f"{path} was changed or damaged", fix="copy the model again or train it again")
        return path

    def verify(self) -> None:
        """Check every file of the folder."""
        for name in self.manifest["checksums"]:
            self.path(name)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_bundle(folder: Path) -> Bundle:
    """Open a model folder: check that it is one, its version, and that it names no file outside itself."""
    manifest_path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"there is no model folder {folder}", fix="pass the folder that attnclf train --out wrote")
    if not manifest_path.is_file():
        raise BundleError(f"{folder} is not a model folder (no {MANIFEST})", fix="pass the folder that train wrote")
    content = manifest_path.read_bytes()
    version = hashlib.sha256(content).hexdigest()
    return Bundle(folder=folder, manifest=parse_manifest(content, manifest_path), version=version)


def parse_manifest(content: bytes, path: Path) -> dict[str, Any]:
    """Return the content of an `attnclf.json` at `path`.

    Raises BundleError for a damaged one, for another format version, and where it names a file outside its folder.
    """
    try:
        manifest: dict[str, Any] = json.loads(content.decode())
        version, checksums = manifest["format_version"], dict(manifest["checksums"])
        _ = manifest["labels"], manifest["task"], manifest["text"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{path} is damaged", fix="copy the model again or train it again") from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{path.parent} has format version {version}, this attnclf reads version {FORMAT_VERSION}",
            fix="install the attnclf that wrote it, or train the model again",
        )
    for name in checksums:
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or "\\" in name:
            raise BundleError(f"{path} names {name!r}, outside its folder", fix="do not use this model")
    return manifest


def learned_from(manifest: Mapping[str, Any]) -> str:
    """Return in words what a model was trained on."""
    training = manifest["training"]
    texts = training.get("taught", 0)
    return f"{training['rows']:,} rows" + (f" and {texts:,} texts that it labelled itself" if texts else "")


@contextlib.contextmanager
def new_bundle(destination: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces the bundle at `destination` when the block ends well.

    Raises BundleError for a destination that holds anything but a bundle.
    """
    refuse_to_replace(destination)
    with atomic_folder(destination) as folder:
        yield folder


def refuse_to_replace(destination: Path) -> None:
    """Raise BundleError for a destination that holds anything but a model, ConfigError where it would be lost."""
    refuse_lost(destination, option="--out")
    if destination.is_dir() and (not any(destination.iterdir()) or (destination / MANIFEST).is_file()):
        return
    if destination.exists():
        raise BundleError(f"{destination} exists and is not a model folder", fix="pass another --out")


def refuse_out(destination: Path, *, force: bool) -> None:
    """Raise an AttnclfError for a folder that cannot become a model: better before a training than after it.

    A folder that holds a model needs `force`.
    """
    if destination.resolve() == Path.cwd():
        raise ConfigError("the folder you are in cannot become a model", fix="name another one: --out model")
    refuse_to_replace(destination)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{destination.name}.", dir=destination.parent):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write {destination}: {error.strerror}", fix="pass another --out") from error
    if destination.exists() and any(destination.iterdir()) and not force:
        raise ConfigError(f"{destination} already holds a model", fix="pass --force to replace it, or another --out")


def write_manifest(folder: Path, description: dict[str, Any]) -> None:
    """Write `attnclf.json`: the description, the format version, and the checksum of every file in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest = {
        "format_version": FORMAT_VERSION,
        **description,
        "checksums": {path.relative_to(folder).as_posix(): checksum(path) for path in files},
    }
    _write(folder, manifest)


def add_file(bundle: Bundle, source: Path, **description: Any) -> None:
    """Move a file into a model folder, which must be on the same disk, and list it there with its description.

    Whatever happens in between, the folder is as it was, or without that file.
    """
    manifest, name = bundle.manifest, source.name
    others = {other: known for other, known in manifest["checksums"].items() if other != name}
    if name in manifest["checksums"]:
        _write(bundle.folder, {**manifest, "checksums": others})
    new = checksum(source)
    source.replace(bundle.folder / name)
    _write(bundle.folder, {**manifest, **description, "checksums": dict(sorted({**others, name: new}.items()))})


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    with atomic_write(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
