"""attnclf: a small text classifier that trains on your file, runs from a pipe, and shows which words decided."""

import importlib
from typing import TYPE_CHECKING

from attnclf import telemetry

if TYPE_CHECKING:
    from attnclf import explain
    from attnclf.api import Classifier, load, train
    from attnclf.catalog import register_alignment, register_score
    from attnclf.config import Config
    from attnclf.errors import AttnclfError
    from attnclf.estimator import AttnclfClassifier
    from attnclf.explain.methods import register_method
    from attnclf.explain.render import register_renderer

__version__ = "0.1.0"
__all__ = [
    "AttnclfClassifier", "AttnclfError", "Classifier", "Config", "explain", "load", "register_alignment",
    "register_method", "register_renderer", "register_score", "train",
]  # fmt: skip

# Where each public name is defined: a module is imported when its name is first used.
_HOMES = {
    "AttnclfClassifier": "estimator",
    "AttnclfError": "errors",
    "Classifier": "api",
    "Config": "config",
    "load": "api",
    "register_alignment": "catalog",
    "register_method": "explain.methods",
    "register_renderer": "explain.render",
    "register_score": "catalog",
    "train": "api",
}

telemetry.switch_off()


def __getattr__(name: str) -> object:
    if name == "explain":  # the package itself can be called
        return importlib.import_module("attnclf.explain")
    if name not in _HOMES:
        raise AttributeError(f"module 'attnclf' has no attribute {name!r}")
    return getattr(importlib.import_module(f"attnclf.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
