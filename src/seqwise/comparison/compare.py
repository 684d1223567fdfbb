"""The main job: one command on the user's data, every family on equal terms, a verdict, a report, the trained winner."""

import dataclasses
import datetime
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from seqwise.comparison.contenders import Contender, parse_contenders
from seqwise.comparison.cost import bytes_on_disk, measure_costs
from seqwise.comparison.deliver import deliver_baseline, deliver_best
from seqwise.comparison.engine import LocalEngine
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.make_plan import make_plan
from seqwise.comparison.options import Options
from seqwise.comparison.page import render_report
from seqwise.comparison.progress import Clock, Watch, Work
from seqwise.comparison.result import add_scores, baseline_model, best_replicate, judge, score_table, trained_model
from seqwise.comparison.finals import Finals, TestData, complete_replicates, read_finals
from seqwise.core.config import fingerprint
from seqwise.core.environment import core_count, cpu_name, package_versions, source_hash
from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json, write_text
from seqwise.data.readers import Corpus, load_corpus
from seqwise.data.splits import Split
from seqwise.tasks import TASKS
from seqwise.tasks.task import Task


@dataclasses.dataclass
class Run:
    """One comparison under way."""

    options: Options
    folder: RunFolder
    task: Task
    contenders: list[Contender]
    corpus: Corpus
    console: Console
    command: str
    started: float
    workers: int

    def execute(self) -> dict[str, Any]:
        """Plan (or take up the plan), run what has no record yet, and write the results."""
        if self.folder.result.exists() and read_json(self.folder.result)["status"] == "complete":
            return read_json(self.folder.result)
        engine = LocalEngine(self.workers)
        clock = Clock(self.folder, self.started)
        plan = self._plan(engine)
        work = Work(self.folder, plan["trials"], plan["step_cost"])
        with Watch(clock, work, plan["protocol"]["budget_seconds"], self.console) as watch:
            interrupted = self._train(engine, plan, watch)
        result = self._result(engine, plan, clock)
        if result["status"] == "complete" or not interrupted:
            self.folder.drop_cache()
        return result

    def _plan(self, engine: LocalEngine) -> dict[str, Any]:
        if self.folder.plan.exists():
            plan = read_json(self.folder.plan)
            self.console.print(f"continuing {self.folder.path}")
        else:
            plan = make_plan(self.folder, self.options, self.task, self.contenders, self.corpus, engine, self.started)
            plan["request"] = request_fingerprint(self.options, self.corpus)
            plan["started_at"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            write_json(self.folder.plan, plan)
        self.console.print(plan_summary(plan))
        return plan

    def _train(self, engine: LocalEngine, plan: dict[str, Any], watch: Watch) -> bool:
        try:
            engine.run(self.folder, plan["trials"], watch)
        except KeyboardInterrupt:
            self.console.print("interrupted: a report of what is finished is written; the same command continues")
            return True
        return False

    def _result(self, engine: LocalEngine, plan: dict[str, Any], clock: Clock) -> dict[str, Any]:
        replicates = complete_replicates(self.folder, plan["trials"])
        if not replicates:
            raise UserError("no replicate is finished yet, so there is nothing to report", fix="run the same command again: it continues")
        finals = read_finals(self.folder, plan["trials"], replicates, self.task.trivial)
        data = self._test_data(plan, replicates)
        costs = self._costs(engine, plan, finals)
        models = self._models(plan, replicates, finals, costs["models"])
        add_scores(self.task, models, finals, data, self.options.seed)
        result = self._assemble(plan, replicates, models, costs, finals, data)
        result["environment"]["wall_seconds"] = clock.seconds
        self._deliver(result, models)
        write_text(self.folder.path / "report.html", render_report(result))
        write_json(self.folder.result, result)
        clock.save(force=True)
        return result

    def _test_data(self, plan: dict[str, Any], replicates: list[int]) -> TestData:
        tokens = [self.folder.tokens(replicate, Split.TEST) for replicate in replicates]
        lengths = [tokens[0].lengths] * len(tokens) if plan["crossed"] else [t.lengths for t in tokens]
        return TestData([t.labels for t in tokens], lengths, plan["crossed"], plan["test_share"])

    def _costs(self, engine: LocalEngine, plan: dict[str, Any], finals: dict[str, Finals]) -> dict[str, Any]:
        best = {c.name: best_replicate(self.task, finals[c.name]) for c in self.contenders}
        jobs = {name: record["job"] for name, record in best.items() if record}
        baselines = {
            name: str(self.folder.trial(finals[name].records[0]["job"]["fingerprint"]) / "model")
            for name in self.task.baselines
            if finals[name].status == "ok"
        }
        lengths = self.folder.tokens(0, Split.TRAIN).lengths
        near = np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:30]
        train = self.folder.splits(0)[Split.TRAIN]
        texts = [self.corpus.texts[train[i]] for i in near]
        arguments = (str(self.folder.path), jobs, baselines, self.task.tag, lengths.tolist(), texts)
        return engine.map(measure_costs, [arguments])[0]

    def _models(self, plan: dict[str, Any], replicates: list[int], finals: dict[str, Finals], costs: dict[str, Any]) -> list[dict[str, Any]]:
        models = [trained_model(self.task, self.folder, plan, c, replicates, finals[c.name], costs) for c in self.contenders]
        models += [baseline_model(name, finals[name], costs) for name in self.task.baselines]
        for model in models:
            model["bytes_on_disk"] = bytes_on_disk(self.folder.path / model["path"]) if model["path"] else None
        return models

    def _assemble(
        self,
        plan: dict[str, Any],
        replicates: list[int],
        models: list[dict[str, Any]],
        costs: dict[str, Any],
        finals: dict[str, Finals],
        data: TestData,
    ) -> dict[str, Any]:
        protocol = plan["protocol"] | {"replicates": len(replicates)}
        limits = {"max_latency_ms": self.options.max_latency_ms, "max_bytes": self.options.max_bytes}
        table = score_table(self.task, models, finals, data)
        decision, recommendation = judge(table, models, protocol["alpha"], limits)
        verdict = {
            "decision": decision.decision,
            "winners": decision.winners,
            "candidates": decision.candidates,
            "excluded": decision.excluded,
            "baseline_ahead": decision.baseline_ahead,
            "needed": decision.needed,
            "text": self._qualified(decision.text, models, protocol),
            "recommendation": recommendation,
            "flips": [],
        }
        best = self._best(models, decision.winners, recommendation)
        return {
            "schema_version": 1,
            "status": "complete" if len(replicates) == plan["protocol"]["replicates"] else "partial",
            "task": self.task.tag,
            "data": plan["data"],
            "protocol": protocol | {"planned_replicates": plan["protocol"]["replicates"]},
            "environment": self._environment(plan, costs),
            "models": models,
            "pairwise": decision.pairwise,
            "verdict": verdict,
            "best": best,
            "task_results": self._task_results(best, finals, data, plan, replicates),
        }

    def _qualified(self, text: str, models: list[dict[str, Any]], protocol: dict[str, Any]) -> str:
        improving = [model["name"] for model in models if model.get("still_improving")]
        return f"{text} At this budget: {', '.join(improving)} still improved in the last tenth of the steps." if improving else text

    def _best(self, models: list[dict[str, Any]], winners: list[str], recommendation: dict[str, Any]) -> dict[str, Any] | None:
        by_name = {model["name"]: model for model in models}
        name = winners[0] if len(winners) == 1 else recommendation["trained_model"]
        if name is None or by_name[name]["best_replicate"] is None:
            return None
        record = read_json((self.folder.path / by_name[name]["path"]).parent / "record.json")
        return {"name": name, "replicate": by_name[name]["best_replicate"], "path": "best", "scores": record["test"]}

    def _task_results(
        self, best: dict[str, Any] | None, finals: dict[str, Finals], data: TestData, plan: dict[str, Any], replicates: list[int]
    ) -> dict[str, Any] | None:
        if best is None:
            return None
        place = replicates.index(best["replicate"])
        labels, names = data.labels[place], tuple(plan["labels"])
        found = self.task.results(finals[best["name"]].outputs[place], labels, names)
        if not self.options.samples:
            return found | {"mistakes": None, "disagreements": None}
        indices = self.folder.splits(best["replicate"])[Split.TEST]
        outputs = {c.name: finals[c.name].outputs[place] for c in self.contenders if finals[c.name].status == "ok"}
        return found | self.task.samples(outputs, best["name"], labels, [self.corpus.texts[i] for i in indices], names)

    def _environment(self, plan: dict[str, Any], costs: dict[str, Any]) -> dict[str, Any]:
        import platform

        return {
            "python": platform.python_version(),
            "packages": package_versions(),
            "cpu": cpu_name(),
            "cores": core_count(),
            "threads_per_trial": 1,
            "workers": self.workers,
            "device": self.options.device,
            "command": self.command,
            "reproduce": reproduce_command(self.options, plan),
            "started_at": plan["started_at"],
            "matmul_peak_gflops": costs["matmul_peak_gflops"],
            "source_sha256": source_hash(),
        }

    def _deliver(self, result: dict[str, Any], models: list[dict[str, Any]]) -> None:
        by_name = {model["name"]: model for model in models}
        if result["best"]:
            deliver_best(self.folder, result, by_name[result["best"]["name"]])
        ahead = result["verdict"]["baseline_ahead"]
        name = ahead["name"] if ahead else next(name for name in self.task.baselines if name != self.task.trivial)
        if by_name[name]["path"]:
            deliver_baseline(self.folder, by_name[name], self.task.tag, list(self.corpus.classes))


