"""Reading prose: the sentences of pages, docstrings and messages, their length, and words that we do not use.

`python tests/docs/prose.py PATH...` lists what to rewrite in files and folders.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

LONG = 30  # words; a sentence with more counts as long

# Each is a pattern, and what to write in its place.
BANNED = {
    r"foretell\w*|foretold": "predict, pretrain",
    r"anew": "again",
    r"so many": "N, maximum",
    r"without more ado": "by default",
    r"shall": "must, should, or the present tense",
    r"where there (?:is|are) (?:one|some|any|none)": "if the file has a ..., name the thing",
    r"in (?:its|their) own words": "name the format or the field",
    r"thrice": "three times",
    r"whatever hangs": "name what depends on it",
    r"beside": "alongside, next to, in addition to",
    r"hearken\w*|behold|heed\w*": "listen, see, follow",
    r"whence|thence|hither|thither|hitherto|henceforth|forthwith|betwixt|amidst|amongst|whilst|unto|lest|ere|nigh|albeit|"
    r"aught|naught|nought|thereof|therein|thereto|therewith|thereupon|herein|hereby|wherein|whereof": "a modern word",
    r"but for|save for|for want of|for lack of": "except, without",
    r"as it were|so to speak": "nothing",
    r"says|said|saying|tells|told|telling|tell whether|hears?|heard|knows": "prints, returns, reads, reports, detects, "
    "recognises; a program does not speak or know",
    r"what holds for|what is worth|is worth (?:looking|a look)": "name the thing",
    r"by way of": "through, by",
    r"stands? (?:in|at|under|above|below|there|on|between|behind|before)": "is",
    r"(?:go|goes|gone|going) on (?:from|after|with|on)": "continue, resume",
    r"makes? of (?:it|them|these|that)": "name the result",
    r"taught": "trained",
    r"mend(?:s|ed|ing)?": "repair, fix",
    r"(?:text|word|token|pair)s? (?:is|are) dealt|dealt (?:by|among|to|out)": "assigned",
    r"let(?:s|ting)? go of": "release",
    r"(?:begin|count|learn|treat\w*|weigh)s? alike": "equally, the same",
    r"(?<!hidden )(?<!gated )units?": "token",
}
# A sentence that begins so puts the object first.
INVERTED = re.compile(r"(?:Of (?!course\b)|Nor |Never (?!\w+ing\b)\w+ (?:does|do|is|are)\b|So (?:do|does|is|are) )")

# A point that ends no sentence.
ABBREVIATIONS = re.compile(r"(?:\b(?:al|eq|eqs|sec|fig|vs|cf|approx|e\.g|i\.e|etc|vol|St|Dr|Mr|Ms))\.$")
END = re.compile(r"(?<=[.!?…])[\"'”»)\]*_]*\s+(?=`|[\"'“«(\[*_]*[^\Wa-z_])")
ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
RULE = re.compile(r"\|?\s*:?-{2,}")


def sentences(page: str) -> list[str]:
    """Return the sentences of a Markdown page; code blocks, headings and short cells of tables are left out."""
    found = [sentence for block in paragraphs(page) for sentence in split(block)]
    return found + [sentence for cell in cells(page) for sentence in split(cell) if words(sentence) > LONG]


def split(paragraph: str) -> list[str]:
    """Return the sentences of one paragraph; what has fewer than three words is none."""
    pieces: list[str] = []
    unbroken = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", "\0"), plain(paragraph))
    for piece in END.split(unbroken):
        if pieces and ABBREVIATIONS.search(pieces[-1]):
            pieces[-1] += f" {piece}"
        else:
            pieces.append(piece)
    return [piece.replace("\0", " ") for piece in pieces if words(piece) >= 3]


def words(sentence: str) -> int:
    """Count the words of a sentence; a piece of code counts as one."""
    return sum(any(map(str.isalnum, word)) for word in re.sub(r"`[^`]+`", "code", sentence).split())


def lines(page: str) -> Iterator[str]:
    """Yield the lines of a page without its code blocks and comments."""
    page = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    fence = ""
    for line in page.splitlines():
        mark = re.match(r"\s*(```+|~~~+)", line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
            yield ""
        else:
            yield line


def paragraphs(page: str) -> list[str]:
    """Return the paragraphs and list items of a page, each in one line; tables and headings are left out."""
    blocks = [""]
    for line in lines(page):
        bare = re.sub(r"^\s*>\s?", "", line)
        if not bare.strip() or bare.startswith("#") or bare.lstrip().startswith("|"):
            blocks.append("")
        elif ITEM.match(bare):
            blocks.append(ITEM.sub("", bare, count=1).strip())
        else:
            blocks[-1] = f"{blocks[-1]} {bare.strip()}"
    return [block.strip() for block in blocks if block.strip()]


def cells(page: str) -> list[str]:
    """Return the cells of the tables of a page."""
    rows = [line.strip() for line in lines(page) if line.lstrip().startswith("|") and not RULE.match(line.strip())]
    return [cell.strip() for row in rows for cell in re.split(r"(?<!\\)\|", row)[1:-1] if cell.strip()]


def plain(text: str) -> str:
    """Return a text without the marks of links, pictures and emphasis; code keeps its marks."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\*\*|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)", "", " ".join(text.split()))


