"""Pretraining end to end: what is delivered loads and says what its record says; stopped anywhere, it goes on to the same weights."""

import contextlib
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import tracking
from accelerate.tracking import GeneralTracker
from rich.console import Console
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerFast, pipeline

import seqwise
from seqwise.core.errors import UserError
from seqwise.data.pretraining_tokenizer import train_pretraining_tokenizer
from seqwise.pretraining import engine
from seqwise.pretraining.engine import default_folder
from seqwise.pretraining.options import PretrainOptions
from seqwise.training.loop import Trainer

WORDS = ("the", "river", "runs", "down", "to", "sea", "and", "old", "men", "watch", "ships", "sail", "away", "at", "dawn")
SETTINGS = {"size": "30k", "tokenizer": "bpe:300", "context": 16, "batch": 8, "budget": "6ktokens", "evaluations": 4, "device": "cpu"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(WORDS, rng.integers(4, 12))) + "." for _ in range(900)]
    path = tmp_path_factory.mktemp("corpus") / "river.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def pretrain(corpus, out, **changes):
    return seqwise.pretrain(str(corpus), out=out, console=Console(quiet=True), **(SETTINGS | changes))


def weights(folder):
    return load_file(folder / "model" / "model.safetensors")


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_fewer_windows_than_a_batch_are_said_and_counted_as_what_they_are(corpus, tmp_path):
    (tmp_path / "short.txt").write_text(corpus.read_text()[:1000])
    console = Console(record=True, file=io.StringIO(), width=200)
    settings = SETTINGS | {"batch": 1000, "validation": str(corpus)}
    folder, record = seqwise.pretrain(str(tmp_path / "short.txt"), out=tmp_path / "run", console=console, **settings)
    windows = (record["corpus"]["train"]["tokens"] - 1) // 16
    assert f"the text has {windows} windows, fewer than --batch 1000" in console.export_text()
    assert record["tokens_per_step"] == windows * 16
    assert 6000 <= record["tokens"] == record["steps"] * windows * 16 < 6000 + windows * 16
    assert f"{record['tokens']:,} tokens in {record['steps']} steps of {windows * 16:,}" in (folder / "model" / "README.md").read_text()


@pytest.mark.parametrize(("tokens", "steps"), [(1, 1), (300, 3)])
def test_a_small_budget_is_kept_with_fewer_evaluations(corpus, tmp_path, tokens, steps):
    _, record = pretrain(corpus, tmp_path / "run", budget=f"{tokens}tokens")
    assert (record["steps"], record["tokens"]) == (steps, steps * 128)
    assert [point["step"] for point in record["curve"]] == list(range(1, steps + 1))


