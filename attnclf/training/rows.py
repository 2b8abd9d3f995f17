"""The rows of a training: to learn from, to choose by, to test on."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attnclf.config import Config
from attnclf.data import checks, corpus, splits
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.data.read_options import ReadOptions
from attnclf.data.readers.tables import hub_splits
from attnclf.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The rows to learn from, to choose by, and (where given) to test on.

    `whole` are the first two together where the second were set apart; None where they came by themselves.
    """

    train: Corpus
    valid: Corpus
    test: Corpus | None
    whole: Corpus | None = None


def read_splits(
    data: Any, valid: Any, test: Any, options: ReadOptions, config: Config, say: Callable[[str], None]
) -> Splits:
    """Read the files, and part validation rows from the training rows where no file for them is given.

    A hub dataset brings its own validation and test splits unless files are named. Rationales are read of the training
    rows only. Raises ConfigError for a column of rationales that these settings cannot learn from.
    """
    if options.rationale_column is not None and not config.learns_rationales:
        raise ConfigError(
            "these settings learn nothing from rationales: "
            + (
                "training.attention.rationale is 0"
                if not config.training.attention.rationale
                else f"architecture {config.model.architecture!r} with alignment {config.model.attention.alignment!r} "
                "has no weights that could be drawn to them"
            ),
            fix="leave --rationale-column out",
        )

    def part(argument: object, split: str | None = None, *, learn: bool = False) -> Corpus:
        # Evidence and weights are for learning.
        read = corpus.read(
            argument,
            dataclasses.replace(
                options,
                split=split,
                feature_columns=config.model.gate.columns,
                rationale_column=options.rationale_column if learn else None,
                rationales=learn and config.learns_rationales,
                weight_column=options.weight_column if learn else None,
            ),
        )
        for line in (read.description, *read.warnings()):
            say(line)
        return read

    own = hub_splits(data) if isinstance(data, str) and data.startswith("hf:") else ()
    training = part(data, learn=True)
    labels = LabelSet.from_lists(training.label_lists, multi_label=training.multi_label)
    checks.refuse_unlearnable(training, labels)
    whole = None
    if valid is not None:
        validation = part(valid)
    elif "validation" in own:
        validation = part(data, "validation")
    else:
        rest, apart = splits.stratified(
            labels.encode(training.label_lists),
            training.texts,
            fraction=config.training.valid_fraction,
            seed=config.training.seed,
        )
        if not len(apart):
            raise DataError(
                "no text can be set aside for validation: "
                + (
                    "all rows have the same one"
                    if len(set(training.texts)) == 1
                    else "each has a label that no other one has"
                ),
                fix="add rows, or pass a file as --valid",
            )
        whole, training, validation = training, training.subset(rest), training.subset(apart)
        say(f"{len(rest):,} rows to learn from, {len(apart):,} set aside for validation")
    testing = part(test) if test is not None else None
    if test is None and "test" in own:
        try:
            testing = part(data, "test")
        except DataError as error:  # many have no labels there; nobody asked for it
            say(f"Note: the split test is left out: {error.problem}")
    for name, other in (("--valid", validation), ("--test", testing)):
        if other is not None and other.multi_label and not training.multi_label:
            raise DataError(
                f"the {name} rows have several labels each, the training rows one",
                fix="give both files the same kind of labels",
            )
    checks.refuse_foreign(validation, {name for names in training.label_lists for name in names}, "the training rows")
    # Of a few rows that may have several labels, each may happen to have one.
    several = training.multi_label
    validation = dataclasses.replace(validation, multi_label=several)
    testing = testing and dataclasses.replace(testing, multi_label=several)
    return Splits(train=training, valid=validation, test=testing, whole=whole)
