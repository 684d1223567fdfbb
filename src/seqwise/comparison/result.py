"""``comparison.json`` from records: models, pairs, verdict and recommendation."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from seqwise.comparison.contenders import Contender
from seqwise.comparison.cost import bytes_on_disk
from seqwise.comparison.data_curve import data_curve, points_of
from seqwise.comparison.entries import baseline_model, trained_model
from seqwise.comparison.finals import Finals, TestData, breakdowns, model_scores
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.scores import ScoreTable
from seqwise.comparison.verdict import decide, recommend
from seqwise.core.files import atomic_path, read_json
from seqwise.tasks.task import Task, Told, load_outputs

Shown = Callable[[int], Sequence[Any]]
"""From a replicate to its test examples."""


def best_of(folder: RunFolder, result: dict[str, Any]) -> dict[str, Any] | None:
    """The model for ``best/``: the winner, else the recommended trained model; its best replicate on validation."""
    verdict = result["verdict"]
    name = verdict["winners"][0] if len(verdict["winners"]) == 1 else verdict["recommendation"]["trained_model"]
    model = next((model for model in result["models"] if model["name"] == name), None)
    if model is None or model["path"] is None:
        return None
    longer = result.get("refit")
    if longer and longer["kept"] and longer["model"] == name:
        return {"name": name, "replicate": longer["replicate"], "path": "best", "from": longer["path"], "scores": longer["scores"]}
    record = read_json((folder.path / model["path"]).parent / "record.json")
    return {"name": name, "replicate": model["best_replicate"], "path": "best", "from": model["path"], "scores": record["test"]}


def judge_again(result: dict[str, Any], table: ScoreTable, limits: dict[str, Any]) -> None:
    """Put decision and recommendation into ``result``."""
    decision = decide(table, alpha=result["protocol"]["alpha"])
    costs = {
        model["name"]: {
            "latency_ms_p50": (model["cost"]["latency_ms"] or {}).get("p50"),
            "bytes": model["bytes_on_disk"],
            "train_seconds": model["cost"]["train_seconds"],
        }
        for model in result["models"]
    }
    improving = [model["name"] for model in result["models"] if model.get("still_improving")]
    text = decision.text
    if improving:
        text += f" At this budget: {', '.join(improving)} still improved in the last tenth of the steps."
    result["pairwise"] = decision.pairwise
    result["protocol"]["limits"] = limits
    result["verdict"] = {
        "decision": decision.decision,
        "winners": decision.winners,
        "candidates": decision.candidates,
        "excluded": decision.excluded,
        "baseline_ahead": decision.baseline_ahead,
        "needed": decision.needed,
        "text": text,
        "recommendation": recommend(table, decision, limits=limits, costs=costs),
        "flips": [],
    }


def write_scores(folder: RunFolder, table: ScoreTable) -> None:
    """The per-unit scores of the primary metric, ``MODEL/REPLICATE`` (U,): what the verdict was drawn from."""
    tensors = {f"{name}/{r}": np.ascontiguousarray(row) for name, rows in table.all_scores.items() for r, row in enumerate(rows)}
    with atomic_path(folder.path / "scores.safetensors") as temporary:
        save_file(tensors, temporary)


def read_scores(folder: RunFolder, task: Task, result: dict[str, Any]) -> ScoreTable:
    """The table that :func:`write_scores` wrote."""
    tensors = load_file(folder.path / "scores.safetensors")
    replicates = result["protocol"]["replicates"]
    rows = {name: [tensors[f"{name}/{r}"] for r in range(replicates)] for name in {key.rpartition("/")[0] for key in tensors}}
    return score_table(task, result["models"], rows, result["protocol"])


def score_table(task: Task, models: list[dict[str, Any]], rows: dict[str, list[np.ndarray]], protocol: dict[str, Any]) -> ScoreTable:
    """The scores of a comparison; ``protocol`` says how replicates stand to each other and what difference counts for none."""
    names = {
        kind: [m["name"] for m in models if (m["kind"] == "baseline") == kind and m["name"] in rows.keys() - task.yardsticks]
        for kind in (False, True)
    }
    return ScoreTable(
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        margin=protocol["margin"],
        scores={name: rows[name] for name in names[False]},
        crossed=protocol["crossed"],
        test_share=protocol["test_share"],
        diverged={model["name"]: model["diverged"] for model in models if model["name"] in names[False]},
        baselines={name: rows[name] for name in names[True]},
        trivial=task.trivial,
    )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Everything that was measured, on the way to ``comparison.json``."""

    task: Task
    folder: RunFolder
    plan: dict[str, Any]
    contenders: list[Contender]
    replicates: list[int]
    finals: dict[str, Finals]
    data: TestData

    def table(self, models: list[dict[str, Any]]) -> ScoreTable:
        names = [model["name"] for model in models if model["status"] != "failed"]
        pairs = {name: zip(self.finals[name].outputs, self.finals[name].truths, strict=True) for name in names}
        rows = {name: [self.task.unit_scores(outputs, truth) for outputs, truth in found] for name, found in pairs.items()}
        design = {"crossed": self.data.crossed, "test_share": self.data.test_share, "margin": self.plan["protocol"]["margin"]}
        return score_table(self.task, models, rows, design)

    def models(self, costs: dict[str, Any]) -> list[dict[str, Any]]:
        """Contenders and baselines with scores, trials and cost."""
        found = [
            trained_model(self.task, self.folder, self.plan, contender, self.replicates, self.finals[contender.name], costs)
            for contender in self.contenders
        ]
        found += [baseline_model(name, self.finals[name], costs) for name in self.task.baselines]
        for model in found:
            model["bytes_on_disk"] = bytes_on_disk(self.folder.path / model["path"]) if model["path"] else None
            model["scores"], model["by_length"] = {}, []
            if model["status"] != "failed":
                finals = self.finals[model["name"]]
                model["scores"] = model_scores(self.task, finals, self.data, np.random.default_rng([self.plan["seed"], 1]))
                model |= breakdowns(self.task, finals, self.data)
                if model["family"] == "external":
                    model["by_position"] = []
                    model["scores"] = {name: score for name, score in model["scores"].items() if name not in self.task.token_metrics}
                model["by_data"] = self._by_data(model)
        return found

    def _by_data(self, model: dict[str, Any]) -> list[dict[str, Any]]:
        """Scores on shares of the training data, the whole last; empty where nothing was trained on a part."""
        parts = points_of(self.task, self.folder, self.plan, model["name"], self.replicates, self.data)
        return [*parts, {"fraction": 1.0} | model["scores"][self.task.metric]] if parts else []

    def result(self, costs: dict[str, Any], environment: dict[str, Any], limits: dict[str, Any]) -> dict[str, Any]:
        """``comparison.json``, but for the model that is handed over and what is told of it: see :meth:`hand_over`."""
        planned = self.plan["protocol"]["replicates"]
        design = {"planned_replicates": planned, "crossed": self.data.crossed, "test_share": self.data.test_share}
        result: dict[str, Any] = {
            "schema_version": 1,
            "status": "complete" if len(self.replicates) == planned else "partial",
            "task": self.task.tag,
            "data": self.plan["data"],
            "protocol": self.plan["protocol"] | design | {"replicates": len(self.replicates)},
            "environment": environment,
            "models": self.models(costs),
        }
        size, task = result["data"]["examples"]["train"], self.task
        perfect = task.range_of(task.metric)[1] if task.higher_is_better else None
        result["data_curve"] = data_curve(result["models"], size, perfect=perfect)
        judge_again(result, self.table(result["models"]), limits)
        return result

    def hand_over(self, result: dict[str, Any], shown: Shown | None) -> None:
        """Put into ``result`` which model is handed over, and what the task tells of it.

        Args:
            shown: the test examples of a replicate; None keeps them out.
        """
        result["best"], result["samples"] = best_of(self.folder, result), shown is not None
        result["task_results"] = result["best"] and self.told(result["best"], shown)

    def told(self, best: dict[str, Any], shown: Shown | None) -> dict[str, Any]:
        """What the task says of the best model's answers on its replicate's test split."""
        place = self.replicates.index(best["replicate"])
        ok = [c.name for c in self.contenders if self.finals[c.name].status == "ok"]
        own = {name: self.finals[name].records[place]["job"]["fingerprint"] for name in ok}
        folders = {name: self.folder.trial(fingerprint) / "model" for name, fingerprint in own.items()}
        folders[best["name"]] = self.folder.path / best["from"]
        outputs = {name: self.finals[name].outputs[place] for name in ok}
        outputs[best["name"]] = load_outputs(folders[best["name"]].with_name("test.safetensors"))[0]
        told = Told(
            best=best["name"],
            outputs=outputs,
            truth=self.finals[best["name"]].truths[place],
            labels=tuple(self.plan["labels"]),
            folders=folders,
            examples=shown and shown(best["replicate"]),
        )
        return self.task.results(told)
