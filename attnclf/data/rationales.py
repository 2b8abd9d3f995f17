"""One cell of a rationale column → what a person marked as evidence in the text, as spans of characters."""

import json
import re
import types
from collections.abc import Mapping, Sequence

Spans = tuple[tuple[int, int], ...]

WORD = re.compile(r"\S+")
SHOWN = 40  # characters of a marked text or token that an error repeats


def spans_of(value: object, text: str, tokens: object = None) -> Spans | None:
    """Spans (start, end) of the text, end excluded; none at all for an empty list, None where nobody marked the text.

    The cell holds one of these lists, itself or written as JSON:

    - spans, `[[0, 4], [10, 15]]` or `[{"start": 0, "end": 4}, …]`, counted in characters of the text;
    - texts, `["a fine film", …]`: each is found where it first occurs after the one before it, else anywhere; a line
      break or several spaces count as one space. A cell that is no list is one such text;
    - marks, `[0, 1, 1, …]`, one for each of `tokens`; without `tokens`, for each word between spaces.

    ValueError names what does not fit.
    """
    value = _unwritten(value)
    if value is None:
        return None
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise ValueError("the rationale is not a list of spans, texts or marks")
    if not value:
        return ()
    if all(isinstance(item, str) for item in value):
        return _of_texts(value, text)
    if all(isinstance(item, int | float) and item in (0, 1) for item in value):
        return _of_marks([bool(item) for item in value], text, _unwritten(tokens))
    return tuple(_span(item, text) for item in value)


def touched(parts: Sequence[tuple[int, int]], spans: Spans) -> list[bool]:
    """Return for each part (start, end) of a text whether a span has a character of it."""
    return [any(start < to and from_ < end for from_, to in spans) for start, end in parts]


def looks_like_one(value: object) -> bool:
    """Whether a cell holds a list, itself or written as JSON, or nothing."""
    return isinstance(_unwritten(value), list | tuple | types.NoneType)


def _unwritten(value: object) -> object:
    """Return the list that a cell of a csv file writes as JSON; a blank cell is None; anything else is what it was."""
    if not isinstance(value, str):
        return value
    written = value.strip()
    if not written:
        return None
    if written.startswith("["):
        try:
            return json.loads(written)
        except (ValueError, RecursionError):
            return value
    return value


def _of_texts(parts: Sequence[str], text: str) -> Spans:
    spans, after = [], 0
    for part in parts:
        words = WORD.findall(part)
        if not words:
            raise ValueError("the rationale has a blank text")
        there = re.compile(r"\s+".join(map(re.escape, words)))
        found = there.search(text, after) or there.search(text)
        if found is None:
            raise ValueError(f"the rationale {_shown(part)} is not in the text")
        after = found.end()
        spans.append(found.span())
    return tuple(spans)


def _of_marks(marks: Sequence[bool], text: str, tokens: object) -> Spans:
    ranges = [found.span() for found in WORD.finditer(text)] if tokens is None else _ranges(tokens, text)
    if len(marks) != len(ranges):
        of = "words between spaces" if tokens is None else "tokens"
        raise ValueError(f"the rationale has {len(marks)} marks, and the row {len(ranges)} {of}")
    return tuple(span for span, marked in zip(ranges, marks, strict=True) if marked)


def _ranges(tokens: object, text: str) -> list[tuple[int, int]]:
    """Return where each token stands, each after the one before it."""
    if not isinstance(tokens, list | tuple):
        raise ValueError("the tokens that the rationale marks are not a list")
    ranges, after = [], 0
    for token in tokens:
        start = text.find(str(token), after)
        if start < 0:
            raise ValueError(f"the token {_shown(str(token))} is not in the text after the one before it")
        after = start + len(str(token))
        ranges.append((start, after))
    return ranges


def _span(item: object, text: str) -> tuple[int, int]:
    if isinstance(item, Mapping):
        item = [item.get("start"), item.get("end")]
    bounds = [bound for bound in item[:2] if type(bound) is int] if isinstance(item, list | tuple) else []
    if len(bounds) != 2:
        raise ValueError("the rationale is not a list of spans, texts or marks")
    start, end = bounds
    if not 0 <= start < end <= len(text):
        raise ValueError(f"the rationale [{start}, {end}] is not a part of a text of {len(text)} characters")
    return start, end


def _shown(part: str) -> str:
    return repr(part if len(part) <= SHOWN else part[: SHOWN - 1] + "…")
