"""Recordings with transcripts, end to end: what is delivered hears what it heard in the comparison."""

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
from rich.console import Console

import seqwise
from seqwise.api import guess_task
from seqwise.core.errors import UserError
from seqwise.data.sounds import load_sounds
from seqwise.data.splits import make_splits
from seqwise.models.speech_stream import SpeechStream
from seqwise.tasks import TASK_DATA, TASKS
from seqwise.tasks.speech_baselines import MostFrequent, Silent
from seqwise.tasks.task import load_outputs
from seqwise.tasks.task_data import Request
from seqwise.tasks.transcribed_sounds import steps_needed
from seqwise.tasks.transcripts import heard_of, said_of
from sounds import LETTERS, RATE, tone, write_manifest, write_strings

TASK = TASKS["automatic-speech-recognition"]()
SETTINGS = {"size": "30k", "configurations": 1, "device": "cpu", "workers": 1}
ACCEPTANCE = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "acceptance"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished comparison of two models on rows of tones. Not to be changed."""
    folder = tmp_path_factory.mktemp("strings")
    source = write_strings(folder / "data", 80)
    options = {"models": "gru,transformer", "replicates": 1, "steps": 120, "batch": 16} | SETTINGS
    return seqwise.compare(str(source), out=folder / "run", console=Console(quiet=True), **options)


def test_it_keeps_the_schema_and_a_model_learns(run):
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(run.result)
    assert (run.result["task"], run.result["status"], run.result["protocol"]["metric"]) == (TASK.tag, "complete", "wer")
    scores = {model["name"]: model["scores"]["wer"]["mean"] for model in run.result["models"]}
    assert scores.keys() == {"gru", "transformer", "most-frequent", "silent"}
    assert scores["silent"] == 1.0
    assert scores["gru"] < 0.5 < scores["most-frequent"]


def test_it_passes_the_acceptance_check(run):
    program = ACCEPTANCE / "check_comparison.py"
    if not program.exists():
        pytest.skip(f"no {program}")
    words = [sys.executable, str(program), "--families", "gru,transformer", str(run.path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(": well"), done.stdout + done.stderr


def test_the_best_model_in_another_process_gives_the_reported_score(run):
    """By transformers alone, its pipeline and its processor."""
    corpus, best = load_sounds(run.result["data"]["source"], "texts"), run.result["best"]
    test = make_splits(corpus, replicates=1, seed=0).replicates[best["replicate"]].test
    np.savez(run.path.parent / "test.npz", *[corpus.waves[i] for i in test])
    program = (
        "import sys, json, numpy, seqwise\n"
        "from transformers import AutoModelForCTC, AutoProcessor, pipeline\n"
        "found = numpy.load(sys.argv[2])\n"
        "processor, model = AutoProcessor.from_pretrained(sys.argv[1]), AutoModelForCTC.from_pretrained(sys.argv[1]).eval()\n"
        "waves = [found[name] for name in found.files]\n"
        "tokens = model(**processor(waves, return_tensors='pt')).logits.argmax(-1)\n"
        "run = pipeline('automatic-speech-recognition', sys.argv[1])\n"
        "print(json.dumps([processor.batch_decode(tokens), [run({'raw': wave, 'sampling_rate': 8000})['text'] for wave in waves]]))"
    )
    words = [sys.executable, "-c", program, str(run.path / "best"), str(run.path.parent / "test.npz")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    outputs, truth = load_outputs((run.path / best["from"]).with_name("test.safetensors"))
    for heard in json.loads(done.stdout):
        assert [" ".join(text.split()) for text in heard] == heard_of(outputs)
    assert said_of(truth) == [corpus.answers[i] for i in test]
    assert TASK.metrics(outputs, truth)["wer"] == best["scores"]["wer"]


def test_predict_evaluate_and_the_command_line_agree(run, run_cli, tmp_path):
    source = write_strings(tmp_path, 12, seed=7)
    code, out, err = run_cli("predict", run.path / "best", source)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, [row["file"] for row in rows]) == (0, "", [f"{i}.flac" for i in range(12)])
    with source.open() as file:
        said = [row["text"] for row in csv.DictReader(file)]
    import jiwer

    found = seqwise.evaluate(run.path / "best", str(source))
    assert found["scores"]["wer"]["value"] == pytest.approx(jiwer.wer(said, [row["text"] for row in rows]))
    assert found["scores"]["cer"]["value"] == pytest.approx(jiwer.cer(said, [row["text"] for row in rows]))
    assert found["scores"]["wer"]["ci95"][0] <= found["scores"]["wer"]["value"] <= found["scores"]["wer"]["ci95"][1]
    samples = [soundfile.read(tmp_path / f"{i}.flac", dtype="float32")[0] for i in range(12)]
    assert [answer["text"] for answer in seqwise.predict(run.path / "best", samples)] == [row["text"] for row in rows]
    baseline = seqwise.evaluate(run.path / "baseline", str(source))
    assert (baseline["scores"]["wer"]["value"], "ctc_loss" in baseline["scores"]) == (1.0, False)


def test_the_report_marks_errors_and_keeps_the_data_out_where_asked(run, tmp_path):
    page = (run.path / "report.html").read_text()
    assert "What was said and what was heard" in page
    assert "word error rate" in page
    assert "length in steps" in page
    assert len(page) < 1_500_000
    options = {"models": "gru", "replicates": 1, "samples": False, "steps": 12} | SETTINGS
    quiet = seqwise.compare(run.result["data"]["source"], out=tmp_path / "run", console=Console(quiet=True), **options)
    assert quiet.result["task_results"] == {"first": None, "worst": None, "confusions": None}
    assert "image/png" not in (quiet.path / "report.html").read_text()


def test_a_causal_model_learns_and_streams_what_it_hears_of_the_whole(tmp_path):
    """The task's own training with ``bidirectional=False``."""
    import torch
    from accelerate import Accelerator
    from transformers import AutoProcessor

    from seqwise.data.speech_set import SpeechSet
    from seqwise.models.config import SeqwiseConfig
    from seqwise.training.loop import Trainer, TrainingConfig

    data = TASK_DATA[TASK.tag]()
    corpus = data.read(Request(source=str(write_strings(tmp_path / "data", 80))))
    splits = make_splits(corpus, replicates=1, seed=0).replicates[0]
    encoding = data.choose_encoding(corpus, splits, tokenizer="auto", context=None)
    assert encoding.vocab_size == len(LETTERS) + 3
    data.encode(corpus, splits, encoding, tmp_path)
    train, held = (SpeechSet.load(tmp_path / f"{split}.safetensors") for split in ("train", "validation"))
    torch.manual_seed(0)
    config = SeqwiseConfig(vocab_size=encoding.vocab_size, layer_types=["gru", "gru"], **encoding.settings, **TASK.input_settings(train))
    feed = TASK.feed(train, held, batch_size=16, seed=0)
    trainer = Trainer(TASK.build(config), feed, TrainingConfig(steps=120), folder=None, accelerator=Accelerator(cpu=True))
    trainer.run(120)
    assert trainer.progress.best["wer"] < 0.5
    heard = heard_of(TASK.outputs(trainer.bare_model.eval(), held))
    for number, i in enumerate(splits.validation[:6]):
        stream = SpeechStream(trainer.bare_model, AutoProcessor.from_pretrained(tmp_path / "preprocessor"))
        for part in np.array_split(corpus.waves[i], 7):
            stream.feed(part)
        assert stream.text == heard[number]


