"""Which columns hold the text, the labels, the weight and the rationale: as asked, else by name, else by content."""

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from attnclf.data.rationales import looks_like_one
from attnclf.data.read_options import ReadOptions
from attnclf.errors import DataError

# The names of an earlier line win over those of a later one; two names of one line are an ambiguity.
TEXT_NAMES = (
    {"text", "texts", "文本", "текст"},
    {"sentence", "content", "contents", "review", "body", "message", "comment", "tweet", "utterance", "document"}
    | {"review_text", "review_body", "text_a", "内容", "句子", "评论", "正文", "消息", "短信", "微博", "文章"}
    | {"содержание", "предложение", "сообщение", "отзыв", "комментарий", "обращение", "документ", "фраза", "реплика"},
    {"question", "query", "description", "phrase", "abstract", "summary", "post", "问题", "问句", "描述", "摘要"}
    | {"вопрос", "запрос", "описание", "пост", "твит"},
    {"title", "headline", "subject", "标题", "题目", "заголовок", "тема_письма"},
)
LABEL_NAMES = (
    {"label", "labels", "标签", "метка", "метки"},
    {"class", "classes", "target", "targets", "gold", "gold_label", "y", "类", "类别", "分类", "класс", "классы"},
    {"category", "categories", "intent", "sentiment", "topic", "topics", "emotion", "emotions", "tag", "tags"}
    | {"polarity", "rating", "stars", "genre", "类型", "情感", "情绪", "意图", "主题", "标注"}
    | {"категория", "категории", "тональность", "эмоция", "эмоции", "тема", "темы", "интент", "намерение", "тег"}
    | {"теги", "оценка", "рубрика", "жанр"},
)
RATIONALE_NAMES = ({"rationale", "rationales"},)
ROW_NAMES = {"id", "ids", "_id", "uuid", "guid", "index", "idx", "key", "row", "row_id", "номер", "编号", "序号"}
TOKENS_NAME = "tokens"  # of the column with what the marks of a rationale stand for
KNOWN_NAMES = frozenset().union(*TEXT_NAMES, *LABEL_NAMES)

