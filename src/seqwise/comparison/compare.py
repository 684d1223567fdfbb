"""The main job: one command on the user's data, every family on equal terms, a verdict, a report, the trained winner."""

import dataclasses
import datetime
import functools
import platform
from typing import Any

from rich.console import Console

from seqwise.comparison.contenders import Contender
from seqwise.comparison.cost import ROUNDS, measure_costs
from seqwise.comparison.deliver import deliver
from seqwise.comparison.engine import LocalEngine
from seqwise.comparison.entries import best_replicate
from seqwise.comparison.finals import Finals, TestData, complete_replicates, read_finals
from seqwise.comparison.flips import flips, read_other
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.make_plan import make_plan, splits_of
from seqwise.comparison.options import Options
from seqwise.comparison.page import render_report
from seqwise.comparison.progress import Clock, Watch, Work
from seqwise.comparison.refit import refit_jobs, refit_result
from seqwise.comparison.result import Outcome, Shown, judge_again, read_scores, write_scores
from seqwise.comparison.said import plan_summary, reproduce_command
from seqwise.comparison.statistics import alpha_of_look
from seqwise.core.environment import core_count, cpu_name, package_versions, source_hash
from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json, write_text
from seqwise.data.splits import Split
from seqwise.kernels.c.use import kernels_in_use
from seqwise.tasks.task import Task


