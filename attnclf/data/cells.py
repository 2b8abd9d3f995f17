"""One cell of a record → text, labels or weight; the rules for what makes a row bad stand here."""

import math
from collections.abc import Mapping, Sequence

from attnclf.data import rationales
from attnclf.data.columns import Columns
from attnclf.data.label_cells import parted
from attnclf.data.rows import BadRow, Record, Row

# Between two joined columns (title, body): a line break is a boundary in every language and never part of a word.
JOINER = "\n"
LARGEST = 1e30  # the network computes with 32 bits, which hold 3e38


def text_of(values: Mapping[str, object], columns: Sequence[str]) -> str:
    """Text of a record, blank columns left out and the others joined; "" if all are blank. ValueError if no text."""
    parts = []
    for column in columns:
        value = values.get(column)
        if value is None:
            continue
        if not isinstance(value, str):
            raise ValueError(f"'{column}' is {kind(value)}, not text")
        if value and not value.isspace():
            parts.append(value)
    return parts[0] if len(parts) == 1 else JOINER.join(parts)


def numbers_of(values: Mapping[str, object], columns: Mapping[str, str]) -> str:
    """Text of a record's numeric columns, "name=number, name=number"; ValueError if one is missing or no number.

    `columns` has for each name the column it stands for. `attnclf.text.numbers` reads such texts.
    """
    return ", ".join(f"{name}={number_of(values.get(column), name)}" for name, column in columns.items())


def number_of(value: object, name: str) -> str:
    """A finite number as it is written, without spaces around it."""
    written = "" if value is None else str(value).strip()
    if not written:
        raise ValueError(f"'{name}' is missing")
    try:
        number = math.nan if isinstance(value, bool) else float(written)
    except ValueError:
        number = math.nan
    if not abs(number) <= LARGEST:
        raise ValueError(f"'{name}' is {value!r}, not a number")
    return written


def labels_of(value: object, separator: str | None = None) -> tuple[str, ...]:
    r"""Labels in a cell: a list gives several or none, `separator` splits a string; ValueError names the fault.

    A separator with a backslash before it belongs to a label: a\|b.

    An empty list, and with a separator an empty string, means "no label"; null, and otherwise an empty string, means
    that the label is missing.
    """
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(label_of(item) for item in value))
    if separator is not None and isinstance(value, str):
        return tuple(dict.fromkeys(parted(value, separator)))
    return (label_of(value),)


def label_of(value: object) -> str:
    """Name of one label: strings are stripped, whole floats lose their ".0", booleans are written as in JSON."""
    if isinstance(value, str):
        name = value.strip()
        if not name:
            raise ValueError("the label is missing")
        return name
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise ValueError("the label is missing")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isinf(value):
        raise ValueError("the label is not a finite number")
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)
    raise ValueError(f"the label is {kind(value)}")


def weight_of(value: object) -> float:
    """Weight of a row: a finite number, 0 or more."""
    try:
        weight = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not 0 <= weight <= LARGEST:
        raise ValueError(f"the weight {value!r} is not a number of 0 or more")
    return weight


def row(record: Record, columns: Columns, separator: str | None = None) -> Row | BadRow:
    """Read one record as the columns say, or say why that cannot be done."""
    try:
        features = columns.features
        text = numbers_of(record.values, features) if features else text_of(record.values, columns.text)
        if not text or text.isspace():
            raise ValueError("the text is empty")
        labels = labels_of(record.values.get(columns.labels), separator)
        weight = 1.0 if columns.weight is None else weight_of(record.values.get(columns.weight))
        rationale = None
        if columns.rationale is not None:
            tokens = None if columns.tokens is None else record.values.get(columns.tokens)
            rationale = rationales.spans_of(record.values.get(columns.rationale), text, tokens)
        if not (text.isascii() and all(map(str.isascii, labels))):
            "".join((text, *labels)).encode()
    except UnicodeEncodeError:
        return BadRow(record.location, "invalid UTF-8")
    except ValueError as error:
        return BadRow(record.location, str(error))
    return Row(text, labels, record.location, weight, rationale)


def kind(value: object) -> str:
    """Name the type of a value as a person would."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Mapping):
        return "an object"
    return "null" if value is None else f"a {type(value).__name__}"
