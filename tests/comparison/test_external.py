"""Models from outside compete on the same terms, with their own tokenizer, and are marked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import seqwise
from seqwise.comparison.contenders import parse_contenders
from seqwise.core.errors import UserError
from seqwise.tasks import TASKS
from tiny import outside_model, sentences

SETTINGS = {"size": "30k", "steps": 24, "replicates": 3, "configurations": 1, "device": "cpu", "context": 32, "workers": 2}
TABLES = {
    ("labelled", "bert"): 320 * 32 + 64 * 32 + 2 * 32,
    ("labelled", "mine"): 320 * 32 + 64 * 32,
    ("written", "gpt2"): 320 * 32 + 64 * 32,
    ("written", "llama"): 2 * 320 * 32,
}
"""Parameters of the tables: of tokens, of positions, of segments; LLaMA's output has one of its own."""
ACCEPTANCE = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "acceptance"


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    root, texts = tmp_path_factory.mktemp("outside"), sentences(60)[0]
    made = {kind: outside_model(root / kind, kind, "AutoModelForCausalLM", texts) for kind in ("gpt2", "llama")}
    return made | {"bert": outside_model(root / "bert", "bert", "AutoModelForMaskedLM", texts)}


@pytest.fixture(scope="module")
def labelled(outside, tiny_csv, tmp_path_factory):
    models = f"lstm,hf:{outside['bert']},mine=hf:{outside['gpt2']}"
    return seqwise.compare(
        str(tiny_csv), models=models, out=tmp_path_factory.mktemp("run") / "run", console=Console(quiet=True), **SETTINGS
    )


