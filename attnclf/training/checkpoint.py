"""The state of a training on disk: enough to continue as if nothing had happened, bit for bit on a CPU."""

from pathlib import Path
from typing import Any

import torch

from attnclf.atomic import atomic_write
from attnclf.errors import TrainingError

NAME = "checkpoint.pt"
LAYOUT = 4  # of the state; raised whenever something in it changes


def folder_of(out: Path) -> Path:
    """Return the folder next to a future bundle that holds its checkpoint while training runs."""
    return out.parent / f"{out.name}.training"


def save(out: Path, state: dict[str, Any]) -> None:
    """Write the state as one file that replaces the last one whole. Raises TrainingError where that cannot be done."""
    path = folder_of(out) / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            torch.save({"layout": LAYOUT, **state}, temporary)
    except (OSError, RuntimeError) as error:  # torch raises the latter for a full disk
        raise TrainingError(f"cannot write {path}: {error}", fix="make room there, then --resume") from error


def load(out: Path, fingerprint: str) -> dict[str, Any]:
    """Read the state. Raises TrainingError when there is none, or it belongs to other data or settings."""
    path = folder_of(out) / NAME
    if not path.is_file():
        raise TrainingError(f"there is nothing to resume for {out}", fix="start without --resume")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # tensors and plain values only, never code
    except Exception as error:  # torch raises several unrelated types for a damaged file
        raise TrainingError(f"{path} is damaged", fix="delete it and start without --resume") from error
    if state.get("layout") != LAYOUT:
        raise TrainingError(
            f"{path} was written by another version of attnclf",
            fix="resume with that version, or start without --resume",
        )
    if state["fingerprint"] != fingerprint:
        raise TrainingError(
            f"{path} belongs to a run with other data or settings",
            fix="repeat the command of that run with --resume, or start without --resume",
        )
    return dict(state)


def fits(out: Path, fingerprint: str) -> bool:
    """Return whether there is a state to continue from, of the same data and settings."""
    try:
        load(out, fingerprint)
    except TrainingError:
        return False
    return True
