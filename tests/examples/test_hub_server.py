"""The stand-in for the hub is as strict as the hub: no token, no write; no file that was not uploaded whole."""

import hashlib
import json
import urllib.error
import urllib.request

import pytest

from hub_server import TOKEN, running_hub


@pytest.fixture
def hub():
    with running_hub() as found:
        yield found


def ask(hub, path, body, *, method="POST", token=TOKEN):
    """Status and answer of one request."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{hub.url}{path}", data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["X-Error-Code"]


def lines(*parts):
    return b"".join(json.dumps({"key": key, "value": value}).encode() + b"\n" for key, value in parts)


CREATE = json.dumps({"organization": "someone", "name": "model"}).encode()


def test_without_the_token_nothing_is_written(hub):
    for token in (None, "another"):
        assert ask(hub, "/api/repos/create", CREATE, token=token)[0] == 401
    assert hub.repositories == {}


def test_a_large_file_is_committed_only_after_it_came_whole(hub):
    content, header = b"weights", ("header", {"summary": "first"})
    oid = hashlib.sha256(content).hexdigest()
    file = ("lfsFile", {"path": "model.safetensors", "oid": oid})
    assert ask(hub, "/api/repos/create", CREATE)[0] == 200
    assert ask(hub, "/api/models/someone/model/commit/main", lines(header, file))[0] == 400
    assert ask(hub, f"/objects/{oid}", b"other weights", method="PUT")[0] == 400
    assert (hub.repositories["someone/model"], hub.commits["someone/model"]) == ({}, [])
    assert ask(hub, f"/objects/{oid}", content, method="PUT")[0] == 200
    assert ask(hub, "/api/models/someone/model/commit/main", lines(header, file))[0] == 200
    assert ask(hub, "/someone/model/resolve/main/model.safetensors", None, method="GET") == (200, content)


def test_what_is_not_there_is_said(hub):
    assert ask(hub, "/someone/model/resolve/main/config.json", None, method="GET") == (404, "RepoNotFound")
    ask(hub, "/api/repos/create", CREATE)
    assert ask(hub, "/someone/model/resolve/main/config.json", None, method="GET") == (404, "EntryNotFound")
