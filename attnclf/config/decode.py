"""Nested plain values → dataclasses of settings; a wrong name or type is one clear error."""

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from attnclf.config.fields import refuse_unknown
from attnclf.errors import ConfigError

T = TypeVar("T")


def build(kind: type[T], values: Mapping[str, Any], path: str) -> T:
    """Return a dataclass of settings; `path` is the prefix of the names, such as "model.". Raises ConfigError."""
    annotations = get_type_hints(kind)
    hints = {field.name: annotations[field.name] for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            fix = (
                f"did you mean {path}{near[0]}?" if near else f"use one of: {', '.join(path + hint for hint in hints)}"
            )
            raise ConfigError(f"unknown setting {path}{name}", fix=fix)
    return kind(**{name: _convert(hints[name], value, path + name) for name, value in values.items()})


def _convert(hint: Any, value: Any, path: str) -> Any:
    """Return `value` as the type `hint` asks for, or raise a ConfigError that names the setting."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path} is a section, not a value", fix=f"set one of its settings: {path}.NAME=VALUE")
        return build(hint, value, path + ".")
    # TOML has whole numbers below 2^63 only, as those who compute with them do; and JSON has no infinity.
    if isinstance(value, int | float) and abs(value) >= 2**63:
        raise ConfigError(f"{path} is {value}", fix="give it a number of at most 18 digits")
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        refuse_unknown(path, value, choices) if isinstance(value, str) else _wrong_type(
            path, value, " | ".join(choices)
        )
        return value
    if origin in (Union, types.UnionType):
        for choice in choices:
            try:
                return _convert(choice, value, path)
            except ConfigError:
                continue
        return _wrong_type(path, value, " or ".join(_spelled(choice) for choice in choices))
    if origin is dict and isinstance(value, Mapping):
        return {str(key): _convert(choices[1], item, f"{path}.{key}") for key, item in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(choices[0], item, path) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is type(None) and value is None:
        return None
    if isinstance(hint, type) and type(value) is hint:
        return value
    return _wrong_type(path, value, _spelled(hint))


def _spelled(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(get_args(hint))
    if get_origin(hint) is tuple:
        return 'a list, such as ["age", "income"]'
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(hint, "a table of names and numbers")


def _wrong_type(path: str, value: Any, wanted: str) -> Any:
    raise ConfigError(f"{path} is {value!r}", fix=f"give it {wanted}")


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings laid over each other; later layers win, sections merge."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = result.get(name)
            result[name] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
