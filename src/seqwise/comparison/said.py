"""What a comparison says of its plan: before it starts, and for whoever wants to repeat it."""

import shlex
from typing import Any

from seqwise.comparison.budget import LEAST_SHARE
from seqwise.comparison.contenders import is_outside
from seqwise.comparison.make_plan import OWN
from seqwise.comparison.options import Options
from seqwise.comparison.wording import metric
from seqwise.report import numbers


def plan_summary(plan: dict[str, Any]) -> str:
    """What is about to happen, in a few lines, before it does."""
    data, protocol = plan["data"], plan["protocol"]
    card = data["card"]
    steps = ", ".join(f"{name} {count:,}" for name, count in protocol["steps"].items())
    epochs = min(protocol["epochs"].values())
    lines = [*card["notes"]]
    lines.append(
        "data: "
        + ", ".join(f"{count:,} {split}" for split, count in data["examples"].items())
        + f" {card.get('counted', 'examples')} ({card['scheme']})"
    )
    tokenizer, median = card["tokenizer"], f"{data['length']['median']:.0f} per example in the median"
    if tokenizer and tokenizer["kind"] == OWN:
        lines.append(f"tokens: {tokenizer['reason']}; {tokenizer['vocab_size']:,} kinds; {median}")
    elif tokenizer:
        lines.append(f"tokens: {tokenizer['reason']}; at most {tokenizer['vocab_size']:,}; {median}")
    else:
        lines.append(f"{card['length_in']}: {median}{_width(card)}")
    lines.append(
        f"plan: {_size(protocol)}, {numbers.plural(protocol['replicates'], 'replicate')} of"
        f" {numbers.plural(protocol['configurations_per_replicate'], 'configuration')}; steps: {steps} ({epochs:.1f} epochs)"
    )
    if plan["estimate_seconds"]:
        lines.append(f"estimate: {plan['estimate_seconds'] / 60:.1f} minutes")
    if plan["refit"]:
        lines.append("at the end the recommended model is trained longer, to hand over (--no-refit leaves that out)")
    if not protocol["within_budget"]:
        lines.append("WARNING: nothing smaller is possible for this data and these models: the budget will not be kept")
    if epochs < LEAST_SHARE * protocol["wanted_epochs"]:
        lines.append(f"WARNING: a final run sees only {epochs:.1f} epochs; a larger --budget says more")
    if protocol["decidable_difference"]:
        least = metric(protocol["metric"]).difference(protocol["decidable_difference"], signed=False)
        lines.append(f"smallest difference that this can decide: about {least}")
    else:
        lines.append("too few replicates or models to decide anything: the result will describe, not decide")
    return "\n".join(lines)


def _width(card: dict[str, Any]) -> str:
    """What numbers a step has."""
    if "series" in card:
        return f"; {card['series']['count']:,} {'variables' if card['series']['together'] else 'series'}, {card['frequency']}"
    return f"; {numbers.plural(len(card['channels']), 'channel')}" if card.get("channels") else ""


def _size(protocol: dict[str, Any]) -> str:
    if protocol["target_parameters"] is None:
        return "the model of its own size" if len(protocol["steps"]) == 1 else "every model of its own size"
    target = f"{protocol['target_parameters']:,} non-embedding parameters"
    return f"{target} each" if protocol["match_size"] == "parameters" else f"the computation of a transformer of {target} each"


FLAGS = (
    "task",
    "data_fractions",
    "labels",
    "patience",
    "validation",
    "test",
    "text",
    "target",
    "group",
    "id",
    "time",
    "horizon",
    "split",
    "season",
    "layers",
    "width",
)


def reproduce_command(options: Options, plan: dict[str, Any]) -> str:
    """The command with every automatic choice made explicit."""
    protocol = plan["protocol"]
    given = {name: getattr(options, name) for name in FLAGS}
    given |= {
        "models": ",".join(options.models),
        "size": protocol["target_parameters"],
        "steps": _steps(options, protocol["steps"]),
        "replicates": protocol["replicates"],
        "configurations": protocol["configurations_per_replicate"],
        "tokenizer": _tokenizer(options, plan["data"]["card"]["tokenizer"] or {}),
        "batch": protocol["batch_size"],
        "context": _context(options, plan),
        "match-size": options.match_size,
        "match-training": options.match_training,
        "seed": options.seed,
        "device": options.device,
    }
    parts = [part for name, value in given.items() if value is not None for part in (f"--{name.replace('_', '-')}", str(value))]
    if options.header is not None:
        parts.append("--header" if options.header else "--no-header")
    if options.causal is not None:
        parts.append("--causal" if options.causal else "--no-causal")
    parts.append("--extend-search" if protocol["extended"] else "--no-extend-search")
    parts.append("--refit" if plan["refit"] else "--no-refit")
    return shlex.join(["seqwise", "compare", options.source, *parts])


def _steps(options: Options, steps: dict[str, int]) -> str:
    if options.match_training == "steps":
        return str(next(iter(steps.values())))
    return ",".join(f"{name}={count}" for name, count in steps.items())


def _tokenizer(options: Options, card: dict[str, Any]) -> str | None:
    kind = None if card.get("kind") == OWN else card.get("kind")
    return options.tokenizer if options.tokenizer != "auto" else kind


def _context(options: Options, plan: dict[str, Any]) -> int | None:
    """The longest input; left to the data, from which it follows, where a model from outside has one by its own tokens."""
    card = plan["data"]["card"]
    if any(is_outside(name) for name in options.models):
        return options.context
    return plan["protocol"]["context"] if card["tokenizer"] or "horizon" in card else None