def share_of_long(found: list[str]) -> float:
    """Return how many of a hundred sentences are long."""
    return 100 * sum(words(sentence) > LONG for sentence in found) / max(1, len(found))


def banned(text: str) -> list[str]:
    """Return each banned word or phrase of a paragraph, with the words around it and what to write in its place.

    What stands in quotation marks is somebody else's.
    """
    text = re.sub(r"`[^`]+`", "`code`", re.sub(r'"[^"]*"', '"quoted"', plain(text)))
    found = [
        f"{match[0]!r} in: {text[max(0, match.start() - 40) : match.end() + 40]!r}; write: {advice}"
        for pattern, advice in BANNED.items()
        for match in re.finditer(rf"(?<![\w-])(?:{pattern})(?![\w-])", text, flags=re.IGNORECASE)
    ]
    inverted = [sentence for sentence in END.split(text) if INVERTED.match(sentence)]
    return found + [f"the subject comes first, not as in: {sentence[:80]!r}" for sentence in inverted]


def headings(page: str) -> list[str]:
    """Return the headings of a page."""
    return [line.lstrip("# ") for line in lines(page) if line.startswith("#")]


def banned_in(page: str) -> list[str]:
    """Return each banned word or phrase of a page, tables and headings included."""
    return [fault for block in headings(page) + paragraphs(page) + cells(page) for fault in banned(block)]


def faults_of_page(page: str) -> list[str]:
    """Return each banned word and each long sentence of a page."""
    return banned_in(page) + [f"{words(s)} words in: {s}" for s in sentences(page) if words(s) > LONG]


def faults_of_code(source: str) -> list[str]:
    """Return each banned word and each long sentence of public docstrings, and each banned word of messages."""
    tree = ast.parse(source)
    holders = [
        n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    strings = {id(n.body[0].value): n for n in holders if ast.get_docstring(n) is not None}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        holder = strings.get(id(node))
        if holder is None:
            faults = banned(node.value) if words(node.value) >= 3 else []
        elif getattr(holder, "name", "").startswith("_"):
            continue
        else:
            faults = faults_of_page(ast.get_docstring(holder))
        found += [f"line {node.lineno}: {fault}" for fault in faults]
    return found


def faults(path: Path) -> list[str]:
    """Return what to rewrite in a Markdown page or a Python file."""
    text = path.read_text(encoding="utf-8")
    return faults_of_code(text) if path.suffix == ".py" else faults_of_page(text)


if __name__ == "__main__":
    for argument in map(Path, sys.argv[1:]):
        for path in sorted([*argument.rglob("*.md"), *argument.rglob("*.py")]) or [argument]:
            for fault in faults(path):
                print(f"{path}: {fault}")
