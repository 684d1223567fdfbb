"""Every verb runs, --json is JSON and nothing else."""

import csv
import io
import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

import seqwise
from seqwise.cli import main
from tiny import CONFIGURATIONS, REPLICATES, STEPS, sentences, write_csv

VERBS = ("compare", "train", "evaluate", "predict", "generate", "pretrain", "finetune", "models", "report", "doctor")


@pytest.fixture
def call(run_cli):
    """Standard output and standard error of a success."""

    def run(*words):
        code, out, err = run_cli(*words)
        assert code in (0, None), err
        return out, err

    return run


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def new_csv(tmp_path):
    return write_csv(tmp_path / "new.csv", *sentences(12, seed=4))


def settings() -> list:
    return ["--size", "30k", "--steps", STEPS, "--replicates", REPLICATES, "--configurations", CONFIGURATIONS, "--device", "cpu"]


@pytest.mark.parametrize("verb", VERBS)
def test_help(call, verb):
    out, err = call(verb, "--help")
    assert f"seqwise {verb}" in out
    assert err == ""


def test_the_help_of_pretraining_speaks_of_pretraining(call):
    out = " ".join(re.sub(r"[^\w\s.,:`-]", " ", call("pretrain", "--help")[0]).split())
    for borrowed in ("every model", "solver", "splits", "translation", "--source-column"):
        assert borrowed not in out
    for said in ("10m", "come on top", "Layers of the model"):
        assert said in out


def test_as_a_module_it_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "seqwise", "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(verb in done.stdout for verb in VERBS)


def test_the_list_of_verbs_is_complete(call):
    out, _ = call("--help")
    assert all(verb in out for verb in VERBS)


def test_compare_of_a_finished_run(call, finished, tiny_csv):
    out, _ = call("compare", tiny_csv, *settings(), "--out", finished.path)
    assert "Verdict:" in out
    assert "Recommendation:" in out
    assert str(finished.path / "report.html") in out


def test_compare_json(call, finished, tiny_csv):
    out, err = call("compare", tiny_csv, *settings(), "--out", finished.path, "--json")
    assert json.loads(out) == finished.result
    assert err == ""


def test_train_and_what_comes_out(call, tiny_csv, tmp_path):
    run = tmp_path / "run"
    words = ["train", tiny_csv, "--model", "gru", "--size", "30k", "--steps", 12, "--configurations", 1, "--device", "cpu", "--out", run]
    out, err = call(*words, "--json", "--no-samples")
    result = json.loads(out)
    assert err == ""
    assert result["status"] == "complete"
    assert [model["name"] for model in result["models"] if model["kind"] == "trained"] == ["gru"]
    assert result["protocol"]["replicates"] == 1
    assert result["verdict"]["winners"] == []
    assert result["environment"]["command"] == shlex.join(["seqwise", *map(str, words), "--json", "--no-samples"])
    texts, _ = sentences(150)
    page = (run / "report.html").read_text() + json.dumps(result)
    assert not any(text in page for text in texts if len(text) > 25)
    assert (run / "best" / "model.safetensors").exists()


def test_predict_a_csv(call, finished, new_csv):
    out, err = call("predict", finished.path, new_csv)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert err == ""
    assert [row["text"] for row in rows] == sentences(12, seed=4)[0]
    assert [row["label"] for row in rows] == [answer["label"] for answer in seqwise.predict(finished.path, [row["text"] for row in rows])]
    for row in rows:
        assert float(row["negative"]) + float(row["positive"]) == pytest.approx(1, abs=2e-6)


def test_predict_json(call, finished, new_csv):
    out, err = call("predict", finished.path, new_csv, "--json")
    assert err == ""
    assert [row["text"] for row in json.loads(out)] == sentences(12, seed=4)[0]


def test_predict_one_text(call, finished):
    out, _ = call("predict", finished.path / "best", 'a good film, "great" they said', "--json")
    (answer,) = json.loads(out)
    assert answer["text"] == 'a good film, "great" they said'
    assert answer["label"] in ("negative", "positive")


def test_predict_lines_of_a_text_file(call, finished, tmp_path):
    (tmp_path / "lines.txt").write_text("a good film\nan awful book\n")
    out, _ = call("predict", finished.path, tmp_path / "lines.txt")
    assert [row["text"] for row in csv.DictReader(io.StringIO(out))] == ["a good film", "an awful book"]


def test_predict_to_a_file_that_is_not_overwritten(call, finished, new_csv, tmp_path, monkeypatch, capfd):
    out, _ = call("predict", finished.path, new_csv, "--out", tmp_path / "answers.csv")
    assert out == ""
    written = (tmp_path / "answers.csv").read_text()
    assert written == call("predict", finished.path, new_csv)[0]
    monkeypatch.setattr(sys, "argv", ["seqwise", "predict", str(finished.path), "a text", "--out", str(tmp_path / "answers.csv")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "exists" in capfd.readouterr().err
    assert (tmp_path / "answers.csv").read_text() == written


def test_evaluate(call, finished, new_csv):
    out, _ = call("evaluate", finished.path, new_csv)
    assert re.search(r"12 examples\n  accuracy +[01]\.\d{4}  \(95 % interval", out)
    found = json.loads(call("evaluate", finished.path, new_csv, "--json")[0])
    assert found == seqwise.evaluate(str(finished.path), str(new_csv))


def test_report_is_drawn_again(call, copy):
    before = (copy / "report.html").read_text()
    (copy / "report.html").unlink()
    out, _ = call("report", copy)
    assert "Verdict:" in out
    assert (copy / "report.html").read_text() == before
    assert json.loads(call("report", copy, "--json")[0])["schema_version"] == 1


def test_models(call):
    found = json.loads(call("models", "--json")[0])
    assert {"rnn", "lstm", "gru", "transformer"} <= {model["name"] for model in found}
    assert all(model["about"] for model in found)
    assert all(model["name"] in call("models")[0] for model in found)


def test_doctor(call):
    found = json.loads(call("doctor", "--json")[0])
    assert found["matmul_gflops_per_thread"] > 0
    told = call("doctor")[0]
    assert found["packages"]["torch"] in told
    assert f"{'recurrent_layers':26} {found['recurrent_layers']}" in told
