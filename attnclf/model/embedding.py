"""Token ids → vectors."""

import torch
from torch import nn


def token_embedding(vocabulary: int, dim: int) -> nn.Embedding:
    """Return a table of small random vectors, (vocabulary, dim); row 0 is padding and stays zero."""
    table = nn.Embedding(vocabulary, dim, padding_idx=0)
    nn.init.normal_(table.weight, std=0.1)
    with torch.no_grad():
        table.weight[0].zero_()
    return table
