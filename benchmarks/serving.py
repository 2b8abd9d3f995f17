"""Load the server: how much of `predict`'s throughput is left, how long requests take, and what overload does to it.

    python -m benchmarks.serving MODEL FILE [--seconds 20] [--rounds 5] [--overload 600] [--out benchmarks/RESULTS.md]

FILE has one text a line. Server, clients and `predict` run on the same cores, one after the other in each round; the
clients' share of the processor is printed. Run from the root of the repository. A page is written only with --out.
"""

import asyncio
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from pathlib import Path
from typing import Annotated, cast

import typer

from benchmarks.results import machine, publish, section, table
from benchmarks.speed.rounds import Spread

HEADING = "Serving"
ATTNCLF = (sys.executable, "-m", "attnclf")
CLIENTS = 64
LISTS = (256, 64, 16, 1)  # texts of a request
RAMP = 2.0  # seconds of load that do not count
MARKED = 16  # texts of a request under overload; each begins with a word of its own
CONNECTIONS = 2000  # at most, under overload


@dataclass
class Seen:
    """What clients saw: seconds of each answered request, statuses, texts answered, answers that were not theirs."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    texts: int = 0
    crossed: int = 0


class Client(asyncio.Protocol):
    """One connection: sends a request on demand, reads the reply, and reports it."""

    def __init__(self, answered: Callable[["Client", int, bytes], None]) -> None:
        self._answered = answered
        self._read = bytearray()
        self.sent: tuple[float, object] = (0.0, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own are not of that class

    def send(self, request: bytes, about: object = None, since: float | None = None) -> None:
        """Send a request; `about` is kept until its reply comes, `since` is when it was due."""
        self.sent = (time.perf_counter() if since is None else since, about)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read what there is of the reply."""
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(re.search(rb"content-length: (\d+)", bytes(head).lower())[1])  # type: ignore[index]
        if len(body) >= length:
            status = int(head[9:12])
            self._read.clear()
            self._answered(self, status, bytes(body))


def request(body: object) -> bytes:
    """Return a request to /predict."""
    sent = json.dumps(body, ensure_ascii=False).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(sent)}"
    return head.encode() + b"\r\n\r\n" + sent


def requests(texts: Sequence[str], size: int) -> list[bytes]:
    """Return requests of this number of texts each; a single one is sent alone."""
    if size == 1:
        return [request({"text": text}) for text in texts]
    return [request({"texts": list(texts[begin : begin + size])}) for begin in range(0, len(texts) - size + 1, size)]


async def closed(port: int, sent: Sequence[bytes], size: int, seconds: float) -> Seen:
    """Let `CLIENTS` clients each send the next request when the last is answered."""
    seen, following = Seen(), cycle(sent)
    counting = stopped = False

    def answered(client: Client, status: int, body: bytes) -> None:
        if counting:
            seen.statuses[status] += 1
            seen.seconds.append(time.perf_counter() - client.sent[0])
            seen.texts += size * (status == 200)
        if not stopped:
            client.send(next(following))

    clients = await _connected(port, CLIENTS, answered)
    for client in clients:
        client.send(next(following))
    await asyncio.sleep(RAMP)
    counting = True
    await asyncio.sleep(seconds)
    counting, stopped = False, True
    await asyncio.sleep(0.5)
    for client in clients:
        client.transport.close()
    return seen