Sample = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The chosen columns, and `why`: "as asked", "by name" or "by content".

    `features` has the numeric columns that replace a text, by the names they were asked for; else it is empty.
    `rationale` marks the evidence in a text, and `tokens` has what its marks stand for, where there are such columns.
    """

    text: tuple[str, ...]
    features: Mapping[str, str]
    labels: str
    weight: str | None
    rationale: str | None
    tokens: str | None
    why: str


def choose(columns: Sequence[str], sample: Sample, options: ReadOptions) -> Columns:
    """Check the columns that were asked for and find the others; raises DataError where several fit or none.

    With feature columns no text is looked for. A missing column of rationales is an error only if it has a name.
    """
    features, rationale = options.feature_columns, options.rationale_column
    feature_columns = feature_columns_of(features, columns, options.text_columns)
    weight_column = None if options.weight_column is None else find(options.weight_column, columns)
    label_column = None if options.label_column is None else find(options.label_column, columns)
    text_columns = tuple(find(name, columns) for name in options.text_columns or ())
    why = "as asked" if text_columns and label_column else "by name"

    if label_column in text_columns:
        raise DataError(f"column '{label_column}' cannot be both text and label", fix="name two different columns")
    taken = {*text_columns, *feature_columns.values(), label_column, weight_column}
    rationale_column = None if rationale is None else find(rationale, columns)
    if rationale_column is not None and rationale_column in taken:
        raise DataError(f"column '{rationale_column}' cannot be the rationale too", fix="name another column")
    if rationale is None and options.rationales:
        listed = [c for c in columns if c not in taken and holds_lists(c, sample)]
        rationale_column = by_name(RATIONALE_NAMES, listed, "rationale")
    taken.add(rationale_column)
    if not (text_columns or features):
        strings = [c for c in columns if holds_text(c, sample)]
        refuse_other_text([c for c in columns if c not in taken], strings)
        named = by_name(TEXT_NAMES, [c for c in strings if c not in taken], "text")
        text_columns = (named,) if named else ()
    if label_column is None:
        label_column = by_name(LABEL_NAMES, [c for c in columns if c not in {*taken, *text_columns}], "label")

    taken |= {*text_columns, label_column}
    if not (text_columns or features):
        why = "by content"
        text_columns = (text_by_content([c for c in columns if c not in taken], sample),)
    if label_column is None:
        why = "by content"
        label_column = label_by_content([c for c in columns if c not in {*taken, *text_columns}], sample)
    if label_column in feature_columns.values():
        raise DataError(f"column '{label_column}' cannot be both feature and label", fix="name two different columns")
    return Columns(
        text=text_columns,
        features=feature_columns,
        labels=label_column,
        weight=weight_column,
        rationale=rationale_column,
        tokens=TOKENS_NAME if rationale_column and TOKENS_NAME in columns and TOKENS_NAME not in text_columns else None,
        why=why,
    )


def feature_columns_of(features: Sequence[str], columns: Sequence[str], text: Sequence[str] | None) -> dict[str, str]:
    """The column of each feature asked for; DataError if text columns are asked for too."""
    if features and text:
        raise DataError("a model reads a text or numeric columns, not both", fix="leave out --text-column")
    return {name: find(name, columns) for name in features}


def find(asked: str, columns: Sequence[str]) -> str:
    """Column of that name, else at that position counted from 1; DataError lists what there is."""
    if asked in columns:
        return asked
    same = [column for column in columns if composed(column) == composed(asked)]
    if len(same) == 1:
        return same[0]
    if asked.isascii() and asked.isdigit() and 1 <= int(asked) <= len(columns):
        return columns[int(asked) - 1]
    near = difflib.get_close_matches(normal(asked), [normal(column) for column in columns], n=1)
    nearest = next((column for column in columns if near and normal(column) == near[0]), None)
    hint = f"did you mean '{nearest}'? " if nearest else ""
    raise DataError(f"there is no column '{asked}'", fix=f"{hint}the columns are {quoted(columns)}")


def known(column: str) -> bool:
    """Whether a text or label column often has this name."""
    return normal(column) in KNOWN_NAMES


def by_name(tiers: Sequence[set[str]], columns: Sequence[str], role: str) -> str | None:
    """The one column with the best known name for this role, None if no name is known."""
    for tier in tiers:
        named = [column for column in columns if normal(column) in tier]
        if len(named) > 1:
            raise ambiguous(role, named)
        if named:
            return named[0]
    return None


def refuse_other_text(columns: Sequence[str], strings: Sequence[str]) -> None:
    """Raise DataError for a column called text that holds none: another one would be taken for it."""
    for name in columns:
        if called_text(name) and name not in strings:
            raise DataError(f"column '{name}' does not hold text", fix="convert it, or pass --text-column NAME")


@lru_cache(maxsize=1024)  # asked of every name of every line of JSON
def called_text(column: str) -> bool:
    """Whether a column with this name holds the text and nothing else."""
    return normal(column) in TEXT_NAMES[0]


def names_rows(column: str) -> bool:
    """Whether a column with this name identifies the row, so that it is no text whatever is left."""
    return normal(column) in ROW_NAMES


def text_columns(
    columns: Sequence[str], strings: Sequence[str], asked: Sequence[str] | None, sample: Sample = ()
) -> tuple[str, ...]:
    """Columns of a text without labels: those asked for, else the one that `choose` takes for the text.

    `strings` are the columns that may hold text. Without a `sample` of several records only their names decide.
    """
    if asked:
        return tuple(find(name, columns) for name in asked)
    refuse_other_text(columns, strings)
    if named := by_name(TEXT_NAMES, strings, "text"):
        return (named,)
    left = [name for name in strings if not names_rows(name)]
    labels = next((found for tier in LABEL_NAMES if (found := [n for n in left if normal(n) in tier])), [])
    left = [name for name in left if name not in labels] or left
    if not left:
        raise DataError(f"no column holds text: {quoted(columns)}", fix="pass --text-column NAME")
    if len(left) > 1 and len(sample) < 2:
        raise ambiguous("text", left)
    return (left[0] if len(left) == 1 else text_by_content(left, sample),)


def text_by_content(columns: Sequence[str], sample: Sample) -> str:
    """The column whose strings are long and differ from row to row, if it stands out twofold."""
    if not columns:
        raise DataError("no column is left for the text", fix="add one, or name other columns for the rest")
    scores = {
        column: richness(column, sample) for column in columns if holds_text(column, sample) and not names_rows(column)
    }
    ranked = sorted(scores, key=lambda column: -scores[column])
    if not ranked:
        raise DataError(f"no column holds text: {quoted(columns)}", fix="pass --text-column NAME")
    if len(ranked) > 1 and scores[ranked[0]] < 2 * scores[ranked[1]]:
        raise ambiguous("text", ranked)
    return ranked[0]


def label_by_content(columns: Sequence[str], sample: Sample) -> str:
    """The only column left, or the only one in which few values recur."""
    if len(columns) == 1:
        return columns[0]
    if not columns:
        raise DataError("there is a text column but no label column", fix="add one, or pass --label-column NAME")
    recurring = [column for column in columns if recurs(column, sample)]
    if len(recurring) == 1:
        return recurring[0]
    raise ambiguous("label", recurring or columns)


def holds_text(column: str, sample: Sample) -> bool:
    """Whether the column has mostly strings; the odd number among them is a bad row, not another kind of column."""
    values = [values[column] for values in sample if values.get(column) is not None]
    return sum(isinstance(value, str) for value in values) > len(values) / 2


def may_hold_text(column: str, sample: Sample) -> bool:
    """Whether the texts may be in a column: it has mostly strings or only nulls, or is called text."""
    return holds_text(column, sample) or called_text(column) or all(values.get(column) is None for values in sample)


def holds_lists(column: str, sample: Sample) -> bool:
    """Whether every cell holds a list, itself or written as JSON, or nothing; reasons in prose are not marks."""
    return all(looks_like_one(values.get(column)) for values in sample)


def richness(column: str, sample: Sample) -> float:
    """Mean length in characters times the share of values that differ."""
    values = [str(values.get(column) or "") for values in sample]
    return sum(map(len, values)) / len(values) * len(set(values)) / len(values)


def recurs(column: str, sample: Sample) -> bool:
    """Whether there are two values or more and each stands for two rows or more on average."""
    cells = [values[column] for values in sample if values.get(column) not in (None, "")]
    values = [str(item) for cell in cells for item in (cell if isinstance(cell, list) else [cell])]
    return 2 <= len(set(values)) <= len(values) / 2


def ambiguous(role: str, candidates: Sequence[str]) -> DataError:
    """Return the error for several columns that could play one role."""
    return DataError(f"the {role} could be in any of {quoted(candidates)}", fix=f"pass --{role}-column NAME")


def quoted(names: Sequence[str]) -> str:
    """Write names as people read them: 'a', 'b'."""
    shown = ", ".join(f"'{name}'" for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


def normal(name: str) -> str:
    """Column name without the differences that do not matter."""
    return composed(name).strip().casefold().replace(" ", "_").replace("-", "_")


def composed(name: str) -> str:
    """The name in one of the ways to write it that nobody can see apart: й is one character, or и and a breve."""
    return unicodedata.normalize("NFC", name)
