"""Text on a screen: made safe to show, cut into what a reader sees as one character, and to a number of cells."""

import re
from collections.abc import Iterator, Sequence
from unicodedata import category

from rich.cells import cell_len

# What must not reach a screen as it is: control characters (a text could otherwise move the cursor or set the window's
# title), bidi embeddings, overrides and isolates (it could reorder our own words), line separators, lone surrogates
# and noncharacters (not encodable, or not allowed in XML).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_JOINER = "\u200d"
_MODIFIER = re.compile("[\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")  # skin tones, and the tags of regional flags


def visible(text: str) -> str:
    """Return text that is safe to show: what would act on the screen is replaced by a symbol, such as ␛ or ‹202E›."""
    return _UNSAFE.sub(lambda found: _symbol(ord(found.group())), text)


def _symbol(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹{code:X}›"


def short(text: str, room: int = 24) -> str:
    """Return safe text of at most `room` cells, the rest replaced by an ellipsis."""
    if text.isascii() and text.isprintable():  # a cell for each character; most often by far where there are many texts
        return text if len(text) <= room else text[: room - 1] + "…"
    head = text[: 8 * room]  # a cell rarely holds more than a letter and its marks
    shown = ""
    for start, end in clusters(head, 0, len(head)):
        symbol = visible(head[start:end])
        if cell_len(shown + symbol) > room - (end < len(text)):
            return shown + "…"
        shown += symbol
    return shown if len(head) == len(text) else shown + "…"


def continues(text: str, first: int, index: int) -> bool:
    """Return whether the character at `index` belongs to the grapheme cluster that began at `first`."""
    before, character = text[index - 1], text[index]
    if before == "\r":
        return character == "\n"
    if _UNSAFE.match(before) or _UNSAFE.match(character):
        return False
    if before == _JOINER:
        return not character.isspace()
    if "\U0001f1e6" <= character <= "\U0001f1ff":  # two regional indicators make a flag
        return index - first == 1 and "\U0001f1e6" <= before <= "\U0001f1ff"
    return category(character)[0] == "M" or bool(_MODIFIER.match(character)) or cell_len(character) == 0


def clusters(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut text[start:end] into what a reader sees as one character: a letter with its marks, a whole emoji, CR LF."""
    first = start
    for index in range(start + 1, end):
        if not continues(text, first, index):
            yield first, index
            first = index
    if first < end:
        yield first, end


def packed(sizes: Sequence[int], room: int) -> Iterator[list[int]]:
    """Yield the indices of as many columns of these sizes at a time as fit into `room`, at least one."""
    block: list[int] = []
    used = 0
    for index, size in enumerate(sizes):
        if block and used + size > room:
            yield block
            block, used = [], 0
        block.append(index)
        used += size
    yield block