@contextlib.contextmanager
def stopped_at(step):
    """Trainings that save at every step and are interrupted before one."""
    trained = Trainer.step

    def dying(self):
        if self.folder is not None and self.progress.step == step and self.config.steps < 10**9:
            raise KeyboardInterrupt
        value = trained(self)
        self.save()
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru", "transformer", "lstm+attention"])
def test_a_causal_model_learns_and_is_delivered(corpus, tmp_path, model):
    folder, record = pretrain(corpus, tmp_path / "run", model=model)
    assert record["curve"][-1]["bits_per_byte"] < record["curve"][0]["bits_per_byte"] < 8
    assert record["parameters"]["non_embedding"] == pytest.approx(30_000, rel=0.01)
    assert record["tokens"] == record["steps"] * 8 * 16 >= 6000
    loaded, tokenizer = AutoModelForCausalLM.from_pretrained(folder / "model"), AutoTokenizer.from_pretrained(folder / "model")
    text = corpus.read_text()
    held = text[len(text) * 9 // 10 :]
    ids = torch.tensor([tokenizer(held)["input_ids"][:400]])
    with torch.no_grad():
        loss = float(loaded.eval()(ids, labels=ids).loss)
    assert loss == pytest.approx(record["best"]["loss"], rel=0.25)
    written = pipeline("text-generation", str(folder / "model"), device="cpu")("the river", max_new_tokens=5, do_sample=False)
    assert written[0]["generated_text"].startswith("the river")
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == [
        ".lock",
        "checkpoint",
        "model",
        "plan.json",
        "pretrain.json",
        "request.json",
        "tokenizer",
    ]


@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_a_masked_model_learns_and_fills_masks(corpus, tmp_path, model):
    folder, record = pretrain(corpus, tmp_path / "run", model=model, objective="masked-lm", budget="20ktokens")
    assert record["curve"][-1]["masked_loss"] < record["curve"][0]["masked_loss"] < math.log(300) + 1
    assert AutoModelForMaskedLM.from_pretrained(folder / "model").config.bidirectional
    found = pipeline("fill-mask", str(folder / "model"), device="cpu")("the river [MASK] down to sea.")
    assert len(found) == 5


def test_the_score_is_that_of_the_held_out_text(corpus, tmp_path):
    """Bits per byte by hand, from the delivered model and the tokens of the last tenth."""
    folder, record = pretrain(corpus, tmp_path / "run")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder / "model").eval(), AutoTokenizer.from_pretrained(folder / "model")
    text = corpus.read_text()
    place = text.rfind("\n", 0, len(text) * 9 // 10) + 1
    ids = [*tokenizer(text[place:], add_special_tokens=False, split_special_tokens=True)["input_ids"], tokenizer.eos_token_id]
    nats = count = 0
    with torch.no_grad():
        for start in range(0, (len(ids) - 1) // 16 * 16, 16):
            window = torch.tensor([ids[start : start + 17]])
            logits = model(window[:, :-1], use_cache=False).logits[0].log_softmax(-1)
            nats -= float(logits.gather(1, window[0, 1:, None]).sum())
            count += 16
    size = len(text[place:].encode()) * count / len(ids)
    assert record["best"]["bits_per_byte"] == pytest.approx(nats / math.log(2) / size, rel=1e-4)
    assert record["corpus"]["validation"]["bytes"] == len(text[place:].encode())


@pytest.mark.parametrize("changes", [{}, {"stateful": True}, {"objective": "masked-lm", "dropout": 0.1}], ids=str)
@pytest.mark.parametrize("stop", [1, 20, 37])
def test_stopped_anywhere_it_goes_on_to_the_same_weights(corpus, tmp_path, changes, stop):
    whole, record = pretrain(corpus, tmp_path / "whole", **changes)
    with stopped_at(stop):
        pretrain(corpus, tmp_path / "parts", **changes)
    parts, again = pretrain(corpus, tmp_path / "parts", **changes)
    assert equal(weights(whole), weights(parts))
    assert [point["step"] for point in again["curve"]] == [point["step"] for point in record["curve"]]
    metric = record["metric"]
    assert [point[metric] for point in again["curve"]] == [point[metric] for point in record["curve"]]


def test_a_kill_at_the_first_write_leaves_a_folder_that_can_be_used(corpus, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".request.json.abc").write_text('{"request"')
    _, record = pretrain(corpus, tmp_path / "run", budget="1ktokens")
    assert record["tokens"] == 1024


def test_a_kill_before_the_last_cleaning_leaves_nothing_in_the_end(corpus, tmp_path, monkeypatch):
    def killed(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine, "drop_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(corpus, tmp_path / "run", budget="1ktokens")
    assert {"cache", "pretrain.json"} <= {path.name for path in (tmp_path / "run").iterdir()}
    folder, _ = pretrain(corpus, tmp_path / "run", budget="1ktokens")
    assert not (folder / "cache").exists()
    assert not list((folder / "checkpoint").iterdir())


def test_a_finished_one_is_read_and_another_request_is_refused(corpus, tmp_path):
    folder, record = pretrain(corpus, tmp_path / "run")
    changed = (folder / "model" / "model.safetensors").stat().st_mtime_ns
    assert pretrain(corpus, tmp_path / "run") == (folder, record)
    assert (folder / "model" / "model.safetensors").stat().st_mtime_ns == changed
    with pytest.raises(UserError, match="other options"):
        pretrain(corpus, tmp_path / "run", seed=1)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="no pretraining of seqwise"):
        pretrain(corpus, tmp_path / "foreign")
    assert [path.name for path in (tmp_path / "foreign").iterdir() if path.name != ".lock"] == ["notes.txt"]


def test_with_a_damaged_checkpoint_removed_it_begins_anew(corpus, tmp_path):
    whole, _ = pretrain(corpus, tmp_path / "whole")
    with stopped_at(20):
        pretrain(corpus, tmp_path / "parts")
    state = next((tmp_path / "parts" / "checkpoint").glob("*/state.json"))
    state.write_text(state.read_text()[:50])
    with pytest.raises(UserError, match=r"the checkpoint in .*parts/checkpoint cannot be read"):
        pretrain(corpus, tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts" / "checkpoint")
    parts, _ = pretrain(corpus, tmp_path / "parts")
    assert equal(weights(whole), weights(parts))


@pytest.mark.parametrize("finished", [False, True])
def test_another_text_of_the_same_name_is_refused(corpus, tmp_path, finished):
    shutil.copy(corpus, tmp_path / "a.txt")
    with contextlib.nullcontext() if finished else stopped_at(5):
        pretrain(tmp_path / "a.txt", tmp_path / "run")
    (tmp_path / "a.txt").write_text(corpus.read_text().replace("river", "brook"))
    with pytest.raises(UserError, match=r"a\.txt is no longer what the pretraining in .*run was begun with"):
        pretrain(tmp_path / "a.txt", tmp_path / "run")
    shutil.copy(corpus, tmp_path / "a.txt")
    pretrain(tmp_path / "a.txt", tmp_path / "run")


def test_another_tokenizer_in_the_same_folder_is_refused_and_the_one_of_the_run_delivered(corpus, tmp_path):
    lines, given = corpus.read_text().splitlines(), tmp_path / "given"
    train_pretraining_tokenizer(lines, 320, 16).save_pretrained(given)
    with stopped_at(5):
        pretrain(corpus, tmp_path / "run", tokenizer=str(given))
    train_pretraining_tokenizer([line[::-1] for line in lines], 320, 16).save_pretrained(given)
    with pytest.raises(UserError, match=r"the tokenizer .*given is no longer what"):
        pretrain(corpus, tmp_path / "run", tokenizer=str(given))
    train_pretraining_tokenizer(lines, 320, 16).save_pretrained(given)
    folder, _ = pretrain(corpus, tmp_path / "run", tokenizer=str(given))
    assert (folder / "model" / "tokenizer.json").read_bytes() == (folder / "tokenizer" / "tokenizer.json").read_bytes()


def test_bits_per_byte_are_not_given_for_a_tokenizer_that_loses_text(corpus, tmp_path):
    vocabulary = {"[UNK]": 0, "[EOS]": 1, "[MASK]": 2, "[PAD]": 3, "the": 4}
    words = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "eos", "mask", "pad")}
    PreTrainedTokenizerFast(tokenizer_object=words, **names).save_pretrained(tmp_path / "words")
    with pytest.raises(UserError, match=r"the tokenizer in .*words does not keep the text"):
        pretrain(corpus, tmp_path / "run", tokenizer=str(tmp_path / "words"))
    assert not (tmp_path / "run").exists()
    _, record = pretrain(corpus, tmp_path / "run", tokenizer=str(tmp_path / "words"), objective="masked-lm", budget="1ktokens")
    assert record["metric"] == "masked_loss"


def test_the_tokenizer_of_a_model_of_the_package(corpus, tmp_path, made_zoo):
    folder, _ = pretrain(corpus, tmp_path / "run", tokenizer="gru-made", budget="1ktokens")
    own, given = (AutoTokenizer.from_pretrained(place).get_vocab() for place in (folder / "model", made_zoo / "gru-made"))
    assert own == given


def test_a_batch_in_parts_gives_the_same_weights(corpus, tmp_path):
    whole, parts = (weights(pretrain(corpus, tmp_path / str(parts), accumulation=parts)[0]) for parts in (1, 4))
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, atol=2e-4, rtol=1e-3)


