"""One trial in a process of its own: build, train, score, and leave a record. Runs the same wherever it is started."""

import json
import multiprocessing
import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from seqwise.comparison.extension import extended, reached_ends
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.search import SHARED, select
from seqwise.core.files import read_json, write_json
from seqwise.data.splits import Split
from seqwise.models.accounting import count_parameters
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks import TASKS
from seqwise.tasks.task import SplitFeed, Task, save_outputs
from seqwise.training.checkpoint import drop_checkpoint
from seqwise.training.loop import Progress, Trainer, TrainingConfig

PROGRESS_SECONDS = 1.0


def model_config(job: Mapping[str, Any]) -> SeqwiseConfig:
    """The model's config with the trial's hyperparameters put in."""
    values = job["hyperparameters"]
    dropout = values["dropout"]
    changes = {"hidden_dropout": dropout, "embedding_dropout": dropout, "classifier_dropout": dropout, "token_dropout": dropout / 2}
    changes |= {name: values[name] for name in ("forget_bias", "position_embedding") if name in values}
    labels = dict(enumerate(job["labels"]))
    return SeqwiseConfig(**job["config"], **changes, id2label=labels, label2id={name: i for i, name in labels.items()})


def training_config(job: Mapping[str, Any]) -> TrainingConfig:
    values = job["hyperparameters"]
    chosen = {name: values[name] for name in ("learning_rate", "weight_decay", "warmup") if name in values}
    return TrainingConfig(**job["training"], **chosen)


def accelerator_for(device: str) -> Accelerator:
    return Accelerator(cpu=device == "cpu")


def build_trainer(job: Mapping[str, Any], folder: RunFolder, checkpoints: Path | None) -> Trainer:
    """Model, data and optimizer of a job; the weights come from the seed alone."""
    task: Task = TASKS[job["task"]]()
    training = training_config(job)
    torch.manual_seed(training.seed)
    model = task.build(model_config(job))
    replicate = job["replicate"]
    train, validation = folder.tokens(replicate, Split.TRAIN), folder.tokens(replicate, Split.VALIDATION)
    feed = SplitFeed(task, train, validation, batch_size=job["batch_size"], seed=job["data_seed"])
    return Trainer(model, feed, training, folder=checkpoints, accelerator=accelerator_for(job["device"]))


class Reporter:
    """Writes where a trial stands, once a second; ends the trial when the process that wants it is gone."""

    def __init__(self, path: Path, until: int):
        self.path, self.until, self.last = path, until, 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.last < PROGRESS_SECONDS:
            return
        self.last = now
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(1)
        self.path.write_text(json.dumps({"step": progress.step, "until": self.until}))


