"""Drawing an explanation on a terminal: the label, the text with its words shaded by weight, and a legend."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import category

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from attnclf.errors import ConfigError
from attnclf.explain.metrics.faithfulness import Faithfulness
from attnclf.explain.render.palette import AGAINST, STEPS, TONES, Scale
from attnclf.explain.types.explanation import Explanation, Word
from attnclf.text.screen import clusters, continues, short, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

LIMIT = 4000  # characters of one text that are drawn; a longer text shows the passages around its heaviest words
RUNNERS_UP = 3
BAR = 10  # cells
TAB = "    "

PLAIN = Style()
BOLD = Style(bold=True)
DIM = Style(dim=True)

_NO_BREAK_SPACES = "\xa0\u2007\u202f"


def percent(share: float) -> str:
    """Return a share of 1 as whole per cent, never rounding something to nothing or nearly all to all."""
    if 0 < share <= 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"


def runners_up(explanation: Explanation) -> tuple[tuple[str, float], ...]:
    """Return the best labels after those chosen (after the best one when none is), with their probabilities."""
    chosen = explanation.chosen or tuple(label for label, _ in explanation.labels[:1])
    return tuple(pair for pair in explanation.labels if pair[0] not in chosen)[:RUNNERS_UP]


def heaviest(words: Sequence[Word], top: int) -> list[Word]:
    """Return the `top` words with the largest weights, whatever their sign, the heaviest first; none without weight."""
    return nlargest(top, (word for word in words if word.weight), key=lambda word: abs(word.weight))


def strongest(words: Sequence[Word], top: int) -> list[tuple[Word, float]]:
    """Return the `top` words that add or take most through the n-grams, with their contributions."""
    moving = [(word, word.contribution) for word in words if word.contribution is not None]
    visible = [(word, amount) for word, amount in moving if signed(amount).strip("+−0.")]
    return nlargest(top, visible, key=lambda pair: abs(pair[1]))


def signed(amount: float) -> str:
    """Return a number with its sign and two decimals; a real minus, as wide as the plus."""
    return f"{round(amount, 2) + 0.0:+.2f}".replace("-", "−")


def amount(explanation: Explanation, word: Word) -> str:
    """Return a word's weight in words: a share in per cent, or a signed number and its error if it has one."""
    if not explanation.signed:
        return percent(word.weight)
    return signed(word.weight) + (f" ± {word.error:.2f}" if word.error else "")


def sides(explanation: Explanation) -> tuple[str, str]:
    """Return what the words of a signed explanation speak for, and what the others speak for."""
    label = short(explanation.label or "")
    if explanation.against is None:
        return f"for {label}", "against it"
    return f"for {label}", f"for {short(explanation.against)}"


def effect(label: str, found: Faithfulness) -> str:
    """Return in a sentence how the probability of the label falls without the top words, and with only them."""
    without, alone, random_without, random_alone = map(figure, found.figures["delete"])
    return (
        f"removing the top words lowers P({label}) by {without} (random words: {random_without}), "
        f"keeping only them by {alone} ({random_alone})"
    )


