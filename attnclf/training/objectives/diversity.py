"""Hidden states that differ from each other, so that it matters which of them is attended (Mohankumar et al. 2020)."""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def conicity(states: Float[Tensor, "batch time dim"], keep: Bool[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return the mean cosine of a text's states with their mean (Mohankumar et al. 2020, section 3.1).

    1 where all states point the same way, about 0 where they point everywhere; `keep` is True at real tokens. In a
    recurrent network it is high, and then other weights give nearly the same context. The paper adds λ times this to
    the loss (section 4.2); its other way, a cell that makes each state orthogonal to those before, is not offered.
    """
    real = states * keep.unsqueeze(2)
    mean = real.sum(dim=1, keepdim=True) / keep.sum(dim=1).view(-1, 1, 1)
    cosines = functional.cosine_similarity(real, mean, dim=2)  # of the zeros at padding it is 0
    alike: Tensor = cosines.sum(dim=1) / keep.sum(dim=1)
    return alike
