"""One step of the algebra as a module: the parameters of a row of the catalog. The formulas are the rows' functions."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from attnclf.catalog import Mechanism


def weight(*shape: int) -> nn.Parameter:
    """Return a Glorot-uniform parameter; a vector is treated as a matrix with one row."""
    matrix = torch.empty(shape if len(shape) > 1 else (1, *shape))
    return nn.Parameter(nn.init.xavier_uniform_(matrix).reshape(shape))


class Step(nn.Module):
    """Holds what a mechanism of the catalog learns and passes it to its function.

    `sizes` are those of the axes that the shapes of its parameters name. Parameters begin Glorot-uniform; a single
    number, and a number for each position, begin at 0.
    """

    def __init__(self, mechanism: Mechanism, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.compute, self.inputs, self.learned = mechanism.compute, frozenset(mechanism.inputs), mechanism.parameters
        for name, axes in mechanism.parameters.items():
            shape = [sizes[axis] for axis in axes.split()]
            bias = axes in ("", "max_length")
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)) if bias else weight(*shape))

    def forward(self, **given: object) -> Tensor:
        """Call the function with those of the `given` that it takes."""
        learned = {name: getattr(self, name) for name in self.learned}
        result: Tensor = self.compute(**{name: given[name] for name in self.inputs & given.keys()}, **learned)
        return result
