"""Published signs against ours: how many of n orders of two models come out as in the literature. A diagnostic, not a goal."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqwise.textbook.estimates import share_of


@dataclasses.dataclass(frozen=True)
class Order:
    """Of two models, which one is published to have more of a quantity.

    Args:
        why: what stands between their measurement and this one, for where the signs differ.
    """

    claim: str
    quantity: str
    more: str
    less: str
    source: str
    at: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    why: str = ""


SMALL = "models here are a thousand times smaller and trained for minutes"
GPUS = "the published times are those of GPUs"
KIND = "published of models with a state of fixed size, of which an LSTM is one"
ORDERS = (
    Order(
        "vanishing-gradient",
        "slope of ln gradient norm",
        "lstm, as torch begins",
        "rnn",
        "Pascanu et al. 2013, Hochreiter & Schmidhuber 1997",
        why="measured before training, on random inputs",
    ),
    Order("long-dependencies", "accuracy of repeated symbols", "transformer", "lstm", "Jelassi et al. 2024", {"length": 50}, KIND),
    Order("state-tracking", "accuracy on parity", "rnn", "transformer, rotary", "Deletang et al. 2022", {"length": 100}, SMALL),
    Order("state-tracking", "accuracy on parity", "lstm", "transformer, rotary", "Deletang et al. 2022", {"length": 100}, SMALL),
    Order("state-tracking", "accuracy on parity", "lstm", "mingru", "Grazzi et al. 2024", {"length": 100}, SMALL),
    Order("context-size", "accuracy of recall", "transformer", "lstm", "Arora et al. 2023", {"pairs": 8}, KIND),
    Order("inference-speed", "next token", "transformer", "lstm", "Gu et al. 2022, Gu & Dao 2023", {"context": 4096}, KIND),
    Order("training-speed", "step of 2,048 tokens", "lstm", "transformer", "Stanic et al. 2023", {"length": 256}, GPUS),
    Order("training-speed", "step of 2,048 tokens", "lstm, loop in Python", "lstm", "Appleyard et al. 2016", {"length": 256}, GPUS),
    Order(
        "attention-support",
        "sequences reversed without a mistake",
        "lstm+attention",
        "lstm",
        "Bahdanau et al. 2015, of translation",
        {"length": 10},
        "published of translation, not of reversing",
    ),
    Order(
        "scaling",
        "bits per byte",
        "rnn",
        "lstm",
        "Bai et al. 2018, characters of PTB: 1.48 and 1.36",
        {"parameters": 100_000},
        SMALL,
    ),
    Order("scaling", "bits per byte", "lstm", "transformer", "Kaplan et al. 2020", {"parameters": 100_000}, SMALL),
)


def agreement(claims: Sequence[Mapping[str, Any]], rng: np.random.Generator | None = None) -> dict[str, Any]:
    """How many orders agree, of those whose two values were measured, with Wilson's interval, and every one that does not.

    Args:
        rng: a control: the models of each claim's measurements change their names at random first.
    """
    known = {claim["id"]: _values(claim, rng) for claim in claims}
    told, disagreeing = [], []
    for order in ORDERS:
        values = [known.get(order.claim, {}).get((order.quantity, name, _key(order.at))) for name in (order.more, order.less)]
        if None in values:
            continue
        told.append(values[0] > values[1])
        if not told[-1]:
            disagreeing.append(
                {
                    "claim": order.claim,
                    "quantity": order.quantity,
                    "published": f"{order.more} above {order.less} ({order.source})",
                    "here": f"{values[0]:.4g} and {values[1]:.4g}",
                    "why": order.why,
                }
            )
    estimate = share_of(sum(told), len(told))
    return {"agreeing": sum(told), "of": len(told), "share": estimate.value, "ci95": estimate.ci95, "disagreements": disagreeing}


def _key(at: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(at.items()))


def _values(claim: Mapping[str, Any], rng: np.random.Generator | None) -> dict[tuple[str, str, Any], float]:
    """A claim's values by quantity, model and point; where a point is not told in full, at all of its points."""
    rows = [row for row in claim["measurements"] if row["value"] is not None]
    models = sorted({row["model"] for row in rows})
    names = dict(zip(models, rng.permutation(models) if rng is not None else models, strict=True))
    found: dict[tuple[str, str, Any], float] = {}
    for row in rows:
        for at in (row["at"], {}):
            found[row["quantity"], str(names[row["model"]]), _key(at)] = row["value"]
    return found
