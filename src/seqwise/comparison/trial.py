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

import torch
from accelerate import Accelerator

from seqwise.comparison.extension import extended, reached_ends
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.search import SEARCHES, select, shared
from seqwise.core.errors import NoSpace
from seqwise.core.files import room_for, write_json
from seqwise.data.splits import Split
from seqwise.models.accounting import count_of_model
from seqwise.models.config import SeqwiseConfig
from seqwise.models.external import load_external
from seqwise.tasks import TASKS
from seqwise.tasks.task import Task, save_outputs
from seqwise.training.checkpoint import drop_checkpoint, load_weights
from seqwise.training.loop import Progress, Trainer, TrainingConfig

PROGRESS_SECONDS = 1.0
NO_SPACE = 28
"""What a trial's process ends with where the disk is full."""
SEARCHED = ("learning_rate", "weight_decay", "warmup", "decay", "layer_decay", "unfreezing")
"""Settings of training that a search may choose."""


def model_config(job: Mapping[str, Any], task: Task, train: Any) -> SeqwiseConfig:
    """The model's config with the trial's hyperparameters, and what the training examples say of the input, put in."""
    values = job["hyperparameters"]
    dropout, tokens = values["dropout"], task.token_dropout
    changes = {"hidden_dropout": dropout, "embedding_dropout": dropout, "classifier_dropout": dropout, "token_dropout": tokens * dropout}
    changes |= {name: values[name] for name in ("forget_bias", "position_embedding") if name in values}
    return task.config_class(**job["config"], **changes, **task.head_settings(job["labels"]), **task.input_settings(train))


def training_config(job: Mapping[str, Any]) -> TrainingConfig:
    values = job["hyperparameters"]
    chosen = {name: values[name] for name in SEARCHED if name in values}
    return TrainingConfig(**job["training"], **chosen)


def build_model(job: Mapping[str, Any], task: Task, train: Any) -> Any:
    """A fresh model of ours, or one from outside as it was saved."""
    outside = job["config"].get("external")
    if outside is None:
        return task.build(model_config(job, task, train))
    dropout, fresh = job["hyperparameters"]["dropout"], job["config"].get("fresh", False)
    settings = {"token_dropout": task.token_dropout * dropout} | job["config"].get("settings", {})
    settings |= task.head_settings(job["labels"]) | task.input_settings(train)
    return load_external(outside, task.auto_class, dropout=dropout, fresh=fresh, **settings)


def _examples(job: Mapping[str, Any], folder: RunFolder, split: Split) -> Any:
    return folder.examples(TASKS[job["task"]].data, job["replicate"], split, within=job["within"])


def accelerator_for(device: str) -> Accelerator:
    return Accelerator(cpu=device == "cpu")


def build_trainer(job: Mapping[str, Any], folder: RunFolder, checkpoints: Path | None) -> Trainer:
    """Model, data and optimizer of a job; the weights come from the seed alone."""
    task: Task = TASKS[job["task"]]()
    training = training_config(job)
    train, validation = (_examples(job, folder, split) for split in (Split.TRAIN, Split.VALIDATION))
    if "fraction" in job:
        train = train.part(job["fraction"], job["data_seed"])
    torch.manual_seed(training.seed)
    model = build_model(job, task, train)
    feed = task.feed(train, validation, batch_size=job["batch_size"], seed=job["data_seed"])
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


def run_fraction(job: Mapping[str, Any], folder: RunFolder, place: Path) -> dict[str, Any]:
    """The configuration that the final run kept, trained again from the start on a share of the data."""
    final = folder.record(job["after"][0])
    if final is None or final["status"] != "ok":
        return _untrained(job) | {"status": "skipped"}
    kept = {name: final["job"][name] for name in ("hyperparameters", "config", "configuration", "edge")}
    return train_and_test(job | kept, folder, place, keep_model=False)


def train_and_test(
    job: Mapping[str, Any], folder: RunFolder, place: Path, *, begun: Path | None = None, keep_model: bool = True
) -> dict[str, Any]:
    """Train a configuration to its end; then read the test split once, with the best weights.

    Args:
        begun: the folder of the search trial that is gone on from; None for a start from fresh weights.
        keep_model: whether more than its answers is asked of the model.
    """
    task: Task = TASKS[job["task"]]()
    trainer = build_trainer(job, folder, place)
    if not trainer.resume() and begun is not None:
        trainer.resume(begun)
    trainer.run(job["until"], Reporter(place / "progress.json", job["until"]))
    record = _record(job, trainer)
    if record["status"] == "ok":
        model = _test(trainer, task, job, folder, place, record)
        if keep_model:
            model.save_pretrained(place / "model")
            preprocessor = folder.replicate(job["replicate"]) / job["within"] / "preprocessor"
            if preprocessor.exists():
                shutil.copytree(preprocessor, place / "model", dirs_exist_ok=True)
    return record


