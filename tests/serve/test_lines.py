"""Streams of lines: ids, the count, uploads that lose bytes on their way, and streams that are cut."""

import asyncio
import contextlib
import errno
import json
import signal
import socket
import threading
import time

import pytest
from running import PATIENCE, wait_for

from attnclf.serve.limits import CapacityLimiter
from attnclf.serve.refusals import Overloaded, Refusal
from attnclf.serve.spool import IN_MEMORY, Spool

NDJSON = {"Content-Type": "application/x-ndjson"}
HEAD = b"POST /predict%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
ROWS = [{"id": number, "text": f"my parcel {number} is late"} for number in range(60)]


def body_of(rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def dechunked(reply):
    """The status and the lines of a chunked reply, complete or not."""
    head, _, rest = reply.partition(b"\r\n\r\n")
    body = bytearray()
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return int(head.split()[1]), [json.loads(line) for line in body.splitlines()]


class Upload:
    """A connection that sends chunks one by one and can look whether an answer has begun."""

    def __init__(self, server, path=b"", *headers, buffer=2**16):
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.connection.settimeout(30)
        self.connection.connect(("127.0.0.1", server.port))
        head = HEAD % path + b"".join(b"%s\r\n" % header for header in headers)
        self.connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        self.read = b""

    def send(self, data):
        self.connection.sendall(chunk(data))

    def begun(self, seconds=1.0):
        """Whether a part of the answer comes within this time."""
        self.connection.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            self.read += self.connection.recv(2**16)
        self.connection.settimeout(30)
        return bool(self.read)

    def rest(self):
        """Send the end of the upload, and return the status and the lines of the answer."""
        self.connection.sendall(b"0\r\n\r\n")
        while not self.read.endswith(b"0\r\n\r\n"):
            self.read += self.connection.recv(2**16)
        return dechunked(self.read)


@pytest.fixture
def upload(server):
    """Begin an upload to the server that most tests share."""
    with contextlib.ExitStack() as stack:

        def begin(path=b"", *headers, **options):
            made = Upload(server, path, *headers, **options)
            stack.enter_context(made.connection)
            return made

        yield begin


@pytest.mark.parametrize("value", [7, "seven", None, True, 1.5, [1, {"a": []}], {"key": "ключ"}, 10**400, ""])
@pytest.mark.parametrize("path", ["/predict", "/explain?faithfulness=false"])
def test_a_line_gets_its_id_back(server, path, value):
    body = body_of([{"id": value, "text": "my parcel is late"}, {"text": "my parcel is late"}, {"id": value, "x": 1}])
    answered, plain, wrong = server.lines(path, body)
    assert answered == {"id": value, **plain}
    assert wrong == {"id": value, "error": "line 3: neither a string nor an object with a text"}


def test_an_id_that_is_no_json_when_it_is_read_is_an_error(server):
    (said,) = server.lines("/predict", b'{"id": 1e999, "text": "a"}\n')
    assert said == {"error": "line 1: a number of its id is too large"}


def test_a_stream_ends_with_the_number_of_its_rows_where_it_is_asked_for(server):
    body = b'"my parcel is late"\n\n{"x": 1}\n"no line end"'
    for path in ("/predict", "/explain"):
        *answers, last = server.lines(f"{path}?count=true", body)
        assert last == {"rows": 4}
        assert answers == server.lines(path, body)
    assert server.lines("/predict?count=true", b"") == [{"rows": 0}]
    listed = server.lines(
        "/predict?count=true", b'{"texts": ["a", "b"]}', kind="application/json", accept="application/x-ndjson"
    )
    assert listed[-1] == {"rows": 2}


def lossy(upload, rows, lost):
    """Send rows as a proxy does that drops the bytes of `lost` once the answer has begun."""
    body = body_of(rows)
    upload.send(body[: lost.start])
    begun = upload.begun()
    upload.send(body[lost.stop :] if begun else body[lost.start :])
    return upload.rest()


def test_ids_and_the_count_tell_what_a_proxy_has_lost(upload):
    """The bytes go missing so that what is left is well formed: two halves of rows make one."""
    first, last = (body_of(ROWS[:row]) for row in (10, 40))
    cut = len(b'{"id": 10, "text": "my par')
    lost = slice(len(first) + cut, len(last) + cut)
    status, texts = lossy(upload(b"?wait=false"), [row["text"] for row in ROWS], slice(300, 900))
    assert status == 200
    assert len(texts) < len(ROWS)
    assert not any("error" in answer for answer in texts)  # nothing else tells
    status, (*answers, count) = lossy(upload(b"?wait=false&count=true"), ROWS, lost)
    assert status == 200
    assert not any("error" in answer for answer in answers)
    assert count == {"rows": 30}
    assert [answer["id"] for answer in answers] == [*range(11), *range(41, 60)]


@pytest.mark.parametrize("header", [b"Via: 1.1 Caddy", b"X-Forwarded-For: 10.0.0.1", b"Forwarded: for=10.0.0.1"])
def test_behind_a_proxy_the_answer_begins_when_the_upload_is_complete(upload, header):
    status, (*answers, count) = lossy(upload(b"?count=true", header), ROWS, slice(300, 900))
    assert (status, count) == (200, {"rows": 60})
    assert [answer["id"] for answer in answers] == list(range(60))


def test_a_client_may_ask_for_the_answer_to_wait_or_not_to(upload):
    waiting, streaming = upload(b"?wait=true"), upload(b"?wait=false", b"Via: 1.1 Caddy")
    for one in (waiting, streaming):
        one.send(body_of(ROWS[:30]))
    assert streaming.begun()
    assert not waiting.begun(0.3)
    for one in (waiting, streaming):
        one.send(body_of(ROWS[30:]))
        status, answers = one.rest()
        assert (status, [answer["id"] for answer in answers]) == (200, list(range(60)))


def test_http_1_0_is_answered_when_the_upload_is_complete(server):
    body = body_of(ROWS)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") % b"" + b"Content-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body[:500])
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(30)
        connection.sendall(body[500:])
        read = b""
        while piece := connection.recv(2**16):
            read += piece
    assert read.count(b'"label"') == 60


