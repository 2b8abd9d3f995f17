"""A setting as a field of a dataclass: its default, range and help in one place."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attnclf.errors import ConfigError

INFINITE = float("inf")


def setting(default: Any, help: str, *, low: float = -INFINITE, high: float = INFINITE, kind: str = "") -> Any:
    """Return the field of a setting.

    `help` is one line of Markdown for the table in docs/configuration.md; `kind` replaces the type that the table
    derives from the annotation and the range.
    """
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high, "kind": kind})


def section(kind: type[Any]) -> Any:
    """Return the field of a section, whose default is that of each of its settings."""
    return dataclasses.field(default_factory=kind)


class Section:
    """Base of the dataclasses of settings; building one checks the ranges of its fields, then its own rules.

    `path` is the prefix of the names of its settings, such as "model.encoder.".
    """

    __slots__ = ()
    path: ClassVar[str]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if "low" in field.metadata:
                refuse_out_of_range(
                    self.path + field.name, getattr(self, field.name), field.metadata["low"], field.metadata["high"]
                )
        self.check()

    def check(self) -> None:
        """Raise ConfigError for settings that do not go together."""


def refuse_out_of_range(name: str, value: Any, low: float, high: float) -> None:
    """Raise ConfigError for a number, or a number in a mapping, that is not within `low` and `high`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            refuse_out_of_range(f"{name}.{key}", item, low, high)
    elif isinstance(value, int | float) and (low, high) != (-INFINITE, INFINITE) and not low <= value <= high:
        bounds = f"{low:g} or more" if high == INFINITE else f"between {low:g} and {high:.10g}"
        raise ConfigError(f"{name} is {value}", fix=f"set it {bounds}")


def refuse_unknown(kind: str, name: str, names: Iterable[str]) -> None:
    """Raise ConfigError for a name that is none of `names`."""
    known = list(names)
    if name not in known:
        raise ConfigError(f"unknown {kind} {name!r}", fix=f"use one of: {', '.join(known)}")