async def steady(
    port: int,
    sent: Iterator[tuple[bytes, Sequence[str]]],
    rate: float,
    seconds: float,
    look: Callable[[], object] = lambda: None,
) -> Seen:
    """Send requests at this rate, whether or not those before are answered; `look` is called every second.

    With texts given, each must come back as the first token of its own answer.
    """
    seen, free = Seen(), []
    loop = asyncio.get_running_loop()

    def answered(client: Client, status: int, body: bytes) -> None:
        due, marks = client.sent
        free.append(client)
        seen.statuses[status] += 1
        if status == 200:
            seen.seconds.append(time.perf_counter() - due)
            if isinstance(marks, list):
                first = [one["tokens"][0] for one in json.loads(body)["predictions"]]
                seen.crossed += sum(one != mark for one, mark in zip(first, marks, strict=True))
                seen.texts += len(marks)

    clients = set(await _connected(port, CLIENTS, answered))
    free += clients
    begun = time.perf_counter()
    looked = 0
    for number in count():
        due = begun + number / rate
        if due > begun + seconds:
            break
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if time.perf_counter() - begun > looked:
            looked += 1
            await loop.run_in_executor(None, look)
        while free and free[-1].transport.is_closing():  # idle for too long: the server has let it go
            clients.discard(free.pop())
        if not free and len(clients) < CONNECTIONS:
            fresh = await _connected(port, CLIENTS, answered)
            clients.update(fresh)
            free += fresh
        if free:
            body, marks = next(sent)
            free.pop().send(body, marks, due)
        else:
            seen.statuses[0] += 1  # not sent: all connections wait
    await asyncio.sleep(2)
    for client in clients:
        client.transport.close()
    return seen


async def _connected(port: int, number: int, answered: Callable[[Client, int, bytes], None]) -> list[Client]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Client(answered), "127.0.0.1", port) for _ in range(number)]
    return [client for _, client in made]


class Server:
    """A server process."""

    def __init__(self, model: Path, *options: str) -> None:
        line = [*ATTNCLF, "serve", "--model", f"model={model}", "--port", "0", *options]
        self._process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if found := re.search(r"on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return
        raise SystemExit("the server did not start")

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="utf-8").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def predicted(model: Path, texts: Sequence[str], seconds: float) -> tuple[float, float]:
    """Return how many texts `attnclf predict` labels in a second, and its processor time a text; without its start."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        timed: list[tuple[int, float, float]] = []
        for number in (1, len(texts), 0):
            lines = number or max(len(texts), int(seconds * timed[1][0] / timed[1][1]))
            file.seek(0)
            file.truncate()
            file.writelines(f"{' '.join(text.split())}\n" for text in islice(cycle(texts), lines))
            file.flush()
            begun, busy = time.perf_counter(), _children()
            subprocess.run(
                [*ATTNCLF, "predict", file.name, "--model", model, "--format", "jsonl"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            timed.append((lines, time.perf_counter() - begun, _children() - busy))
    (one, start, own), _, (lines, taken, cpu) = timed
    return (lines - one) / (taken - start), (cpu - own) / (lines - one)


def _children() -> float:
    """Return the processor time of the processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    return 1000 * sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else float("nan")