@pytest.fixture(scope="module")
def written(outside, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "tiny.txt"
    path.write_text("\n".join(sentences(600)[0]))
    models = f"lstm,hf:{outside['gpt2']},hf:{outside['llama']}"
    out = path.with_name("run")
    return seqwise.compare(str(path), task="text-generation", models=models, out=out, console=Console(quiet=True), **SETTINGS)


def test_names_come_from_the_folder_or_are_given():
    found = parse_contenders(("hf:some/where/bert", "a=hf:gpt2", "lstm"))
    assert [(c.name, c.family, c.source) for c in found] == [
        ("bert", "external", "hf:some/where/bert"),
        ("a", "external", "hf:gpt2"),
        ("lstm", "recurrent", None),
    ]


@pytest.mark.parametrize("which", ["labelled", "written"])
def test_they_are_scored_beside_ours_and_marked(which, request):
    result = request.getfixturevalue(which).result
    outside = [model for model in result["models"] if model["family"] == "external"]
    assert len(outside) == 2
    for model in outside:
        assert (model["status"], model["kind"]) == ("ok", "fine-tuned"), model.get("error")
        score = model["scores"][result["protocol"]["metric"]]
        assert score["ci95"][0] <= score["mean"] <= score["ci95"][1]
        assert model["cost"]["latency_ms"]["p50"] > 0
        assert model["cost"]["flop_utilisation"] > 0
        assert model["parameters"]["embedding"] == TABLES[which, model["name"]]
    assert len(result["pairwise"]) == 3


@pytest.mark.parametrize(("which", "ours"), [("labelled", "lstm"), ("written", "lstm")])
def test_the_acceptance_check_is_content(which, ours, request):
    program = ACCEPTANCE / "check_comparison.py"
    if not program.exists():
        pytest.skip(f"no {program}")
    path = request.getfixturevalue(which).path
    done = subprocess.run([sys.executable, str(program), "--families", ours, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(": well"), done.stdout + done.stderr


def test_a_saved_one_answers_as_it_did_in_the_comparison(labelled, tiny_csv):
    record = next(
        record
        for path in (labelled.path / "trials").glob("*/record.json")
        if (record := json.loads(path.read_text()))["job"]["model"] == "bert" and record["job"]["kind"] == "final"
    )
    folder = labelled.path / "trials" / record["job"]["fingerprint"]
    from seqwise.data.readers import load_corpus
    from seqwise.data.splits import make_splits
    from seqwise.tasks.task import load_outputs

    corpus = load_corpus(str(tiny_csv))
    test = make_splits(corpus, replicates=3, seed=0).replicates[record["job"]["replicate"]].test
    rows = seqwise.predict(folder / "model", [corpus.texts[i] for i in test])
    found = np.array([[row["probabilities"][label] for label in corpus.classes] for row in rows])
    np.testing.assert_allclose(found, load_outputs(folder / "test.safetensors")[0], atol=1e-5)


def test_a_saved_language_model_from_outside_writes(written):
    folder = next(
        path.parent / "model"
        for path in (written.path / "trials").glob("*/record.json")
        if (record := json.loads(path.read_text()))["job"]["model"] == "llama" and record["job"]["kind"] == "final"
    )
    assert seqwise.generate(folder, "the film", tokens=5, temperature=0.0)


def test_a_folder_that_cannot_compete_is_refused_before_anything_is_written(tiny_csv, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no config\.json"):
        seqwise.compare(
            str(tiny_csv), models=f"lstm,hf:{tmp_path / 'empty'}", out=tmp_path / "run", console=Console(quiet=True), **SETTINGS
        )
    assert not (tmp_path / "run").exists()


def test_a_short_model_from_outside_costs_the_others_nothing(tiny_csv, tmp_path):
    """16 positions where texts have more tokens: it is measured at what it can read, and the others as ever."""
    folder = outside_model(tmp_path / "short", "bert", "AutoModelForMaskedLM", sentences(60)[0], max_position_embeddings=16)
    settings = SETTINGS | {"replicates": 1, "steps": 12, "models": f"lstm,hf:{folder}"}
    found = seqwise.compare(str(tiny_csv), out=tmp_path / "run", console=Console(quiet=True), **settings).result
    models = {model["name"]: model for model in found["models"]}
    assert models["short"]["status"] == "ok", models["short"].get("error")
    assert models["lstm"]["cost"]["latency_ms"]["p50"] > 0
    assert models["lstm"]["cost"]["flop_utilisation"] > 0


def test_a_model_that_changed_is_no_longer_the_one_of_the_run(tiny_csv, tmp_path):
    folder = outside_model(tmp_path / "small", "bert", "AutoModelForMaskedLM", sentences(60)[0])
    settings = SETTINGS | {"replicates": 1, "steps": 12, "models": f"hf:{folder}", "out": tmp_path / "run", "console": Console(quiet=True)}
    found = seqwise.compare(str(tiny_csv), **settings).result
    assert seqwise.compare(str(tiny_csv), **settings).result == found
    outside_model(folder, "bert", "AutoModelForMaskedLM", sentences(60)[0], intermediate_size=48)
    with pytest.raises(UserError, match="outside models"):
        seqwise.compare(str(tiny_csv), **settings)


def test_a_shorter_window_is_read_in_larger_batches_and_its_epochs_are_its_own(outside, tmp_path):
    path = tmp_path / "tiny.txt"
    path.write_text("\n".join(sentences(600)[0]))
    settings = SETTINGS | {"replicates": 1, "context": 128, "batch": 4, "models": f"lstm,hf:{outside['gpt2']}", "out": tmp_path / "run"}
    made = seqwise.compare(str(path), task="text-generation", console=Console(quiet=True), **settings)
    jobs = [json.loads(file.read_text())["job"] for file in (made.path / "trials").glob("*/record.json")]
    assert {job["batch_size"] for job in jobs if job["model"] == "gpt2"} == {8}
    for model in made.result["models"]:
        if model["family"] != "baseline":
            last = model["learning_curve"][-1]
            assert last["epoch"] == pytest.approx(made.result["protocol"]["epochs"][model["name"]])
    assert "gpt2 from outside, of its own size, fine-tuned" in (made.path / "report.html").read_text()


def test_a_model_whose_state_cannot_be_cut_back_costs_the_others_nothing():
    import transformers

    size = {"vocab_size": 64, "hidden_size": 16, "state_size": 4, "num_hidden_layers": 1}
    mamba = transformers.MambaForCausalLM(transformers.MambaConfig(**size)).eval()
    assert TASKS["text-generation"]().answer(mamba, 5) is None


def test_a_generation_beyond_its_positions_is_a_user_error(outside):
    with pytest.raises(UserError, match="beyond the 64 positions"):
        seqwise.generate(outside["gpt2"], "the film", tokens=80)
    assert seqwise.evaluate(outside["gpt2"], str(written_text(outside)))["scores"]["bits_per_byte"]["value"] > 0


def written_text(outside) -> Path:
    path = outside["gpt2"].with_name("evaluated.txt")
    path.write_text("\n".join(sentences(200)[0]))
    return path
