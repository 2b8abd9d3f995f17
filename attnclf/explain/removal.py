"""Two ways to take units out of a text that was read: ids are edited, never the text, which is not read again."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnclf.text.ragged import UNKNOWN_ID

Removal = Literal["delete", "mask"]


def delete(ids: NDArray[np.int64], keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Take them out; what stands behind moves up. Nothing may be left (DeYoung et al. 2020 remove tokens so)."""
    return ids[keep]


def mask(ids: NDArray[np.int64], keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Put the unknown word, without letters, in their places; the text keeps its length."""
    return np.where(keep, ids, UNKNOWN_ID)


REMOVALS: dict[Removal, Callable[[NDArray[np.int64], NDArray[np.bool_]], NDArray[np.int64]]] = {
    "delete": delete,
    "mask": mask,
}