def test_a_carried_state_changes_what_is_learned(corpus, tmp_path):
    one, other = (weights(pretrain(corpus, tmp_path / str(carried), stateful=carried)[0]) for carried in (False, True))
    assert not equal(one, other)


def test_a_given_tokenizer_and_a_given_validation_file(corpus, tmp_path):
    text = corpus.read_text()
    train_pretraining_tokenizer(text.splitlines(), 320, 16).save_pretrained(tmp_path / "tokenizer")
    (tmp_path / "held.txt").write_text(text[:3000])
    folder, record = pretrain(corpus, tmp_path / "run", tokenizer=str(tmp_path / "tokenizer"), validation=str(tmp_path / "held.txt"))
    assert record["corpus"]["validation"]["bytes"] == 3000
    assert record["corpus"]["train"]["bytes"] == len(text.encode())
    assert AutoTokenizer.from_pretrained(folder / "model").vocab_size == AutoTokenizer.from_pretrained(tmp_path / "tokenizer").vocab_size


def test_several_sources_are_one_corpus_and_the_card_names_each(corpus, tmp_path):
    (tmp_path / "more.txt").write_text("a second text\n" * 50)
    (tmp_path / "held.txt").write_text(corpus.read_text()[:2000])
    several = f"{corpus},{tmp_path / 'more.txt'}"
    folder, record = pretrain(several, tmp_path / "run", validation=f"{tmp_path / 'held.txt'},{tmp_path / 'more.txt'}")
    assert record["sources"] == [str(corpus), str(tmp_path / "more.txt")]
    assert record["corpus"]["train"]["bytes"] == len(corpus.read_bytes()) + len((tmp_path / "more.txt").read_bytes())
    assert record["corpus"]["validation"]["bytes"] == 2000 + len((tmp_path / "more.txt").read_bytes())
    assert record["corpus"]["train"]["documents"] == 2
    assert "data: `river.txt`, `more.txt`;" in (folder / "model" / "README.md").read_text()
    assert default_folder(PretrainOptions(source=several)).name.startswith("pretrain-lstm-river+more-")


