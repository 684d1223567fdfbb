"""Results of claims in which an effect of a known size was planted: what their experiments would return, without running them."""

import itertools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqwise.textbook import (
    CLAIMS,
    architecture,
    attention_support,
    context_size,
    ecosystem,
    inference_speed,
    long_dependencies,
    position,
    pretraining,
    standard_architecture,
    state_tracking,
    timing,
    training_speed,
    use_cases,
    vanishing_gradient,
)
from seqwise.textbook.claim import Experiment, Result
from seqwise.textbook.comparing import kept
from seqwise.textbook.estimates import exactly, mean_of

Run = Callable[[Experiment], dict[str, Any]]
ELSEWHERE = 9.0
"""What no clause is about."""


@dataclass(frozen=True)
class Plant:
    """How results of a claim are made.

    Args:
        generate: the claim's ``run``, from the value of every quantity.
        others: quantities that no clause is about, but results are.
    """

    generate: Callable[[Mapping[str, float], "Noise"], Run]
    others: Mapping[str, float] = field(default_factory=dict)
    tier: str = "standard"


@dataclass(frozen=True)
class Noise:
    """Chance that decides nothing: what is drawn has exactly the mean or median that is asked for.

    Args:
        count: seeds.
    """

    rng: np.random.Generator
    count: int

    def seeds(self, mean: float, spread: float) -> np.ndarray:
        """A value for every seed; their mean and standard deviation are exactly these."""
        found = self.rng.normal(size=self.count)
        return mean + spread * (found - found.mean()) / found.std(ddof=1)

    def rounds(self, median: float, count: int) -> list[float]:
        """Times with this median."""
        found = self.rng.lognormal(0.0, 0.05, count)
        return (median * found / np.median(found)).tolist()


def planted(name: str, quantities: Mapping[str, float], tier: str | None = None) -> list[Result]:
    """Results of every experiment of a claim, as they come from disk."""
    plant, claim = PLANTS[name], CLAIMS[name]()
    experiments = list(claim.experiments(tier or plant.tier))
    noise = Noise(np.random.default_rng(0), 1 + max(experiment.seed for experiment in experiments))
    run = plant.generate(plant.others | quantities, noise)
    return [(experiment, json.loads(json.dumps(run(experiment)))) for experiment in experiments]


def learned(scores: Mapping[int, float], *, validation: float = 1.0, solved_at: float | None = None, steps: int = 1000) -> dict[str, Any]:
    """A training on a probe."""
    return {
        "status": "ok",
        "validation": validation,
        "solved_at": solved_at,
        "steps": steps if solved_at is None else int(solved_at),
        "parameters": 10_000,
        "by_length": {str(n): float(score) for n, score in scores.items()},
        "chance": {str(n): 0.5 for n in scores},
    }


