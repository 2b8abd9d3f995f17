"""Many texts from few: hardly two lines are equal and new words never end, as in a real stream."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.speed.settings import Row, Setup

ERRORS = 50  # one word in 50 has two letters swapped or one doubled
BLOCK = 10_000  # lines made at a time

HOW = (
    "Each line is the first half of one row's words and the second half of another's, both drawn at random with "
    f"replacement; one word in {ERRORS} is misspelt. So a cache of lines gains nothing, and new unknown words "
    "never end."
)


def recombined(rows: Sequence[Row], seed: int) -> Iterator[Row]:
    """Yield rows without end, labelled as the row that gave the first half."""
    draw = random.Random(seed)
    split = [(row.text.split(), row.label) for row in rows]
    while True:
        (head, label), (tail, _) = draw.choice(split), draw.choice(split)
        words = head[: (len(head) + 1) // 2] + tail[len(tail) // 2 :]
        for place in range(len(words)):
            if draw.random() * ERRORS < 1:
                words[place] = misspelt(words[place], draw)
        yield Row(" ".join(words), label)


def misspelt(word: str, draw: random.Random) -> str:
    """Return the word with two neighbours swapped, or its only letter doubled."""
    if len(word) < 2:
        return word * 2
    place = draw.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def blocks(rows: Sequence[Row], count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` recombined texts as lines, many to a block."""
    texts = recombined(rows, seed)
    for start in range(0, count, BLOCK):
        lines = [next(texts).text for _ in range(min(BLOCK, count - start))]
        yield ("\n".join(lines) + "\n").encode()


def all_rows(setup: Setup, dataset: str) -> list[Row]:
    """Return the rows of training and test together: words in a model's vocabulary, and words outside."""
    return setup.read(dataset, "train") + setup.read(dataset, "test")


def written(setup: Setup, dataset: str, count: int) -> Path:
    """Return a file of `count` recombined texts, one a line, made unless it is there."""
    path = setup.work / f"{dataset}-{count}.txt"
    if not path.is_file():
        path.write_bytes(b"".join(blocks(all_rows(setup, dataset), count, seed=0)))
    return path


def repeating(setup: Setup, dataset: str, count: int) -> Path:
    """Return a file of `count` lines, half of them recombined texts and half drawn from those before, made as above."""
    path = setup.work / f"{dataset}-{count}-repeating.txt"
    if not path.is_file():
        draw = random.Random(0)
        new = iter(written(setup, dataset, count).read_text(encoding="utf-8").splitlines())
        lines: list[str] = []
        for _ in range(count):
            lines.append(draw.choice(lines) if lines and draw.random() < 0.5 else next(new))
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def labelled(setup: Setup, dataset: str, split: str) -> Path:
    """Return a split in fastText's form, a label in front of each line, made unless it is there."""
    path = setup.work / f"{dataset}-{split}.labelled.txt"
    if not path.is_file():
        lines = (f"__label__{row.label.replace(' ', '_')} {row.text}\n" for row in setup.read(dataset, split))
        path.write_text("".join(lines), encoding="utf-8")
    return path