class Notes(GeneralTracker):
    """A tracker that writes into the folder of the run as soon as it is there, as tensorboard does."""

    name, requires_logging_directory, main_process_only = "notes", True, False

    def __init__(self, run_name, logging_dir):
        self.tracker = Path(logging_dir) / "notes.txt"
        self.tracker.write_text("")
        super().__init__()

    def store_init_configuration(self, values):
        self.log(values, None)

    def log(self, values, step):
        with self.tracker.open("a") as file:
            file.write(f"{step}: {sorted(values)}\n")


def test_a_tracker_that_writes_into_the_folder_is_told_every_evaluation(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "notes", Notes)
    folder, record = pretrain(corpus, tmp_path / "run", report_to="notes")
    told = (folder / "notes.txt").read_text().splitlines()[1:]
    assert [int(line.partition(":")[0]) for line in told] == [point["step"] for point in record["curve"]]
    assert "bits_per_byte" in told[0]


def test_a_tracker_that_is_not_installed_is_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "get_available_trackers", list)
    with pytest.raises(UserError, match=r"--report-to tensorboard is not possible \(it is not installed\)"):
        pretrain(corpus, tmp_path / "run", report_to="tensorboard")


def test_another_precision_in_the_same_process(corpus, tmp_path):
    for precision, expected in (("fp32", "no"), ("bf16", "bf16")):
        _, record = pretrain(corpus, tmp_path / precision, precision=precision, budget="1ktokens")
        assert record["environment"]["precision"] == expected


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        ("", {}, "holds no text"),
        ("too short", {}, "left for validation"),
        (None, {"context": 5000}, "left for validation"),
        (None, {"report_to": "nothing"}, "--report-to nothing is not possible"),
        (None, {"source": "missing.txt"}, "missing.txt cannot be read"),
        (None, {"source": "missing.txt,demo:docs"}, "missing.txt cannot be read"),
        (None, {"source": "a.txt,"}, "names no source beside one of its commas"),
    ],
)
def test_what_cannot_be_learned_from_is_one_message_and_leaves_no_folder(corpus, tmp_path, content, changes, words):
    source = corpus
    if content is not None:
        source = tmp_path / "a.txt"
        source.write_text(content)
    source = changes.pop("source", source) if changes else source
    with pytest.raises(UserError) as caught:
        pretrain(source, tmp_path / "run", **changes)
    assert words in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_command_line(corpus, run_cli, tmp_path):
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items() if name != "evaluations"]
    code, out, err = run_cli("pretrain", corpus, *arguments, "--model", "gru", "--out", tmp_path / "run", "--json")
    assert (code, json.loads(out)["options"]["model"]) == (0, "gru"), err
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert "pipeline_tag: text-generation" in card
    assert "seqwise pretrain" in card