def figure(value: float) -> str:
    """Return a number with two decimals and a real minus, never one before a zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def passages(explanation: Explanation, top: int, limit: int = LIMIT) -> list[tuple[int, int]]:
    """Return the parts of the text to draw, as offsets: all of it, or about `limit` characters around the top words."""
    text = explanation.text
    if len(text) <= limit:
        return [(0, len(text))]
    found = sorted(word.start for word in heaviest(explanation.words, top)) or [0]
    reach = max(limit // (2 * len(found)), 1)
    parts: list[tuple[int, int]] = []
    for middle in found:
        start, end = _edge(text, middle - reach), _edge(text, middle + reach)
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
        else:
            parts.append((start, end))
    return parts


def _edge(text: str, index: int) -> int:
    """Move an offset back to where a word begins, if one begins nearby, else to where a cluster does."""
    if index <= 0 or index >= len(text):
        return min(max(index, 0), len(text))
    nearby = range(index, max(index - 32, 0), -1)
    for place in nearby:
        if text[place - 1].isspace() and not continues(text, place - 1, place):
            return place
    return next((place for place in nearby if not continues(text, place - 1, place)), index)


class Run(NamedTuple):
    """Neighbouring clusters that belong to the same word, or to none; `read` is False where the model read nothing."""

    clusters: list[str]
    word: Word | None
    read: bool


def runs(explanation: Explanation, start: int, end: int) -> Iterator[Run]:
    """Cut a passage into words and what lies between; a cluster shared by two words goes whole to the heavier one."""
    text, words = explanation.text, explanation.words
    unread = len(text) if explanation.truncated_at is None else explanation.truncated_at
    following = bisect_right(words, start, key=lambda word: word.end)

    def owner(cluster: tuple[int, int]) -> tuple[Word | None, bool]:
        nonlocal following
        while following < len(words) and words[following].end <= cluster[0]:
            following += 1
        sharing = takewhile(lambda word: word.start < cluster[1], map(words.__getitem__, range(following, len(words))))
        return max(sharing, key=lambda word: abs(word.weight), default=None), cluster[0] < unread

    for (word, read), group in groupby(clusters(text, start, end), key=owner):
        yield Run([text[first:last] for first, last in group], word, read)


class Cell(NamedTuple):
    """What is drawn as one piece and never cut: a cluster of the text, or a phrase of ours such as "31 %"."""

    symbol: str
    style: Style

    @property
    def is_space(self) -> bool:
        """Whether a line may end here."""
        return self.symbol.isspace() and self.symbol[0] not in _NO_BREAK_SPACES

    def breaks_before(self, following: "Cell") -> bool:
        """Whether a line may end between this piece and the next: next to wide characters, but not inside a bracket."""
        return (
            max(cell_len(self.symbol[-1]), cell_len(following.symbol[0])) > 1
            and category(self.symbol[-1]) not in ("Ps", "Pi", "Zs")
            and category(following.symbol[0]) not in ("Pe", "Pf", "Po", "Zs")
        )


NEW_LINE = Cell("\n", PLAIN)


def cells(text: str, style: Style = PLAIN) -> list[Cell]:
    """Return safe text as cells, one per cluster."""
    return [Cell(visible(text[start:end]), style) for start, end in clusters(text, 0, len(text))]


def wrap(line: Iterable[Cell], width: int) -> Iterator[list[Cell]]:
    """Break cells into lines of at most `width`; spaces give way to the break, nothing else does."""
    row: list[Cell] = []
    used = 0
    for piece in _unbroken(line):
        size = sum(cell_len(cell.symbol) for cell in piece)
        if piece == [NEW_LINE]:
            yield row
            row, used = [], 0
        elif piece[0].is_space:
            if used + size <= width:
                row += piece
            used = min(used + size, width)
        else:
            if row and used + size > width:
                yield trimmed(row)
                row, used = [], 0
            for cell in piece:
                size = cell_len(cell.symbol)
                if row and used + size > width:
                    yield trimmed(row)
                    row, used = [], 0
                row.append(cell)
                used += size
    yield row


def trimmed(line: list[Cell]) -> list[Cell]:
    """Return a line without the spaces at its end; shaded ones are a picture and stay."""
    kept = len(line)
    while kept and line[kept - 1].is_space and not line[kept - 1].style.bgcolor:
        kept -= 1
    return line[:kept]


def _unbroken(line: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Group cells into pieces between which a line may break."""
    piece: list[Cell] = []
    for cell in line:
        joined = piece and not cell.is_space and not piece[-1].is_space and not piece[-1].breaks_before(cell)
        if piece and not joined:
            yield piece
            piece = []
        piece.append(cell)
    if piece:
        yield piece


class Tones(NamedTuple):
    """The styles of the steps on one kind of screen, of words for the label and of words against it; none in black."""

    speaking: tuple[Style, ...]
    against: tuple[Style, ...]

    @classmethod
    def of(cls, console: "Console") -> "Tones":
        """Return those of a console."""
        colours = None if console.no_color else console.color_system
        if colours is None:
            return cls((), ())
        return cls(*(tuple(map(Style.parse, table[colours])) for table in (TONES, AGAINST)))

    def style(self, weight: float, step: int) -> Style:
        """Return the style of a weight at a step from 0."""
        if not step or not self.speaking:
            return PLAIN
        return (self.speaking if weight > 0 else self.against)[step - 1]


