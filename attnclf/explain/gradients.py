"""The one module of `explain` that needs torch: the network of a bundle, rebuilt from its weights, and its slopes.

The input of a token t is x_t = (v_t, c_t): its vector, and its contributions to the logits through the n-grams. On the
path from nothing to the text, α from 0 to 1, the logits are

    logits(α) = a · network(α v_1, …, α v_T) + b · bias + α (c_1 + … + c_T)

where a and b are the weights of the network and the n-grams (`attnclf.model.mixture`). The n-grams do not depend on the
vectors, so their contributions are inputs of their own. The weights of integrated gradients then sum to the change of
the whole model. The baseline, α = 0, is the vector 0 for every token: `token_dropout` replaces tokens by it in
training, and it is the implicit baseline of gradient times input.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from attnclf.errors import ConfigError
from attnclf.explain.target import ExplanationTarget
from attnclf.runtime.classifier import Classifier
from attnclf.text.ragged import UNKNOWN_ID

TOKENS = 4096  # that go through the network together, without padding
MIXED = "network."  # prefix of the weights of the network in a `Mixture`


@dataclass(frozen=True, slots=True)
class Slopes:
    """A network in torch with its share in a mixture: logits = `share` · network + `bias` + n-grams."""

    network: Any  # with `embedding` and `classify`, as `attnclf.model.architectures` says
    share: float
    bias: NDArray[np.float32]

    @classmethod
    def of(cls, classifier: Classifier) -> "Slopes":
        """Return the network of a loaded model, which lives as long as the model. Raises ConfigError without torch."""
        if classifier not in _LOADED:
            _LOADED[classifier] = cls._built(classifier)
        return _LOADED[classifier]

    @classmethod
    def _built(cls, classifier: Classifier) -> "Slopes":
        try:
            import torch
            from safetensors.torch import load
        except ImportError as error:
            raise ConfigError(
                "this method needs gradients, and torch is not installed",
                fix="pip install torch, or use a method without: attention, attention-x-gradient, leave-one-out",
            ) from error
        from attnclf.catalog import ARCHITECTURES
        from attnclf.config import Config

        bundle = classifier.bundle
        config = Config.from_dict(bundle.manifest["config"])
        build = ARCHITECTURES[bundle.architecture].build
        network = build(config.model, classifier.tokenizer.size, len(bundle.labels), config.text.max_length)
        saved = load(bundle.path("weights.safetensors").read_bytes())
        share, bias = 1.0, np.zeros(len(bundle.labels), dtype=np.float32)
        if "linear.bias" in saved:
            share, other = saved["weights"].tolist()
            bias = other * saved["linear.bias"].numpy()
            saved = {name.removeprefix(MIXED): value for name, value in saved.items() if name.startswith(MIXED)}
        network.load_state_dict(saved)
        network.requires_grad_(False)
        here = "cuda" if classifier.backend.device == "cuda" and torch.cuda.is_available() else "cpu"
        return cls(network.eval().to(here), share, bias)

    def along(
        self, target: ExplanationTarget, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return value(α) (points,), and x_t · ∂value(α)/∂x_t (points, tokens), for these α."""
        import torch

        table = self.network.get_parameter("embedding.weight")
        known = np.where(target.ids < len(table), target.ids, UNKNOWN_ID)
        vectors = table[torch.from_numpy(known).to(table.device)]
        tokens = len(known)
        shape = (tokens, len(self.bias))
        contributions = target.prediction.named.get("contributions", np.zeros(shape, dtype=np.float32))
        values, products = [], []
        # cuDNN has no gradient for recurrent layers in evaluation; torch's own kernels do.
        with torch.backends.cudnn.flags(enabled=False):
            for some in np.array_split(points, max(1, len(points) * tokens // TOKENS)):
                given = torch.from_numpy(some).to(vectors)[:, None, None] * vectors
                given.requires_grad_()
                said = self.network.classify(given, torch.full((len(some),), tokens, device=table.device)).logits
                own = self.share * said.detach().cpu().numpy().astype(np.float64)
                logits = own + self.bias + some[:, np.newaxis] * contributions.sum(axis=0, dtype=np.float64)
                slope = target.slope(logits)
                (gradient,) = torch.autograd.grad(said, given, torch.from_numpy(self.share * slope).to(said))
                products.append((gradient * vectors).sum(dim=-1).cpu().numpy() + slope @ contributions.T)
                values.append(target.value(logits))
        return np.concatenate(values), np.concatenate(products)


_LOADED: WeakKeyDictionary[Classifier, Slopes] = WeakKeyDictionary()
