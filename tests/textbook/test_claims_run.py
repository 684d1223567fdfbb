"""A run of claims: valid, told in full, and the same however often it is interrupted."""

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
from seqwise.textbook import CLAIMS
from seqwise.textbook.clause import UNRUN
from seqwise.textbook.run import ClaimsRun

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
    assert all(clause["statement"] in page for clause in claim["clauses"])
    assert "Not run in this tier" in page


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