@dataclass(frozen=True, slots=True)
class Highlight:
    """An explanation that draws itself on a rich console: label and probability, shaded text, legend.

    A word at or below the even share (1 / number of words) is unshaded. Above it the tone rises in five steps. It is
    full at the largest weight, but at least at twice the even share, so that nearly equal weights look equal. Words
    against the label have tones of another colour. Without colour, those of the `top` words that would have a tone are
    in [brackets], the strongest in [[two]], those against the label in {braces}. Every character of the text is kept,
    except that a tab becomes four spaces and control characters become visible symbols. A text of more than `limit`
    characters shows the passages around its top words.
    """

    explanation: Explanation
    top: int = field(default=5, kw_only=True)
    limit: int = field(default=LIMIT, kw_only=True)

    def __post_init__(self) -> None:
        for name, value in (("top", self.top), ("limit", self.limit)):
            if value < 1:
                raise ConfigError(f"{name} is {value}", fix=f"set {name} to 1 or more")

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        yield from printed(self._paragraphs(Tones.of(console)), options.max_width)

    def _paragraphs(self, tones: Tones) -> Iterator[list[Cell]]:
        """Yield the paragraphs to wrap; `tones` are empty on a terminal without colour."""
        if self.explanation.label is None:
            yield cells("nothing to classify: the text is blank", DIM)
            return
        yield header(self.explanation)
        yield []
        yield from self._text(tones)
        yield []
        yield from self._legend(tones)
        yield from self._faithfulness()
        yield from self._contributions()

    def _text(self, tones: Tones) -> Iterator[list[Cell]]:
        length, stop = len(self.explanation.text), self.explanation.truncated_at
        scale, top = Scale.of(self.explanation.words), heaviest(self.explanation.words, self.top)
        drawn = 0
        for start, end in passages(self.explanation, self.top, self.limit):
            if start > drawn:
                yield cells(f"… {start - drawn:,} characters …", DIM)
            line: list[Cell] = []
            for run in runs(self.explanation, start, end):
                step = scale.step(run.word.weight) if run.word else 0
                if run.word is None or not step:
                    line += _shaded(run, PLAIN)
                elif tones.speaking:
                    line += _shaded(run, tones.style(run.word.weight, step))
                else:
                    line += _bracketed(run, run.word, (1 + (step == STEPS)) if run.word in top else 0)
            yield line
            drawn = end
        if drawn < length:
            yield cells(f"… {length - drawn:,} more characters", DIM)
        if stop is not None and stop < length:
            yield []
            yield cells(f"the model read the first {stop:,} of {length:,} characters", DIM)

    def _legend(self, tones: Tones) -> Iterator[list[Cell]]:
        words, scale = self.explanation.words, Scale.of(self.explanation.words)
        line = [*cells(self.explanation.method, BOLD), *cells(": ", DIM)]
        if not words:
            yield [*line, *cells("no word to weigh", DIM)]
            return
        share = Cell(percent(scale.even), DIM)
        striking = any(scale.step(word.weight) for word in words)
        if not striking and not self.explanation.signed:
            line += [*cells("no word stands out from an even share (", DIM), share, Cell(")", DIM)]
        elif not striking:
            line += cells("no word stands out", DIM)
        elif self.explanation.signed:
            line += _signed_legend(self.explanation, scale, tones)
        elif tones.speaking:
            line += [*cells("unshaded: ", DIM), share, *cells(" or less (an even share), ", DIM)]
            line += [Cell("\xa0\xa0", tone) for tone in tones.speaking]
            line += [*cells(" up to ", DIM), Cell(percent(scale.full), DIM)]
        else:
            line += [*cells("[more than ", DIM), share, *cells(" (an even share)], [[about ", DIM)]
            line += [Cell(f"{percent(scale.full)}]]", DIM)]
        yield line
        if not heaviest(words, 1):
            return
        line = cells("top words: ", DIM)
        for place, word in enumerate(heaviest(words, self.top)):
            line += cells(", " if place else "", DIM)
            line += [*cells(short(word.text)), Cell(f" {amount(self.explanation, word)}", DIM)]
        yield line

    def _faithfulness(self) -> Iterator[list[Cell]]:
        """Yield a line on how faithful the explanation is, and one for the gap of its sum."""
        found = self.explanation.faithfulness
        if found is not None:
            yield [*cells(found.verdict, BOLD), *cells(f": {effect(short(self.explanation.label or ''), found)}", DIM)]
        if self.explanation.gap is not None:
            yield cells(f"convergence gap: {self.explanation.gap:.1g}".replace("-", "−", 1), DIM)

    def _contributions(self) -> Iterator[list[Cell]]:
        """Yield a line of the words that move the label's logit most through the n-grams."""
        moving = strongest(self.explanation.words, self.top)
        if moving and self.explanation.label is not None and self.explanation.method != "ngrams":
            named = self.explanation.label, self.explanation.against
            line = [*cells("n-grams", BOLD), *cells(" for ", DIM)]
            line += [
                *cells(named[0]),
                *cells("" if named[1] is None else f" rather than {named[1]}"),
                *cells(": ", DIM),
            ]
            for place, (word, amount) in enumerate(moving):
                line += cells(", " if place else "", DIM)
                line += [*cells(short(word.text)), Cell(f" {signed(amount)}", DIM)]
            yield line


