"""Drawing a map of weights on a terminal: a grid of shades, or a list of bars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING
from unicodedata import bidirectional

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from attnclf.explain.render.palette import Scale
from attnclf.explain.render.terminal.highlight import BAR, BOLD, DIM, PLAIN, Cell, Tones, cells, percent, trimmed, wrap
from attnclf.explain.types.explanation import Map
from attnclf.text.screen import short

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

LARGEST = 40  # words on a side of a square map; the ones that get most weight
LONGEST = 60  # words across any other map
BARS = 12
STRONGEST = 5  # pairs that are named below a grid
HEADING = 16  # cells of a word
SHADES = "░▒▓█"  # without colour
MARK = "\u200e"  # keeps a right-to-left word in its column on terminals that know bidi


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A map that draws itself on a rich console.

    Rows go down and columns across. If both are the words of a text, columns are headed by their numbers, so that the
    grid stays small. Other columns are headed by words, in blocks as wide as the terminal. The shades are those of a
    highlight: none up to the even share (the mean weight), full at the largest weight, but at least at twice the even
    share. Without colour they are ░▒▓█. A list is drawn as bars. A large map has the words with the most weight, and a
    line with their number.
    """

    map: Map

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        tones = Tones.of(console).speaking
        width = options.max_width
        drawn = _bars(self.map, width) if self.map.is_list else _grid(self.map, tones, width)
        for line in (cells(self.map.title or self.map.name, BOLD), [], *drawn):
            for row in wrap(line, width) if sum(cell_len(cell.symbol) for cell in line) > width else [line]:
                yield from Segment.simplify(Segment(cell.symbol, cell.style) for cell in trimmed(row))
                yield Segment.line()


def heaviest_columns(weights: Map, most: int) -> list[int]:
    """Return the numbers of at most `most` columns, those that got the most weight, in their own order."""
    got = [sum(row[column] for row in weights.weights) for column in range(len(weights.columns))]
    return sorted(nlargest(most, range(len(got)), key=got.__getitem__))


def strongest_pairs(weights: Map) -> list[tuple[str, str, float]]:
    """Return the pairs of row and column with the largest weights above the even share, the strongest first.

    There are none in a map of one row: that row is a highlight, and a highlight names its words.
    """
    if len(weights.rows) == 1:
        return []
    scale = scale_of(weights)
    found = (
        (row, column, weight)
        for row, line in zip(weights.rows, weights.weights, strict=True)
        for column, weight in zip(weights.columns, line, strict=True)
        if scale.step(weight)
    )
    return nlargest(STRONGEST, found, key=lambda pair: pair[2])


def scale_of(weights: Map) -> Scale:
    """Return the one scale of all of a map's weights, so that its cells can be compared."""
    return Scale.over([weight for row in weights.weights for weight in row])


