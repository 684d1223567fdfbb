"""``seqwise models``: what can compete."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seqwise.cli import shared

if TYPE_CHECKING:
    from seqwise.comparison.contenders import Contender


def command(json: shared.Json = False) -> None:
    """List the models that compare and train know, and the pretrained ones that come with the package."""
    from seqwise.comparison.contenders import known_names, parse_contenders
    from seqwise.zoo.shipped import shipped_names

    found = [_described(contender) for contender in parse_contenders(tuple(known_names()))]
    pretrained = [_shipped(name) for name in shipped_names()]
    if json:
        shared.print_json(found + pretrained)
        return
    for model in found:
        print(f"{model['name']:12} {model['family']:10} {model['about']}")
    print("\nA plus sign makes a hybrid, layer by layer: lstm+attention (in translation: an LSTM with cross-attention).")
    print("An equals sign names it: a=lstm,b=lstm.")
    if pretrained:
        print("\nPretrained, for `seqwise generate NAME`, seqwise.load(NAME), or as a contender hf:NAME:")
    for model in pretrained:
        print(f"{model['name']:20} {model['about']}")


def _described(contender: "Contender") -> dict[str, str]:
    from seqwise.models.mixers import MIXERS

    about = (sys.modules[MIXERS[contender.mixers[0]].__module__].__doc__ or "").strip().splitlines()[0].rstrip(".")
    return {"name": contender.name, "family": contender.family, "mixer": contender.mixers[0], "about": about}


def _shipped(name: str) -> dict[str, str]:
    from seqwise.core.files import read_json
    from seqwise.zoo.shipped import path

    record = read_json(Path(path(name)) / "record.json")
    options, score = record["options"], f"{record['metric'].replace('_', ' ')} {record['precision']['file']:.3f}"
    about = f"{options['model']}, {options['objective']}, {record['parameters']['non_embedding']:,} parameters without embeddings, {score}"
    return {"name": name, "family": "pretrained", "about": about}
