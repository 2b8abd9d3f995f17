"""The one family of errors a person can cause.

Each names what is wrong and what to do about it, in one line. The command line catches this family in one place and
exits with status 1; any other exception is a bug of ours and keeps its traceback.
Messages name options of the command; `speaks_of_arguments` puts the arguments of Python in their place.
"""

import functools
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class AttnclfError(Exception):
    """A problem with data, settings or a model that the person at the keyboard can fix.

    `problem` states what is wrong, `fix` what to do; both end up in one line: "problem; fix".
    """

    def __init__(self, problem: str, fix: str = "") -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}; {fix}" if fix else problem)

    def __reduce__(self) -> tuple[Any, ...]:
        return _recalled, (type(self), self.args, self.__dict__)


def _recalled(kind: type[AttnclfError], arguments: tuple[object, ...], state: dict[str, object]) -> AttnclfError:
    """Return an error as it was pickled, whatever its class is made from."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class ConfigError(AttnclfError):
    """A setting that is unknown, of the wrong type, or contradicts another."""


class DataError(AttnclfError):
    """A data file that cannot be read, or rows that cannot be learned from."""


class BundleError(AttnclfError):
    """A model folder that is missing, damaged, or of another version."""


class HubError(AttnclfError):
    """A model on the Hugging Face hub that is not there, not open to this person, or not to be reached."""


class TrainingError(AttnclfError):
    """Training that cannot start, continue, or diverged."""


class ExportError(AttnclfError):
    """An exported graph that does not compute what the trained network computes."""


class DeviceError(AttnclfError):
    """A device or precision that was asked for and is not to be had here."""


FLAGS = ("force", "resume", "skip-leading-lines")
RENAMED = {"set": "settings", "no-baseline": "baseline"}
VALUE = r"'[^']*'|(?:[A-Z]+|[0-9]+|skip|cuda|cpu|csv|json|fp16)\b"
OPTION = re.compile(rf"(?<!torchrun )--(?:set ([a-z_.]+=[^\s);,]*)|([a-z][a-z-]*)(?:[ =]({VALUE}))?)")


def as_arguments(message: str) -> str:
    """Return a message with the names of arguments where it has those of options: "pass label_column=NAME"."""

    def argument(found: re.Match[str]) -> str:
        assignment, name, value = found.groups()
        if assignment:
            return f"settings=['{assignment}']"
        if value and value.islower():
            value = repr(value)
        name_here = RENAMED.get(name, name.replace("-", "_"))
        return f"{name_here}={value or ('True' if name in FLAGS else '')}"

    return OPTION.sub(argument, message)


def speaks_of_arguments(call: Callable[P, R]) -> Callable[P, R]:
    """Let the errors of a public function name its arguments."""

    @functools.wraps(call)
    def wrapped(*positional: P.args, **named: P.kwargs) -> R:
        try:
            return call(*positional, **named)
        except AttnclfError as error:
            error.problem, error.fix = as_arguments(error.problem), as_arguments(error.fix)
            error.args = tuple(as_arguments(part) if isinstance(part, str) else part for part in error.args)
            raise

    return wrapped
