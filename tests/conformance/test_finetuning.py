"""Every task: what was trained on one data set goes on on another, is scored, saved, loaded and used like any other model."""

import csv
import json
from pathlib import Path

import pytest
import torch
import transformers
from rich.console import Console
from safetensors.torch import load_file

import seqwise
from seqwise.models.external import load_external
from seqwise.tasks import TASKS
from sounds import write_manifest, write_strings, write_tones
from tiny import daily, sentences, waves, word_pairs, write_csv, write_npz, write_pairs

QUIET = {"console": Console(quiet=True), "device": "cpu", "workers": 1}
SMALL = QUIET | {"size": "30k", "steps": 12, "replicates": 1, "configurations": 1, "models": "lstm,transformer"}
TUNING = QUIET | {"steps": 12, "configurations": 1}
OTHER = {"positive": "yes", "negative": "no", "slow": "heavy", "fast": "quick", "low": "deep", "high": "bright"}
CLASSIFIERS = ("text-classification", "time-series-classification", "audio-classification")


def texts(folder: Path) -> dict:
    def file(name, count, seed, rename):
        found, labels = sentences(count, seed)
        return str(write_csv(folder / name, found, [OTHER[label] for label in labels] if rename else labels))

    return {"first": file("a.csv", 60, 0, False), "other": file("b.csv", 60, 1, True), "test": file("t.csv", 30, 2, True)}


def series(folder: Path) -> dict:
    def file(name, count, seed, rename):
        found, labels = waves(count, seed)
        write_npz(folder / name, [2 * values + 7 for values in found] if rename else found, [OTHER[x] if rename else x for x in labels])
        return str(folder / name)

    return {"first": file("a.npz", 60, 0, False), "other": file("b.npz", 60, 1, True), "test": file("t.npz", 30, 2, True)}


def tones(folder: Path) -> dict:
    def file(name, count, seed, rename):
        path = write_tones(folder / name, count, seed)
        if rename:
            said = path.read_text()
            for label, new in OTHER.items():
                said = said.replace(f",{label}", f",{new}")
            path.write_text(said)
        return str(path)

    return {"first": file("a", 40, 0, False), "other": file("b", 40, 1, True), "test": file("t", 20, 2, True)}


def strings(folder: Path) -> dict:
    """The other data have a letter that the first ones do not have."""

    def file(name, count, seed, rename):
        path = write_strings(folder / name, count, seed)
        with path.open(newline="") as manifest:
            rows = list(csv.DictReader(manifest))
        return str(write_manifest(path, [row | {"text": row["text"].replace("c", "d") if rename else row["text"]} for row in rows]))

    return {"first": file("a", 40, 0, False), "other": file("b", 40, 1, True), "test": file("t", 20, 2, True)}


def panels(folder: Path) -> dict:
    """Other lengths than in the first training."""
    first, other = daily(folder / "a.csv"), daily(folder / "b.csv", 150)
    about = {"options": {"horizon": 5, "context": 21, "split": "110:20:30"}}
    return about | {"first": str(first), "other": str(other), "tuning": {"horizon": 3, "context": 14, "split": "100:20:30"}}


def pairs(folder: Path) -> dict:
    sources, targets = word_pairs(260)

    def file(name, part):
        return str(write_pairs(folder / name, sources[part], targets[part]))

    return {"first": file("a.csv", slice(0, 120)), "other": file("b.csv", slice(120, 220)), "test": file("t.csv", slice(220, 260))}


def running(folder: Path) -> dict:
    def file(name, count, seed):
        (folder / name).write_text("\n".join(sentences(count, seed)[0]))
        return str(folder / name)

    found = {"first": file("a.txt", 400, 0), "other": file("b.txt", 400, 1), "test": file("t.txt", 200, 2)}
    return found | {"options": {"context": 32}, "tuning": {"context": 32}}


