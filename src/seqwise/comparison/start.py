"""The first moments of a comparison: everything is checked before anything heavy is imported and before anything is written."""

import dataclasses
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rich.console import Console

from seqwise.comparison.contenders import Contender, parse_contenders
from seqwise.comparison.engine import start_server
from seqwise.comparison.flips import check_other, read_other
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.options import Options, request_fingerprint
from seqwise.core.environment import core_count
from seqwise.core.errors import UserError, did_you_mean
from seqwise.core.files import read_json, room_for
from seqwise.models.origin import check_task, content_hash, find
from seqwise.tasks import TASK_DATA, TASKS
from seqwise.tasks.task_data import CorpusLike

PRETRAINED = ("pretrain.json", "record.json")
"""What a pretraining leaves beside its model, and a shipped model holds."""


def request_of(options: Options, corpus: CorpusLike, contenders: list[Contender]) -> str:
    """The fingerprint of what is asked, the content of models from outside included."""
    outside = {contender.name: content_hash(Path(contender.source)) for contender in contenders if contender.source}
    return request_fingerprint(options, {"data": corpus.sha256} | outside)


def default_folder(options: Options, request: str) -> Path:
    stem = options.source.rstrip("/").rsplit("/", 1)[-1].replace(":", "-").split(".")[0]
    return Path("runs") / f"{stem}-{request[:6]}"


def check_folder(folder: RunFolder, request: str) -> None:
    """Refuse a folder that holds something else. Raises :class:`UserError`; touches nothing."""
    if folder.path.is_file():
        raise UserError(f"{folder.path} is a file", expected="a folder, or a name that is free", fix="choose another --out")
    ours = {"plan.json", "cache", ".lock", "clock.json"}
    if folder.plan.exists():
        if read_json(folder.plan).get("request") != request:
            raise UserError(
                f"{folder.path} holds a run of other data, options or outside models, or of another version of seqwise",
                fix="choose another --out, or remove it",
            )
    elif folder.path.exists() and any(path.name not in ours and not path.name.startswith(".plan.json.") for path in folder.path.iterdir()):
        raise UserError(f"{folder.path} exists and is no run of seqwise", fix="choose another --out")


def check_names(contenders: list[Contender], baselines: Collection[str]) -> None:
    for contender in contenders:
        if contender.name in baselines:
            raise UserError(f"'{contender.name}' is the name of a baseline", fix=f"name it otherwise: my-{contender.name}=...")


def located(contenders: list[Contender], task: str) -> list[Contender]:
    """The same, those from outside with their folder. Raises :class:`UserError` for one that is not there, or of another task."""
    found = []
    for contender in contenders:
        if contender.source:
            folder = find(contender.source)
            check_task(contender.source, folder, task)
            contender = dataclasses.replace(contender, source=str(folder))
        found.append(contender)
    return found


ALWAYS_SPLIT_ALIKE = ("text-generation", "time-series-forecasting")
"""Tasks whose test part follows from the data alone: a comparison of them leaves it out."""


def check_unseen(contenders: list[Contender], corpus: Any, task: str) -> None:
    """Raises :class:`UserError` for a model that has learned from these very data, where no test part is fixed.

    It may have seen what would be its test. Of language modelling that is a model pretrained on the same text; of other tasks, which ask
    for more than the text, one that a comparison has trained.
    """
    if "test" in getattr(corpus, "given", ()):
        return
    for contender in contenders:
        if contender.source and not contender.fresh and _has_seen(Path(contender.source), corpus, task):
            raise UserError(
                f"'{contender.name}' was trained on {corpus.source} already, and has seen examples that it would be tested on",
                expected="other data, or a fixed test part: --test FILE, or a column split",
            )


def _has_seen(model: Path, corpus: Any, task: str) -> bool:
    names = PRETRAINED if task == "text-generation" else () if task in ALWAYS_SPLIT_ALIKE else ("comparison.json",)
    record = next((folder / name for folder in (model, model.parent) for name in names if (folder / name).exists()), None)
    if record is None:
        return False
    told = read_json(record)
    named = any(same_source(corpus.source, source) for source in told.get("sources", ()))
    return named or told.get("data", {}).get("sha256") == corpus.sha256


def same_source(one: str, other: str) -> bool:
    """Whether two names are of one text: equal, of one file, or the first a file whose path ends with the folder and name of the other."""
    if one == other:
        return True
    first, second = Path(one), Path(other)
    if first.exists() and second.exists():
        return first.samefile(second)
    return len(second.parts) > 1 and first.resolve().parts[-len(second.parts) :] == second.parts


def check_device(device: str) -> None:
    if device != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no GPU here", fix="--device auto or cpu; `seqwise doctor` shows what is there")


def run_comparison(
    options: Options, *, out: str | None, console: Console, command: str, started: float | None = None
) -> tuple[Path, dict[str, Any]]:
    """Compare, and return the run folder and ``comparison.json``.

    Args:
        started: monotonic clock when the command began; the budget counts from there.
    """
    started = time.monotonic() if started is None else started
    if options.task not in TASKS:
        raise UserError(f"unknown task '{options.task}'", fix=did_you_mean(options.task, list(TASKS)))
    contenders = parse_contenders(options.models)
    data = TASK_DATA[options.task]()
    data.check(options)
    contenders = located(contenders, options.task)
    corpus = data.read(options)
    check_unseen(contenders, corpus, options.task)
    if options.beside:
        check_other(read_other(options.beside), path=options.beside, task=options.task, sha256=corpus.sha256, match=options.match)
    options.steps_of([contender.name for contender in contenders])
    check_device(options.device)
    request = request_of(options, corpus, contenders)
    folder = RunFolder(Path(out) if out else default_folder(options, request))
    check_folder(folder, request)
    start_server(threads=1)
    from seqwise.comparison.compare import Run

    task = TASKS[options.task]()
    check_names(contenders, task.baselines)
    contenders = [task.contender(contender) for contender in contenders]
    with folder.locked():
        workers = options.workers or core_count()
        run = Run(options, folder, task, contenders, corpus, request, console, command, started, workers)
        with room_for(folder.path):
            return folder.path, run.execute()
