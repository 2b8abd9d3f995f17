"""Pages, help, docstrings and messages are plain English: few long sentences, no banned words (`make check`)."""

from pathlib import Path

import prose
import pytest
import typer
from attnclf_cli.app import application
from manual import ROOT

MOST = 4.0  # percent of a page's sentences that may be long

# What still has to be rewritten: the number of faults in public docstrings and in messages. No figure rises.
# `python tests/docs/prose.py attnclf/explain` lists those of a package.
CODE_TO_REWRITE: dict[str, int] = {
    "atomic": 1,
    "cli": 7,
    "data": 1,
    "export": 5,
    "runtime": 4,
    "serve": 5,
}
HELP_TO_REWRITE = 6

# Example texts for measuring, not messages.
TEXTS = {"attnclf/runtime/samples.py"}

PATTERNS = ("*.md", "docs/**/*.md", "examples/**/*.md", "findings/*.md", "benchmarks/*.md")
PAGES = sorted({path.relative_to(ROOT).as_posix() for pattern in PATTERNS for path in ROOT.glob(pattern)})


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_few_sentences_of_a_page_are_long(page):
    sentences = prose.sentences(read(page))
    long = [
        f"{prose.words(sentence)} words: {sentence}" for sentence in sentences if prose.words(sentence) > prose.LONG
    ]
    assert prose.share_of_long(sentences) <= MOST, "\n".join(long)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_banned_words(page):
    found = prose.banned_in(read(page))
    assert not found, "\n".join(found)


def packages():
    """Return the Python files of each package, by its name; those of the commands are `cli`."""
    found = {}
    for path in sorted([*(ROOT / "attnclf").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]):
        folder, name, *_ = path.relative_to(ROOT).parts
        found.setdefault(folder if folder == "cli" else Path(name).stem, []).append(path)
    return found


@pytest.mark.parametrize("package", sorted(packages()))
def test_the_docstrings_and_messages_of_a_package_are_plain(package):
    paths = [path for path in packages()[package] if path.relative_to(ROOT).as_posix() not in TEXTS]
    found = [f"{path.relative_to(ROOT)}: {fault}" for path in paths for fault in prose.faults(path)]
    assert len(found) <= CODE_TO_REWRITE.get(package, 0), "\n".join(found)


def helps():
    """Return the help of the program, of each command and of each option, by its name."""
    program = typer.main.get_command(application())
    texts = {"attnclf": program.help}
    for name, command in program.commands.items():
        texts |= {name: command.help} | {
            f"{name} {option.opts[0]}": option.help for option in command.params if getattr(option, "help", None)
        }
    return texts


def test_the_help_is_plain():
    found = [f"{name}: {fault}" for name, text in helps().items() for fault in prose.faults_of_page(text or "")]
    assert len(found) <= HELP_TO_REWRITE, "\n".join(found)


def test_nothing_is_listed_that_has_been_rewritten():
    assert set(CODE_TO_REWRITE) <= set(packages())


PAGE = """# A heading is no sentence and has no end

Peters et al. 2018 is one sentence, e.g. this one. `a.b. C` is one word.
A sentence goes on
over a line; this is still the second. What is "this?" Is it the end?

- An item is a sentence
  that goes on here
- Next item. With two sentences.

| a table | has labels |
| --- | --- |
| `x` | a short cell is a label |

```sh
echo This is code. It is not read.
```

> A quotation has [a link](a.page.md "A title. Too.") in it.
"""


def test_a_page_is_split_into_its_sentences():
    assert prose.sentences(PAGE) == [
        "Peters et al. 2018 is one sentence, e.g. this one.",
        "`a.b. C` is one word.",
        "A sentence goes on over a line; this is still the second.",
        'What is "this?',
        "Is it the end?",
        "An item is a sentence that goes on here",
        "With two sentences.",
        "A quotation has a link in it.",
    ]


def test_a_long_cell_counts_and_a_short_one_does_not():
    table = "| `x` | {} |\n| --- | --- |\n"
    assert prose.sentences(table.format("word " * prose.LONG)) == []
    assert len(prose.sentences(table.format("word " * (prose.LONG + 1)))) == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "The network foretells words.",
        "Show so many labels.",
        "The vector stands beside its state.",
        "A note says which file is read.",
        "Each unit has a vector.",
        "Of few rows the network counts less.",
        "It did. Nor does it know.",
        "**Anew**, it begins.",
    ],
)
def test_banned_words_and_inversions_are_found(sentence):
    assert prose.banned_in(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "`text.unit` is a setting.",
        "Of course it reads tokens.",
        "The layer has 64 hidden units.",
        'A row may read "Shall we say so?".',
    ],
)
def test_names_in_code_and_plain_sentences_are_not_found(sentence):
    assert not prose.banned_in(sentence)


def test_docstrings_of_public_names_and_messages_are_read():
    public, private = 'def f():\n    """Shall we."""\n', 'def _g():\n    """Thrice told."""\n'
    code = f'"""Anew."""\n{public}{private}raise ValueError(f"so many rows {{x}}")\n'
    assert [fault.split(": ")[0] for fault in prose.faults_of_code(code)] == ["line 1", "line 3", "line 6"]
