"""Training in several processes, started by torch's own launcher: `torchrun --nproc-per-node N -m attnclf train …`.

Each process (rank) reads all rows and has a whole network. It takes its share of the rows of every batch. The
gradients are then summed over the ranks, each weighted by the weight of its rows. The sum is the gradient of the whole
batch, as one process computes it (data parallelism; Li et al. 2020 without the overlap). What depends on the clock or
on validation is decided once for all, so that the ranks never part ways. Only rank 0 writes and prints.

torch's `DistributedDataParallel` wraps one `forward` and one backward pass. A step here has up to three of them (the
perturbed vectors, then the tables), so this module computes the sum itself.
"""

import contextlib
import datetime
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from attnclf import machine
from attnclf.errors import AttnclfError, DeviceError, TrainingError

T = TypeVar("T")

PATIENCE = datetime.timedelta(hours=2)  # that a rank waits for another one, such as while rank 0 validates


class Ranks:
    """The processes that train together; with one process, every method is without effect and costs nothing."""

    def __init__(self, rank: int = 0, count: int = 1, restarts: int = 0) -> None:
        self.rank, self.count, self.restarts = rank, count, restarts
        self.leads = rank == 0  # the one that validates, writes and prints
        self.lost = False  # whether another rank is gone
        self.met = count == 1

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """Turn the failure of an exchange between ranks into one line."""
        try:
            yield
        except RuntimeError as error:
            self.lost = True
            raise TrainingError(
                f"rank {self.rank}: another process of this training has ended",
                fix="its own message has the reason; --resume continues from the last checkpoint, as does torchrun "
                "--max-restarts N by itself",
            ) from error

    def meet(self, fingerprint: str) -> None:
        """Wait for all ranks to be ready to train.

        Raises TrainingError where one of them cannot, or has read other data or settings.
        """
        if self.met:
            return
        for rank, (problem, read) in enumerate(self._exchange((None, fingerprint))):
            if problem is not None:
                raise TrainingError(f"rank {rank}: {problem}")
            if read != fingerprint:
                raise TrainingError(
                    f"rank {rank} has read other data or settings than rank {self.rank}",
                    fix="give every machine the same files and versions",
                )

    def _exchange(self, word: tuple[str | None, str | None]) -> list[tuple[str | None, str | None]]:
        self.met = True
        words: list[Any] = [None] * self.count
        with self._together():
            distributed.all_gather_object(words, word, group=self._control)
        return words

    def share(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return this rank's rows of a batch; the first one where too few are left, which then weighs nothing."""
        mine = rows[self.rank :: self.count]
        return mine if len(mine) else rows[:1]

    def portion(self, weights: NDArray[Any]) -> float:
        """Return the share of this rank's rows in the weights of a batch."""
        whole = weights.sum()
        return float(weights[self.rank :: self.count].sum() / whole) if whole else 0.0

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter], loss: Tensor, portion: float) -> Tensor:
        """Make each gradient that of the whole batch, and return the loss of the whole batch; both by portions."""
        if self.count == 1:
            return loss
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), loss.reshape(1).to(gradients[0].dtype)])
        flat *= portion
        with self._together():
            distributed.all_reduce(flat)
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()
        return flat[start]

    def agreed(self, seconds: float, stop: bool) -> tuple[float, bool]:
        """Return the time of the slowest clock, and whether any rank should stop."""
        if self.count == 1:
            return seconds, stop
        latest = torch.tensor([seconds, float(stop)], dtype=torch.float64)
        with self._together():
            distributed.all_reduce(latest, distributed.ReduceOp.MAX, group=self._control)
        return float(latest[0]), bool(latest[1])

    def first(self, compute: Callable[[], T]) -> T:
        """Return what rank 0 computes, to all; what it raises is raised by all."""
        if self.count == 1:
            return compute()
        box: list[Any] = [None, None]
        if self.leads:
            try:
                box[0] = compute()
            except AttnclfError as error:
                box[1] = error
        with self._together():
            distributed.broadcast_object_list(box, src=0, group=self._control)
        if box[1] is not None:
            raise box[1]
        return box[0]  # type: ignore[no-any-return]

    def each(self, value: T) -> list[T]:
        """Return the values of all ranks, in their order."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        with self._together():
            distributed.all_gather_object(values, value, group=self._control)
        return values

    def part(self) -> None:
        """End the exchange between ranks: what follows is for rank 0 alone."""
        if self.count > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    def device(self, name: Literal["auto", "cpu", "cuda"]) -> torch.device:
        """Return where this rank computes. Raises DeviceError without a GPU, or with fewer GPUs than ranks."""
        if name == "cuda" and not torch.cuda.is_available():
            raise DeviceError("--device cuda was asked for, but torch sees no GPU", fix="pass --device cpu")
        if name == "cpu" or not torch.cuda.is_available():
            return torch.device("cpu")
        if self.count == 1:
            return torch.device("cuda")
        here = machine.local_rank()
        if here >= torch.cuda.device_count():
            raise DeviceError(
                f"there are {torch.cuda.device_count()} GPUs for {machine.local_world_size()} processes",
                fix="start fewer: torchrun --nproc-per-node N, or pass --device cpu",
            )
        torch.cuda.set_device(here)
        return torch.device("cuda", here)

    def _connect(self, backend: str) -> None:
        from torch.distributed.distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        # A prefix of their own for processes that the launcher has restarted: in the common one they would find the
        # addresses of those that have ended, and now and then try to reach them.
        store, rank, count = next(rendezvous("env://", timeout=PATIENCE))
        store = PrefixStore(f"start {self.restarts}", store)
        distributed.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
        # Notes and clocks go from processor to processor, also where gradients go from GPU to GPU.
        self._control = distributed.new_group(backend="gloo", timeout=PATIENCE)


ALONE = Ranks()


@contextlib.contextmanager
def joined(device: Literal["auto", "cpu", "cuda"] = "auto") -> Iterator[Ranks]:
    """Yield the ranks that torchrun has started, connected while the block runs; `ALONE` in a process without it.

    An error that all ranks have ends the others silently: rank 0 reports it.
    """
    if not machine.under_torchrun():
        yield ALONE
        return
    ranks = Ranks(machine.rank(), machine.world_size(), machine.restart_count())
    if ranks.count == 1:
        yield ranks
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    ranks._connect("nccl" if on_gpu else "gloo")
    try:
        yield ranks
    except AttnclfError as error:
        if not ranks.met:
            ranks._exchange((str(error), None))
        if ranks.leads or ranks.lost:
            raise
        raise SystemExit(1) from error
    finally:
        ranks.part()
