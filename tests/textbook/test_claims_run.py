"""A run of claims: valid, told in full, and the same however often it is interrupted."""

import contextvars
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

import seqwise
from seqwise.comparison.folder import RunFolder
from seqwise.core.errors import UserError
from seqwise.report.html import escape
from seqwise.textbook import CLAIMS
from seqwise.textbook import run as claims_run
from seqwise.textbook.claim import Experiment, Judged
from seqwise.textbook.clause import UNRUN
from seqwise.textbook.comparing import FOLDER
from seqwise.textbook.position import Position
from seqwise.textbook.run import ClaimsRun, jobs_of, run_experiment

CONTRACT = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "contracts" / "claims.schema.json"
TIMES = ("seconds", "environment")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return seqwise.claims("position", out=tmp_path_factory.mktemp("claims") / "run", console=Console(quiet=True))


def timeless(result: dict) -> dict:
    claims = [{key: value for key, value in claim.items() if key not in TIMES} for claim in result["claims"]]
    return {"claims": claims, "table": result["table"]}


def test_the_result_is_what_was_promised(run):
    folder, result = run
    if not CONTRACT.exists():
        pytest.skip(f"no {CONTRACT}")
    jsonschema.Draft202012Validator(json.loads(CONTRACT.read_text())).validate(result)
    assert json.loads((folder / "claims.json").read_text()) == result


def test_every_claim_is_told_and_only_the_one_that_was_asked_for_is_run(run):
    _, result = run
    assert [claim["id"] for claim in result["claims"]] == list(CLAIMS)
    assert {claim["id"] for claim in result["claims"] if claim["verdict"] != UNRUN} == {"position"}
    assert len(result["table"]) == 11
    assert {row["feature"] for row in result["table"] if row["verdict"] != UNRUN} == {"Position tracking"}


def test_the_page_says_it(run):
    folder, result = run
    page = (folder / "claims.html").read_text()
    claim = next(claim for claim in result["claims"] if claim["id"] == "position")
    assert claim["summary"] in page
    assert all(escape(clause["statement"]) in page for clause in claim["clauses"])
    assert "Not run here" in page
    assert "nothing comparable" in page


def test_again_it_only_reads(run):
    folder, result = run
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/record.json")}
    again = seqwise.claims("position", out=folder, console=Console(quiet=True))[1]
    assert timeless(again) == timeless(result)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/record.json")} == before


def test_what_broke_or_was_not_made_is_told(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run[0], folder)
    first, second, *_ = sorted(folder.glob("trials/*/record.json"))
    record = json.loads(first.read_text())
    first.write_text(json.dumps({**record, "status": "failed", "error": "ValueError: not today"}))
    second.unlink()
    place = RunFolder(folder)
    result = ClaimsRun(place, "smoke", ["position"], 1, Console(quiet=True), "").told()
    claim = next(claim for claim in result["claims"] if claim["id"] == "position")
    whole = next(claim for claim in run[1]["claims"] if claim["id"] == "position")
    planned = whole["experiments"]["planned"]
    assert whole["experiments"] == {"planned": planned, "done": planned, "failed": []}
    assert claim["experiments"]["done"] == planned - 2
    assert [row["error"] for row in claim["experiments"]["failed"]] == ["ValueError: not today"]
    page = (folder / "claims.html").read_text()
    assert f"{planned - 2} of {planned} experiments" in page
    assert "not today" in page


def test_what_was_lost_is_measured_again_to_the_same_numbers(run):
    folder, result = run
    for path in list(folder.glob("trials/*/record.json"))[::2]:
        path.unlink()
    again = seqwise.claims("position", out=folder, console=Console(quiet=True))[1]
    assert timeless(again) == timeless(result)


def test_mistakes_are_said_before_anything_is_written(tmp_path):
    for names, changes, words in (
        (("positions",), {}, "there is no claim 'positions'"),
        (("position",), {"tier": "quick"}, "there is no tier 'quick'"),
    ):
        with pytest.raises(UserError, match=words):
            seqwise.claims(*names, out=tmp_path / "run", console=Console(quiet=True), **changes)
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds no claims"):
        seqwise.claims("position", out=tmp_path / "mine", console=Console(quiet=True))


def test_a_folder_of_another_tier_is_refused(run):
    with pytest.raises(UserError, match="another run, tier"):
        seqwise.claims("position", tier="standard", out=run[0], console=Console(quiet=True))


def test_the_list_on_the_command_line():
    done = subprocess.run([sys.executable, "-m", "seqwise", "claims", "--list"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(CLAIMS)


class Timed(Position):
    """Five experiments in ten seconds."""

    id = "timed"
    clauses = ()
    published = ()
    seconds = {"smoke": 10.0}  # noqa: RUF012
    alone = True

    def experiments(self, tier):
        return [Experiment(part="wait", seed=seed) for seed in range(5)]

    def run(self, experiment):
        folder = FOLDER.get()
        folder.mkdir()
        (folder / "plan.json").write_text("half done")
        return {"folder": str(folder)}

    def judge(self, results):
        return Judged([], (), "")


Timed.__module__ = Position.__module__


@pytest.fixture
def timed(tmp_path, monkeypatch):
    """A run of that claim alone, under a clock that shows a second more each time, in which experiments never end."""
    monkeypatch.setattr(claims_run, "CLAIMS", {"timed": Timed})
    ticks = []

    class Endless:
        def __init__(self, workers, entry):
            assert workers == 1

        def run(self, folder, jobs, on_tick):
            ticks.append(0)
            while on_tick(None):
                ticks[-1] += 1

    monkeypatch.setattr(claims_run, "LocalEngine", Endless)
    seconds = iter(range(1_000))
    return ClaimsRun(RunFolder(tmp_path / "run"), "smoke", ["timed"], 2, Console(quiet=True), "", lambda: next(seconds)), ticks


def finish(run, job, seconds):
    place = run.folder.trial(job["fingerprint"])
    place.mkdir(parents=True)
    (place / "record.json").write_text(json.dumps({"job": job, "seconds": seconds, "status": "ok", "result": {}}))


def test_a_claim_keeps_its_budget_over_several_runs(timed):
    run, ticks = timed
    first, second, third, *_ = jobs_of(Timed(), "smoke")
    run.execute()
    assert ticks[-1] == 9
    finish(run, first, 3.5)
    run.execute()
    assert ticks[-1] == 6
    finish(run, second, 4.5)
    killed = run.folder.trial(third["fingerprint"])
    killed.mkdir()
    (killed / "log.txt").write_text("as far as it came")
    assert run.spent("timed") == 8.0
    run.execute()
    assert ticks[-1] == 1


def test_an_experiment_has_a_folder_until_it_is_recorded(timed, monkeypatch):
    run, _ = timed
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    job = jobs_of(Timed(), "smoke")[0]
    place = run.folder.trial(job["fingerprint"])
    contextvars.copy_context().run(run_experiment, str(run.folder.path), job, 1)
    assert run.folder.record(job["fingerprint"])["result"] == {"folder": str(place / "run")}
    assert not (place / "run").exists()
