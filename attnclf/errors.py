"""The one family of errors a person can cause.

Each says what is wrong and what to do about it, in one line. The command line catches this family in one place and
exits with status 1; any other exception is a bug of ours and keeps its traceback.
"""

from typing import Any


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
