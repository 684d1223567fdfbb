"""Who competes: a name and the mixer of each layer. Names follow from the table of mixers."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

from seqwise.core.errors import UserError, did_you_mean
from seqwise.models.mixers import MIXERS

ALIASES = {"transformer": "attention"}
"""Contenders that the field knows under another name than their mixer."""
OUTSIDE, FRESH = "hf", "fresh"
"""What names a model from outside: to be fine-tuned, or its architecture with fresh weights."""
DELIVERED = ("best", "model")
"""Folders of runs that models lie in, which are called as the run is."""


@dataclasses.dataclass(frozen=True)
class Contender:
    """One family in a comparison.

    Args:
        name: unique in its comparison.
        mixers: repeated over the layers; more than one makes a hybrid.
        source: ``hf:NAME`` or ``hf:FOLDER`` of a model from outside, which has no mixers of ours; its folder, once that is known.
        fresh: of a model from outside, whether it starts from fresh weights instead of those that it comes with.
        small: of a model from outside, whether it has fewer than ten million parameters without embeddings.
        settings: of its configuration, besides the mixers.
    """

    name: str
    mixers: tuple[str, ...] = ()
    source: str | None = None
    fresh: bool = False
    small: bool = False
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def family(self) -> str:
        if self.source:
            return "external"
        kinds = {"attention" if mixer == "attention" else "recurrent" for mixer in self.mixers}
        return kinds.pop() if len(kinds) == 1 else "hybrid"

    @property
    def bodies(self) -> tuple[str, ...]:
        """Bodies that the search may choose; the classic stack is a thing of recurrent models."""
        return ("modern", "classic") if self.family == "recurrent" else ("modern",)

    def with_settings(self, mixers: tuple[str, ...], settings: Mapping[str, Any]) -> Self:
        return dataclasses.replace(self, mixers=mixers, settings=settings)

    def layer_types(self, layers: int) -> list[str]:
        return [self.mixers[i % len(self.mixers)] for i in range(layers)]


def is_outside(name: str) -> bool:
    """Whether a contender, as it is named in ``--models``, comes from outside."""
    return name.rpartition("=")[2].partition(":")[0].strip() in (OUTSIDE, FRESH)


def known_names() -> list[str]:
    """The contenders that need no plus sign: one for each mixer."""
    aliased = {mixer: name for name, mixer in ALIASES.items()}
    return [aliased.get(mixer, mixer) for mixer in MIXERS]


def _parse_one(text: str) -> Contender:
    name, given, mixers = text.rpartition("=")
    kind, colon, place = mixers.partition(":")
    if colon and kind in (OUTSIDE, FRESH):
        folder = place.rstrip("/").split("/")
        told = folder[-2] if folder[-1] in DELIVERED and len(folder) > 1 else folder[-1]
        own = told + ("-scratch" if kind == FRESH else "")
        return Contender(name.strip() if given else own, source=f"{OUTSIDE}:{place}", fresh=kind == FRESH)
    parts = mixers.split("+")
    for part in parts:
        if ALIASES.get(part, part) not in MIXERS:
            raise UserError(f"unknown model '{part}'", fix=did_you_mean(part, known_names()))
    return Contender(name.strip() if given else mixers, tuple(ALIASES.get(part, part) for part in parts))


def with_and_without(sources: Sequence[str]) -> tuple[str, ...]:
    """Each of some pretrained models, fine-tuned and once more from fresh weights."""
    places = [place.strip().removeprefix(f"{OUTSIDE}:") for place in sources if place.strip()]
    return tuple(f"{kind}:{place}" for place in places for kind in (OUTSIDE, FRESH))


def parse_contenders(models: tuple[str, ...]) -> list[Contender]:
    """``("rnn", "lstm+attention", "a=lstm")`` as contenders.

    Raises :class:`UserError` for an unknown model and for two contenders of one name.
    """
    found = [_parse_one(text.strip()) for text in models if text.strip()]
    if not found:
        raise UserError("--models names no model", fix=f"name some of {', '.join(known_names())}")
    names = [contender.name for contender in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two models are called '{name}'", fix=f"name them: a={name},b={name}")
        if not name or not all(character.isalnum() or character in "+-_." for character in name):
            raise UserError(f"'{name}' cannot name a model", expected="letters, digits, and + - _ .")
    return found
