"""Network → one ONNX graph: token ids and lengths in; logits, probabilities, attention and named outputs out."""

import copy
import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from attnclf.export import graphs, ngram_weights
from attnclf.export.recurrence import TRANSLATIONS, OnnxRecurrence
from attnclf.model.encoder import Recurrence
from attnclf.model.feature_gate import FeatureGate
from attnclf.model.mixture import Mixture

INPUTS = ("ids", "lengths", "spellings")
NUMBERS = ("numbers", "lengths")  # of a network that reads numeric columns
OUTPUTS = ("logits", "probabilities", "attention")
OPSET = 18  # LSTM-14, the version that ONNX Runtime's CUDA provider registers


class Exported(nn.Module):
    """A network whose recurrent layers are ONNX nodes and whose logits are turned into probabilities."""

    def __init__(self, network: nn.Module, multi_label: bool) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval()
        for name, layer in list(self.network.named_modules()):
            if isinstance(layer, Recurrence):
                self.network.set_submodule(name, OnnxRecurrence(layer))
        self.multi_label = multi_label

    def forward(self, ids: Tensor, lengths: Tensor, *spellings: Tensor) -> tuple[Tensor, ...]:
        """Return logits (batch, labels), probabilities (batch, labels), attention (batch, time) and the named ones."""
        logits, weights, named = self.network(ids, lengths, *spellings)
        probabilities = torch.sigmoid(logits) if self.multi_label else torch.softmax(logits, dim=-1)
        return logits, probabilities, weights, *named.values()


def export_onnx(network: nn.Module, path: Path, *, multi_label: bool) -> None:
    """Write the network as an ONNX file that takes any number of texts of any length.

    Inputs: `ids` int64 (batch, time), 0 at padding, and `lengths` int32 (batch,), at least 1 each. A `Mixture`
    also takes `spellings` int64 (unknown, grams), the n-gram slots of the batch's unknown words. Their ids are
    the size of the vocabulary and up; zeros of shape (1, 1) without unknown words.

    A network with `columns` takes `numbers` float32 (batch, columns) in place of ids.

    Outputs: `OUTPUTS`, then the network's named ones.
    """
    columns = network.columns if isinstance(network, FeatureGate) else 0
    ids = torch.ones(2, columns) if columns else torch.ones(2, 7, dtype=torch.int64)
    lengths = torch.tensor([columns] * 2 if columns else [7, 4], dtype=torch.int32)
    batch, time = Dim("batch", min=1), Dim("time", min=1)
    char_ngrams = isinstance(network, Mixture)
    spellings = (torch.ones(3, 5, dtype=torch.int64),) if char_ngrams else ()
    shapes: dict[str, object] = {"ids": {0: batch} if columns else {0: batch, 1: time}, "lengths": {0: batch}}
    if char_ngrams:
        shapes["spellings"] = ({0: Dim("unknown", min=1), 1: Dim("grams", min=1)},)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns about itself, not about this network
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        exported = Exported(network, multi_label).cpu()
        named = exported.network(ids[:1, : columns or 1], lengths[1:].clamp_max(columns or 1), *spellings).named
        if isinstance(exported.network, Mixture):
            ngram_weights.make_distinct(exported.network.linear)
        program = torch.onnx.export(
            exported,
            (ids, lengths, *spellings),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=NUMBERS if columns else INPUTS[: 2 + len(spellings)],
            output_names=(*OUTPUTS, *named),
            dynamic_shapes=shapes,
            custom_translation_table=TRANSLATIONS,
            external_data=False,
        )
    assert program is not None
    model = program.model_proto
    if isinstance(network, Mixture):
        ngram_weights.write_ngram_weights(model, network)
    graphs.write(model, path)