MAKERS = {
    "text-classification": texts,
    "time-series-classification": series,
    "audio-classification": tones,
    "automatic-speech-recognition": strings,
    "time-series-forecasting": panels,
    "translation": pairs,
    "text-generation": running,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """By task: its data, and the folders of an LSTM and a transformer trained on the first of them. Made when first asked for."""
    known = {}

    def of(task):
        if task not in known:
            folder = tmp_path_factory.mktemp(task)
            data = MAKERS[task](folder)
            run = seqwise.compare(data["first"], task=task, out=folder / "first", **SMALL | data.get("options", {}))
            known[task] = data, {model["name"]: run.path / model["path"] for model in run.result["models"] if model["kind"] == "trained"}
        return known[task]

    return of


def tuned(data: dict, task: str, out: Path, **options):
    test = {"test": data["test"]} if "test" in data else {}
    return seqwise.compare(data["other"], task=task, out=out, **TUNING | test | data.get("tuning", {}) | {"replicates": 1} | options)


def jobs(run) -> dict[str, dict]:
    """The jobs of the final trainings, by model."""
    found = [json.loads(path.read_text())["job"] for path in (run.path / "trials").glob("*/record.json")]
    return {job["model"]: job for job in found if job["kind"] == "final"}


def at_step_zero(job: dict) -> torch.nn.Module:
    torch.manual_seed(1)
    task, config = TASKS[job["task"]](), job["config"]
    settings = config.get("settings", {}) | task.head_settings(job["labels"])
    return load_external(config["external"], task.auto_class, fresh=config.get("fresh", False), **settings)


def parts(model: torch.nn.Module) -> tuple[dict, dict]:
    """Weights that belong to the body, and those of the head; of an encoder and a decoder all are the body."""
    prefix = f"{model.base_model_prefix}."
    state = {name: value for name, value in model.state_dict().items() if value.ndim > 1}
    own = {name for name in state if name.startswith(prefix)} or set(state)
    return {name: state[name] for name in own}, {name: state[name] for name in state.keys() - own}


def scored(run, task: str, data: dict) -> float:
    about = {"split": data["tuning"]["split"]} if task == "time-series-forecasting" else {}
    source = data["other"] if about else data["test"]
    return seqwise.evaluate(run.path / "best", source, **about)["scores"][TASKS[task].metric]["value"]


@pytest.mark.parametrize("family", ["lstm", pytest.param("transformer", marks=pytest.mark.slow)])
@pytest.mark.parametrize("task", MAKERS)
def test_a_model_goes_on_on_other_data(trained, task, family, tmp_path):
    data, folders = trained(task)
    source = folders[family]
    run = tuned(data, task, tmp_path / "run", models=f"tuned=hf:{source},fresh=fresh:{source}")
    models = {model["name"]: model for model in run.result["models"] if model["family"] == "external"}
    assert {name: (model["status"], model["kind"]) for name, model in models.items()} == {
        "tuned": ("ok", "fine-tuned"),
        "fresh": ("ok", "trained"),
    }, [model.get("error") for model in models.values()]
    assert models["tuned"]["cost"]["latency_ms"]["p50"] > 0
    metric = TASKS[task].metric
    assert scored(run, task, data) == pytest.approx(run.result["best"]["scores"][metric], rel=1e-4, abs=1e-6)
    loaded = getattr(transformers, TASKS[task].auto_class).from_pretrained(run.path / "best", output_loading_info=True)
    assert not loaded[1]["missing_keys"]
    saved, found = load_file(source / "model.safetensors"), jobs(run)
    body, head = parts(at_step_zero(found["tuned"]))
    assert body
    assert all(torch.equal(value, saved[name]) for name, value in body.items() if name in saved)
    if task in (*CLASSIFIERS, "automatic-speech-recognition"):
        assert head
        assert not any(name in saved and torch.equal(value, saved[name]) for name, value in head.items()), "other labels, a fresh head"
    else:
        assert all(torch.equal(value, saved[name]) for name, value in head.items() if name in saved), "the same answers, the same head"
    body, _ = parts(at_step_zero(found["fresh"]))
    assert not any(torch.equal(value, saved[name]) for name, value in body.items() if name in saved)
