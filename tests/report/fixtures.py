"""A made-up ``comparison.json`` with everything a report can show, and its awkward variants."""

import copy
import math
import random
from typing import Any

LABELS = ("description", "entity", "abbreviation", "human", "location", "number")
TRAINED = {"rnn": ("recurrent", 0.812), "lstm": ("recurrent", 0.851), "gru": ("recurrent", 0.846), "transformer": ("attention", 0.829)}
BASELINES = {"majority": 0.188, "tfidf-linear": 0.836}
REPLICATES, CONFIGURATIONS, STEPS = 6, 4, 1200


def result(labels: tuple[str, ...] = LABELS, seed: int = 0) -> dict[str, Any]:
    """A complete comparison of four models and two baselines, with a winner."""
    rng = random.Random(seed)
    models = [_trained(name, family, accuracy, rng) for name, (family, accuracy) in TRAINED.items()]
    models += [_baseline(name, accuracy, rng) for name, accuracy in BASELINES.items()]
    best = {"name": "lstm", "replicate": 2, "path": "best", "scores": {"accuracy": 0.858, "macro_f1": 0.831, "log_loss": 0.471}}
    return {
        "schema_version": 1,
        "status": "complete",
        "task": "text-classification",
        "data": _data(labels),
        "protocol": _protocol(),
        "environment": _environment(),
        "models": models,
        "pairwise": _pairwise(models),
        "verdict": _verdict(),
        "best": best,
        "task_results": _task_results(labels, rng),
    }


def _score(mean: float, spread: float, rng: random.Random) -> dict[str, Any]:
    runs = [mean + rng.gauss(0, spread) for _ in range(REPLICATES)]
    middle = sum(runs) / REPLICATES
    return {"mean": middle, "ci95": [middle - 1.6 * spread, middle + 1.6 * spread], "per_replicate": runs}


def _scores(accuracy: float, rng: random.Random) -> dict[str, Any]:
    return {
        "accuracy": _score(accuracy, 0.007, rng),
        "macro_f1": _score(accuracy - 0.03, 0.011, rng),
        "log_loss": _score(1.7 * (1 - accuracy) + 0.24, 0.02, rng),
    }


def _by_length(accuracy: float, rng: random.Random) -> list[dict[str, Any]]:
    bins = ((1, 6, 71), (7, 9, 180), (10, 13, 151), (14, 20, 73), (21, 64, 25))
    rows = []
    for place, (low, high, examples) in enumerate(bins):
        mean, half = accuracy + 0.02 - 0.015 * place + rng.gauss(0, 0.01), 0.4 / math.sqrt(examples)
        rows.append({"from": low, "to": high, "examples": examples, "mean": mean, "ci95": [mean - half, min(mean + half, 1.0)]})
    return rows


def _trial(name: str, replicate: int, configuration: int, rng: random.Random) -> dict[str, Any]:
    row = {
        "replicate": replicate,
        "configuration": configuration,
        "hyperparameters": {
            "learning_rate": 10 ** rng.uniform(-3.4, -2),
            "dropout": rng.choice([0.0, 0.1, 0.3]),
            "body": rng.choice(["classic", "modern"]),
        },
        "status": "ok",
        "validation": {"accuracy": rng.uniform(0.7, 0.84), "log_loss": rng.uniform(0.5, 0.9)},
        "chosen": configuration == replicate % CONFIGURATIONS,
        "seconds": rng.uniform(3, 9),
        "steps": STEPS // 4,
        "edge": ["learning_rate"] if configuration == 3 and replicate == 1 else [],
    }
    if name == "rnn" and (replicate, configuration) == (0, 3):
        row |= {"status": "diverged", "validation": None, "error": "the loss is not a number at step 212"}
    return row


def _learning_curve(accuracy: float, rng: random.Random) -> list[dict[str, Any]]:
    rows = []
    for replicate in range(REPLICATES):
        ceiling = accuracy + rng.gauss(0, 0.006)
        for evaluation in range(1, 13):
            step, learnt = STEPS * evaluation // 12, 1 - math.exp(-evaluation / 2.4)
            value = 0.2 + (ceiling - 0.2) * learnt + rng.gauss(0, 0.004)
            rows.append(
                {
                    "replicate": replicate,
                    "step": step,
                    "epoch": step / 150,
                    "train_loss": 1.8 - 1.5 * learnt,
                    "accuracy": value,
                    "log_loss": 1.8 - 1.3 * learnt,
                }
            )
    return rows


