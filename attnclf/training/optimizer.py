"""What moves the weights: AdamW with a warmed-up and falling learning rate, and a deferred one for vectors of tokens.

A step reads few rows of a table of vectors. AdamW moves a row also in steps in which it has no gradient: its momentum m
fades by β₁, its second moment v by β₂. The row still follows m / √v. To do so at every step is to go over a whole
vocabulary for the words of a few texts. But while no gradient comes, the path of a row is m / √v times a number that is
the same for all rows last read in the same step. So these numbers are kept, one for each step, and a row is brought up
to date when it is read. That is the AdamW of Loshchilov & Hutter 2019 without decay, except for rounding and for ε,
which is taken as it was when the row was last read.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

from attnclf.config import TrainingConfig

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # torch's defaults
FADED = 256  # steps without a gradient after which momentum is 2e-12 of what it was


class Rows(NamedTuple):
    """Rows of the table, up to date: their numbers (rows,), values, momentum and second moment (rows, dim)."""

    numbers: Tensor
    values: Tensor
    m: Tensor
    v: Tensor


class DeferredAdamW:
    """Updates a table (rows, dim); row 0 is padding and stays as it is.

    A step is `read`, then `step` with the gradient of what was read. Between steps the table itself lags behind until
    `catch_up` is called.
    """

    def __init__(self, table: Float[Tensor, "rows dim"]) -> None:
        self.table = table.detach()
        self.m, self.v = torch.zeros_like(self.table), torch.zeros_like(self.table)
        self.now = 0
        self.seen = torch.zeros(len(table), dtype=torch.int64)  # the step in which a row was last up to date
        self.moved = torch.zeros(
            1024, dtype=torch.float64
        )  # grows: how often m / √v rows seen in a step have gone since
        self.fading = (BETA1 / BETA2**0.5) ** torch.arange(FADED, 0, -1, dtype=torch.float64)

    def read(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Return the vectors of tokens, up to date."""
        numbers, self._places = torch.unique(ids, return_inverse=True)
        self._read = self._up_to_date(numbers)
        return embedding(self._places, self._read.values)

    def step(self, gradient: Float[Tensor, "batch time dim"], learning_rate: float, clip: float) -> None:
        """Move the rows that were read against the gradient, which is first shortened to the length `clip`."""
        numbers, values, m, v = self._read
        g = torch.zeros_like(values).index_add_(0, self._places.flatten(), gradient.flatten(0, 1))
        g.masked_fill_((numbers == 0).unsqueeze(1), 0.0)
        g *= (clip / (g.norm() + 1e-6)).clamp_max(1.0)
        self.now += 1
        m.lerp_(g, 1 - BETA1)
        v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
        rate, spread = learning_rate / (1 - BETA1**self.now), (1 - BETA2**self.now) ** 0.5
        values.addcdiv_(m, (v.sqrt() / spread).add_(EPSILON), value=-rate)
        self._write(self._read)
        if self.now == len(self.moved):
            self.moved = torch.cat([self.moved, torch.zeros_like(self.moved)])
        first = max(self.now - FADED, 0)
        self.moved[first : self.now] += rate * spread * self.fading[first - self.now :]

    def catch_up(self) -> None:
        """Bring the whole table up to date."""
        self._write(self._up_to_date(torch.arange(len(self.table))))

    def state_dict(self) -> dict[str, Any]:
        """Return what a training that goes on needs in addition to the table."""
        return {"m": self.m, "v": self.v, "seen": self.seen, "moved": self.moved, "now": self.now}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.now, self.moved = state["now"], state["moved"].clone()
        for name in ("m", "v", "seen"):
            getattr(self, name).copy_(state[name])

    def _up_to_date(self, numbers: Int[Tensor, " rows"]) -> Rows:
        seen, values, m, v = (table.index_select(0, numbers) for table in (self.seen, self.table, self.m, self.v))
        gone = self.moved.index_select(0, seen).to(values.dtype).unsqueeze(1)
        epsilon = EPSILON * (1 - BETA2 ** (seen + 1)).sqrt().unsqueeze(1)
        values.addcdiv_(gone * m, v.sqrt() + epsilon, value=-1)
        idle = (self.now - seen).unsqueeze(1)
        return Rows(numbers, values, m.mul_(BETA1**idle), v.mul_(BETA2**idle))

    def _write(self, rows: Rows) -> None:
        for table, new in zip((self.table, self.m, self.v), rows[1:], strict=True):
            table.index_copy_(0, rows.numbers, new)
        self.seen.index_fill_(0, rows.numbers, self.now)


def learning_rate_factor(progress: float, warmup: float) -> float:
    """Return the factor on the learning rate at `progress`, the share of training that is done (0 to 1).

    It rises over the warm-up, then falls in a straight line to zero.
    """
    if progress < warmup:
        return progress / warmup
    return max(0.0, (1 - progress) / (1 - warmup)) if warmup < 1 else 1.0


class Optimizer:
    """AdamW for all parameters of a network; the table of vectors is deferred where `by_rows`.

    That needs a table which nothing else reads or moves: one process on a CPU, no average of weights, no fp16.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig, scaler: torch.amp.GradScaler, by_rows: bool) -> None:
        self.config, self.scaler, self.learning_rate = config, scaler, config.learning_rate
        trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
        tables = [value for name, value in trained.items() if name.startswith("embedding.")]
        others = [value for name, value in trained.items() if not name.startswith("embedding.")]
        self.table = DeferredAdamW(tables.pop()) if tables and by_rows else None
        # Decay would shrink the vectors of rare words towards nothing between the few steps that see them.
        groups = [{"params": tables, "weight_decay": 0.0}, {"params": others, "weight_decay": config.weight_decay}]
        self.adamw = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=config.learning_rate, fused=True
        )

    def begin(self, learning_rate: float) -> None:
        """Begin a step at this learning rate, without gradients."""
        self.learning_rate = learning_rate
        for group in self.adamw.param_groups:
            group["lr"] = learning_rate
        self.adamw.zero_grad(set_to_none=True)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss to those of the parameters."""
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def move_vectors(self, embedded: Tensor, gradient: Tensor) -> None:
        """Pass the gradient of the vectors that were read on to their table."""
        if self.table:
            self.table.step(gradient, self.learning_rate, self.config.clip)
        elif embedded.requires_grad:
            embedded.backward(gradient)  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Clip the gradients and move all other parameters."""
        self.scaler.unscale_(self.adamw)
        for group in self.adamw.param_groups:
            nn.utils.clip_grad_norm_(group["params"], self.config.clip)
        self.scaler.step(self.adamw)
        self.scaler.update()