def request_fingerprint(options: Options, corpus: Corpus) -> str:
    """What a run folder must agree on: options, data and the code that decides numbers."""
    return fingerprint(options.request() | {"data": corpus.sha256, "source_hash": source_hash()})


def default_folder(options: Options, corpus: Corpus) -> Path:
    stem = options.source.rstrip("/").rsplit("/", 1)[-1].replace(":", "-").split(".")[0]
    return Path("runs") / f"{stem}-{request_fingerprint(options, corpus)[:6]}"


def check_folder(folder: RunFolder, options: Options, corpus: Corpus) -> None:
    """Refuse a folder that holds something else. Raises :class:`UserError`; touches nothing."""
    if folder.path.is_file():
        raise UserError(f"{folder.path} is a file", expected="a folder, or a name that is free", fix="choose another --out")
    ours = {"plan.json", "cache", ".lock", "clock.json"}
    if folder.plan.exists():
        if read_json(folder.plan).get("request") != request_fingerprint(options, corpus):
            raise UserError(
                f"{folder.path} holds a run of other data, other options or another version of seqwise", fix="choose another --out, or remove it"
            )
    elif folder.path.exists() and any(path.name not in ours for path in folder.path.iterdir()):
        raise UserError(f"{folder.path} exists and is no run of seqwise", fix="choose another --out")