def _trained(name: str, family: str, accuracy: float, rng: random.Random) -> dict[str, Any]:
    attention = family == "attention"
    base = {"rnn": 0.31, "lstm": 0.62, "gru": 0.55, "transformer": 0.84}[name]
    lengths = (8, 32, 128, 512)
    latency = [
        {"length": n, "p50": base * (0.5 + (n / 24) ** (0.55 if attention else 0.9)), "p95": base * (0.7 + (n / 20) ** 0.9)}
        for n in lengths
    ]
    state = {str(n): (2 * 64 * 4 * 2 * n if attention else 64 * 4 * 2 * (2 if name == "lstm" else 1)) for n in (1, 256, 4096)}
    return {
        "name": name,
        "family": family,
        "kind": "trained",
        "status": "ok",
        "parameters": {"total": 228_416 + 64 * len(name), "non_embedding": 100_264 - 16 * len(name), "embedding": 128_152},
        "scores": _scores(accuracy, rng),
        "by_length": _by_length(accuracy, rng),
        "hyperparameters": {"learning_rate": 0.00312, "dropout": 0.1, "body": "modern", **({} if attention else {"forget_bias": 1.0})},
        "trials": [_trial(name, r, k, rng) for r in range(REPLICATES) for k in range(CONFIGURATIONS)],
        "learning_curve": _learning_curve(accuracy, rng),
        "cost": {
            "train_seconds": 41.0 * base,
            "train_tokens_per_second": 61_000 / base,
            "flops_per_token": 612_000,
            "flop_utilisation": 0.112 / base,
            "ideal_seconds": 2.4,
            "peak_memory_bytes": 412_000_000,
            "latency_ms": {"p50": base, "p95": 1.4 * base},
            "latency_by_length": latency,
            "state_bytes": state,
        },
        "path": f"models/{name}",
        "bytes_on_disk": 918_204,
        "diverged": 0,
        "still_improving": name == "transformer",
        "edge": name == "gru",
        "hidden": {"hidden_size": 64, "intermediate_size": 136, "num_hidden_layers": 2, "layer_types": [name] * 2, "body": "modern"},
    }


def _baseline(name: str, accuracy: float, rng: random.Random) -> dict[str, Any]:
    cost = dict.fromkeys(
        (
            "train_seconds",
            "train_tokens_per_second",
            "flops_per_token",
            "flop_utilisation",
            "peak_memory_bytes",
            "latency_ms",
            "state_bytes",
        )
    )
    if name != "majority":
        cost |= {"train_seconds": 0.42, "latency_ms": {"p50": 0.19, "p95": 0.25}}
    return {
        "name": name,
        "family": "baseline",
        "kind": "baseline",
        "status": "ok",
        "parameters": {"total": 6 if name == "majority" else 41_232, "non_embedding": 6 if name == "majority" else 41_232, "embedding": 0},
        "scores": _scores(accuracy, rng),
        "by_length": _by_length(accuracy, rng),
        "hyperparameters": {},
        "trials": [],
        "learning_curve": [],
        "cost": cost,
        "path": f"baseline/{name}",
        "bytes_on_disk": 331_000,
    }


