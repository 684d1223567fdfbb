"""Labelled recordings, end to end: what is delivered answers as it did in the comparison; the command line takes what users have."""

import csv
import io
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile
import torch
from rich.console import Console

import seqwise
from seqwise.api import guess_task
from seqwise.core.errors import UserError
from seqwise.data.batching import SequenceSet
from seqwise.data.sounds import load_sounds
from seqwise.data.splits import Split, make_splits
from seqwise.tasks import TASK_DATA, TASKS
from seqwise.tasks.audio_baselines import MeanFeatures, summaries
from seqwise.tasks.task import load_outputs
from seqwise.tasks.task_data import Request
from sounds import RATE, TONES, tone, write_tones

TASK = TASKS["audio-classification"]()
SETTINGS = {"size": "30k", "steps": 36, "configurations": 1, "device": "cpu", "workers": 1}
ACCEPTANCE = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "acceptance"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished comparison of two models on tones with a split column. Not to be changed."""
    folder = tmp_path_factory.mktemp("tones")
    source = write_tones(folder, 90, split=["train"] * 60 + ["test"] * 30)
    options = {"models": "lstm,transformer", "replicates": 1} | SETTINGS
    return seqwise.compare(str(source), out=folder / "run", console=Console(quiet=True), **options)


def test_it_keeps_the_schema_and_the_models_learn(run):
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(run.result)
    assert (run.result["task"], run.result["status"], run.result["data"]["columns"]) == (
        "audio-classification",
        "complete",
        {"target": "label"},
    )
    scores = {model["name"]: model["scores"]["accuracy"]["mean"] for model in run.result["models"]}
    assert scores.keys() == {"lstm", "transformer", "majority", "mean-features"}
    assert min(scores["lstm"], scores["transformer"], scores["mean-features"]) > 0.8


def test_it_passes_the_acceptance_check(run):
    program = ACCEPTANCE / "check_comparison.py"
    if not program.exists():
        pytest.skip(f"no {program}")
    words = [sys.executable, str(program), "--families", "lstm,transformer", str(run.path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(": well"), done.stdout + done.stderr


def test_features_are_standardised_by_the_training_part(run):
    corpus = load_sounds(run.result["data"]["source"], "labels")
    extractor = TASK.data.extractor(corpus, 3)
    for replicate, part in enumerate(make_splits(corpus, replicates=1, seed=0).replicates):
        train = np.concatenate([extractor.features(corpus.waves[i]) for i in part.train])
        found = [json.loads(path.read_text()) for path in (run.path / "trials").glob("*/record.json")]
        for record in found:
            if record["job"]["kind"] == "final" and record["job"]["replicate"] == replicate:
                config = json.loads((run.path / "trials" / record["job"]["fingerprint"] / "model" / "config.json").read_text())
                np.testing.assert_allclose(config["input_mean"], train.mean(0), rtol=1e-4)
                np.testing.assert_allclose(config["input_std"], train.std(0), rtol=1e-4)


def test_the_best_model_in_another_process_gives_the_reported_score(run):
    """By transformers alone: its feature extractor, its model, its pipeline."""
    corpus = load_sounds(run.result["data"]["source"], "labels")
    test = make_splits(corpus, replicates=1, seed=0).replicates[0].test
    np.savez(run.path.parent / "test.npz", *[corpus.waves[i] for i in test])
    program = (
        "import sys, json, numpy, seqwise\n"
        "from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, pipeline\n"
        "found = numpy.load(sys.argv[2])\n"
        "extractor, model = AutoFeatureExtractor.from_pretrained(sys.argv[1]), "
        "AutoModelForAudioClassification.from_pretrained(sys.argv[1]).eval()\n"
        "waves = [found[name] for name in found.files]\n"
        "rows = model(**extractor(waves, return_tensors='pt')).logits.softmax(-1).tolist()\n"
        "run = pipeline('audio-classification', sys.argv[1])\n"
        "print(json.dumps([rows, [run({'raw': wave, 'sampling_rate': 8000})[0]['label'] for wave in waves]]))"
    )
    words = [sys.executable, "-c", program, str(run.path / "best"), str(run.path.parent / "test.npz")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    rows, labels = json.loads(done.stdout)
    outputs, truth = load_outputs((run.path / run.result["best"]["from"]).with_name("test.safetensors"))
    np.testing.assert_allclose(rows, outputs, atol=1e-5)
    assert float(np.mean(np.argmax(rows, 1) == truth)) == run.result["best"]["scores"]["accuracy"]
    assert labels == [corpus.classes[i] for i in np.argmax(rows, 1)]


def test_predict_takes_a_file_a_folder_a_manifest_and_samples(run, run_cli, tmp_path):
    rng = np.random.default_rng(5)
    (tmp_path / "deep").mkdir()
    soundfile.write(tmp_path / "a.wav", tone(TONES["low"], 0.2, rng), RATE)
    soundfile.write(tmp_path / "deep" / "b.flac", np.column_stack([tone(TONES["high"], 0.2, rng, 44_100)] * 2), 44_100)
    manifest = tmp_path / "m.csv"
    manifest.write_text("path\na.wav\ndeep/b.flac\n")
    for source, names in ((tmp_path, ["a.wav", "deep/b.flac"]), (manifest, ["a.wav", "deep/b.flac"])):
        code, out, err = run_cli("predict", run.path, source)
        rows = list(csv.DictReader(io.StringIO(out)))
        assert (code, err, [row["file"] for row in rows]) == (0, "", names)
        assert [row["label"] for row in rows] == ["low", "high"]
    for place in ("best", "baseline"):
        one = seqwise.predict(run.path / place, str(tmp_path / "a.wav"))
        assert one == seqwise.predict(run.path / place, [soundfile.read(tmp_path / "a.wav", dtype="float32")[0]])
        assert one[0]["label"] == "low"
    code, out, err = run_cli("predict", run.path, tmp_path / "nosuch.wav")
    assert (code, out) == (2, "")
    assert "there is no file" in err
    with pytest.raises(UserError, match=r"recording 1 has the shape \(3, 2\)"):
        seqwise.predict(run.path / "best", [np.zeros((3, 2))])


def test_evaluate_says_of_a_manifest_what_predict_answers(run, run_cli, tmp_path):
    source = write_tones(tmp_path, 30, seed=8)
    for place in ("best", "baseline"):
        found = seqwise.evaluate(run.path / place, str(source))
        with source.open() as file:
            truth = [row["label"] for row in csv.DictReader(file)]
        code, out, _ = run_cli("predict", run.path / place, source)
        answers = [row["label"] for row in csv.DictReader(io.StringIO(out))]
        assert code == 0
        assert found["scores"]["accuracy"]["value"] == pytest.approx(np.mean([a == b for a, b in zip(answers, truth, strict=True)]))
    source.write_text(source.read_text().replace("low", "middle"))
    code, _, err = run_cli("evaluate", run.path / "best", source)
    assert code == 2
    assert "has the label 'middle'" in err


def test_the_report_draws_recordings_and_keeps_them_out_where_asked(run, tmp_path):
    page = (run.path / "report.html").read_text()
    assert "How the classes look" in page
    assert "data:image/png;base64," in page
    assert "Which classes are confused" in page
    assert len(page) < 1_500_000
    card = (run.path / "best" / "README.md").read_text()
    assert 'pipeline("audio-classification", "PATH")' in card
    options = {"models": "lstm", "replicates": 1, "samples": False} | SETTINGS | {"steps": 12}
    quiet = seqwise.compare(run.result["data"]["source"], out=tmp_path / "run", console=Console(quiet=True), **options)
    page = (quiet.path / "report.html").read_text()
    assert quiet.result["task_results"]["examples"] is None
    assert "image/png" not in page
    assert "No recordings are shown" in page


@pytest.mark.parametrize(("option", "value"), [("text", "words"), ("id", "file"), ("time", "index"), ("header", True)])
def test_options_of_other_data_are_refused(option, value, tmp_path):
    with pytest.raises(UserError, match=f"--{option} has no meaning for sound"):
        TASK_DATA[TASK.tag]().read(Request(source=str(write_tones(tmp_path, 20)), **{option: value}))


def test_groups_stay_in_one_split(tmp_path):
    source = write_tones(tmp_path, 40, speaker=[f"s{i // 4}" for i in range(40)])
    corpus = TASK_DATA[TASK.tag]().read(Request(source=str(source), group="speaker"))
    for part in make_splits(corpus, replicates=3, seed=0).replicates:
        speakers = [{corpus.groups[i] for i in part.indices(split)} for split in Split]
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == 10


def test_the_task_is_guessed(tmp_path):
    assert guess_task(str(write_tones(tmp_path, 12))) == guess_task(str(tmp_path)) == guess_task("demo:vowels") == TASK.tag


def test_recordings_are_read_whole(tmp_path):
    data = TASK_DATA[TASK.tag]()
    corpus = data.read(Request(source=str(write_tones(tmp_path, 40))))
    splits = make_splits(corpus, replicates=1, seed=0).replicates[0]
    encoding = data.choose_encoding(corpus, splits, tokenizer="auto", context=None)
    data.encode(corpus, splits, encoding, tmp_path / "replicate-0")
    kept = SequenceSet.load(tmp_path / "replicate-0" / "test.safetensors")
    extractor = data.encoded_extractor(corpus, encoding)
    np.testing.assert_array_equal(kept.example(3), extractor.features(corpus.waves[splits.test[3]]))
    assert encoding.context == max(extractor.steps(len(wave)) for wave in corpus.waves)
    for settings in ({"tokenizer": "auto", "context": 9}, {"tokenizer": "bytes", "context": None}):
        with pytest.raises(UserError, match=r"recordings are read whole|no meaning for sound"):
            data.choose_encoding(corpus, splits, **settings)


def test_the_mean_features_baseline_answers_by_mean_and_spread(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    rows = [rng.normal(label, 1 + label, (int(rng.integers(3, 9)), 4)).astype(np.float32) for label in labels]
    np.testing.assert_allclose(summaries(rows)[0], np.concatenate([rows[0].mean(0), rows[0].std(0)]), rtol=1e-6)
    model = MeanFeatures.fit(rows, labels, (rows, labels), 4)
    answers = model.predict(rows)
    assert answers.shape == (60, 4)
    assert (answers.argmax(1) == labels).mean() > 0.8
    np.testing.assert_allclose(answers.sum(1), 1, rtol=1e-5)
    model.save(tmp_path)
    np.testing.assert_array_equal(MeanFeatures.load(tmp_path).predict(rows), answers)
    two = MeanFeatures.fit([rows[i] for i in range(60) if labels[i] < 2], labels[labels < 2], (rows[:2], labels[:2]), 2)
    assert (two.predict(rows)[:2].argmax(1) == labels[:2]).all()


def test_a_damaged_preprocessor_is_a_user_error(run, tmp_path):
    import shutil

    folder = shutil.copytree(run.path / "best", tmp_path / "best")
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(UserError, match="cannot be loaded"):
        seqwise.predict(folder, [np.zeros(900)])


def test_a_model_with_learned_positions_refuses_what_is_too_long(run):
    from seqwise.tasks.audio_classification_use import check_lengths

    model, _ = seqwise.load(run.path / "best")
    model.config.layer_types, model.config.position_embedding = ["attention"], "learned"
    with pytest.raises(UserError, match="recording 2 has 9999 steps"):
        check_lengths([np.zeros((3, 1)), np.zeros((9999, 1))], model)
    assert torch.is_tensor(TASK.answer(seqwise.load(run.path / "best")[0], 5)().logits)


def test_fsdd_is_read_from_its_zip_with_its_official_test(real_data):
    corpus = TASK_DATA[TASK.tag]().read(Request(source=str(real_data("fsdd") / "metadata.csv"), target="digit"))
    assert (len(corpus), corpus.rate, corpus.given.count("test"), corpus.classes) == (3000, 8000, 300, tuple("0123456789"))
    guessed = guess_task(str(real_data("fsdd") / "metadata.csv"))
    assert guessed == TASK.tag


def test_models_of_text_from_outside_are_refused(tmp_path):
    from tiny import outside_model, sentences

    folder, source = outside_model(tmp_path / "bert", "bert", "AutoModelForMaskedLM", sentences(60)[0]), write_tones(tmp_path / "data", 20)
    with pytest.raises(UserError, match="bert model that seqwise has not made, and those have no part in audio-classification"):
        seqwise.compare(str(source), models=f"lstm,hf:{folder}", size="30k", steps=12, out=tmp_path / "run", console=Console(quiet=True))
    assert not (tmp_path / "run").exists()
