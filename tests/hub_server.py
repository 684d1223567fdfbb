"""A small hub: what huggingface_hub asks for when a model is pushed and loaded, answered over HTTP, the files kept in memory."""

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "hf_of_a_test"
LARGE = (".safetensors",)
"""Ends of names that are uploaded by Git LFS, beside the commit."""


@dataclasses.dataclass
class Hub:
    """What has been pushed so far.

    Args:
        url: for ``HF_ENDPOINT``.
        repositories: name -> path -> content.
        commits: name -> what each commit says of itself.
        objects: SHA-256 -> content of large files.
        asked: method and path of every request.
    """

    url: str
    repositories: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)
    commits: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    objects: dict[str, bytes] = dataclasses.field(default_factory=dict)
    asked: list[str] = dataclasses.field(default_factory=list)

    def revision(self, name: str) -> str:
        """The number of the newest commit, 40 hex digits."""
        return hashlib.sha1(json.dumps([name, self.commits[name]]).encode()).hexdigest()

    def write(self, name: str, folder: Path) -> Path:
        """The files of a repository, as a folder."""
        for path, content in self.repositories[name].items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder


class Refused(Exception):
    """Status and the hub's own word for it."""


class Answers(BaseHTTPRequestHandler):
    """One request. The paths are those of https://huggingface.co/docs/hub/api and of the Git LFS batch API."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_POST(self) -> None:
        self._answer(POSTS)

    def do_PUT(self) -> None:
        self._answer(PUTS)

    def do_GET(self) -> None:
        self._answer(GETS)

    do_HEAD = do_GET

    def _answer(self, table: dict[str, Any]) -> None:
        body, path = self._body(), self.path.partition("?")[0]
        self.hub.asked.append(f"{self.command} {path}")
        try:
            if table is not GETS and not path.startswith("/objects/") and self.headers["Authorization"] != f"Bearer {TOKEN}":
                raise Refused(401, "")
            for pattern, answer in table.items():
                if found := re.fullmatch(pattern, path):
                    return self._send(200, *answer(self.hub, body, **found.groupdict()))
            raise Refused(404, "EntryNotFound")
        except Refused as refused:
            self._send(refused.args[0], b"{}", {"X-Error-Code": refused.args[1]})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""


def told(**values: Any) -> tuple[bytes, dict[str, str]]:
    return json.dumps(values).encode(), {}


def create(hub: Hub, body: bytes) -> tuple[bytes, dict[str, str]]:
    asked = json.loads(body)
    name = f"{asked['organization']}/{asked['name']}"
    if name not in hub.repositories:
        hub.repositories[name], hub.commits[name] = {}, []
    return told(url=f"{hub.url}/{name}", name=name, id="1")


def check_metadata(hub: Hub, body: bytes) -> tuple[bytes, dict[str, str]]:
    front = re.match(r"---\n.*?\n---\n", json.loads(body)["content"], re.DOTALL)
    return told(errors=[], warnings=[] if front else [{"message": "empty or missing yaml metadata in repo card"}])


def known(hub: Hub, name: str) -> dict[str, bytes]:
    if name not in hub.repositories:
        raise Refused(404, "RepoNotFound")
    return hub.repositories[name]


def preupload(hub: Hub, body: bytes, name: str) -> tuple[bytes, dict[str, str]]:
    known(hub, name)
    paths = [file["path"] for file in json.loads(body)["files"]]
    return told(files=[{"path": path, "uploadMode": "lfs" if path.endswith(LARGE) else "regular", "shouldIgnore": False} for path in paths])


def batch(hub: Hub, body: bytes, name: str) -> tuple[bytes, dict[str, str]]:
    wanted = [{"oid": one["oid"], "size": one["size"]} for one in json.loads(body)["objects"]]
    return told(
        transfer="basic",
        objects=[one | {"actions": {"upload": {"href": f"{hub.url}/objects/{one['oid']}", "header": {}}}} for one in wanted],
    )


def upload(hub: Hub, body: bytes, oid: str) -> tuple[bytes, dict[str, str]]:
    if hashlib.sha256(body).hexdigest() != oid:
        raise Refused(400, "BadRequest")
    hub.objects[oid] = body
    return b"", {}


def commit(hub: Hub, body: bytes, name: str) -> tuple[bytes, dict[str, str]]:
    files, said = dict(known(hub, name)), []
    for line in body.splitlines():
        part = json.loads(line)
        value = part["value"]
        if part["key"] == "header":
            said.append(value["summary"])
        elif part["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif part["key"] == "lfsFile" and value["oid"] in hub.objects:
            files[value["path"]] = hub.objects[value["oid"]]
        else:
            raise Refused(400, "BadRequest")
    hub.repositories[name] = files
    hub.commits[name] += said
    revision = hub.revision(name)
    return told(success=True, commitOid=revision, commitUrl=f"{hub.url}/{name}/commit/{revision}")


def resolve(hub: Hub, body: bytes, name: str, path: str) -> tuple[bytes, dict[str, str]]:
    files = known(hub, name)
    if path not in files:
        raise Refused(404, "EntryNotFound")
    content = files[path]
    digest = hashlib.sha256(content).hexdigest()
    return content, {"Content-Type": "application/octet-stream", "ETag": f'"{digest}"', "X-Repo-Commit": hub.revision(name)}


def model_info(hub: Hub, body: bytes, name: str) -> tuple[bytes, dict[str, str]]:
    return told(id=name, modelId=name, sha=hub.revision(name), siblings=[{"rfilename": path} for path in known(hub, name)], tags=[])


NAME = r"(?P<name>[^/]+/[^/]+)"
POSTS = {
    "/api/repos/create": create,
    "/api/validate-yaml": check_metadata,
    rf"/api/models/{NAME}/preupload/main": preupload,
    rf"/{NAME}\.git/info/lfs/objects/batch": batch,
    rf"/api/models/{NAME}/commit/main": commit,
}
PUTS = {r"/objects/(?P<oid>[0-9a-f]{64})": upload}
GETS = {rf"/{NAME}/resolve/[^/]+/(?P<path>.+)": resolve, rf"/api/models/{NAME}(?:/revision/[^/]+)?": model_info}


@contextlib.contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub that answers in a thread of its own while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("HubAnswers", (Answers,), {"hub": hub})
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
