"""Hidden states that stay with their word, so that a weight on a state is one on the word (Tutek & Šnajder 2020)."""

from jaxtyping import Bool, Float
from torch import Tensor


def distance(
    states: Float[Tensor, "batch time dim"], vectors: Float[Tensor, "batch time dim"], keep: Bool[Tensor, "batch time"]
) -> Float[Tensor, " batch"]:
    """Return the mean over a text's tokens of ‖h_t − e_t‖², the state against the embedded token it stands for.

    Tutek & Šnajder 2020 add δ times this to the loss (section 4, "tying"). States and vectors must be equally wide;
    `keep` is True at real tokens.
    """
    apart = (states - vectors).square().sum(dim=2) * keep
    mean: Tensor = apart.sum(dim=1) / keep.sum(dim=1)
    return mean
