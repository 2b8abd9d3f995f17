"""What clients, damage and signals do to the server: it stays up."""

import asyncio
import contextlib
import json
import resource
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from running import BODY, PATIENCE, wait_for
from support import invoke

from attnclf.runtime.onnxruntime_backend import has_gpu
from attnclf.serve import explaining

TEXT = {"text": "my parcel is late"}
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def connected(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        yield connection


def reply(connection):
    """Everything that comes until the server closes the connection."""
    read = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            read += chunk
    return bytes(read)


def serves(server):
    return server.post("/predict", TEXT)[1]["label"] == "delivery"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"text": "\xff"}', "Invalid JSON"),
        (b'{"text": "\\ud800"}', "Invalid JSON"),
        (b"\x00\x01", "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b'{"text": ' + 100_000 * b"[", "Invalid JSON: recursion limit"),
        (b'{"text": ' + 100_000 * b'{"a":' + b"1" + 100_001 * b"}", "Invalid JSON: recursion limit"),
        (b'{"text": 1e999999}', "text: "),
        (b'{"top_k": ' + 5000 * b"9" + b', "text": "a"}', "Invalid JSON: number out of range"),
    ],
    ids=["invalid UTF-8", "half a surrogate pair", "no text", "nothing", "lists", "objects", "infinity", "huge number"],
)
@pytest.mark.parametrize("path", ["/predict", "/explain", "/v2/models/tickets/infer"])
def test_a_broken_body_is_one_clear_line(server, path, body, said):
    status, answer = server.post(path, body)
    assert status == 400
    assert list(answer) == ["error"]
    if path == "/predict":
        assert said in answer["error"]
    assert "\n" not in answer["error"]


def test_a_body_of_a_gigabyte_is_refused_before_it_is_read(server):
    with connected(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 1073741824\r\n\r\n{")
        said = reply(connection)
    assert said.startswith(b"HTTP/1.1 413")
    assert b"longer than 1,048,576 bytes" in said
    assert serves(server)


def test_a_chunked_body_of_a_gigabyte_is_refused_as_soon_as_it_is_too_long(server):
    before = server.memory()
    piece = b"100000\r\n" + 2**20 * b"a" + b"\r\n"
    sent = 0
    with connected(server) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(1024):
                connection.sendall(piece)
                sent += 1
    assert sent < 64
    assert server.memory() < before + 32 * BODY
    assert serves(server)


def test_a_head_without_end_is_refused(server):
    with connected(server) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /labels HTTP/1.1\r\nHost: localhost\r\nX: " + 2**18 * b"a")
        assert reply(connection)[:12] in (b"HTTP/1.1 431", b"")
    assert serves(server)


def test_what_is_no_http_is_told_so(server):
    with connected(server) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert reply(connection).startswith(b"HTTP/1.1 400")
    assert serves(server)


def test_slow_clients_are_let_go_and_hold_nobody_up(server, tickets):
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        silent, heading, sending, taking = (stack.enter_context(connected(server)) for _ in range(4))
        heading.sendall(b"POST /predict HTTP/1.1\r\nHost: loc")
        sending.sendall(HEAD + b'Content-Length: 100\r\n\r\n{"text": ')
        # Asks for more than the buffers of both sides take, and reads nothing of it.
        taking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps({"texts": [" ".join(tickets)[:10_000]] * 100, "attention": True}).encode()
        taking.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert serves(server)
        assert [reply(connection)[:12] for connection in (silent, heading, sending)] == [b"HTTP/1.1 408"] * 3
        assert time.monotonic() - begun < 6 * PATIENCE
        assert serves(server)
        assert wait_for(lambda: server.metric("attnclf_connections") <= 1, seconds=10 * PATIENCE)


def test_thousands_of_idle_connections_leave_room_for_others(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = 2000 if hard == resource.RLIM_INFINITY else min(2000, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, many + 200), hard))
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(many):
                stack.enter_context(connected(server))
            assert serves(server)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert serves(server)


class Eager:
    """A model whose explanations are done before whoever asks for them has the answer to come."""

    def explain(self, texts, work):
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(work(None))
        return answer

    def count_explained(self):
        pass


def test_an_explanation_may_begin_before_its_answer_is_known_to_whoever_asked(monkeypatch):
    monkeypatch.setattr(explaining, "_explainer", lambda loaded, options: lambda text: {"text": text})

    async def ask():
        return await explaining.queue_explanations(Eager(), ["one", "two"], None, list)

    assert asyncio.run(ask()) == [{"text": "one"}, {"text": "two"}]


def test_the_work_of_a_client_that_leaves_is_cancelled(server, tickets):
    """Explanations run one after the other: those of clients that have gone are left out, and the next has its turn."""
    hard = {"texts": [" ".join(tickets[:12])] * 16, "method": "kernel-shap", "faithfulness": True}
    body = json.dumps(hard).encode()
    for _ in range(3):
        with connected(server) as connection:
            connection.sendall(HEAD.replace(b"predict", b"explain") + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert wait_for(lambda: server.metric('attnclf_queue{model="tickets",work="explain"}') >= 16)
    gone = 'attnclf_requests_total{path="/explain",status="499"}'
    assert wait_for(lambda: server.metric(gone) >= 3)
    assert server.metric('attnclf_queue{model="tickets",work="explain"}') == 0
    begun = time.monotonic()
    assert server.post("/explain", TEXT)[0] == 200
    assert time.monotonic() - begun < 20


ASK = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        (b"/explain", b"application/json", b'{"text": "my parcel is late my parcel is late", "method": "kernel-shap"}'),
        (b"/predict", b"application/json", b'{"text": "my parcel is late"}'),
        (b"/predict", b"application/x-ndjson", 1000 * b'"my parcel is late"\n'),
    ],
)
def test_a_client_that_sends_several_requests_at_once_and_leaves_is_no_error(server, path, kind, body):
    several = 5 * (ASK % (path, kind, len(body), body))
    said = len(server.said)
    for pause in (0, 0.01, 0.05):
        with connected(server) as connection:
            connection.sendall(several)
            time.sleep(pause)
    assert serves(server)
    assert wait_for(lambda: server.metric("attnclf_connections") <= 1)
    assert wait_for(lambda: server.metric('attnclf_queue{model="tickets",work="explain"}') == 0)
    assert server.metric("attnclf_bodies_bytes") == 0
    assert not [line for line in server.said[said:] if "Traceback" in line or "ERROR" in line]


