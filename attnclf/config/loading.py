"""Settings from a TOML file and from `--set`."""

import tomllib
from pathlib import Path
from typing import Any

from attnclf.errors import ConfigError


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", fix="pass a TOML file in UTF-8") from error
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        problem = str(error).partition(";")[0]  # what follows is advice to a programmer
        raise ConfigError(f"{path} is not valid TOML: {problem}", fix="correct that line") from error


def parse_assignment(assignment: str) -> dict[str, Any]:
    """Return the nested settings that one `section.key=value` of `--set` means; the value is TOML or a bare word."""
    name, equals, text = assignment.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--set {assignment!r} has no value", fix="write it as section.key=value")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    for key in reversed(name.strip().split(".")):
        value = {key: value}
    return dict(value)