def _pairwise(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [model for model in models if model["kind"] == "trained"]
    rows = []
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            gap = a["scores"]["accuracy"]["mean"] - b["scores"]["accuracy"]["mean"]
            decision = "equivalent" if abs(gap) < 0.006 else "undecided" if abs(gap) < 0.015 else "better" if gap > 0 else "worse"
            p = max(0.0004, 0.6 - 40 * abs(gap))
            rows.append(
                {
                    "a": a["name"],
                    "b": b["name"],
                    "metric": "accuracy",
                    "difference": gap,
                    "ci95": [gap - 0.013, gap + 0.013],
                    "p": p,
                    "decision": decision,
                }
            )
    return rows


def _verdict() -> dict[str, Any]:
    text = "lstm wins: 85.1 % accuracy, 2.2 points (0.9 to 3.5) above transformer, the next best that is not equal."
    reason = "lstm has the best accuracy and answers in 0.62 ms, 1.4 times as fast as transformer"
    return {
        "decision": "winner",
        "winners": ["lstm"],
        "candidates": ["lstm"],
        "excluded": ["rnn", "gru", "transformer"],
        "baseline_ahead": None,
        "recommendation": {"model": "lstm", "reason": reason, "regret_upper95": 0.004, "kind": "trained", "trained_model": "lstm"},
        "needed": None,
        "text": text,
        "flips": [],
    }


def _data(labels: tuple[str, ...]) -> dict[str, Any]:
    counts = {label: 1250 // (place + 1) + 40 for place, label in enumerate(labels)}
    return {
        "source": "data/questions.csv",
        "sha256": "0123456789abcdef" * 4,
        "examples": {"train": 4907, "validation": 545, "test": 500},
        "length": {"median": 9, "p95": 18, "max": 37},
        "columns": {"text": "question", "target": "label"},
        "card": {
            "classes": counts,
            "imbalance": {"ratio": counts[labels[0]] / counts[labels[-1]], "largest": labels[0], "smallest": labels[-1]},
            "duplicates": {"examples": 71, "conflicting": 4},
            "overlap": {"test_in_train": 9, "test_in_validation": 1, "share_of_test": 0.02},
            "empty_texts": 0,
            "scheme": "given test",
            "notes": ["The column question was taken as the text and label as the target; --text and --target choose others."],
            "cut": {"share_of_examples": 0.0, "share_of_tokens": 0.0, "context": 37},
            "padding_share": 0.031,
            "tokenizer": {"kind": "bpe", "vocab_size": 2000, "lowercase": True, "reason": "8,412 different words"},
        },
    }


def _protocol() -> dict[str, Any]:
    return {
        "match_size": "parameters",
        "match_training": "steps",
        "budget_seconds": 900,
        "replicates": REPLICATES,
        "configurations_per_replicate": CONFIGURATIONS,
        "selection_split": "validation",
        "metric": "accuracy",
        "higher_is_better": True,
        "unit": "row",
        "units": 500,
        "alpha": 0.05,
        "looks": 1,
        "margin": 0.01,
        "decidable_difference": 0.019,
        "size": "100k",
        "target_parameters": 100_000,
        "steps": dict.fromkeys(TRAINED, STEPS),
        "epochs": dict.fromkeys(TRAINED, 8.2),
        "batch_size": 32,
        "context": 37,
        "embedding_size": 64,
        "space": {"learning_rate": [0.0003, 0.01], "dropout": [0.0, 0.1, 0.3], "body": ["classic", "modern"]},
        "evaluations": 12,
        "schedule": "warm-up, stable, decay",
        "estimate_seconds": 842.0,
        "rules": ["All models read the same batches in the same order", "A diverged repetition counts as the trivial baseline"],
    }


def _environment() -> dict[str, Any]:
    return {
        "python": "3.11.9",
        "packages": {"torch": "2.13.0", "transformers": "5.23.0", "scikit-learn": "1.7.2"},
        "cpu": "Example CPU at 2.10 GHz",
        "threads_per_trial": 1,
        "workers": 2,
        "device": "cpu",
        "command": "seqwise compare data/questions.csv --budget 15m",
        "started_at": "2026-11-22T10:15:00Z",
        "wall_seconds": 871.4,
        "matmul_peak_gflops": 61.3,
        "cores": 2,
        "reproduce": "seqwise compare data/questions.csv --text question --target label --models rnn,lstm,gru,transformer "
        "--size 100k --steps 1200 --batch 32 --context 37 --replicates 6 --configurations 4 --tokenizer bpe --seed 0",
    }


def _task_results(labels: tuple[str, ...], rng: random.Random) -> dict[str, Any]:
    size = len(labels)
    confusion = [[0 if rng.random() < 0.5 else rng.randrange(1, 9) for _ in range(size)] for _ in range(size)]
    for place in range(size):
        confusion[place][place] = rng.randrange(30, 120)
    per_class = [
        {"label": label, "precision": rng.uniform(0.6, 0.97), "recall": rng.uniform(0.6, 0.97), "f1": rng.uniform(0.6, 0.97), "support": 80}
        for label in labels
    ]
    texts = [f'What made-up question number {number} is <b>about</b> "quotes" & ampersands ?' for number in range(9)]
    mistakes = [
        {"text": text, "truth": labels[0], "predicted": labels[1], "confidence": 0.99 - 0.02 * place} for place, text in enumerate(texts)
    ]
    answers = {"rnn": labels[1], "lstm": labels[0], "gru": labels[0], "transformer": labels[2]}
    disagreements = [{"text": text, "truth": labels[0], "predictions": answers} for text in texts]
    return {"labels": list(labels), "confusion": confusion, "per_class": per_class, "mistakes": mistakes, "disagreements": disagreements}


def partial() -> dict[str, Any]:
    """Interrupted: two repetitions done, one model not reached."""
    found = result()
    found["status"] = "partial"
    found["models"][3] |= {
        "status": "unfinished",
        "scores": {},
        "by_length": [],
        "learning_curve": [],
        "trials": found["models"][3]["trials"][:3],
    }
    found["pairwise"] = [row for row in found["pairwise"] if "transformer" not in (row["a"], row["b"])]
    return found


def undecided() -> dict[str, Any]:
    """Nothing is decided, and a baseline is ahead."""
    found = result()
    for row in found["pairwise"]:
        row |= {"decision": "undecided", "p": 0.41}
    found["verdict"] |= {
        "decision": "undecided",
        "winners": [],
        "candidates": ["lstm", "gru", "rnn", "transformer"],
        "excluded": [],
        "baseline_ahead": {"name": "tfidf-linear", "difference": 0.012, "ci95": [-0.004, 0.028], "significant": False},
        "needed": {"replicates": 19},
        "text": "tfidf-linear is ahead. Undecided between lstm, gru, rnn and transformer; about 19 replicates would decide.",
        "recommendation": {
            "model": "tfidf-linear",
            "reason": "it is ahead and the fastest",
            "regret_upper95": 0.011,
            "kind": "baseline",
            "trained_model": "lstm",
        },
        "flips": [{"match": "seconds", "decision": "winner", "text": "Matched by training time, gru wins."}],
    }
    return found


def failed_model() -> dict[str, Any]:
    """One model failed, one diverged in two repetitions."""
    found = result()
    empty = {"mean": None, "ci95": None, "per_replicate": [None] * REPLICATES}
    found["models"][0] |= {
        "status": "failed",
        "error": "out of memory <at step 3>",
        "scores": {"accuracy": empty},
        "by_length": [],
        "learning_curve": [],
    }
    found["models"][1] |= {"status": "diverged", "diverged": 2}
    for row in found["pairwise"]:
        if "rnn" in (row["a"], row["b"]):
            row |= {"difference": None, "ci95": None, "p": None, "decision": "undecided"}
    return found


def one_model() -> dict[str, Any]:
    found = result()
    found["models"], found["pairwise"] = [found["models"][1]], []
    found["verdict"] |= {"decision": "undecided", "winners": [], "excluded": [], "text": "Only one model was trained."}
    return found


def many_classes() -> dict[str, Any]:
    """Twenty classes with long names, one of them hostile, and no samples."""
    names = [f"comp.os.ms-windows.miscellaneous.group-number-{number}" for number in range(19)]
    found = result((*names, '<script>alert("x")</script>'))
    found["task_results"] |= {"mistakes": None, "disagreements": None}
    return found


def bare() -> dict[str, Any]:
    """Only what the schema asks for, every measurement missing."""
    found = copy.deepcopy(result())
    for key in ("columns", "card"):
        del found["data"][key]
    left_out = ("size", "target_parameters", "steps", "epochs", "batch_size", "context", "embedding_size", "space", "evaluations")
    left_out += ("schedule", "estimate_seconds", "rules")
    found["protocol"] = {key: value for key, value in found["protocol"].items() if key not in left_out} | {
        "decidable_difference": None,
        "budget_seconds": None,
    }
    for key in ("matmul_peak_gflops", "cores", "reproduce"):
        del found["environment"][key]
    costs = (
        "train_seconds",
        "train_tokens_per_second",
        "flops_per_token",
        "flop_utilisation",
        "peak_memory_bytes",
        "latency_ms",
        "state_bytes",
    )
    keep = ("name", "family", "kind", "status", "parameters", "scores")
    found["models"] = [{key: model[key] for key in keep} | {"cost": dict.fromkeys(costs)} for model in found["models"]]
    for model in found["models"]:
        model["scores"] = {"accuracy": {"mean": None, "ci95": None, "per_replicate": []}}
    found["pairwise"] = []
    recommendation = {"model": None, "reason": None, "regret_upper95": None}
    found["verdict"] = {
        "decision": "nothing learned",
        "winners": [],
        "candidates": [],
        "excluded": [],
        "baseline_ahead": None,
        "text": "Nothing was learned.",
    }
    found["verdict"]["recommendation"] = recommendation
    found["best"] = None
    del found["task_results"]
    return found


VARIANTS = {
    "complete": result,
    "partial": partial,
    "undecided": undecided,
    "failed model": failed_model,
    "one model": one_model,
    "many classes": many_classes,
    "bare": bare,
}
