"""A file is there whole or not at all."""

import concurrent.futures
import errno
import json
import os
from pathlib import Path

import pytest

from seqwise.core.errors import UserError
from seqwise.core.files import atomic_path, read_json, sha256_of, write_json, write_text


def write_half(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_old_file_is_there_until_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_folders_are_made(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "ü")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "ü".encode()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_user_error_and_leaves_the_old_file(tmp_path, monkeypatch, number):
    path = tmp_path / "a.json"
    write_json(path, [1])

    def full(*_, **__):
        raise OSError(number, "full")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"no space left on the disk while writing .*a\.json"):
        write_json(path, [2])
    monkeypatch.undo()
    assert read_json(path) == [1]
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_disk_that_is_full_only_at_the_end_is_noticed(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="no space left"):
        write_text(tmp_path / "a.txt", "x")
    assert os.listdir(tmp_path) == []


def test_another_error_of_the_system_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError), atomic_path(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "no")


def test_nan_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"a": float("inf")})
    assert read_json(path) == {"a": 1}


def test_readers_and_writers_at_once_see_whole_files_only(tmp_path):
    path = tmp_path / "a.json"
    contents = [[number] * 20_000 for number in range(4)]
    write_json(path, contents[0])

    def write(number):
        for _ in range(8):
            write_json(path, contents[number])

    def read():
        return all(json.loads(path.read_text()) in contents for _ in range(40))

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        reading = pool.submit(read)
        for future in [pool.submit(write, number) for number in range(4)]:
            future.result()
        assert reading.result()
    assert os.listdir(tmp_path) == ["a.json"]


def test_sha256_of_a_known_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
