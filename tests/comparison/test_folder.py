"""One process at a time in a run folder, and nothing of other people's is touched."""

import subprocess
import sys

import pytest

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.options import Options
from seqwise.comparison.start import check_folder, request_of
from seqwise.core.errors import UserError
from seqwise.core.files import write_json
from seqwise.data.readers import load_corpus

HOLD = """
import pathlib, sys
from seqwise.comparison.folder import RunFolder
with RunFolder(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works in the folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path, holder):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(UserError, match="another process works in"), folder.locked():
        pytest.fail("entered")
    holder.kill()
    holder.wait()
    with folder.locked():
        pass


def make_and_fail(folder, path):
    with folder.locked():
        write_json(path, {})
        raise UserError("no")


def test_a_new_folder_without_a_plan_is_removed_after_a_users_mistake(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(UserError, match="no"):
        make_and_fail(folder, folder.cache / "corpus.json")
    assert not folder.path.exists()


def test_a_folder_with_a_plan_or_one_that_was_there_stays(tmp_path):
    folder = RunFolder(tmp_path / "run")
    for _ in range(2):
        with pytest.raises(UserError, match="no"):
            make_and_fail(folder, folder.plan)
        assert folder.plan.exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="no"), RunFolder(tmp_path / "mine").locked():
        raise UserError("no")
    assert (tmp_path / "mine").exists()


def test_a_record_that_is_not_there_is_none(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.record("a") is None
    write_json(folder.trial("a") / "record.json", {"status": "ok"})
    assert folder.record("a") == {"status": "ok"}


@pytest.fixture
def asked(tiny_csv):
    return Options(source=str(tiny_csv)), load_corpus(str(tiny_csv))


def request(options, corpus):
    return request_of(options, corpus, parse_contenders(options.models))


def test_a_free_folder_an_empty_one_and_one_that_was_left_before_its_plan_are_taken(tmp_path, asked):
    check_folder(RunFolder(tmp_path / "new"), request(*asked))
    check_folder(RunFolder(tmp_path), request(*asked))
    for name in (".lock", "clock.json", ".plan.json.x1y2z3"):
        (tmp_path / name).touch()
    (tmp_path / "cache").mkdir()
    check_folder(RunFolder(tmp_path), request(*asked))


def test_what_is_no_run_is_refused(tmp_path, asked):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="is no run of seqwise"):
        check_folder(RunFolder(tmp_path), request(*asked))
    with pytest.raises(UserError, match="is a file"):
        check_folder(RunFolder(tmp_path / "thesis.tex"), request(*asked))


def test_a_run_of_other_data_or_options_is_refused(tmp_path, asked):
    options, corpus = asked
    write_json(tmp_path / "plan.json", {"request": request(options, corpus)})
    check_folder(RunFolder(tmp_path), request(options, corpus))
    check_folder(RunFolder(tmp_path), request(options.replace(workers=1, max_bytes=5), corpus))
    for other in (options.replace(seed=1), options.replace(models=("rnn",))):
        with pytest.raises(UserError, match="other data, options or outside models"):
            check_folder(RunFolder(tmp_path), request(other, corpus))