def test_a_broken_request_is_not_answered_in_the_place_of_the_one_before_it(server):
    body = b'{"text": "my parcel is late my parcel is late my parcel is late", "method": "kernel-shap"}'
    with connected(server) as connection:
        connection.sendall(ASK % (b"/explain", b"application/json", len(body), body))
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\nno length\r\n")
        said = reply(connection)
    assert not said.startswith(b"HTTP/1.1 400")
    assert serves(server)


def test_a_deadline_that_passes_is_told_and_too_much_work_is_refused(start, model, tickets):
    server = start("--model", model, "--port", 0, "--deadline", 0.2, "--queue", 1)
    hard = {"texts": [" ".join(tickets[:12])] * 60, "method": "kernel-shap", "faithfulness": True}
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(server.request("POST", "/explain", hard))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {status: (headers["Retry-After"], answer["error"]) for status, headers, answer in statuses}
    assert found[503] == ("1", "there was no answer within 0.2 s; send fewer or shorter texts")
    assert found[429] == ("1", "the server is busy; try again in 1 s")
    assert server.metric('attnclf_rejected_total{reason="explanations"}') > 0
    with ThreadPoolExecutor(16) as clients:
        said = list(clients.map(lambda _: server.post("/predict", {"texts": tickets})[0], range(48)))
    assert 429 in said
    assert set(said) <= {200, 429, 503}
    assert server.metric('attnclf_rejected_total{reason="queue"}') == said.count(429)
    assert server.stop(signal.SIGINT) == 130  # Ctrl-C ends it as it ends every command


def test_a_server_with_a_key_asks_for_it_and_sigterm_lets_work_end(start, model, tmp_path):
    file = tmp_path / "key"
    file.write_text("a-long-key\n")
    server = start("--model", f"tickets={model}", "--port", 0, "--api-key-file", file, ATTNCLF_API_KEY="another")
    assert server.post("/predict", TEXT) == (
        401,
        {"error": "the API key is missing or wrong; send it as Authorization: Bearer KEY"},
    )
    assert server.post("/predict", TEXT, Authorization="Bearer another")[0] == 401
    assert server.post("/predict", TEXT, Authorization="Bearer a-long-key")[0] == 200
    assert server.get("/metrics")[0] == 401
    assert server.get("/readyz")[0] == 200
    hard = {"texts": ["my parcel is late " * 10] * 8, "method": "kernel-shap", "faithfulness": True}
    answers = []
    ask = threading.Thread(
        target=lambda: answers.append(server.post("/explain", hard, Authorization="Bearer a-long-key"))
    )
    ask.start()
    time.sleep(0.2)
    assert server.stop() == 0
    ask.join()
    assert answers[0][0] == 200
    with pytest.raises(ConnectionRefusedError):
        server.get("/readyz")


def test_what_cannot_be_served_is_one_line(attnclf, server, model, tmp_path):
    for arguments, said in (
        (["--model", tmp_path / "none"], "there is no model folder"),
        (["--model", model, "--model", model], "'single' cannot be the name of a model, or of two"),
        (["--model", model, "--port", server.port], f"cannot listen on 127.0.0.1:{server.port}"),
        (["--model", model, "--api-key-file", tmp_path / "none"], "cannot read the key"),
        *([] if has_gpu() else [(["--model", model, "--device", "cuda"], "--device cuda was asked for")]),
    ):
        done = attnclf("serve", *arguments)  # in a process of its own: a server takes hold of the log
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        assert said in done.stderr


def test_without_the_extra_the_remedy_is_told(model, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("attnclf.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = invoke("serve", "--model", model)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: serve needs the package fastapi; pip install 'attnclf[serve]'\n",
    )
