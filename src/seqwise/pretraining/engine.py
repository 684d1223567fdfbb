"""One pretraining from options to a model folder; killed anywhere, the same command goes on to the same weights."""

import dataclasses
import datetime
import os
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import filter_trackers
from accelerate.utils import broadcast_object_list
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from seqwise.comparison.folder import RunFolder
from seqwise.core.environment import core_count, cpu_name, package_versions, source_hash
from seqwise.core.errors import UserError, first_line
from seqwise.core.files import read_json, room_for, write_json, write_text
from seqwise.data.text_stream import sources_of
from seqwise.data.token_file import TokenFile
from seqwise.kernels.c.use import kernels_in_use
from seqwise.models.accounting import count_of_model, flops_per_token
from seqwise.pretraining.build import build_trainer, steps_in, steps_of
from seqwise.pretraining.card import name_of, pretraining_card
from seqwise.pretraining.contents import contents_of
from seqwise.pretraining.corpus import prepare
from seqwise.pretraining.options import PretrainOptions
from seqwise.report import numbers
from seqwise.training.checkpoint import drop_checkpoint, load_weights
from seqwise.training.loop import Progress as Standing
from seqwise.training.loop import Trainer

MEASURED_STEPS, FEWEST_SECONDS = 4, 2.0
"""From which the number of steps of a budget in time follows."""
RESERVE = 0.95
BROKEN = "the loss is no longer a number"


