"""A small hub behind HTTP, on this machine: what `huggingface_hub` asks of the real one to make, write and read models.

Files of a commit live in memory. Names with `.onnx` or `.safetensors` go by way of LFS, as they do there.
"""

import base64
import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_goodtoken"


class Hub(ThreadingHTTPServer):
    """`commits[name]` are dictionaries from file names to bytes, the last one the branch main; `seen` the requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits, self.blobs, self.seen = {}, {}, []
        self.gated, self.private = set(), {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def revision(self, name, wanted):
        """The place of a commit by its hash, or main; None where there is no such revision."""
        hashes = [commit_hash(name, place) for place in range(len(self.commits[name]))]
        if wanted == "main":
            return len(hashes) - 1
        return hashes.index(wanted) if wanted in hashes else None


def commit_hash(name, place):
    return hashlib.sha1(f"{name} {place}".encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), **{key.replace("_", "-"): value for key, value in headers.items()}}
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/api/"):  # the library asks after other things too
            return self.answer(404)
        self.server.seen.append((self.command, self.path))
        owner, model, kind, revision, *parts = [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]
        name, file = f"{owner}/{model}", "/".join(parts)
        assert kind == "resolve"
        if name not in self.server.commits:
            return self.answer(401, X_Error_Code="RepoNotFound")
        if name in self.server.gated and not self.signed_in():
            return self.answer(401, X_Error_Code="GatedRepo")
        place = self.server.revision(name, revision)
        if place is None:
            return self.answer(404, X_Error_Code="RevisionNotFound")
        files = self.server.commits[name][place]
        if file not in files:
            return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit_hash(name, place))
        etag = hashlib.sha256(files[file]).hexdigest()
        return self.answer(200, files[file], ETag=f'"{etag}"', X_Repo_Commit=commit_hash(name, place))

    do_HEAD = do_GET  # noqa: N815

    def signed_in(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.blobs[hashlib.sha256(body).hexdigest()] = body
        self.answer(200)

    def do_POST(self):
        path = unquote(urlsplit(self.path).path)
        self.server.seen.append((self.command, path))
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if path == "/api/validate-yaml":
            card = json.loads(body)["content"]
            warnings = [] if card.startswith("---\n") else [{"message": "empty or missing yaml metadata in repo card"}]
            return self.answer(200, {"errors": [], "warnings": warnings})
        if not self.signed_in():
            return self.answer(401, {"error": "Invalid username or password."})
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if asked["organization"] == "others":
                return self.answer(403, {"error": "You don't have the rights to create a model under this namespace"})
            known = name in self.server.commits
            self.server.commits.setdefault(name, [])
            self.server.private.setdefault(name, asked.get("visibility") == "private" or asked.get("private"))
            return self.answer(409 if known else 200, {"url": f"{self.server.url}/{name}"})
        name = "/".join(path.removeprefix("/api/models/").split("/")[:2])
        if "/preupload/" in path:
            files = [file["path"] for file in json.loads(body)["files"]]
            big = (".onnx", ".safetensors")
            modes = [{"path": file, "uploadMode": "lfs" if file.endswith(big) else "regular"} for file in files]
            return self.answer(200, {"files": [{**mode, "shouldIgnore": False} for mode in modes]})
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.server.url}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return self.answer(200, {"transfer": "basic", "objects": objects})
        assert "/commit/" in path
        files = dict(self.server.commits[name][-1]) if self.server.commits[name] else {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
        self.server.commits[name].append(files)
        oid = commit_hash(name, len(self.server.commits[name]) - 1)
        return self.answer(200, {"commitUrl": f"{self.server.url}/{name}/commit/{oid}", "commitOid": oid})


@contextlib.contextmanager
def running():
    """A hub that listens while the block runs."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
