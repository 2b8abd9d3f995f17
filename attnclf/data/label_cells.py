"""Several labels in one cell: written with a separator between them, and read back."""

import re
from collections.abc import Iterable, Iterator

SEPARATOR = "|"  # what predict writes, and --label-separator reads back


def joined(labels: Iterable[str]) -> str:
    r"""Return labels as one cell. A `SEPARATOR` within a label has a backslash before it: a\|b.

    A backslash means something directly before a separator only: there each one of a label is written twice.
    """
    *others, last = [*labels] or [""]
    return SEPARATOR.join([*(_doubled(_escaped(label)) for label in others), _escaped(last)])


def parted(cell: str, separator: str) -> Iterator[str]:
    """Yield the labels of a cell, stripped and without the blank ones; what `joined` made of labels gives these."""
    if "\\" not in cell:
        yield from filter(None, map(str.strip, cell.split(separator)))
        return
    label = ""
    for text, slashes, found in re.findall(rf"(.*?)(\\*)({re.escape(separator)}|\Z)", cell, re.DOTALL):
        label += text + (slashes[: len(slashes) // 2] if found else slashes)
        if found and len(slashes) % 2:
            label += separator
            continue
        if label.strip():
            yield label.strip()
        label = ""


def _escaped(label: str) -> str:
    return re.sub(rf"(\\*){re.escape(SEPARATOR)}", lambda found: 2 * found[1] + "\\" + SEPARATOR, label)


def _doubled(label: str) -> str:
    slashes = len(label) - len(label.rstrip("\\"))
    return label + "\\" * slashes
