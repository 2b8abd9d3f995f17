"""Explanation methods, one small file each. Every file of this folder registers its methods in `METHODS`."""

import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module

from attnclf.bundle import Bundle
from attnclf.catalog import pooling
from attnclf.errors import ConfigError
from attnclf.explain.methods.method import METHODS, Method, register_method

__all__ = ["METHODS", "Method", "method_for", "outputs_of", "register_method", "signed", "working"]

for _file in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
for _name, _row in sorted(METHODS.items(), key=lambda item: item[1].order):
    METHODS[_name] = METHODS.pop(_name)


def outputs_of(names: Iterable[str], axes: Mapping[str, object]) -> list[str]:
    """Return the named outputs to predict for these methods."""
    return sorted({output for name in names for output in METHODS[name].named(axes)})


def working(bundle: Bundle, axes: Mapping[str, object]) -> list[str]:
    """Return the names of the methods that work for a model; `axes` has its named outputs."""
    return [name for name, row in METHODS.items() if not _hindrance(row, bundle, axes)]


def signed(bundle: Bundle, axes: Mapping[str, object]) -> list[str]:
    """Return the names of those of them whose weights are for or against a label."""
    return [name for name in working(bundle, axes) if METHODS[name].signed]


def method_for(name: str, bundle: Bundle, axes: Mapping[str, object]) -> Method:
    """Return the row of a method. Raises ConfigError for an unknown one or one that does not work for the model."""
    choices = ", ".join(working(bundle, axes))
    if name not in METHODS:
        raise ConfigError(f"unknown method {name!r}", fix=f"use one of: {choices}, auto")
    why = _hindrance(METHODS[name], bundle, axes)
    if why:
        raise ConfigError(f"method {name} {why}", fix=f"use one of: {choices}")
    return METHODS[name]


def _hindrance(row: Method, bundle: Bundle, axes: Mapping[str, object]) -> str:
    """Return why a method does not work for a model, nothing if it does."""
    if row.removal and bundle.columns:
        return "takes words out of a text, and this model reads numeric columns"
    if row.torch and bundle.architecture not in pooling():
        return f"needs a gradient for each token, and a {bundle.architecture} model has none"
    missing = [output for output in row.outputs if output not in axes]
    return f"needs {missing[0]} of the network, which this model does not have" if missing else ""
