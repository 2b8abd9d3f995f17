"""Explanations as json, one object a line."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from attnclf.explain.types.influence import Influences


def write(windows: Iterable[Sequence[Any]], output: TextIO, top: int) -> None:
    """Write the documented JSON form of each value; influences have one object for each label."""
    for window in windows:
        for value in window:
            records = value.to_dicts() if isinstance(value, Influences) else [value.to_dict()]
            output.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        output.flush()