def _record(job: Mapping[str, Any], trainer: Trainer) -> dict[str, Any]:
    progress, config = trainer.progress, trainer.bare_model.config
    count = count_parameters(config, num_labels=config.num_labels)
    return {
        "schema_version": 1,
        "job": dict(job),
        "status": progress.status,
        "steps": progress.step,
        "seconds": progress.seconds,
        "train_seconds": progress.train_seconds,
        "tokens": progress.tokens,
        "parameters": {"total": count.total, "embedding": count.embedding, "non_embedding": count.non_embedding},
        "curve": progress.curve,
        "best": progress.best,
        "still_improving": progress.still_improving(job["training"]["steps"]),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def run_search(job: Mapping[str, Any], folder: RunFolder, place: Path) -> dict[str, Any]:
    """Train one configuration to a share of the schedule; its checkpoint stays for the final run."""
    trainer = build_trainer(job, folder, place)
    trainer.resume()
    trainer.run(job["until"], Reporter(place / "progress.json", job["until"]))
    if trainer.progress.status == "ok":
        trainer.save()
    return _record(job, trainer)


def run_extension(job: Mapping[str, Any], folder: RunFolder, place: Path) -> dict[str, Any]:
    """One more configuration, beyond the edges that any model's kept one of this replicate lies on; skipped where there are none."""
    task: Task = TASKS[job["task"]]()
    tried = [record for fingerprint in job["after"] if (record := folder.record(fingerprint))]
    names = {record["job"]["model"] for record in tried}
    kept = {name: select([r for r in tried if r["job"]["model"] == name], task, Split.VALIDATION) for name in names}
    ends = reached_ends(record["job"]["point"] for record in kept.values() if record)
    own = kept[job["model"]]
    if not ends or own is None:
        return {"schema_version": 1, "job": dict(job), "status": "skipped", "steps": 0, "seconds": 0.0, "best": None, "curve": []}
    point = extended(own["job"]["point"], ends)
    names_beyond = [SHARED[index].name for index, _ in sorted(ends)]
    values = own["job"]["hyperparameters"] | {d.name: d.at(share) for d, share in zip(SHARED, point, strict=False)}
    moved = {"hyperparameters": values, "config": own["job"]["config"], "edge": [f"{name} beyond" for name in names_beyond], "point": point}
    return run_search(job | moved, folder, place)


def run_final(job: Mapping[str, Any], folder: RunFolder, place: Path) -> dict[str, Any]:
    """Finish the configuration that did best on validation; read the test split once, with the best weights."""
    task: Task = TASKS[job["task"]]()
    tried = [record for fingerprint in job["after"] if (record := folder.record(fingerprint)) and record["status"] != "skipped"]
    chosen = select(tried, task, Split.VALIDATION)
    if chosen is None:
        return _nothing_to_finish(job, tried)
    own = job | {"hyperparameters": chosen["job"]["hyperparameters"], "config": chosen["job"]["config"]}
    own |= {"configuration": chosen["job"]["configuration"], "edge": chosen["job"]["edge"]}
    trainer = build_trainer(own, folder, place)
    if not trainer.resume():
        trainer.resume(folder.trial(chosen["job"]["fingerprint"]))
    trainer.run(job["until"], Reporter(place / "progress.json", job["until"]))
    record = _record(own, trainer)
    if record["status"] == "ok":
        _finish(trainer, task, own, folder, place, record)
    return record


def _nothing_to_finish(job: Mapping[str, Any], tried: list[dict[str, Any]]) -> dict[str, Any]:
    """The record where no configuration is left: diverged, or failed where not one of them got so far as to diverge."""
    errors = [record["error"] for record in tried if record["status"] == "failed"]
    record = {"schema_version": 1, "job": dict(job), "steps": 0, "seconds": 0.0, "best": None, "curve": []}
    if len(errors) == len(tried):
        return record | {"status": "failed", "error": f"every configuration failed: {errors[0] if errors else 'no record'}"}
    return record | {"status": "diverged"}


def _finish(trainer: Trainer, task: Task, job: Mapping[str, Any], folder: RunFolder, place: Path, record: dict[str, Any]) -> None:
    model = trainer.bare_model
    model.load_state_dict(trainer.best_weights)
    model.eval()
    model.save_pretrained(place / "model")
    shutil.copytree(folder.replicate(job["replicate"]) / "tokenizer", place / "model", dirs_exist_ok=True)
    test = folder.tokens(job["replicate"], Split.TEST)
    outputs = task.outputs(model, test)
    save_outputs(place / "test.safetensors", outputs)
    record["test"] = task.metrics(outputs, test.labels)


def run_baseline(job: Mapping[str, Any], folder: RunFolder, place: Path) -> dict[str, Any]:
    """Fit a baseline on the training split and score it on validation and test."""
    task: Task = TASKS[job["task"]]()
    corpus = read_json(folder.cache / "corpus.json")
    splits = folder.splits(job["replicate"])
    labels = np.asarray(corpus["labels"])
    texts = {split: [corpus["texts"][i] for i in indices] for split, indices in splits.items()}
    truth = {split: labels[indices] for split, indices in splits.items()}
    start = time.perf_counter()
    held = (texts[Split.VALIDATION], truth[Split.VALIDATION])
    model = task.baselines[job["model"]].fit(texts[Split.TRAIN], truth[Split.TRAIN], held, len(job["labels"]))
    seconds = time.perf_counter() - start
    model.save(place / "model")
    outputs = model.predict(texts[Split.TEST])
    save_outputs(place / "test.safetensors", outputs)
    return {
        "schema_version": 1,
        "job": dict(job),
        "status": "ok",
        "seconds": seconds,
        "train_seconds": seconds,
        "parameters": {"total": model.parameters(), "embedding": 0, "non_embedding": model.parameters()},
        "best": task.metrics(model.predict(held[0]), held[1]),
        "test": task.metrics(outputs, truth[Split.TEST]),
    }


KINDS: dict[str, Callable[[Mapping[str, Any], RunFolder, Path], dict[str, Any]]] = {
    "search": run_search,
    "extension": run_extension,
    "final": run_final,
    "baseline": run_baseline,
}


def run_job(run: str, job: dict[str, Any], threads: int) -> None:
    """Entry of a trial's process. Leaves ``record.json``; an error becomes a record with status ``failed``."""
    folder = RunFolder(Path(run))
    place = folder.trial(job["fingerprint"])
    place.mkdir(parents=True, exist_ok=True)
    with (place / "log.txt").open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    torch.set_num_threads(threads)
    try:
        record = KINDS[job["kind"]](job, folder, place)
    except Exception as error:  # a trial that breaks is a result, whatever broke it
        traceback.print_exc()
        record = {
            "schema_version": 1,
            "job": job,
            "status": "failed",
            "error": f"{type(error).__name__}: {error}",
            "best": None,
            "curve": [],
        }
    write_json(place / "record.json", record)
    (place / "progress.json").unlink(missing_ok=True)
    if job["kind"] == "final" and record["status"] != "failed":
        drop_checkpoint(place)
        for fingerprint in job["after"]:
            drop_checkpoint(folder.trial(fingerprint))
