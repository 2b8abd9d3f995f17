"""Texts without labels: what `--unlabeled` names, read as `predict` reads its input."""

from collections.abc import Callable
from typing import Any

from attnclf.config import Config
from attnclf.data.formats import FORMATS
from attnclf.data.inputs import open_input, texts
from attnclf.data.read_options import ReadOptions
from attnclf.data.streams import Damage
from attnclf.errors import ConfigError, DataError


def read_unlabeled(source: Any, config: Config, options: ReadOptions, say: Callable[[str], None]) -> list[str]:
    """Return the texts of a file that are not blank, or none where there is no file.

    Raises ConfigError where these settings learn nothing from them, DataError for a file without texts.
    """
    if source is None:
        return []
    if not config.learns_unlabeled:
        raise ConfigError(
            "these settings learn nothing from unlabeled texts",
            fix="leave --unlabeled out, or use model.embedding.start=cooccurrence without --vectors",
        )
    damage = Damage()
    name = source if isinstance(source, str) else "the unlabeled texts"
    with open_input(source) as opened:
        try:
            named = FORMATS[opened.format].named_columns
            columns = ReadOptions(text_columns=options.text_columns if named else None)
            found = [text for text in texts(opened, columns, damage=damage) if text.strip()]
        except DataError as error:
            raise DataError(f"{name}: {error.problem}", error.fix) from error
    if not found:
        raise DataError(f"{name} has no texts", fix="pass a file with one text a line, or leave --unlabeled out")
    if damage.lines:
        say(f"Warning: {damage.lines:,} lines of {name} are not valid UTF-8; the broken bytes were replaced")
    say(f"{name}: {len(found):,} texts without labels")
    return found