def _untrained(job: Mapping[str, Any]) -> dict[str, Any]:
    """A record, but for its status, of what was never trained."""
    return {"schema_version": 1, "job": dict(job), "steps": 0, "seconds": 0.0, "best": None, "curve": []}


def _record(job: Mapping[str, Any], trainer: Trainer) -> dict[str, Any]:
    progress = trainer.progress
    count = count_of_model(trainer.bare_model)
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
    config = job["config"]
    dimensions = shared(task, fine_tuned="external" in config and "fresh" not in config, small=config.get("small", False))
    ends = reached_ends((record["job"]["point"] for record in kept.values() if record), dimensions)
    own = kept[job["model"]]
    if not ends or own is None:
        return _untrained(job) | {"status": "skipped"}
    point = extended(own["job"]["point"], ends)
    names_beyond = [dimensions[index].name for index in sorted({index for index, _ in ends})]
    values = own["job"]["hyperparameters"] | {d.name: d.at(share) for d, share in zip(dimensions, point, strict=False)}
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
    return train_and_test(own, folder, place, begun=folder.trial(chosen["job"]["fingerprint"]))


def _nothing_to_finish(job: Mapping[str, Any], tried: list[dict[str, Any]]) -> dict[str, Any]:
    """The record where no configuration is left: diverged, or failed where not one of them got so far as to diverge."""
    errors = [record["error"] for record in tried if record["status"] == "failed"]
    record = _untrained(job)
    if len(errors) == len(tried):
        return record | {"status": "failed", "error": f"every configuration failed: {errors[0] if errors else 'no record'}"}
    return record | {"status": "diverged"}


def _test(trainer: Trainer, task: Task, job: Mapping[str, Any], folder: RunFolder, place: Path, record: dict[str, Any]) -> Any:
    """The model with its best weights, after it has answered the test split."""
    model = trainer.bare_model
    load_weights(model, trainer.best_weights)
    model.eval()
    test = _examples(job, folder, Split.TEST)
    outputs = task.outputs(model, test, final=True)
    save_outputs(place / "test.safetensors", outputs, test.truth)
    record["test"] = task.metrics(outputs, test.truth)
    return model


def run_baseline(job: Mapping[str, Any], folder: RunFolder, place: Path) -> dict[str, Any]:
    """Fit a baseline on the training split and score it on validation and test."""
    task: Task = TASKS[job["task"]]()
    start = time.perf_counter()
    fitted = task.fit_baseline(job["model"], folder.cache, folder.replicate(job["replicate"]), len(job["labels"]))
    seconds = time.perf_counter() - start if fitted.seconds is None else fitted.seconds
    fitted.model.save(place / "model")
    save_outputs(place / "test.safetensors", fitted.outputs, fitted.truth)
    parameters = fitted.model.parameters()
    return {
        "schema_version": 1,
        "job": dict(job),
        "status": "ok",
        "seconds": seconds,
        "train_seconds": seconds,
        "parameters": {"total": parameters, "embedding": 0, "non_embedding": parameters},
        "best": fitted.validation,
        "test": task.metrics(fitted.outputs, fitted.truth),
    }


KINDS: dict[str, Callable[[Mapping[str, Any], RunFolder, Path], dict[str, Any]]] = {
    "search": run_search,
    "extension": run_extension,
    "final": run_final,
    "fraction": run_fraction,
    "refit": train_and_test,
    "baseline": run_baseline,
}


def run_job(run: str, job: dict[str, Any], threads: int) -> None:
    """Entry of a trial's process. Leaves ``record.json``; an error becomes a record with status ``failed``.

    A full disk is no result: the process then ends with the code ``NO_SPACE`` and leaves none.
    """
    try:
        with room_for(Path(run)):
            _run_job(run, job, threads)
    except NoSpace:
        sys.exit(NO_SPACE)


def _run_job(run: str, job: dict[str, Any], threads: int) -> None:
    folder = RunFolder(Path(run))
    place = folder.trial(job["fingerprint"])
    place.mkdir(parents=True, exist_ok=True)
    with (place / "log.txt").open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    torch.set_num_threads(threads)
    try:
        with room_for(place):
            record = KINDS[job["kind"]](job, folder, place)
    except NoSpace:
        raise
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
    if job["kind"] not in SEARCHES and record["status"] != "failed":
        drop_checkpoint(place)
        for fingerprint in job["after"]:
            drop_checkpoint(folder.trial(fingerprint))