PROGRAM = """
import sys, seqwise
from rich.console import Console
folder, record = seqwise.pretrain(sys.argv[1], out=sys.argv[2], console=Console(quiet=True), size="30k", tokenizer="bpe:300", context=16,
                                  batch=8, budget="6400tokens", evaluations=10, device="cpu", model=sys.argv[3])
"""


UNEQUAL_CLOCKS = """
import os, time
from seqwise.pretraining.engine import Pretraining
from seqwise.training.loop import Trainer

def stopped(*arguments):
    raise SystemExit("stopped before the first step")

Trainer.run = stopped
speed = 1 + int(os.environ["RANK"])
made = Pretraining.__init__
Pretraining.__init__ = lambda self, *arguments: made(self, *arguments, clock=lambda: speed * time.perf_counter())
"""


def in_processes(count, *words):
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*start, *map(str, words)], env=environment, capture_output=True, text=True, timeout=300, check=False)


LITTLE_ROOM = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
"""


def test_no_room_for_the_tokenizer_is_one_message_and_leaves_no_folder(corpus, tmp_path):
    """Files are limited in size in a process of their own: as where a disk is full."""
    words = [sys.executable, "-c", LITTLE_ROOM + PROGRAM, str(corpus), str(tmp_path / "run"), "lstm"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert f"NoSpace: no space left on the disk while writing {tmp_path / 'run'}\n" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_two_processes_train_as_one(corpus, tmp_path, model):
    (tmp_path / "program.py").write_text(PROGRAM)
    for count in (1, 2):
        assert in_processes(count, tmp_path / "program.py", corpus, tmp_path / f"run-{count}", model).returncode == 0
    one, two = (json.loads((tmp_path / f"run-{count}" / "pretrain.json").read_text()) for count in (1, 2))
    assert two["environment"]["processes"] == 2
    assert one["steps"] == two["steps"] == 50
    for first, second in zip(one["curve"], two["curve"], strict=True):
        assert second["train_loss"] == pytest.approx(first["train_loss"], abs=1e-5)
        assert second["bits_per_byte"] == pytest.approx(first["bits_per_byte"], abs=1e-5)


@pytest.mark.slow
def test_two_processes_agree_on_the_steps_of_a_budget_in_time_and_go_on_with_them(corpus, tmp_path):
    """Each one's clock is its own: they run at different speeds here, and one of them would measure more steps than the other."""
    timed = PROGRAM.replace("6400tokens", "3s")
    (tmp_path / "program.py").write_text(UNEQUAL_CLOCKS + timed)
    stopped = in_processes(2, tmp_path / "program.py", corpus, tmp_path / "run", "lstm")
    assert "stopped before the first step" in stopped.stderr
    steps = json.loads((tmp_path / "run" / "plan.json").read_text())["steps"]
    (tmp_path / "program.py").write_text(timed)
    done = in_processes(2, tmp_path / "program.py", corpus, tmp_path / "run", "lstm")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "pretrain.json").read_text())
    assert (record["steps"], record["environment"]["processes"]) == (steps, 2)


@pytest.mark.slow
def test_killed_without_warning_it_goes_on_from_its_checkpoint_to_the_same_weights(corpus, tmp_path):
    often = "from seqwise.pretraining import build\nbuild.CHECKPOINT_SECONDS = 0.2\n"
    told = PROGRAM.replace("6400tokens", "100ktokens").replace("Console(quiet=True)", "Console(width=100)")
    (tmp_path / "program.py").write_text(often + told)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def run(name):
        words = [sys.executable, str(tmp_path / "program.py"), str(corpus), str(tmp_path / name), "lstm"]
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)

    killed = run("killed")
    while not (tmp_path / "killed" / "checkpoint" / "checkpoint.json").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    again, whole = run("killed"), run("whole")
    said = again.communicate()[0]
    assert int(re.search(r"going on from step (\d+) of 782", said)[1]) > 0
    assert "going on" not in whole.communicate()[0]
    assert (again.returncode, whole.returncode) == (0, 0)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