def plan_summary(plan: dict[str, Any]) -> str:
    """What is about to happen, in a few lines, before it does."""
    data, protocol = plan["data"], plan["protocol"]
    card = data["card"]
    steps = ", ".join(f"{name} {count:,}" for name, count in protocol["steps"].items())
    epochs = min(protocol["epochs"].values())
    lines = [*card["notes"]]
    lines.append("data: " + ", ".join(f"{count:,} {split}" for split, count in data["examples"].items()) + f" examples ({card['scheme']})")
    tokenizer = card["tokenizer"]
    lines.append(f"tokens: {tokenizer['reason']}; at most {tokenizer['vocab_size']:,}; {data['length']['median']:.0f} per example in the median")
    lines.append(
        f"plan: {protocol['target_parameters']:,} non-embedding parameters each, {protocol['replicates']} replicates of"
        f" {protocol['configurations_per_replicate']} configurations; steps: {steps} ({epochs:.1f} epochs)"
    )
    if plan["estimate_seconds"]:
        lines.append(f"estimate: {plan['estimate_seconds'] / 60:.1f} minutes")
    if protocol["decidable_difference"]:
        lines.append(f"smallest difference that this can decide: about {100 * protocol['decidable_difference']:.1f} points")
    else:
        lines.append("too few replicates or models to decide anything: the result will describe, not decide")
    return "\n".join(lines)


FLAGS = ("validation", "test", "text", "target", "group", "layers", "width", "batch", "context")


def reproduce_command(options: Options, plan: dict[str, Any]) -> str:
    """The command with every automatic choice made explicit."""
    protocol = plan["protocol"]
    parts = ["seqwise", "compare", options.source]
    for name in FLAGS:
        value = getattr(options, name)
        if value is not None:
            parts += [f"--{name}", str(value)]
    if options.header is False:
        parts.append("--no-header")
    steps = protocol["steps"]
    same = len(set(steps.values())) == 1
    parts += ["--models", ",".join(options.models), "--size", str(protocol["target_parameters"])]
    parts += ["--steps", str(next(iter(steps.values()))) if same else ",".join(f"{name}={count}" for name, count in steps.items())]
    parts += ["--replicates", str(protocol["planned_replicates"] if "planned_replicates" in protocol else protocol["replicates"])]
    parts += ["--configurations", str(protocol["configurations_per_replicate"]), "--tokenizer", options.tokenizer]
    parts += ["--match-size", options.match_size, "--seed", str(options.seed), "--device", options.device]
    return shlex.join(parts)


def run_comparison(options: Options, *, out: str | None, console: Console, command: str, started: float | None = None) -> tuple[Path, dict[str, Any]]:
    """Compare, and return the run folder and ``comparison.json``. Everything is checked before anything is written."""
    started = time.monotonic() if started is None else started
    task: Task = TASKS[options.task]()
    contenders = parse_contenders(options.models)
    corpus = load_corpus(
        options.source,
        validation=options.validation,
        test=options.test,
        text=options.text,
        target=options.target,
        group=options.group,
        header=options.header,
    )
    options.steps_of([contender.name for contender in contenders])
    folder = RunFolder(Path(out) if out else default_folder(options, corpus))
    check_folder(folder, options, corpus)
    workers = options.workers or core_count()
    with folder.locked():
        run = Run(options, folder, task, contenders, corpus, console, command, started, workers)
        return folder.path, run.execute()
