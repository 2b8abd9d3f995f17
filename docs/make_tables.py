"""Write the tables of docs/configuration.md from the fields of the settings: `python docs/make_tables.py [--check]`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. With --check nothing is written, and
the exit status is 1 if a table differs.
"""

import dataclasses
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.config.fields import INFINITE
from attnclf.config.presets import PRESETS

PAGE = Path(__file__).with_name("configuration.md")
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings_table(section: str) -> Iterator[str]:
    """Yield the lines of the table of a section of the settings and its subsections."""
    yield from ("| setting | type | default | meaning |", "| --- | --- | --- | --- |")
    for name, field, kind, default in _fields(getattr(Config(), section), f"{section}."):
        shown = "not set" if default is None else f"`{_written(default)}`"
        yield f"| `{name}` | {_type(field, kind)} | {shown} | {field.metadata['help']} |"


def changes_table(columns: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table of what each column, a preset or an architecture, changes."""
    changes = {name: dict(_leaves(values)) for name, values in columns.items()}
    yield "| setting | " + " | ".join(f"`{name}`" for name in changes) + " |"
    yield "| --- " * (len(changes) + 1) + "|"
    for section in ("text", "model", "training"):
        for setting in sorted({name for found in changes.values() for name in found if name.startswith(f"{section}.")}):
            cells = (f" `{found[setting]}` " if setting in found else " " for found in changes.values())
            yield f"| `{setting}` |{'|'.join(cells)}|"


def fresh(page: str) -> str:
    """Return the page with all its tables rewritten."""
    tables = {section: settings_table(section) for section in ("text", "model", "training")}
    tables["presets"] = changes_table(PRESETS)
    tables["architectures"] = changes_table({name: row.changes for name, row in ARCHITECTURES.items() if row.changes})
    return TABLE.sub(lambda found: found[1] + "\n".join(tables[found[2]]) + "\n" + found[3], page)


def _fields(section: Any, prefix: str) -> Iterator[tuple[str, Any, Any, Any]]:
    kinds = typing.get_type_hints(type(section))
    for field in sorted(dataclasses.fields(section), key=lambda field: "help" not in field.metadata):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            yield from _fields(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", field, kinds[field.name], value


def _type(field: Any, kind: Any) -> str:
    low, high = field.metadata["low"], field.metadata["high"]
    if field.metadata["kind"]:
        return str(field.metadata["kind"])
    if field.name == "architecture":
        return ", ".join(f"`{name}`" for name in ARCHITECTURES)
    if kind is bool:
        return "`true`, `false`"
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{name}`" for name in typing.get_args(kind))
    if low == -INFINITE:
        return "a list of names"
    start = "whole number from " if kind is int else "from "
    return f"{start}{_number(low)}" if high == INFINITE else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}".replace("e-0", "e-")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _written(value)


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    written = fresh(page)
    if "--check" in sys.argv[1:] and written != page:
        sys.exit("docs/configuration.md differs from the settings; run: python docs/make_tables.py")
    PAGE.write_text(written, encoding="utf-8")
