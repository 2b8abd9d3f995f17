"""What a feature gate reads, as one dense vector x: the frequency of each token in a text, or numeric columns."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.text.tokenizer import SPECIALS


class TfIdf(nn.Module):
    """Damped counts of tokens × inverse document frequency, scaled to length 1: (batch, time) → (batch, features).

    x_i = (1 + ln c_i) · idf_i for a token that occurs c_i times, 0 for one that does not, over the norm of these
    (Salton & Buckley 1988; scikit-learn's `TfidfVectorizer(sublinear_tf=True)`). Features are the first tokens, all
    with idf 1, unless made by `over`.
    """

    place: Tensor  # (vocabulary,) int64: of each unit among the features; `features` where it is none
    idf: Tensor  # (features,)

    def __init__(self, vocabulary: int, most: int) -> None:
        super().__init__()
        self.features = max(min(most, vocabulary - len(SPECIALS)), 1)
        place = torch.arange(vocabulary) - len(SPECIALS)
        self.register_buffer("place", place.where((place >= 0) & (place < self.features), self.features))
        self.register_buffer("idf", torch.ones(self.features))

    @classmethod
    def over(cls, units: NDArray[np.int64], idf: NDArray[np.float32], vocabulary: int) -> "TfIdf":
        """Return the features that are these tokens (features,), with their inverse document frequencies."""
        made = cls(vocabulary, len(units))
        made.place.fill_(len(units))
        made.place[torch.from_numpy(units)] = torch.arange(len(units))
        made.idf.copy_(torch.from_numpy(idf))
        return made

    def forward(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch features"]:
        """Return x of each row, 0 at padding; all 0 for a text without any feature."""
        counts = self._counts(ids)[:, : self.features]
        x: Tensor = (counts > 0) * (1 + counts.clamp_min(1).log()) * self.idf
        length: Tensor = x.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return x / length

    def at_units(
        self, values: Float[Tensor, "batch features"], ids: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time"]:
        """Return the value of the feature of each token of the text, 0 for a token that is no feature."""
        return nn.functional.pad(values, (0, 1)).gather(1, self.place[ids])

    def occurrences(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch features"]:
        """Return how often each feature occurs, but at least 1."""
        return self._counts(ids)[:, : self.features].clamp_min(1)

    def _counts(self, ids: Tensor) -> Tensor:
        """Return how often each feature occurs, and last how many units are none: (batch, features + 1)."""
        places = self.place[ids]
        none = torch.zeros(ids.shape[0], self.features + 1, device=ids.device)
        return none.scatter_add(1, places, torch.ones_like(places, dtype=none.dtype))


FARTHEST = 1e6  # deviations from the mean: a number beyond them counts as if it were there, and nothing overflows


class Standardised(nn.Module):
    """x = (v - mean) / deviation of the numbers v of a row: (batch, columns) → (batch, features), which are the same.

    Mean 0 and deviation 1 unless made by `over`; x is at most `FARTHEST` in size.
    """

    mean: Tensor  # (columns,)
    deviation: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.features = columns
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("deviation", torch.ones(columns))

    @classmethod
    def over(cls, rows: NDArray[np.floating]) -> "Standardised":
        """Take mean and standard deviation of each column of rows (rows, columns); 1 for one that never varies."""
        made = cls(rows.shape[1])
        deviation = rows.std(axis=0, dtype=np.float64)
        made.mean.copy_(torch.from_numpy(rows.mean(axis=0, dtype=np.float64)))
        made.deviation.copy_(torch.from_numpy(np.where(cls.varying(rows), deviation, 1)))
        return made

    @staticmethod
    def varying(rows: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which columns (columns,) vary, as far as single precision can tell and divide by it."""
        apart = rows.min(axis=0) < rows.max(axis=0)
        divisible = rows.std(axis=0, dtype=np.float64) >= np.finfo(np.float32).tiny
        varying: NDArray[np.bool_] = np.logical_and(apart, divisible)
        return varying

    def forward(self, numbers: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch columns"]:
        """Return x of each row."""
        return ((numbers - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)

    def at_units(
        self, values: Float[Tensor, "batch columns"], numbers: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, "batch columns"]:
        """Return the values themselves: a column is a feature."""
        return values

    def occurrences(self, numbers: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch columns"]:
        """Return 1 for each column."""
        return torch.ones_like(numbers)


def frequent_units(
    ids: NDArray[np.integer], offsets: NDArray[np.int64], vocabulary: int, most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the at most `most` tokens that occur in most rows, by id, and ln((1 + rows) / (1 + rows with it)) + 1.

    Rows of ids lie end to end, row r at offsets[r]:offsets[r + 1]. Padding and the unknown token are no features. The
    formula is that of scikit-learn's `TfidfVectorizer`.
    """
    rows = len(offsets) - 1
    keys = np.repeat(np.arange(rows), np.diff(offsets)) * vocabulary + ids
    having = np.bincount(np.unique(keys) % vocabulary, minlength=vocabulary)
    having[: len(SPECIALS)] = 0
    order = np.argsort(-having, kind="stable")[:most]
    units = np.sort(order[having[order] > 0])
    return units, (np.log((1 + rows) / (1 + having[units])) + 1).astype(np.float32)
