"""The weights of the n-grams in an exported graph, which are written after the export."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from attnclf.errors import ExportError
from attnclf.export import graphs
from attnclf.model.mixture import Mixture

PREFIX = "network.linear."


def make_distinct(linear: nn.Module) -> None:
    """Fill the tables of a linear model with numbers, so that no two tables are equal.

    The exporter keeps only one of two equal tables. Tables that learned nothing are equal, such as those of pairs and
    n-grams for a file of different single words.
    """
    for number, table in enumerate(linear.buffers()):
        table.copy_(torch.arange(table.numel()).view_as(table) + number)


def write_ngram_weights(model: onnx.ModelProto, network: Mixture) -> None:
    """Write the tables of a network's linear model, of any number of rows, into a graph.

    Raises ExportError for a graph without one of the tables.
    """
    tables = {PREFIX + name: table for name, table in network.linear.state_dict().items()}
    for tensor in model.graph.initializer:
        if tensor.name in tables:
            tensor.CopyFrom(numpy_helper.from_array(tables.pop(tensor.name).cpu().numpy(), tensor.name))
    if tables:
        raise ExportError(
            f"the exported graph has no {', '.join(tables)}", fix="report this, with the command that trained the model"
        )


def replace_ngram_weights(path: Path, network: Mixture) -> None:
    """Write the tables of a network's linear model into the file of a network that is the same otherwise.

    This saves the seconds of a second export. Raises ExportError for a graph without one of the tables.
    """
    model = onnx.load(str(path))
    write_ngram_weights(model, network)
    graphs.write(model, path)
