"""Parameters with a row for each position of a text."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnclf.errors import ConfigError


def first(parameter: Float[Tensor, "max_length ..."], time: int) -> Float[Tensor, "time ..."]:
    """Return the rows of the first `time` positions. Raises ConfigError when there are fewer.

    By lookup, not by slice: a slice would tie the exported graph to the length it was traced with. The graph itself
    fails on a longer text, for a lookup out of bounds is an error of ONNX.
    """
    if not torch.compiler.is_exporting() and time > len(parameter):
        raise ConfigError(
            f"a text of {time} tokens is longer than the {len(parameter)} positions of this network",
            fix="cut the text, or train with a larger text.max_length",
        )
    return parameter[torch.arange(time, device=parameter.device)]