def test_a_transcript_that_cannot_be_that_of_its_recording_is_a_user_error(tmp_path):
    write_strings(tmp_path, 12)
    rows = [{"file": f"{i}.flac", "text": "a b" if i else "a" * 99} for i in range(12)]
    source = write_manifest(tmp_path / "metadata.csv", rows)
    with pytest.raises(UserError, match=r"0.flac lasts 0\.\d+ s, and its transcript has 99 characters"):
        TASK_DATA[TASK.tag]().read(Request(source=str(source)))


def test_steps_are_short_enough_for_the_transcripts(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for i in range(40):
        soundfile.write(tmp_path / f"{i}.wav", tone(300, 0.5, rng), RATE)
        rows.append({"file": f"{i}.wav", "text": "abcdefghijklmnop"[: 12 + i % 4], "dense": "abcdefghijklmnopqrstuvwxyz"})
    source = write_manifest(tmp_path / "m.csv", rows)
    data = TASK_DATA[TASK.tag]()
    for column, frames in (("text", 3), ("dense", 1)):
        corpus = data.read(Request(source=str(source), text=column))
        splits = make_splits(corpus, replicates=1, seed=0).replicates[0]
        assert data.frames_per_step(corpus, splits) == frames
        encoding = data.choose_encoding(corpus, splits, tokenizer="auto", context=None)
        assert data.encoded_extractor(corpus, encoding).frames_per_step == frames


def test_steps_needed_count_blanks_between_equal_neighbours():
    assert [steps_needed(text) for text in ("abc", "aab", "aaa", "a")] == [3, 4, 5, 1]


def test_baselines_hear_always_the_same(tmp_path):
    for kind, text in ((MostFrequent, "b c"), (Silent, "")):
        model = kind.fit(["a", "b c", "b c"])
        model.save(tmp_path / kind.__name__)
        assert kind.load(tmp_path / kind.__name__).predict(["x", "y"]) == [text, text]


def test_the_task_is_guessed_and_labels_are_refused(tmp_path):
    source = write_strings(tmp_path, 12)
    assert guess_task(str(source)) == guess_task(str(tmp_path)) == guess_task("demo:vowel-strings") == TASK.tag
    assert guess_task(str(source), {"target": "text"}) == "audio-classification"
    with pytest.raises(UserError, match="--target has no meaning for sound with texts"):
        TASK_DATA[TASK.tag]().read(Request(source=str(source), target="text"))
    with pytest.raises(UserError, match="demo:vowels holds no recordings with texts"):
        TASK_DATA[TASK.tag]().read(Request(source="demo:vowels"))


def test_a_comparison_of_causal_models_ends_with_one_that_streams(tmp_path, run_cli):
    from transformers import AutoProcessor

    source = write_strings(tmp_path / "data", 60)
    words = ["compare", source, "--models", "lstm", "--size", "30k", "--steps", 24, "--replicates", 1, "--configurations", 1]
    code, _, err = run_cli(*words, "--causal", "--device", "cpu", "--out", tmp_path / "run")
    assert code == 0, err
    result = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert result["models"][0]["cost"]["state_bytes"]["1"] > 0
    assert "every model reads from left to right alone" in result["protocol"]["rules"]
    assert "--causal" in result["environment"]["reproduce"]
    model, processor = seqwise.load(tmp_path / "run")
    assert isinstance(processor, type(AutoProcessor.from_pretrained(tmp_path / "run" / "best")))
    stream, wave = SpeechStream(model, processor), load_sounds(str(source), "texts").waves[0]
    for part in np.array_split(wave, 5):
        stream.feed(part)
    assert seqwise.predict(tmp_path / "run" / "best", [wave]) == [{"text": stream.text}]


def test_the_head_is_part_of_what_is_counted():
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from seqwise.models.accounting import flops_per_token
    from seqwise.models.config import SeqwiseConfig

    config = SeqwiseConfig(vocab_size=9, num_input_channels=4, bidirectional=True)
    model = TASK.build(config)
    with FlopCounterMode(display=False) as counted:
        model.lm_head(torch.zeros(5, config.hidden_size))
    assert 3 * counted.get_total_flops() / 5 == TASK.flops_per_token(config, [5, 7]) - flops_per_token(config, [5, 7])
    assert TASK.parameters(config).total == sum(parameter.numel() for parameter in model.parameters())
