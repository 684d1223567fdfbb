"""``seqwise models``: what can compete."""

import sys
from typing import TYPE_CHECKING

from seqwise.cli import shared

if TYPE_CHECKING:
    from seqwise.comparison.contenders import Contender


def command(json: shared.Json = False) -> None:
    """List the models that compare and train know."""
    from seqwise.comparison.contenders import known_names, parse_contenders

    found = [_described(contender) for contender in parse_contenders(tuple(known_names()))]
    if json:
        shared.print_json(found)
        return
    for model in found:
        print(f"{model['name']:12} {model['family']:10} {model['about']}")
    print("\nA plus sign makes a hybrid, layer by layer: lstm+attention (in translation: an LSTM with cross-attention).")
    print("An equals sign names it: a=lstm,b=lstm.")


def _described(contender: "Contender") -> dict[str, str]:
    from seqwise.models.mixers import MIXERS

    about = (sys.modules[MIXERS[contender.mixers[0]].__module__].__doc__ or "").strip().splitlines()[0].rstrip(".")
    return {"name": contender.name, "family": contender.family, "mixer": contender.mixers[0], "about": about}