def printed(lines: Iterable[list[Cell]], width: int) -> Iterator[Segment]:
    """Yield what a console prints of paragraphs, wrapped."""
    for line in lines:
        for row in wrap(line, width):
            yield from Segment.simplify(Segment(cell.symbol, cell.style) for cell in row)
            yield Segment.line()


def _signed_legend(explanation: Explanation, scale: Scale, tones: Tones) -> Iterator[Cell]:
    speaking, against = sides(explanation)
    if not tones.speaking:
        yield from cells(f"[{speaking}], {{{against}}}; doubled: about ±{scale.full:.2f}", DIM)
        return
    for side, styles in ((speaking, tones.speaking), (against, tones.against)):
        yield from (Cell("\xa0\xa0", style) for style in styles)
        yield from cells(f" {side}, ", DIM)
    yield from cells("from ", DIM)
    yield Cell(f"±{scale.even:.2f}", DIM)
    yield from cells(" to ", DIM)
    yield Cell(f"±{scale.full:.2f}", DIM)


def header(explanation: Explanation) -> list[Cell]:
    """Return the line of the labels: those chosen with a bar, then the runners-up."""
    scores = dict(explanation.labels)
    line: list[Cell] = []
    for label in explanation.chosen:
        filled = round(BAR * scores[label])
        bar = [*cells("━" * filled, BOLD), *cells("─" * (BAR - filled), DIM)]
        line += [*cells("   " if line else ""), *cells(label, BOLD)]
        line += [Cell(f" {bar[0].symbol}", bar[0].style), *bar[1:], Cell(f" {percent(scores[label])}", PLAIN)]
    if not explanation.chosen:
        label, score = explanation.labels[0]
        line = [*cells("no label; most probable: "), *cells(label, BOLD), Cell(f" {percent(score)}", PLAIN)]
    for label, score in runners_up(explanation):
        line += [Cell(" ·", DIM), Cell(" ", DIM), *cells(label, DIM), Cell(f" {percent(score)}", DIM)]
    return line


def _shaded(run: Run, style: Style) -> Iterator[Cell]:
    for cluster in run.clusters:
        if cluster in ("\n", "\r\n"):
            yield NEW_LINE
        else:
            yield Cell(TAB if cluster == "\t" else visible(cluster), style if run.read else DIM)


def _bracketed(run: Run, word: Word, depth: int) -> Iterator[Cell]:
    before, after = "[]" if word.weight > 0 else "{}"
    if depth:
        yield Cell(before * depth, PLAIN)
    yield from _shaded(run, PLAIN)
    if depth:
        yield Cell(after * depth, PLAIN)