def test_uploads_that_wait_take_a_bounded_part_of_the_disk(start, model):
    server = start("--model", model, "--port", 0, "--max-spool", 3 * 2**20, "--patience", 5)
    long = b'"%s"\n' % (2**16 * b"a")
    status, _, said = server.request("POST", "/predict?wait=true", 50 * long, NDJSON)
    assert (status, said["error"]) == (
        413,
        "the upload is longer than 3,145,728 bytes, and it is kept until it is complete; send it in pieces, or with "
        "wait=false where no proxy loses lines",
    )
    with Upload(server, b"?wait=true").connection as connection:
        connection.sendall(chunk(30 * long))
        assert wait_for(lambda: server.metric("attnclf_spool_bytes") == 30 * len(long))
        assert server.request("POST", "/predict?wait=true", 30 * long, NDJSON)[0] == 429
    assert wait_for(lambda: server.request("POST", "/predict?wait=true", 30 * long, NDJSON)[0] == 200)
    assert server.metric("attnclf_spool_bytes") == 0
    assert server.metric('attnclf_rejected_total{reason="disk"}') == 1


def test_a_long_upload_is_on_disk_and_gives_its_room_back():
    async def main():
        disk = CapacityLimiter(4 * IN_MEMORY, "disk")
        spool = Spool(disk)
        pieces = [bytes([number]) * (IN_MEMORY // 4) for number in range(6)]
        for piece in pieces:
            await spool.add(piece)
        assert disk.used == 6 * IN_MEMORY // 4
        assert b"".join([piece async for piece in spool.chunks()]) == b"".join(pieces)
        another = Spool(disk)
        with pytest.raises(Overloaded):
            await another.add(bytes(3 * IN_MEMORY))
        another.close()
        with pytest.raises(Refusal, match="longer than 4,194,304 bytes"):
            await spool.add(bytes(3 * IN_MEMORY))
        spool.close()
        assert disk.used == 0

    asyncio.run(main())


def test_a_full_disk_is_told_in_words(monkeypatch):
    async def main():
        spool = Spool(CapacityLimiter(IN_MEMORY, "disk"))

        def write(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(spool._file, "write", write)
        with pytest.raises(Refusal, match="no space to keep the upload") as refused:
            await spool.add(b"a")
        assert refused.value.status == 503
        spool.close()

    asyncio.run(main())


def test_a_stream_that_is_cut_for_patience_is_in_the_log_and_in_the_metrics(server, upload, tickets):
    cut = 'attnclf_streams_cut_total{reason="patience"}'
    before, gone = server.metric(cut), server.metric('attnclf_requests_total{path="/predict",status="499"}')
    sending, waiting = upload(), upload(b"?wait=true")
    for one in (sending, waiting):
        one.send(body_of(ROWS[:20]))
    assert sending.begun()
    taking = upload(b"?attention=true", buffer=4096)

    def send():
        with contextlib.suppress(OSError):
            for _ in range(3000):
                taking.send(body_of([" ".join(tickets[:4])]) * 30)

    thread = threading.Thread(target=send)
    thread.start()
    assert wait_for(lambda: server.metric(cut) == before + 3, seconds=10 * PATIENCE)
    thread.join()
    said = "".join(server.said)
    assert "A stream was cut after 20 rows: the client sent nothing within 2 s" in said
    assert "A stream was cut after 0 rows: the client sent nothing within 2 s" in said
    assert "rows: the client took nothing of the answer within 2 s" in said
    assert server.metric('attnclf_requests_total{path="/predict",status="499"}') == gone + 3


def test_a_stream_whose_client_leaves_is_counted_and_not_answered_further(server, upload):
    gone = 'attnclf_streams_cut_total{reason="gone"}'
    before = server.metric(gone)
    for path in (b"", b"?wait=true"):
        leaving = upload(path)
        leaving.send(body_of(ROWS))
        time.sleep(0.1)
        leaving.connection.close()
    # The whole upload is there, and there is much to do.
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        body = body_of(["my parcel is late"] * 200)
        head = (HEAD % b"?method=kernel-shap&faithfulness=true").replace(b"/predict", b"/explain")
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert wait_for(lambda: server.metric(gone) == before + 3)
    assert wait_for(lambda: server.metric('attnclf_queue{model="tickets",work="explain"}') == 0)
    assert server.metric("attnclf_bodies_bytes") == 0


def test_a_stream_that_ends_in_an_error_has_no_count_and_is_in_the_metrics(server, upload):
    ended = 'attnclf_streams_cut_total{reason="error"}'
    before = server.metric(ended)
    one = upload(b"?count=true")
    one.send(body_of(ROWS[:5]))
    assert one.begun()
    one.send((2**20 + 10) * b"a")
    status, answers = one.rest()
    assert status == 200
    assert answers[-1] == {"error": "line 6 is longer than 1,048,576 bytes"}
    assert server.metric(ended) == before + 1


def test_a_server_that_stops_ends_its_streams_in_words(start, model):
    server = start("--model", model, "--port", 0, "--drain", 1)
    begun, waiting = Upload(server, b"?count=true"), Upload(server, b"?wait=true")
    for one in (begun, waiting):
        one.send(body_of(ROWS[:5]))
    assert begun.begun()
    assert server.stop(signal.SIGTERM) == 0
    for one, status in ((begun, 200), (waiting, 503)):
        with one.connection as connection, contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(2**16):
                one.read += piece
        assert one.read.startswith(b"HTTP/1.1 %d" % status)
        assert b'{"error":"the server stops; try again"}' in one.read
    assert not any("Traceback" in line for line in server.said)


def test_compressed_lines_are_refused(server):
    status, _, said = server.request("POST", "/predict", b"\x1f\x8b", {**NDJSON, "Content-Encoding": "gzip"})
    assert (status, said) == (415, {"error": "the body is compressed; send it as it is"})


def test_an_option_in_the_address_of_a_json_body_is_refused(server):
    for query, said in (
        ("top_k=2", "top_k: options of a JSON body are read from the body; move it there"),
        ("count=true", "count: options of a JSON body are read from the body; move it there"),
    ):
        assert server.post(f"/predict?{query}", {"text": "a"}) == (400, {"error": said})
    status, _, said = server.request(
        "POST", "/predict?count=perhaps", b'{"texts": ["a"]}', {"Accept": "application/x-ndjson"}
    )
    assert (status, said["error"].partition(":")[0]) == (400, "count")