def throughput(model: Path, texts: Sequence[str], seconds: float, rounds: int) -> str:
    """Return a table of throughput, cost and latency for each size of list."""
    ratios: dict[int, list[float]] = {size: [] for size in LISTS}
    rates: dict[int, list[float]] = {size: [] for size in LISTS}
    shares: dict[int, list[float]] = {size: [] for size in LISTS}
    latencies: dict[int, list[float]] = {size: [] for size in LISTS}
    costs: dict[int, list[float]] = {size: [] for size in LISTS}
    for number in range(rounds):
        base, cost = predicted(model, texts, seconds)
        for size in LISTS:
            with Server(model) as server:
                own, theirs = time.process_time(), server.cpu
                seen = asyncio.run(closed(server.port, requests(texts, size), size, seconds))
                own, theirs = time.process_time() - own, server.cpu - theirs
                rate = seen.texts / seconds
                costs[size].append(theirs / (rate * (seconds + RAMP)) / cost)
                half = asyncio.run(_half(server.port, requests(texts, size), rate / size / 2, seconds))
            if set(seen.statuses) != {200}:
                raise SystemExit(f"statuses: {dict(seen.statuses)}")
            rates[size].append(rate)
            ratios[size].append(rate / base)
            shares[size].append(own / (own + theirs))
            latencies[size].append(quantile(half.seconds, 0.99))
            print(
                f"  round {number + 1} of {rounds}, {size} texts a request: {rate:,.0f} texts/s, {rate / base:.2f} of "
                f"predict's {base:,.0f}, at {costs[size][-1]:.2f} of its processor time; half load p50 "
                f"{quantile(half.seconds, 0.5):.1f} ms, p99 {latencies[size][-1]:.1f} ms",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    rows = [
        (
            f"{size}",
            Spread.of(rates[size]).shown(),
            Spread.of(ratios[size]).shown(2),
            Spread.of(costs[size]).shown(2),
            Spread.of(latencies[size]).shown(1),
            f"{statistics.median(shares[size]):.0%}",
        )
        for size in LISTS
    ]
    columns = (
        "texts a request",
        "texts/s",
        "of `predict`",
        "processor time a text, of `predict`'s",
        "p99 at half load, ms",
        "clients' share of the processor",
    )
    return table(columns, rows)


async def _half(port: int, sent: Sequence[bytes], rate: float, seconds: float) -> Seen:
    return await steady(port, ((body, ()) for body in cycle(sent)), rate, seconds)


def marked(texts: Sequence[str]) -> Iterator[tuple[bytes, list[str]]]:
    """Yield requests whose texts each begin with a word of their own, and those words."""
    following, numbers = cycle(texts), count()
    while True:
        marks = [f"m{next(numbers)}k" for _ in range(MARKED)]
        yield request({"texts": [f"{mark} {next(following)}" for mark in marks], "attention": True}), marks


async def _marked(port: int, texts: Sequence[str], seconds: float) -> float:
    """Return the requests with markers that the server answers in a second."""
    sent = [body for body, _ in islice(marked(texts), 2000)]
    seen = await closed(port, sent, MARKED, seconds)
    return seen.texts / MARKED / seconds


def overloaded(model: Path, texts: Sequence[str], seconds: float, ramp: float) -> str:
    """Return what became of a server that was sent twice what it can take."""
    course: list[float] = []
    with Server(model) as server:
        rate = asyncio.run(_marked(server.port, texts, ramp))
        seen = asyncio.run(steady(server.port, marked(texts), 2 * rate, seconds, lambda: course.append(server.memory)))
    warm = course[len(course) // 10 :] or course
    others = {status: number for status, number in seen.statuses.items() if status not in (200, 429)}
    total = sum(seen.statuses.values())
    return (
        f"Overload: {2 * rate:,.0f} requests a second of {MARKED} texts, twice what the server answers, for "
        f"{seconds:,.0f} s. Replies: {seen.statuses[200]:,} answered, {seen.statuses[429]:,} refused with 429, other "
        f"statuses: {others or 'none'}. {seen.statuses[0]:,} of {total:,} requests were not sent, as all connections "
        f"waited. {seen.texts:,} texts returned with their own marker, {seen.crossed:,} with another. Answered "
        f"requests took {quantile(seen.seconds, 0.5):,.0f} ms, p99 {quantile(seen.seconds, 0.99):,.0f} ms. Memory of "
        f"the server: {course[0] if course else 0:,.0f} MB at first, {warm[0]:,.0f} MB after a tenth of the time, "
        f"{max(warm):,.0f} MB at most, {warm[-1]:,.0f} MB at the end."
    )


def main(
    model: Path,
    file: Path,
    seconds: Annotated[float, typer.Option(help="Seconds of each measurement.")] = 20,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    overload: Annotated[float, typer.Option(help="Seconds at twice the capacity.")] = 600,
    out: Annotated[Path | None, typer.Option(help="Write the section of this page.")] = None,
) -> None:
    """Measure, print, and write the page where one is named."""
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    texts = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    figures = throughput(model, texts, seconds, rounds)
    overload_figures = overloaded(model, texts, overload, seconds)
    body = section(
        f"`python -m benchmarks.serving MODEL {file.name} --seconds {seconds:g} --rounds {rounds} --overload "
        f"{overload:g}`: {machine('onnxruntime-gpu', 'fastapi', 'uvicorn')}",
        f"{CLIENTS} clients on the same cores as the server; median of {rounds} rounds, each with `predict` on "
        "the same texts (least to greatest).",
        figures,
        overload_figures,
    )
    publish(body, out, HEADING)


if __name__ == "__main__":
    typer.run(main)