@dataclasses.dataclass
class Run:
    """One comparison under way."""

    options: Options
    folder: RunFolder
    task: Task
    contenders: list[Contender]
    corpus: Any
    request: str
    console: Console
    command: str
    started: float
    workers: int

    def execute(self) -> dict[str, Any]:
        """Plan (or take up the plan), run what has no record yet, and write the results."""
        before = read_json(self.folder.result) if self.folder.result.exists() else None
        if before and before["status"] == "complete" and not before["refit_pending"]:
            return self._again(before)
        engine = LocalEngine(self.workers)
        clock = Clock(self.folder, self.started)
        plan = self._plan(engine)
        work = Work(self.folder, plan["trials"], plan["step_cost"])
        with Watch(clock, work, plan["protocol"]["budget_seconds"], self.console) as watch:
            self._train(engine, plan, watch)
        result = self._result(engine, plan, clock)
        if result["status"] == "complete" and not result["refit_pending"]:
            self.folder.drop_cache()
        return result

    def _plan(self, engine: LocalEngine) -> dict[str, Any]:
        if self.folder.plan.exists():
            plan = read_json(self.folder.plan)
            self.console.print(f"continuing {self.folder.path}")
        else:
            plan = make_plan(self.folder, self.options, self.task, self.contenders, self.corpus, engine, self.started)
            plan["request"] = self.request
            plan["started_at"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            write_json(self.folder.plan, plan)
        self.console.print(plan_summary(plan))
        return plan

    def _train(self, engine: LocalEngine, plan: dict[str, Any], watch: Watch) -> None:
        try:
            engine.run(self.folder, plan["trials"], watch)
        except KeyboardInterrupt:
            self.console.print("interrupted: a report of what is finished is written; the same command continues")

    def _result(self, engine: LocalEngine, plan: dict[str, Any], clock: Clock) -> dict[str, Any]:
        replicates = complete_replicates(self.folder, plan["trials"])
        if not replicates:
            raise UserError("no replicate is finished yet, so there is nothing to report", fix="run the same command again: it continues")
        finals = read_finals(self.folder, plan["trials"], replicates, self.task.trivial)
        data = self._test_data(plan, replicates)
        costs = self._costs(engine, plan, finals)
        outcome = Outcome(self.task, self.folder, plan, self.contenders, replicates, finals, data)
        environment = self._environment(plan, costs)
        self._count_looks(plan, replicates)
        result = outcome.result(costs["models"], environment, self._limits())
        self._refit(engine, plan, result, finals, clock)
        outcome.hand_over(result, self._shown())
        self._beside(result)
        write_scores(self.folder, outcome.table(result["models"]))
        return self._write(result, clock)

    def _refit(self, engine: LocalEngine, plan: dict[str, Any], result: dict[str, Any], finals: dict[str, Finals], clock: Clock) -> None:
        """Train the recommended model longer, where that was planned and everything else is done."""
        name = result["verdict"]["recommendation"]["trained_model"]
        result |= {"refit": None, "refit_pending": False}
        if plan["refit"] is None or result["status"] != "complete" or name is None:
            return
        best = best_replicate(self.task, finals[name])
        assert best is not None
        jobs = refit_jobs(plan, best)
        self.console.print(f"training {name} longer, {jobs[0]['until'] / best['steps']:.1f} times as long, to hand over")
        try:
            with Watch(clock, Work(self.folder, jobs, plan["step_cost"]), None, self.console) as watch:
                engine.run(self.folder, jobs, watch)
            result["refit"] = refit_result(self.folder, self.task, jobs, best)
        except KeyboardInterrupt:
            self.console.print("interrupted: the comparison is whole, the longer training is not; the same command continues it")
            result["refit_pending"] = True

    def _count_looks(self, plan: dict[str, Any], replicates: list[int]) -> None:
        """A decision on part of the replicates is a first look, and the ones after it pay for it."""
        before = read_json(self.folder.result) if self.folder.result.exists() else None
        if before and before["status"] == "complete":
            plan["protocol"] |= {name: before["protocol"][name] for name in ("looks", "alpha")}
            return
        seen = before["protocol"]["looks"] if before else 0
        if seen or len(replicates) < plan["protocol"]["replicates"]:
            plan["protocol"] |= {"looks": seen + 1, "alpha": alpha_of_look(seen + 1)}

    def _beside(self, result: dict[str, Any]) -> None:
        """What another match would have changed, where its run was named."""
        result["verdict"]["flips"] = flips(result, read_other(self.options.beside)) if self.options.beside else []
        result["verdict"]["beside"] = self.options.beside

    def _write(self, result: dict[str, Any], clock: Clock) -> dict[str, Any]:
        result["environment"]["wall_seconds"] = clock.seconds
        deliver(self.folder, result, self.task)
        write_json(self.folder.result, result)
        write_text(self.folder.path / "report.html", render_report(result))
        clock.save(force=True)
        return result

    def _again(self, result: dict[str, Any]) -> dict[str, Any]:
        """A finished run: what is there, judged and told anew where the limits, or the wish for samples, are others."""
        whole = all((self.folder.path / name).exists() for name in ("best", "baseline", "report.html") if name != "best" or result["best"])
        shown = (result["protocol"]["limits"], result["samples"], result["verdict"]["beside"])
        if whole and shown == (self._limits(), self.options.samples, self.options.beside):
            return result
        clock = Clock(self.folder, self.started)
        judge_again(result, read_scores(self.folder, self.task, result), self._limits())
        self._outcome().hand_over(result, self._shown())
        self._beside(result)
        return self._write(result, clock)

    def _outcome(self) -> Outcome:
        """What was measured, after the encoded data are gone."""
        plan = read_json(self.folder.plan)
        replicates = complete_replicates(self.folder, plan["trials"])
        finals = read_finals(self.folder, plan["trials"], replicates, self.task.trivial)
        data = TestData([], plan["crossed"], plan["test_share"])
        return Outcome(self.task, self.folder, plan, self.contenders, replicates, finals, data)

    def _limits(self) -> dict[str, Any]:
        return {"max_latency_ms": self.options.max_latency_ms, "max_bytes": self.options.max_bytes}

    def _test_data(self, plan: dict[str, Any], replicates: list[int]) -> TestData:
        lengths = [self.folder.examples(self.task.data, replicate, Split.TEST).lengths for replicate in replicates]
        return TestData([lengths[0]] * len(lengths) if plan["crossed"] else lengths, plan["crossed"], plan["test_share"])

    @functools.cached_property
    def _splits(self) -> list[Any]:
        """The splits of every replicate, drawn again as they were."""
        replicates = read_json(self.folder.plan)["protocol"]["replicates"]
        return splits_of(self.task.data, self.corpus, self.options, replicates).replicates

    def _shown(self) -> Shown | None:
        """The test examples of a replicate, unless they are to stay out of the report."""
        if not self.options.samples:
            return None
        return lambda replicate: self.task.data.test_examples(self.corpus, self._splits[replicate])

    def _costs(self, engine: LocalEngine, plan: dict[str, Any], finals: dict[str, Finals]) -> dict[str, Any]:
        best = {c.name: best_replicate(self.task, finals[c.name]) for c in self.contenders}
        jobs = {name: record["job"] | {"device": "cpu"} for name, record in best.items() if record}
        folders = {name: self.folder.trial(finals[name].records[0]["job"]["fingerprint"]) / "model" for name in self.task.baselines}
        baselines = {name: str(place) for name, place in folders.items() if finals[name].status == "ok"}
        lengths = self.folder.examples(self.task.data, 0, Split.TRAIN).lengths
        examples = self.task.data.typical_examples(self.corpus, self._splits[0], lengths, ROUNDS)
        try:
            return engine.map(measure_costs, [(str(self.folder.path), jobs, baselines, self.task.tag, lengths.tolist(), examples)])[0]
        except Exception as error:  # the scores must not be lost with the costs
            self.console.print(f"the costs could not be measured and are left out: {type(error).__name__}: {error}")
            return {"models": {}, "matmul_peak_gflops": None}

    def _environment(self, plan: dict[str, Any], costs: dict[str, Any]) -> dict[str, Any]:
        return {
            "python": platform.python_version(),
            "packages": package_versions(),
            "kernels": kernels_in_use(),
            "cpu": cpu_name(),
            "cores": core_count(),
            "threads_per_trial": 1,
            "workers": self.workers,
            "device": resolved_device(self.options.device),
            "cost_device": "cpu",
            "command": self.command,
            "reproduce": reproduce_command(self.options, plan),
            "started_at": plan["started_at"],
            "matmul_peak_gflops": costs["matmul_peak_gflops"],
            "source_sha256": source_hash(),
        }


def resolved_device(device: str) -> str:
    import torch

    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