def compared(
    metric: str,
    scores: Mapping[str, np.ndarray],
    *,
    trivial: float = 0.0,
    higher_is_better: bool = True,
    contrasts: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """A comparison of models by the scores of their replicates, with one baseline, which scores ``trivial``."""
    told = {name: (mean_of(values), values.tolist(), "trained") for name, values in scores.items()}
    told["majority"] = exactly(trivial), [trivial], "baseline"
    less = {pair: mean_of(scores[pair[0]] - scores[pair[1]]) for pair in itertools.combinations(scores, 2)}
    sums = {
        name: mean_of(sum(weight * scores[model] for model, weight in weights.items()))
        for name, weights in (contrasts or {}).items()
        if weights.keys() <= scores.keys()
    }
    found = kept(
        {
            "protocol": {"metric": metric, "higher_is_better": higher_is_better, "replicates": len(next(iter(scores.values())))},
            "models": [
                {"name": name, "kind": kind, "scores": {metric: {"mean": mean.value, "ci95": mean.ci95, "per_replicate": values}}}
                for name, (mean, values, kind) in told.items()
            ],
            "pairwise": [{"a": a, "b": b, "difference": mean.value, "ci95": mean.ci95} for (a, b), mean in less.items()],
            "status": "complete",
        }
    )
    return found | {"contrasts": {name: {"value": mean.value, "ci95": mean.ci95} for name, mean in sums.items()}}


def of_architecture(planted: Mapping[str, float], noise: Noise) -> Run:
    """The largest of what other gates change is 0.05 per step."""
    rnn, closed = noise.seeds(-0.3, 0.1), noise.seeds(-0.6, 0.1)
    transformer, intact = rnn + noise.seeds(planted["reach"], 0.02), closed + 0.05 + noise.seeds(planted["forget gate"], 0.02)
    steps = np.arange(architecture.LENGTH)
    return lambda e: {
        "continued": {"rnn": 0.0, "lstm": 0.0, "gru": planted["restart"], "transformer": 0.0},
        "growth": {"rnn": 1.0, "lstm": planted["state"], "gru": 1.0, "transformer": planted["cache"]},
        "order": {"rnn": 1.0, "lstm": planted["order"], "gru": 1.0, architecture.UNORDERED: planted["set"]},
        "reach": {
            name: (slope * steps - 2).tolist()
            for name, slope in {"rnn": rnn[e.seed], "lstm": ELSEWHERE, "gru": ELSEWHERE, "transformer": transformer[e.seed]}.items()
        },
        "gates": {"none": intact[e.seed], "input": intact[e.seed], "forget": closed[e.seed], "output": intact[e.seed] + 0.05},
    }


def of_training_speed(planted: Mapping[str, float], noise: Noise) -> Run:
    waits = {"rnn": ELSEWHERE, "lstm": planted["lstm waits"], "gru": ELSEWHERE, "transformer": planted["transformer waits"]}

    def run(e: Experiment) -> dict[str, Any]:
        if e.part == "chain":
            return {"per token": waits, "scan": {str(length): int(3 * length**0.5) for length in e.settings["lengths"]}}
        length, rows, whole = e.settings["length"], e.settings["batch"], e.settings["on"] == timing.ALL
        asked = whole and length == training_speed.LONG and rows * length == training_speed.TOKENS
        times = {name: planted[name] if asked and name in planted else 1.0 for name in e.settings["models"]}
        return {
            "ms": {name: noise.rounds(20 * time, e.settings["rounds"]) for name, time in times.items()},
            "parameters": dict.fromkeys(times, training_speed.PARAMETERS),
            "threads": 2 if whole else 1,
        }

    return run


def of_inference_speed(planted: Mapping[str, float], noise: Noise) -> Run:
    models, last = inference_speed.MODELS, inference_speed.LONG
    times = {
        ("lstm", inference_speed.MIDDLE): planted["next token"],
        ("lstm", last): planted["lstm slows"],
        ("transformer", last): planted["transformer slows"],
    }
    more = {("lstm", last): planted["state"], ("transformer", last): 1 + planted["cache"]}

    def run(e: Experiment) -> dict[str, Any]:
        contexts, texts, rounds = (e.settings[key] for key in ("contexts", "texts", "rounds"))
        whole = e.settings["on"] == timing.ALL
        read = {"lstm": planted["text"] if whole else ELSEWHERE}
        kept = {name: {n: 100 * n if name == "transformer" else 100 for n in contexts} for name in models}
        return {
            "token": {
                name: {str(n): noise.rounds(2 * (times.get((name, n), 1.0) if whole else ELSEWHERE), rounds) for n in contexts}
                for name in models
            },
            "text": {name: {str(n): noise.rounds(50 * read.get(name, 1.0), rounds) for n in texts} for name in models},
            "bytes": {name: {str(n): size * more.get((name, n), 1) for n, size in found.items()} for name, found in kept.items()},
            "closed": {str(n): size for n, size in kept["transformer"].items()},
            "threads": 2 if whole else 1,
        }

    return run


def of_long_dependencies(planted: Mapping[str, float], noise: Noise) -> Run:
    """In adding an LSTM always solves it, in copying an RNN, as quickly as is planted; the best rate is the middle one."""
    lstm = np.exp(noise.seeds(math.log(0.002), 0.5))
    errors = {"lstm": lstm, "rnn": lstm * np.exp(noise.seeds(planted["lstm nearer"], 0.2)), "transformer": np.full(noise.count, 0.1)}
    copies = {name: noise.seeds(planted[f"{name} copies"], 0.01) for name in ("lstm", "transformer")} | {"rnn": np.ones(noise.count)}
    solvers = {"adding": {"lstm": 1.0, **{name: planted[f"{name} solves"] for name in ("rnn", "transformer")}}, "copying": {"rnn": 1.0}}

    def run(e: Experiment) -> dict[str, Any]:
        name, length, steps = e.settings["model"], e.settings["length"], e.settings["steps"]
        if length != long_dependencies.FAR[e.part] or e.settings["rate"] != 3e-3 or name not in errors:
            unasked = {"adding": 0.15, "copying": 0.1}[e.part]
            return learned({length: unasked}, validation=unasked, steps=steps)
        score = {"adding": errors, "copying": copies}[e.part][name][e.seed]
        solves = e.seed < solvers[e.part].get(name, 0.0) * noise.count
        return learned({length: score}, validation=score, solved_at=planted["quickest"] if solves else None, steps=steps)

    return run


def of_context_size(planted: Mapping[str, float], noise: Noise) -> Run:
    """The one that solves recall as quickly as is planted is an RNN."""
    enough = {"rnn": noise.seeds(2.3, 0.1)}
    for name, before in (("lstm", "rnn"), ("transformer", "lstm")):
        enough[name] = enough[before] + noise.seeds(planted[f"{name} uses"], 0.02)
    few = noise.seeds(planted["lstm recalls few"], 0.001)
    many = {"lstm": few + noise.seeds(planted["lstm falls"], 0.01), "transformer": noise.seeds(planted["transformer recalls"], 0.02)}

    def run(e: Experiment) -> dict[str, Any]:
        name = e.settings["model"]
        if e.part == "kept":
            return {"bytes": {"500": 1000, "1000": round(1000 * planted["cache"]) if name == "transformer" else 1000}}
        if e.part == "language":
            bits = {str(n): 2.0 * (1.01 + 0.01 * (enough[name][e.seed] - math.log(n))) for n in context_size.CONTEXTS}
            told = {"status": "ok", "rate": 3e-3, "bits_per_byte": 2.5, "by_place": np.linspace(4, 2, context_size.WINDOW).tolist()}
            return told | {"by_context": bits | {str(context_size.WINDOW): 2.0}}
        asked = e.settings["width"] == context_size.WIDTH and name in many
        scores = (few[e.seed], many[name][e.seed]) if asked else (0.5, 0.5)
        quick = planted["quickest"] if name == "rnn" else None
        return learned({context_size.FEW: scores[0], 4: 0.5, context_size.MANY: scores[1]}, validation=scores[1], solved_at=quick)

    return run


def of_state_tracking(planted: Mapping[str, float], noise: Noise) -> Run:
    """The best position code is rotary, the best rate the middle one; recurrent models are quick to learn the lengths of training."""
    scores = {name: noise.seeds(planted[name], 0.005) for name in ("rnn", "lstm", "mingru", "transformer", "control")}

    def run(e: Experiment) -> dict[str, Any]:
        if e.part in state_tracking.CONTROLS:
            return {"by_length": {str(n): 0.5 for n in state_tracking.LENGTHS}}
        name, steps = e.settings["model"], e.settings["steps"]
        family = name.partition(",")[0]
        found = scores[family if e.part == "parity" else "control" if family == "transformer" else "lstm"][e.seed]
        if e.settings["rate"] != 3e-3 or name in set(state_tracking.CODES) - {"transformer, rotary"}:
            return learned(dict.fromkeys(state_tracking.LENGTHS, 0.5), validation=0.5, steps=steps)
        quick = planted["quickest"] if name in state_tracking.RECURRENT else None
        far = {40: found + 0.02, 100: found - 0.02}
        return learned({5: ELSEWHERE, 20: ELSEWHERE, **far}, validation=planted["learned"], solved_at=quick, steps=steps)

    return run


def of_attention_support(planted: Mapping[str, float], noise: Noise) -> Run:
    """The best rate is the middle one, the best position code rotary; a GRU with attention is quick to learn it."""
    right = {name: noise.seeds(planted["without"], 0.1) for name in ("rnn", "lstm", "gru", attention_support.ALONE)}
    right |= {f"{name}+attention": right[name] + noise.seeds(planted[f"{name} gains"], 0.01) for name in ("rnn", "lstm")}
    right["transformer"] = right["lstm+attention"] + noise.seeds(planted["transformer ahead"], 0.01)
    right["gru+attention"] = np.ones(noise.count)

    def run(e: Experiment) -> dict[str, Any]:
        name, steps = e.settings["model"], e.settings["steps"]
        if e.settings["rate"] != 3e-3 or name not in right:
            return learned(dict.fromkeys(attention_support.LENGTHS, 0.0), validation=0.0, steps=steps)
        quick = planted["quickest"] if name == "gru+attention" else None
        return learned({4: ELSEWHERE, 7: ELSEWHERE, 10: right[name][e.seed]}, validation=planted["learned"], solved_at=quick, steps=steps)

    return run


LESS_IS_BETTER = {"time series": "mse", "speech": "wer", "text generation": "bits_per_byte"}


def of_use_cases(planted: Mapping[str, float], noise: Noise) -> Run:
    """Scores are about 0.7, those of the trivial baseline as planted, where more is better, else as far on the other side of 0.7."""

    def run(e: Experiment) -> dict[str, Any]:
        use, case = e.settings["use"], use_cases.CASES[e.settings["use"]]
        better, replicates = use not in LESS_IS_BETTER, Noise(noise.rng, e.settings["replicates"])
        shared, ahead = replicates.seeds(0.7, 0.05), replicates.seeds(planted[use], 0.01)
        scores = dict.fromkeys(e.settings["models"], shared) | {case.wins: shared + ahead if better else shared - ahead}
        trivial = planted["trivial"] if better else 1.4 - planted["trivial"]
        return compared(LESS_IS_BETTER.get(use, "accuracy"), scores, trivial=trivial, higher_is_better=better)

    return run


def of_ecosystem(planted: Mapping[str, float], noise: Noise) -> Run:
    """The Transformers pass three checks."""
    ahead = {names[0]: planted[f"ahead {pair}"] for pair, names in ecosystem.PAIRS.items()}

    def run(e: Experiment) -> dict[str, Any]:
        if e.part == "library":
            kinds = {"all": 1000, "classic": round(1000 * planted["classic"]), "recurrent": round(1000 * planted["recurrent"]), "hybrid": 7}
            shipped = dict.fromkeys(ecosystem.FAMILIES, 1)
            return kinds | {"listed": {"rnn": 0, "lstm": int(planted["pretrained"])}, "shipped": shipped, "date": "2026-01-01"}
        name = e.settings["model"]
        passing = 3 - ahead.get(name, 0)
        return {check: "passed" if number < passing else "ValueError: not today" for number, check in enumerate(ecosystem.checks_of(name))}

    return run


def of_pretraining(planted: Mapping[str, float], noise: Noise) -> Run:
    """At other numbers of labels pretraining is worth nothing."""
    steps = {"rnn": ELSEWHERE, "lstm": planted["steps"], "transformer": 1.0}

    def run(e: Experiment) -> dict[str, Any]:
        if e.part == "speed":
            return {name: noise.rounds(0.05 * time, pretraining.ROUNDS) for name, time in steps.items()}
        replicates, asked = Noise(noise.rng, e.settings["replicates"]), e.settings["labels"] == pretraining.FEW
        scratch, lstm = replicates.seeds(0.6, 0.05), replicates.seeds(planted["lstm gains"] if asked else 0.0, 0.01)
        gains = {"rnn": lstm + 0.3, "lstm": lstm, "transformer": lstm + replicates.seeds(planted["transformer gains more"] * asked, 0.01)}
        scores = {f"{name}-tiny": scratch + gains[name] for name in e.settings["models"]}
        scores |= {f"{name}-tiny-scratch": scratch for name in e.settings["models"]}
        return compared("accuracy", scores, trivial=planted["trivial"], contrasts={"more": pretraining.MORE})

    return run


def of_scaling(planted: Mapping[str, float], noise: Noise) -> Run:
    exponents = {what: {"transformer": noise.seeds(mean, 0.03)} for what, mean in (("parameters", 0.12), ("text", 0.1))}
    for what, laws in exponents.items():
        for name in ("lstm", "rnn"):
            laws[name] = laws["transformer"] - noise.seeds(planted.get(f"{what}, {name}", 0.05), 0.005)
    lstm = noise.seeds(2.5, 0.1)
    timed = {"rnn": lstm, "lstm": lstm, "transformer": lstm + noise.seeds(planted["equal seconds"], 0.01)}

    def run(e: Experiment) -> dict[str, Any]:
        name, told = e.settings["model"], {"status": "ok", "rate": 3e-3, "steps": 300, "seconds": 8.0}
        parameters = 1.004 * e.settings["size"]
        bits = 8 * parameters ** -exponents["parameters"][name][e.seed] * e.settings.get("share", 1.0) ** -exponents["text"][name][e.seed]
        return {"bits_per_byte": timed[name][e.seed] if e.part == "time" else bits, "parameters": round(parameters), **told}

    return run


def of_standard_architecture(planted: Mapping[str, float], noise: Noise) -> Run:
    between, bits = Noise(noise.rng, 6), {}
    for family, variants in standard_architecture.VARIANTS.items():
        for variant, mean in zip(variants, between.seeds(2.0, planted[f"{family} spread"]), strict=True):
            bits[family, variant] = noise.seeds(mean, planted["seeds"])
    return lambda e: {"status": "ok", "rate": 3e-3, "bits_per_byte": bits[e.settings["family"], e.settings["variant"]][e.seed]}


def _codes(best: np.ndarray) -> dict[str, np.ndarray]:
    return {"rotary": best, "learned": best + 0.01, "sinusoidal": best + 0.3}


def of_position(planted: Mapping[str, float], noise: Noise) -> Run:
    """The one that differs most from what the statement says is an LSTM, and the learned code; rotary is the best code."""
    before = {
        position.SHALLOW: planted["one layer"],
        position.DEEP: planted["two layers"],
        "lstm": planted["recurrent"],
        "attention, both sides, learned": planted["coded"],
    }
    learners, finders = (Noise(noise.rng, position.LEARNING_SEEDS[part]["standard"]) for part in ("language", "hidden"))
    best, found = learners.seeds(2.0, 0.1), finders.seeds(2.0, 0.1)
    lost = np.log2(finders.seeds(planted["no code, both sides"], 0.005))
    bits = {
        "language": {"none": best * learners.seeds(planted["no code"], 0.005)} | _codes(best),
        "hidden": {"none": found + lost} | _codes(found),
    }

    def run(e: Experiment) -> dict[str, Any]:
        if e.part in bits:
            values = bits[e.part][e.settings["code"]]
            return {"bits_per_byte": values[e.seed % len(values)], "trivial": 4.8}
        return {
            name: {"all": planted["blind"] if name == position.BLIND else ELSEWHERE, "before": before.get(name, 1.0)}
            for name in position.MODELS
        }

    return run


def of_vanishing_gradient(planted: Mapping[str, float], noise: Noise) -> Run:
    slopes = {name: noise.seeds(planted.get(name, -0.3), 0.004) for name in vanishing_gradient.LAYERS}
    learners = vanishing_gradient.LEARNING_SEEDS["standard"]
    trained = Noise(noise.rng, learners).seeds(planted["rnn, trained"], 0.01)

    def run(e: Experiment) -> dict[str, Any]:
        if e.part == "cell":
            bias = e.settings["bias"]
            return {"slope": -math.log1p(math.exp(-bias)) * (1 + planted["cell"] * (bias == 2.0))}
        if e.part == "linear":
            return {"slope": math.log(e.settings["rho"]) + planted["linear"] * (e.settings["rho"] == 0.9)}
        if e.part == "layers":
            return {name: (found[e.seed] * np.arange(vanishing_gradient.LENGTH) - 2).tolist() for name, found in slopes.items()}
        steps = range(0, e.settings["steps"] + 1, vanishing_gradient.EVERY)
        asked = vanishing_gradient.LEARNED if e.settings["model"] == vanishing_gradient.ORTHOGONAL else None
        found = {str(step): trained[e.seed % learners] if step == asked else ELSEWHERE for step in steps}
        return {"slopes": found, "errors": {str(step): 1 / 6 for step in steps}}

    return run


PLANTS: Mapping[str, Plant] = {
    "architecture": Plant(of_architecture),
    "training-speed": Plant(of_training_speed),
    "inference-speed": Plant(of_inference_speed),
    "long-dependencies": Plant(of_long_dependencies, {"quickest": 400}, "long"),
    "context-size": Plant(of_context_size, {"quickest": 400, "lstm recalls few": 0.995}, "long"),
    "state-tracking": Plant(of_state_tracking, {"learned": 1.0, "quickest": 400}, "long"),
    "attention-support": Plant(of_attention_support, {"without": 0.5, "learned": 1.0, "quickest": 400}, "long"),
    "use-cases": Plant(of_use_cases, {"trivial": 0.1}),
    "ecosystem": Plant(of_ecosystem),
    "pretraining": Plant(of_pretraining, {"trivial": 0.1}),
    "scaling": Plant(of_scaling, tier="long"),
    "standard-architecture": Plant(of_standard_architecture, {"transformer spread": 0.06, "seeds": 0.02}, "long"),
    "position": Plant(of_position),
    "vanishing-gradient": Plant(of_vanishing_gradient),
}
"""A long tier where a verdict asks for more seeds or learning rates than a standard one has."""