def _grid(weights: Map, tones: tuple[Style, ...], width: int) -> Iterator[list[Cell]]:
    square = weights.rows == weights.columns
    digits = len(str(len(weights.rows)))
    room = max(width // 3, 8) - (digits + 1 if square else 0)
    names = [short(name, min(room, HEADING)) for name in weights.rows]
    if square:
        names = [f"{number:>{digits}} {_kept(name)}" for number, name in enumerate(names, 1)]
    else:
        names = [_kept(name) for name in names]
    stub = max(map(cell_len, names)) + 1
    fitting = max((width - stub) // 2, 1)
    columns = heaviest_columns(weights, min(fitting, LARGEST) if square else LONGEST)
    rows = columns if square else range(len(weights.rows))
    scale = scale_of(weights)
    for place, block in enumerate(_blocks(weights, columns, width - stub, square)):
        if place:
            yield []
        yield from _headings(weights, block, stub, square)
        for row in rows:
            line = [Cell(names[row], PLAIN), Cell(" " * (stub - cell_len(names[row])), PLAIN)]
            for column, size in block:
                line += _shade(scale, weights.weights[row][column], size, tones)
                line += [] if square else [Cell(" ", PLAIN)]
            yield line
    yield []
    if len(columns) < len(weights.columns):
        yield cells(f"the {len(columns)} of {len(weights.columns):,} words with the most weight", DIM)
    yield _legend(scale, tones)
    pairs = strongest_pairs(weights)
    if pairs:
        line = cells("strongest: ", DIM)
        for place, (row_name, column_name, weight) in enumerate(pairs):
            line += cells(", " if place else "", DIM)
            pair = (_kept(short(name, min((width - 12) // 2, 24))) for name in (row_name, column_name))
            line += [Cell(" → ".join(pair), PLAIN)]
            line += [Cell(f" {percent(weight)}", DIM)]
        yield line


def _blocks(weights: Map, columns: Sequence[int], room: int, square: bool) -> Iterator[list[tuple[int, int]]]:
    """Yield columns with their widths in cells, as many at a time as there is room for."""
    block: list[tuple[int, int]] = []
    used = 0
    for column in columns:
        size = 2 if square else max(cell_len(_heading(weights.columns[column], room)), 2)
        if block and used + size > room:
            yield block
            block, used = [], 0
        block.append((column, size))
        used += size + (not square)
    yield block


def _heading(word: str, room: int) -> str:
    return short(word, min(room, HEADING))


def _headings(weights: Map, block: Sequence[tuple[int, int]], stub: int, square: bool) -> Iterator[list[Cell]]:
    """Yield the lines over a block: the words, or their numbers with one digit below the other."""
    if square:
        numbers = [str(column + 1) for column, _ in block]
        for digits in zip(*(number.rjust(max(map(len, numbers))) for number in numbers), strict=True):
            yield [Cell(" " * stub, PLAIN), *(cell for digit in digits for cell in cells(f"{digit} ", DIM))]
        return
    line = [Cell(" " * stub, PLAIN)]
    for column, size in block:
        heading = _heading(weights.columns[column], size)
        line += [Cell(_kept(heading), PLAIN), Cell(" " * (size + 1 - cell_len(heading)), PLAIN)]
    yield line


def _shade(scale: Scale, weight: float, size: int, tones: tuple[Style, ...]) -> list[Cell]:
    step = scale.step(weight, len(tones) or len(SHADES))
    if not step:
        return cells(f"{'·':^{size}}", DIM)
    return [Cell(" " * size, tones[step - 1]) if tones else Cell(SHADES[step - 1] * size, PLAIN)]


def _legend(scale: Scale, tones: tuple[Style, ...]) -> list[Cell]:
    shades = [Cell("\xa0\xa0", tone) for tone in tones] or cells(SHADES)
    return [
        *cells("·: ", DIM),
        Cell(percent(scale.even), DIM),
        *cells(" or less (an even share), ", DIM),
        *shades,
        *cells(" up to ", DIM),
        Cell(percent(scale.full), DIM),
    ]


def _bars(weights: Map, width: int) -> Iterator[list[Cell]]:
    """Yield a line for each of the first columns: its name, its weight as a bar against the largest, and in figures."""
    (values,) = weights.weights
    largest = max(values, default=0.0)
    names = [_kept(short(name, max(width - BAR - 10, 8))) for name in weights.columns[:BARS]]
    stub = max(map(cell_len, names), default=0)
    for name, value in zip(names, values, strict=False):
        filled = round(BAR * value / largest) if largest else 0
        line = [Cell(name, PLAIN), Cell(" " * (stub + 1 - cell_len(name)), PLAIN)]
        yield [*line, *cells("━" * filled, BOLD), *cells("─" * (BAR - filled), DIM), Cell(f" {value:.2g}", PLAIN)]
    if len(weights.columns) > BARS:
        yield cells(f"… and {len(weights.columns) - BARS:,} more", DIM)


def _kept(name: str) -> str:
    """Return a name that stays in its place beside others, whatever the direction of its script."""
    return f"{MARK}{name}{MARK}" if any(bidirectional(letter) in ("R", "AL") for letter in name) else name
