"""Measure the network on a GPU, through ONNX Runtime and through torch in the same run, and against the GPU's limits.

    python -m benchmarks.gpu [--device cuda] [--hidden 64] [--rounds 7] [--out benchmarks/RESULTS.md]

The network is the default preset's without n-grams, with random weights and texts: speed depends on neither. Run from
the root of the repository. `--device cpu` runs the same code at small sizes without a GPU, to check that it
works. A page is written only where --out names one.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.data.batches import sorted_by_length
from attnclf.export.half import halve
from attnclf.export.onnx import export_onnx
from attnclf.runtime.onnxruntime_backend import IN_FLIGHT, OnnxRuntimeBackend, open_backend
from attnclf.text.ragged import Ragged
from attnclf.training.examples import Examples
from attnclf.training.preparation import PreparedData
from attnclf.training.state import Progress
from attnclf.training.trainer import Trainer
from benchmarks.results import machine, publish, section, table
from benchmarks.speed.flops import TRAINING, forward
from benchmarks.speed.rounds import Spread, in_turns, ratio

HEADING = "Speed: on a GPU"
LABELS, LONGEST = 6, 256
MEAN = 23  # tokens of a text; lengths are spread evenly from 1 to twice that

Batch = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is measured on a device."""

    vocabulary: int
    texts: int
    batches: Sequence[int]  # texts in each
    matrix: int  # rows and columns
    bandwidth: int  # bytes copied
    training_rows: int
    epochs: int


SIZES = {
    "cuda": Sizes(
        vocabulary=50_000,
        texts=8192,
        batches=(1, 32, 1024),
        matrix=8192,
        bandwidth=2**30,
        training_rows=65_536,
        epochs=3,
    ),
    "cpu": Sizes(vocabulary=500, texts=64, batches=(1, 32), matrix=256, bandwidth=2**20, training_rows=256, epochs=2),
}


def settings(hidden: int) -> Config:
    """Return the default settings at this width, without n-grams."""
    config = Config()
    model = replace(config.model, encoder=replace(config.model.encoder, hidden=hidden))
    return replace(config, model=replace(model, ngrams=replace(model.ngrams, features=0)))


def texts(sizes: Sizes, rows: int) -> Ragged:
    """Return rows of random ids."""
    chooser = np.random.default_rng(0)
    lengths = chooser.integers(1, 2 * MEAN, rows)
    drawn = [chooser.integers(2, sizes.vocabulary, length) for length in lengths]
    return Ragged.of(drawn).packed(sizes.vocabulary)


def finished(device: torch.device) -> None:
    """Wait until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Return how long it takes, until the device is done with it."""
    finished(device)
    started = time.perf_counter()
    run()
    finished(device)
    return time.perf_counter() - started


def product(size: int, dtype: torch.dtype, device: torch.device) -> Callable[[], float]:
    """Return what gives the FLOP/s of a product of two matrices (size, size), 2 size³ operations, now."""
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return lambda: 2 * size**3 / seconds(lambda: left @ right, device)