@dataclasses.dataclass
class Pretraining:
    """A pretraining under way.

    Args:
        folder: for everything; the same one continues.
        console: where progress is shown.
        clock: seconds, monotonic.
    """

    options: PretrainOptions
    folder: Path
    console: Console
    command: str
    clock: Callable[[], float] = time.perf_counter

    def execute(self) -> dict[str, Any]:
        """Prepare, train and deliver what is not there yet; returns ``pretrain.json``.

        Raises :class:`UserError` for a folder that holds something else, and where the training diverged.
        """
        record = self.folder / "pretrain.json"
        if _leads():
            self._claim()
        if record.exists():
            self._clean()
            return read_json(record)
        accelerator = self._accelerator()
        self._report(accelerator)
        with accelerator.main_process_first():
            tokenizer, parts = prepare(self.options, self.folder, self._say if accelerator.is_main_process else lambda text: None)
        trainer = self._trainer(accelerator, tokenizer, parts)
        plan = self._plan(accelerator, trainer, parts, tokenizer)
        trainer = self._trainer(accelerator, tokenizer, parts, steps=plan["steps"])
        if trainer.resume():
            self._say(f"going on from step {trainer.progress.step:,} of {plan['steps']:,}")
        self._run(trainer, plan)
        if accelerator.is_main_process:
            self._deliver(trainer, tokenizer, plan)
        accelerator.wait_for_everyone()
        accelerator.end_training()
        return read_json(record)

    def _accelerator(self) -> Accelerator:
        options = self.options
        gpu = options.device != "cpu" and torch.cuda.is_available()
        if options.device == "cuda" and not gpu:
            raise UserError("--device cuda: torch sees no GPU here", fix="--device auto or cpu")
        precision = {"auto": "bf16" if gpu else "no", "fp32": "no", "bf16": "bf16"}[options.precision]
        AcceleratorState._reset_state(reset_partial_state=True)  # else that of a training before this one, in the same process, holds
        found = Accelerator(cpu=not gpu, mixed_precision=precision, project_dir=self.folder)
        if found.num_processes > 1 and options.stateful:
            raise UserError("--stateful runs in one process", fix="leave out --stateful, or torchrun")
        return found

    def _report(self, accelerator: Accelerator) -> None:
        """Start the trackers. Raises :class:`UserError` for one that is unknown or not installed."""
        names = self.options.report_to.split(",") if self.options.report_to else []
        try:
            accelerator.log_with = filter_trackers(names, accelerator.logging_dir)
            if len(accelerator.log_with) < len(set(names)):
                raise ImportError("it is not installed")
            accelerator.init_trackers("seqwise-pretrain", config=self.options.to_dict())
        except (ValueError, ImportError) as error:
            raise UserError(
                f"--report-to {self.options.report_to} is not possible ({first_line(error)})", expected="a tracker that is installed"
            ) from error

    def _claim(self) -> None:
        """The folder, empty or of this very request. Raises :class:`UserError` for any other."""
        path, asked = self.folder / "request.json", {"request": self.options.request(), "contents": contents_of(self.options)}
        if path.exists():
            self._check(read_json(path), asked)
        elif self.folder.exists() and any(not _begun(path.name) for path in self.folder.iterdir()):
            raise UserError(f"{self.folder} exists and is no pretraining of seqwise", fix="choose another --out")
        else:
            write_json(path, asked)

    def _check(self, found: Any, asked: dict[str, Any]) -> None:
        """Raises :class:`UserError` where a folder was begun with something else."""
        if type(found) is not dict or found.get("request") != asked["request"]:
            raise UserError(
                f"{self.folder} holds a pretraining with other options, or of another version of seqwise", fix="choose another --out"
            )
        for name, content in asked["contents"].items():
            if found["contents"][name] != content:
                raise UserError(f"{name} is no longer what the pretraining in {self.folder} was begun with", fix="choose another --out")

    def _trainer(self, accelerator: Accelerator, tokenizer: Any, parts: dict[str, TokenFile], steps: int = 10**9) -> Trainer:
        place = self.folder / "checkpoint"
        return build_trainer(self.options, tokenizer, parts, accelerator=accelerator, folder=place, steps=steps)

    def _plan(self, accelerator: Accelerator, trainer: Trainer, parts: dict[str, TokenFile], tokenizer: Any) -> dict[str, Any]:
        """How many steps, decided once; on disk before the first of them."""
        path = self.folder / "plan.json"
        undecided = _as_first(not path.exists())
        steps = self._steps(trainer) if undecided else 0
        if undecided and accelerator.is_main_process:
            count = count_of_model(trainer.bare_model)
            write_json(
                path,
                {
                    "steps": steps,
                    "tokens_per_step": _tokens_per_step(trainer),
                    "parameters": {"total": count.total, "embedding": count.embedding, "non_embedding": count.non_embedding},
                    "flops_per_token": flops_per_token(trainer.bare_model.config, [self.options.context], vocabulary_head=True),
                    "corpus": {part: _told(file) for part, file in parts.items()},
                    "vocab_size": len(tokenizer),
                    "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                },
            )
        accelerator.wait_for_everyone()
        plan = read_json(path)
        rows = trainer.feed.windows.batch_size
        if rows < self.options.batch:
            self._say(f"the text has {rows:,} windows, fewer than --batch {self.options.batch}: every step reads all of it")
        passes = plan["steps"] / trainer.feed.windows.per_epoch
        self._say(f"{self.options.model}: {plan['parameters']['non_embedding']:,} parameters without embeddings")
        self._say(f"{plan['steps']:,} steps, {plan['steps'] * plan['tokens_per_step']:,} tokens, {passes:.2f} passes over the corpus")
        return plan

    def _steps(self, trainer: Trainer) -> int:
        """Of a budget in tokens by division; of one in time by a few steps that are then undone."""
        options = self.options
        if options.tokens is not None:
            return steps_of(options, _tokens_per_step(trainer))
        trainer.model.train()
        trainer.step()
        begun, steps = self.clock(), 0
        while _as_first(steps < MEASURED_STEPS or self.clock() - begun < FEWEST_SECONDS):
            trainer.step()
            steps += 1
        each = (self.clock() - begun) / steps
        begun = self.clock()
        trainer.evaluate()
        return steps_in(RESERVE * options.seconds, step=each, evaluation=self.clock() - begun, evaluations=options.evaluations)

    def _run(self, trainer: Trainer, plan: dict[str, Any]) -> None:
        """Train to the end, with a bar, and tell trackers what was measured."""
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
        shown = trainer.accelerator.is_main_process and self.console.is_terminal
        metric = trainer.feed.objective.metric
        begun, first, told = self.clock(), trainer.progress.step, len(trainer.progress.curve)

        with Progress(*columns, console=self.console, transient=True, disable=not shown) as bar:
            task = bar.add_task("training", total=plan["steps"], completed=first, left="")

            def on_progress(progress: Standing) -> None:
                nonlocal told
                done = progress.step - first
                left = (self.clock() - begun) / done * (plan["steps"] - progress.step) if done else 0.0
                score = f"{metric} {progress.curve[-1][metric]:.3f}" if progress.curve else "training"
                bar.update(task, completed=progress.step, description=score, left=f"about {numbers.duration(left)} left")
                for point in progress.curve[told:]:
                    trainer.accelerator.log({name: value for name, value in point.items() if name != "step"}, step=point["step"])
                told = len(progress.curve)

            trainer.run(plan["steps"], on_progress)
        trainer.save()
        if trainer.progress.status != "ok":
            raise UserError(f"{BROKEN} after step {trainer.progress.step:,}", fix="a smaller --learning-rate, in another --out")

    def _deliver(self, trainer: Trainer, tokenizer: Any, plan: dict[str, Any]) -> None:
        """``model/`` with the best weights, tokenizer and card, then ``pretrain.json``."""
        progress, temporary = trainer.progress, self.folder / ".model"
        model = trainer.bare_model
        load_weights(model, trainer.best_weights)
        shutil.rmtree(temporary, ignore_errors=True)
        model.eval().save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        record = self._record(trainer, plan)
        write_text(temporary / "README.md", pretraining_card(record))
        shutil.rmtree(self.folder / "model", ignore_errors=True)
        os.replace(temporary, self.folder / "model")
        write_json(self.folder / "pretrain.json", record)
        self._clean()
        self._say(f"{trainer.feed.objective.metric} {progress.best[trainer.feed.objective.metric]:.4f} at step {progress.best['step']:,}")

    def _clean(self) -> None:
        """Drop checkpoint and tokens, of which the record makes an end."""
        drop_checkpoint(self.folder / "checkpoint")
        shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def _record(self, trainer: Trainer, plan: dict[str, Any]) -> dict[str, Any]:
        progress = trainer.progress
        return {
            "schema_version": 1,
            "request": self.options.request(),
            "options": self.options.to_dict(),
            "sources": list(sources_of(self.options.source)),
            "architecture": {
                name: value for name, value in trainer.bare_model.config.to_diff_dict().items() if name != "transformers_version"
            },
            **plan,
            "metric": trainer.feed.objective.metric,
            "best": progress.best,
            "curve": progress.curve,
            "tokens": progress.tokens,
            "seconds": progress.seconds,
            "train_seconds": progress.train_seconds,
            "environment": {
                "cpu": cpu_name(),
                "cores": core_count(),
                "threads": torch.get_num_threads(),
                "processes": trainer.accelerator.num_processes,
                "device": str(trainer.accelerator.device),
                "precision": trainer.accelerator.mixed_precision,
                "python": platform.python_version(),
                "packages": package_versions(),
                "kernels": kernels_in_use(),
                "source_sha256": source_hash(),
                "command": self.command,
            },
        }

    def _say(self, text: str) -> None:
        if _leads():
            self.console.print(text)


def _leads() -> bool:
    """Whether this is the only process, or the first one under torchrun."""
    return int(os.environ.get("RANK", "0")) == 0


def _begun(name: str) -> bool:
    """Whether a pretraining leaves a file of that name where it is killed before its request is written."""
    return name == ".lock" or name.startswith(".request.json.")


def _tokens_per_step(trainer: Trainer) -> int:
    windows = trainer.feed.windows
    return windows.batch_size * windows.context


def _as_first(answer: bool) -> bool:
    """The answer of the first process, in all of them: every step needs all."""
    return broadcast_object_list([answer])[0]


def _told(file: TokenFile) -> dict[str, Any]:
    return {"tokens": len(file), "bytes": file.bytes, "documents": file.documents, "sha256": file.sha256}


def default_folder(options: PretrainOptions) -> Path:
    stem = "+".join(name_of(source).replace(":", "-").split(".")[0] for source in sources_of(options.source))
    return Path("runs") / f"pretrain-{options.model}-{stem}-{options.request()[:6]}"


def run_pretraining(options: PretrainOptions, *, out: str | None, console: Console, command: str) -> tuple[Path, dict[str, Any]]:
    """Pretrain, or continue; returns the folder and ``pretrain.json``. One process works in a folder, or one group under torchrun."""
    folder = Path(out) if out else default_folder(options)
    if folder.is_file():
        raise UserError(f"{folder} is a file", expected="a folder, or a name that is free", fix="choose another --out")
    work = Pretraining(options, folder, console, command)
    if not _leads():
        return folder, work.execute()
    with RunFolder(folder).locked(), room_for(folder):
        return folder, work.execute()
