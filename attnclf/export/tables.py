"""The tables of the n-grams in an exported graph: told apart while it is made, and put in afterwards."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from attnclf.errors import ExportError
from attnclf.export import graphs
from attnclf.model.mixture import Mixture

PREFIX = "network.linear."


def tell_apart(linear: nn.Module) -> None:
    """Fill the tables of a linear model with numbers of which no two tables have the same.

    The exporter keeps one of two tables that are equal, and two that have learned nothing are: a model of texts of
    one word has no pairs, and no n-grams where no word occurs twice.
    """
    for number, table in enumerate(linear.buffers()):
        table.copy_(torch.arange(table.numel()).view_as(table) + number)


def put_in(model: onnx.ModelProto, network: Mixture) -> None:
    """Give a graph the tables of a network's linear model, of any number of rows.

    Raises ExportError where the graph does not have all of the tables.
    """
    tables = {PREFIX + name: table for name, table in network.linear.state_dict().items()}
    for tensor in model.graph.initializer:
        if tensor.name in tables:
            tensor.CopyFrom(numpy_helper.from_array(tables.pop(tensor.name).cpu().numpy(), tensor.name))
    if tables:
        raise ExportError(
            f"the exported graph has no {', '.join(tables)}", fix="report this, with the command that trained the model"
        )


def exchange(path: Path, network: Mixture) -> None:
    """Write the tables of a network's linear model into the file of another one that differs in nothing else.

    It takes none of the seconds of a second export. Raises ExportError where the graph does not have all of the tables.
    """
    model = onnx.load(str(path))
    put_in(model, network)
    graphs.write(model, path)
