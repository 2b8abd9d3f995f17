"""A running server, and a client that speaks plain HTTP to it."""

import contextlib
import http.client
import json
import re
import signal
import threading
import time

PATIENCE = 2  # seconds, of the server that most tests share
BODY = 2**20  # bytes of a request there


class Served:
    """A server process, and requests to it."""

    def __init__(self, process):
        self.process = process
        self.said = []
        self.port = None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        wait_for(lambda: self.port or process.poll() is not None, seconds=60)
        if not self.port:
            self.close()
            raise AssertionError("".join(self.said) or "the server did not start")

    def _listen(self):
        for line in self.process.stderr:
            self.said.append(line.decode())
            if found := re.search(r"on http://127\.0\.0\.1:(\d+)", self.said[-1]):
                self.port = int(found[1])

    def request(self, method, path, body=None, headers=()):
        """Return status, headers and the body, parsed where it is JSON; bytes are sent as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        with contextlib.closing(connection):
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, sent, dict(headers))
            reply = connection.getresponse()
            said = reply.read()
            if said and reply.headers.get_content_type() == "application/json":
                said = json.loads(said)
            return reply.status, reply.headers, said

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)[::2]

    def post(self, path, body, **headers):
        return self.request("POST", path, body, headers)[::2]

    def lines(self, path, body, kind="application/x-ndjson", accept=None):
        """Return the lines of a streamed answer."""
        headers = {"Content-Type": kind} | ({"Accept": accept} if accept else {})
        status, _, said = self.request("POST", path, body, headers)
        assert status == 200, said
        return [json.loads(line) for line in said.decode().splitlines()]

    def metric(self, name):
        """Return the value of one series."""
        _, page = self.get("/metrics")
        found = re.search(rf"^{re.escape(name)} (\S+)$", page.decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def memory(self):
        """Return the resident memory in bytes."""
        return self.metric("process_resident_memory_bytes")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=120)

    def close(self):
        """End it, however it is."""
        self.process.kill()
        self.process.wait()
        self._listener.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


def wait_for(true, seconds=20):
    """Wait until something is true, and tell whether it became so."""
    until = time.monotonic() + seconds
    while not (said := true()) and time.monotonic() < until:
        time.sleep(0.02)
    return said