def bandwidth(count: int, device: torch.device) -> Callable[[], float]:
    """Return what gives the bytes/s read and written by a copy inside the device's memory, now."""
    source = torch.zeros(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return lambda: 2 * count / seconds(lambda: target.copy_(source), device)


def through_runtime(session: OnnxRuntimeBackend, batches: Sequence[Batch], workers: int) -> Callable[[], object]:
    """Return what runs all batches as `predict` does, several at a time."""
    if workers == 1:
        return lambda: [session.run(*batch) for batch in batches]
    pool = ThreadPoolExecutor(workers)
    return lambda: list(pool.map(lambda batch: session.run(*batch), batches))


def bound(path: Path, device: torch.device, batches: Sequence[Batch]) -> Callable[[], object]:
    """Return what runs all batches with ids that are on the device before, and answers that stay there.

    What the copies to the device and back cost is the difference from `through_runtime`.
    """
    import onnxruntime

    session: Any = open_backend(path, device=device.type).computing()  # type: ignore[arg-type]
    ready = []
    for ids, lengths in batches:
        binding = session.io_binding()
        binding.bind_ortvalue_input("ids", onnxruntime.OrtValue.ortvalue_from_numpy(ids, device.type, 0))
        binding.bind_cpu_input("lengths", lengths.astype(np.int32))  # cuDNN's lengths are read on the host
        for output in ("logits", "probabilities", "attention"):
            binding.bind_output(output, device.type, 0)
        ready.append(binding)

    def run() -> None:
        for binding in ready:
            session.run_with_iobinding(binding)
        ready[-1].synchronize_outputs()

    return run


def through_torch(network: nn.Module, dtype: torch.dtype, batches: Sequence[Batch]) -> Callable[[], object]:
    """Return what runs all batches through torch, from arrays to arrays; numbers other than fp32 by autocast."""
    device = next(network.parameters()).device

    def run() -> list[NDArray[np.float32]]:
        answers = []
        with torch.no_grad(), torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            for ids, lengths in batches:
                output = network(torch.from_numpy(ids).to(device), torch.from_numpy(lengths).to(device))
                answers.append(torch.softmax(output.logits.float(), dim=-1).cpu().numpy())
        return answers

    return run


class Packed(nn.Module):
    """The network as it is mostly written: a bidirectional nn.LSTM over packed rows, and a softmax over its states."""

    def __init__(self, config: Config, vocabulary: int) -> None:
        super().__init__()
        width, hidden = config.model.embedding.dim, config.model.encoder.hidden
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.recurrent = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * hidden, 1)
        self.dense = nn.Linear(2 * hidden, LABELS)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return logits (batch, labels); `lengths` are on the host, where packing wants them."""
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        scores = torch.tanh(self.score(states)).masked_fill((ids == 0).unsqueeze(-1), -torch.inf)
        logits: Tensor = self.dense((torch.softmax(scores, dim=1) * states).sum(dim=1))
        return logits


def train_packed(config: Config, tokens: Ragged, sizes: Sizes, device: torch.device) -> Callable[[], float]:
    """Return what trains `Packed` for an epoch on batches in random order and returns its tokens a second."""
    network = Packed(config, sizes.vocabulary).to(device)
    optimizer = torch.optim.AdamW(network.parameters())
    targets = np.random.default_rng(1).integers(0, LABELS, len(tokens))
    order = np.random.default_rng(2).permutation(len(tokens))
    parts = np.array_split(order, max(1, len(tokens) // config.training.batch_size))

    def epoch() -> None:
        for rows in parts:
            ids, lengths = tokens.padded(rows)
            goals = torch.from_numpy(targets[rows]).to(device)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                network(torch.from_numpy(ids).to(device), torch.from_numpy(lengths)), goals
            )
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss.item()

    return lambda: len(tokens.ids) / seconds(epoch, device)


def train_ours(
    config: Config, tokens: Ragged, sizes: Sizes, device: torch.device, precision: Literal["fp32", "auto"]
) -> Callable[[], float]:
    """Return what trains our network and returns its tokens a second, without validation, over all but one epoch."""
    targets = np.random.default_rng(1).integers(0, LABELS, len(tokens))

    def examples(rows: NDArray[np.int64]) -> Examples:
        return Examples(
            tokens=tokens.subset(rows),
            targets=targets[rows],
            weights=np.ones(len(rows), dtype=np.float32),
            vocabulary=sizes.vocabulary,
            unknown=None,
        )

    everything = examples(np.arange(len(tokens)))
    training = replace(config.training, precision=precision, epochs=sizes.epochs, min_steps=1, patience=sizes.epochs)

    def measure() -> float:
        network = ARCHITECTURES["temporal"].build(config.model, sizes.vocabulary, LABELS, LONGEST)
        even = np.ones(LABELS, dtype=np.float32)
        data = PreparedData(
            config=replace(config, training=training), examples=everything, validation=examples(np.arange(8)),
            network=network, label_weights=even,
        )  # fmt: skip
        spent: list[float] = []  # of each epoch
        first: list[float] = []

        def watch(progress: Progress) -> None:
            if progress.finished is not None:
                first.clear()
            elif not first:
                first.append(progress.seconds)
                spent.append(0.0)
            else:
                spent[-1] = progress.seconds - first[0]

        trainer = Trainer(data, device, watch=watch)
        trainer.fit()
        batches = trainer.steps // trainer.epochs
        # From the first step of an epoch to the last: all batches but one.
        return len(tokens.ids) * (1 - 1 / batches) / statistics.median(spent[1:])

    return measure


def predicting(
    config: Config, sizes: Sizes, device: torch.device, rounds: int, limits: dict[str, Spread]
) -> Iterator[list[str]]:
    """Yield a row for each size of batch and each way to run it."""
    torch.manual_seed(0)
    network = ARCHITECTURES["temporal"].build(config.model, sizes.vocabulary, LABELS, LONGEST).eval()
    tokens = texts(sizes, sizes.texts)
    with tempfile.TemporaryDirectory() as folder:
        paths = {"fp32": Path(folder) / "model.onnx", "fp16": Path(folder) / "model.fp16.onnx"}
        export_onnx(network, paths["fp32"], multi_label=False)
        halve(paths["fp32"], paths["fp16"])
        sessions = {name: open_backend(path, device=device.type) for name, path in paths.items()}  # type: ignore[arg-type]
        network.to(device)
        for size in sizes.batches:
            chosen = tokens.subset(np.arange(len(tokens)) if size > 1 else np.arange(min(len(tokens), 512)))
            rows = list(sorted_by_length(chosen.lengths, LONGEST * size, size))
            batches = [chosen.padded(part) for part in rows]
            runs = {
                "torch, fp32": through_torch(network, torch.float32, batches),
                "torch, 16 bits": through_torch(network, half(device), batches),
                "ONNX Runtime, fp32": through_runtime(sessions["fp32"], batches, 1),
                "ONNX Runtime, fp16": through_runtime(sessions["fp16"], batches, 1),
                f"ONNX Runtime, fp16, {IN_FLIGHT} at a time": through_runtime(sessions["fp16"], batches, IN_FLIGHT),
                "ONNX Runtime, fp32, inputs and outputs on the device": bound(paths["fp32"], device, batches),
                "ONNX Runtime, fp16, inputs and outputs on the device": bound(paths["fp16"], device, batches),
            }
            contenders = {name: rate(run, len(chosen.ids), device) for name, run in runs.items()}
            found = in_turns(contenders, rounds)
            for name, rates in found.items():
                reference = found["torch, fp32" if "fp32" in name else "torch, 16 bits"]
                limit = limits["fp32" if "fp32" in name else "16 bits"].median
                share = statistics.median(rates) * forward(config.model) / limit
                cells = [Spread.of(rates).shown(), ratio(rates, reference).shown(2), f"{share:.4f}"]
                yield [f"batches of {size:,}: {name}", *cells]


def rate(run: Callable[[], object], tokens: int, device: torch.device) -> Callable[[], float]:
    """Return a function that measures the tokens a second of a run."""
    return lambda: tokens / seconds(run, device)


def half(device: torch.device) -> torch.dtype:
    """Return the 16 bits with which torch computes on the device."""
    return torch.float16 if device.type == "cuda" else torch.bfloat16


def measure(device: torch.device, hidden: int, rounds: int) -> str:
    """Return the section: limits, predicting, training."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # as in attnclf's own session
    config, sizes = settings(hidden), SIZES[device.type]
    found = in_turns(
        {
            "fp32": product(sizes.matrix, torch.float32, device),
            "16 bits": product(sizes.matrix, half(device), device),
            "bandwidth": bandwidth(sizes.bandwidth, device),
        },
        rounds,
    )
    limits = {name: Spread.of(rates) for name, rates in found.items()}
    predicted = list(predicting(config, sizes, device, rounds, limits))
    tokens = texts(sizes, sizes.training_rows)
    trained = in_turns(
        {
            "nn.LSTM over packed rows, fp32": train_packed(config, tokens, sizes, device),
            "attnclf, fp32": train_ours(config, tokens, sizes, device, "fp32"),
            "attnclf, mixed precision": train_ours(config, tokens, sizes, device, "auto"),
        },
        rounds,
    )
    naive = trained["nn.LSTM over packed rows, fp32"]
    training = []
    for name, rates in trained.items():
        limit = limits["16 bits" if "mixed" in name and device.type == "cuda" else "fp32"].median
        share = statistics.median(rates) * TRAINING * forward(config.model) / limit
        training.append([name, Spread.of(rates).shown(), ratio(rates, naive).shown(2), f"{share:.4f}"])
    width = config.model.embedding.dim
    on = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU, small sizes"
    operations, fastest = forward(config.model), limits["bandwidth"].median
    weights = 4 * 2 * 4 * hidden * hidden  # bytes × directions × gates
    return section(
        f"On {on}. {machine('torch', 'onnxruntime-gpu')}",
        f"Embedding {width}, LSTM {hidden} in both directions, {sizes.vocabulary:,} words, texts of {MEAN} "
        f"tokens: {operations:,} floating-point operations a token. Limits, measured in the same run: a product "
        f"of matrices of {sizes.matrix:,} rows, {limits['fp32'].median / 1e12:.2f} TFLOP/s in fp32 (no TF32) "
        f"and {limits['16 bits'].median / 1e12:.2f} in 16 bits; a copy inside the memory, "
        f"{fastest / 1e9:,.0f} GB/s. The steps of a recurrent layer wait for each other, so it cannot come "
        f"near the product's rate: each step reads {weights:,} bytes of recurrent weights (fp32), which takes "
        f"{1e6 * weights / fastest:.2f} µs at that bandwidth, however few texts there are.",
        table(["predicting", "tokens a second", "of torch", "of the matrix limit"], predicted),
        table(["training", "tokens a second", "of packed", "of the matrix limit"], training),
    )


def main(
    device: Annotated[Literal["cuda", "cpu"], typer.Option()] = "cuda",
    hidden: Annotated[int, typer.Option(help="Width of the LSTM, each direction.")] = 64,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    out: Annotated[Path | None, typer.Option(help="The page whose section is replaced.")] = None,
) -> None:
    """Measure, print the section, and write it into a page."""
    if device == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("torch sees no GPU here; --device cpu runs the same code at small sizes")
    publish(measure(torch.device(device), hidden, rounds), out, HEADING)


if __name__ == "__main__":
    typer.run(main)
