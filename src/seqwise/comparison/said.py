"""What a comparison says of its plan: before it starts, and for whoever wants to repeat it."""

import shlex
from typing import Any

from seqwise.comparison.options import Options


def plan_summary(plan: dict[str, Any]) -> str:
    """What is about to happen, in a few lines, before it does."""
    data, protocol = plan["data"], plan["protocol"]
    card = data["card"]
    steps = ", ".join(f"{name} {count:,}" for name, count in protocol["steps"].items())
    epochs = min(protocol["epochs"].values())
    lines = [*card["notes"]]
    lines.append("data: " + ", ".join(f"{count:,} {split}" for split, count in data["examples"].items()) + f" examples ({card['scheme']})")
    tokenizer = card["tokenizer"]
    lines.append(
        f"tokens: {tokenizer['reason']}; at most {tokenizer['vocab_size']:,}; {data['length']['median']:.0f} per example in the median"
    )
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
    if options.header is not None:
        parts.append("--header" if options.header else "--no-header")
    steps = protocol["steps"]
    same = len(set(steps.values())) == 1
    parts += ["--models", ",".join(options.models), "--size", str(protocol["target_parameters"])]
    parts += ["--steps", str(next(iter(steps.values()))) if same else ",".join(f"{name}={count}" for name, count in steps.items())]
    parts += ["--replicates", str(protocol["planned_replicates"] if "planned_replicates" in protocol else protocol["replicates"])]
    parts += ["--configurations", str(protocol["configurations_per_replicate"]), "--tokenizer", options.tokenizer]
    parts += ["--match-size", options.match_size, "--seed", str(options.seed), "--device", options.device]
    return shlex.join(parts)
