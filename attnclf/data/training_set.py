"""What a training reads: rows to learn from, to choose by and to test on, and texts without labels."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.data import checks, corpus
from attnclf.data.corpus import Corpus
from attnclf.data.detect import HUB_PREFIX, refuse_missing
from attnclf.data.duplicates import unseen
from attnclf.data.formats import FORMATS
from attnclf.data.inputs import open_input, texts
from attnclf.data.labels import LabelSet
from attnclf.data.read_options import ReadOptions
from attnclf.data.readers.tables import hub_splits
from attnclf.data.spill import Column
from attnclf.data.splits import stratified
from attnclf.data.streams import Damage
from attnclf.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a training reads in addition to the rows it learns from, and how: paths, hub names or rows in memory.

    `valid` chooses the best epoch, `test` scores the finished model, `unlabeled` are texts without labels; each is None
    if it is not given. The `options` are for labelled rows.
    """

    valid: Any = None
    test: Any = None
    unlabeled: Any = None
    options: ReadOptions = field(default_factory=ReadOptions)


def check_sources(*arguments: object, processes: int = 1) -> None:
    """Raise DataError for a file that is missing, ConfigError for stdin that several processes would share."""
    for argument in arguments:
        if isinstance(argument, str):
            refuse_missing(argument)
            if processes > 1 and argument == "-":
                raise ConfigError("several processes cannot share stdin", fix="name a file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The rows to learn from, to choose by, and (if given) to test on; the labels are those of the training rows.

    If the validation rows were set aside from the training rows, `whole` has both; otherwise it is None.
    """

    train: Corpus
    valid: Corpus
    test: Corpus | None
    labels: LabelSet
    whole: Corpus | None = None

    @property
    def scored(self) -> tuple[int, int]:
        """Characters and rows that the finished model is scored on."""
        parts = [part for part in (self.valid, self.test) if part is not None]
        return sum(sum(map(len, part.texts)) for part in parts), sum(map(len, parts))


def read_splits(data: object, sources: Sources, config: Config, say: Callable[[str], None]) -> Splits:
    """Read the rows, and set validation rows aside if no file has them.

    A hub dataset brings its own validation and test splits unless files are named. Rationales and weights are read for
    the training rows only. `say` receives descriptions and warnings. Raises ConfigError for settings that do not fit
    the columns or labels, DataError for rows that cannot be read or learned from.
    """
    _refuse_unread_rationales(sources.options, config)
    options = replace(
        sources.options, split=None, feature_columns=config.model.gate.columns, rationales=config.learns_rationales
    )
    held_out = replace(options, rationales=False, rationale_column=None, weight_column=None)

    def part(argument: object, options: ReadOptions) -> Corpus:
        read = corpus.read(argument, options)
        for line in (read.description, *read.warnings()):
            say(line)
        return read

    own = hub_splits(data) if isinstance(data, str) and data.startswith(HUB_PREFIX) else ()
    training, whole, testing = part(data, options), None, None
    labels = LabelSet.from_lists(training.label_lists, multi_label=training.multi_label)
    checks.refuse_unlearnable(training, labels)
    if sources.valid is not None:
        validation = part(sources.valid, held_out)
    elif "validation" in own:
        validation = part(data, replace(held_out, split="validation"))
    else:
        whole = training
        training, validation = _set_aside(training, labels, config, say)
    if sources.test is not None:
        testing = part(sources.test, held_out)
    elif "test" in own:
        try:
            testing = part(data, replace(held_out, split="test"))
        except DataError as error:  # many have no labels there; nobody asked for it
            say(f"Note: the split test is left out: {error.problem}")
    several = training.multi_label
    for name, other in (("--valid", validation), ("--test", testing)):
        if other is not None and other.multi_label and not several:
            raise DataError(
                f"the {name} rows have several labels each, the training rows one",
                fix="give both files the same kind of labels",
            )
    checks.refuse_foreign(validation, {name for names in training.label_lists for name in names}, "the training rows")
    # If rows may have several labels, each of a few rows may happen to have one.
    validation, testing = replace(validation, multi_label=several), testing and replace(testing, multi_label=several)
    labels = LabelSet.from_lists(training.label_lists, multi_label=several)
    _refuse_single_label(labels, config)
    for warning in checks.warnings(training, validation, testing, labels):
        say(f"Warning: {warning}")
    return Splits(train=training, valid=validation, test=testing, labels=labels, whole=whole)


def _set_aside(training: Corpus, labels: LabelSet, config: Config, say: Callable[[str], None]) -> tuple[Corpus, Corpus]:
    """Divide the training rows into those to learn from and those to choose by."""
    encoded, training_config = labels.encode(training.label_lists), config.training
    rest, apart = stratified(
        encoded, training.texts, fraction=training_config.valid_fraction, seed=training_config.seed
    )
    if not len(apart):
        same = len(set(training.texts)) == 1
        raise DataError(
            "no text can be set aside for validation: "
            + ("all rows have the same one" if same else "each has a label that no other one has"),
            fix="add rows, or pass a file as --valid",
        )
    say(f"{len(rest):,} rows to learn from, {len(apart):,} set aside for validation")
    return training.subset(rest), training.subset(apart)


def _refuse_unread_rationales(options: ReadOptions, config: Config) -> None:
    if options.rationale_column is None or config.learns_rationales:
        return
    reason = (
        f"architecture {config.model.architecture!r} with alignment {config.model.attention.alignment!r} "
        "has no weights that could be drawn to them"
    )
    if not config.training.attention.rationale:
        reason = "training.attention.rationale is 0"
    raise ConfigError(f"these settings learn nothing from rationales: {reason}", fix="leave --rationale-column out")


def _refuse_single_label(labels: LabelSet, config: Config) -> None:
    if ARCHITECTURES[config.model.architecture].sequential and not labels.multi_label:
        others = ", ".join(name for name, row in ARCHITECTURES.items() if not row.sequential)
        raise ConfigError(
            f"architecture {config.model.architecture} emits several labels, and these rows have one each",
            fix=f"pass another --architecture: {others}",
        )


def read_unlabeled(sources: Sources, config: Config, say: Callable[[str], None]) -> list[str]:
    """Return the texts without labels that are not blank, or none if there is no file.

    Raises ConfigError if these settings learn nothing from them, DataError for a file without texts.
    """
    if sources.unlabeled is None:
        return []
    if not config.learns_unlabeled:
        raise ConfigError(
            "these settings learn nothing from unlabeled texts",
            fix="leave --unlabeled out, or use model.embedding.start=cooccurrence without --vectors",
        )
    damage = Damage()
    name = sources.unlabeled if isinstance(sources.unlabeled, str) else "the unlabeled texts"
    with open_input(sources.unlabeled) as opened:
        try:
            named = FORMATS[opened.format].named_columns
            columns = ReadOptions(text_columns=sources.options.text_columns if named else None)
            found = [text for text in texts(opened, columns, damage=damage) if text.strip()]
        except DataError as error:
            raise DataError(f"{name}: {error.problem}", error.fix) from error
    if not found:
        raise DataError(f"{name} has no texts", fix="pass a file with one text a line, or leave --unlabeled out")
    if damage.lines:
        say(f"Warning: {damage.lines:,} lines of {name} are not valid UTF-8; the broken bytes were replaced")
    say(f"{name}: {len(found):,} texts without labels")
    return found


def to_pseudo_label(texts: list[str], rows: Splits, config: Config, say: Callable[[str], None]) -> list[str]:
    """Return the texts without labels that get pseudo-labels: those that no row has, if self-training is on."""
    if not texts or not config.training.self_training:
        return []
    if ARCHITECTURES[config.model.architecture].sequential or isinstance(rows.train.texts, Column):
        # Rows that stay on disk are many: they need no others, and together with others they would not stay there.
        say("Note: no self-training with architecture label-decoder, or where the rows stay on disk")
        return []
    return unseen(texts, rows.train.texts, rows.valid.texts)
