"""Processes: one that breaks breaks alone, order is kept, what is done is not done again."""

import sys
import time

import engine_jobs
import pytest

from seqwise.comparison.engine import LocalEngine, State, hidden_main
from seqwise.comparison.folder import RunFolder
from seqwise.core.files import write_json


def job(name: str, does: str = "write", after=()) -> dict:
    return {"fingerprint": name, "does": does, "after": list(after), "replicate": 0, "model": "m"}


def run(folder, jobs, on_tick=lambda _: True, workers=2):
    engine_jobs.Engine(workers).run(folder, jobs, on_tick)
    return {found["fingerprint"]: folder.record(found["fingerprint"]) for found in jobs}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def test_a_killed_job_is_a_failed_record_and_the_others_go_on(folder):
    records = run(folder, [job("a", "kill"), job("b", "exit"), job("c"), job("d", after=["a", "b"])])
    assert {name: record["status"] for name, record in records.items()} == {"a": "failed", "b": "failed", "c": "ok", "d": "ok"}
    assert "exit code -9" in records["a"]["error"]
    assert "out of memory" in records["a"]["error"]
    assert records["b"]["error"] == "the process ended with exit code 3"


def test_a_job_that_raises_is_a_failed_record_and_leaves_its_traceback(folder):
    broken = job("a") | {"kind": "baseline", "task": "nonsense"}
    LocalEngine(1).run(folder, [broken], lambda _: True)
    record = folder.record("a")
    assert record["status"] == "failed"
    assert record["error"].startswith("UserError: unknown task 'nonsense'")
    assert record["job"] == broken
    assert "Traceback" in (folder.trial("a") / "log.txt").read_text()


def test_a_job_waits_for_those_before_it(folder):
    records = run(folder, [job("c", after=["a", "b"]), job("a"), job("b")])
    assert records["c"]["at"] > max(records["a"]["at"], records["b"]["at"])


def test_what_has_a_record_is_not_run_again(folder):
    write_json(folder.trial("a") / "record.json", {"status": "ok", "mine": 1})
    records = run(folder, [job("a"), job("b", after=["a"])])
    assert records["a"] == {"status": "ok", "mine": 1}
    assert records["b"]["status"] == "ok"
    assert not (folder.trial("a") / "starts").exists()


def test_no_more_processes_than_workers(folder):
    most = []
    run(folder, [job(name) for name in "abcd"], lambda state: most.append(len(state.running)) or True, workers=2)
    assert max(most) <= 2


@pytest.mark.parametrize("how", ["stop", "interrupt"])
def test_stopping_ends_the_running_processes_without_a_record(folder, how):
    def tick(state):
        started = all((folder.trial(name) / "starts").exists() for name in state.running) and state.running
        if started and how == "interrupt":
            raise KeyboardInterrupt
        return not started

    begun = time.monotonic()
    if how == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            run(folder, [job("a", "hang"), job("b", "hang")], tick)
    else:
        run(folder, [job("a", "hang"), job("b", "hang")], tick)
    assert time.monotonic() - begun < 60
    assert folder.record("a") is None
    assert folder.record("b") is None
    assert run(folder, [job("a"), job("b")])["a"]["status"] == "ok"


def test_jobs_that_are_taken_away_are_not_run(folder):
    def tick(state):
        state.jobs = [found for found in state.jobs if found["fingerprint"] != "b"]
        return True

    records = run(folder, [job("a"), job("b")], tick, workers=1)
    assert records["a"]["status"] == "ok"
    assert records["b"] is None


def test_state(folder):
    state = State([job("a", after=["b"]), job("b")], folder)
    assert state.ready()["fingerprint"] == "b"
    state.running["b"] = state.jobs[1]
    assert state.ready() is None
    assert not state.finished
    state.done.add(state.running.pop("b")["fingerprint"])
    assert state.ready()["fingerprint"] == "a"
    state.done.add("a")
    assert state.finished


def test_map_keeps_the_order_and_hands_on_errors():
    engine = LocalEngine(2)
    assert engine.map(engine_jobs.add, [(i, 10) for i in range(6)]) == [10, 11, 12, 13, 14, 15]
    with pytest.raises(ValueError, match="so"):
        engine.map(engine_jobs.fail, [()])


def test_the_users_script_is_hidden_and_shown_again(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", "script.py", raising=False)
    with hidden_main():
        assert main.__file__ is None
    assert main.__file__ == "script.py"


def test_a_script_without_a_guard_runs_once(tmp_path):
    import subprocess

    script = tmp_path / "script.py"
    script.write_text(
        "from operator import add\nfrom seqwise.comparison.engine import LocalEngine\nprint(LocalEngine(1).map(add, [(1, 2)]))\n"
    )
    said = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout == "[3]\n"
