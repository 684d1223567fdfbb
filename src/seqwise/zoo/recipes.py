"""How each pretrained model of the package is made: one shared set of options, and what differs."""

import dataclasses
import shlex

from seqwise.core.config import Config

LICENCE = "cc-by-sa-3.0"
"""Of the weights, following the text that they learned from; as the hub spells it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(Config):
    """A text that models learn from, with what its licence asks to be said."""

    title: str
    licence: str
    attribution: str
    dataset: str | None = None
    """Name on the Hugging Face hub."""


SOURCES = {
    "wikitext2/train.txt.gz": Source(
        title="WikiText-2, training part",
        licence="CC BY-SA 3.0",
        attribution="articles of Wikipedia by their authors, collected as WikiText by Salesforce (Merity et al. 2016, arXiv:1609.07843)",
        dataset="Salesforce/wikitext",
    ),
    "demo:docs": Source(
        title="documentation of Python: the documentation strings of the standard library, without the modules of demo:docstrings, and the"
        " topics of the language reference",
        licence="PSF-2.0",
        attribution="Copyright Python Software Foundation",
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Config):
    """One model; the defaults are what all of them share. Paths are those in a folder of data sets."""

    name: str
    model: str
    objective: str = "causal-lm"
    corpus: str = ",".join(SOURCES)
    validation: str = "wikitext2/valid.txt.gz"
    tokenizer: str = "bpe:4096"
    size: str
    """Parameters without embeddings: those of the architecture of that name, version 1; the causal models are exactly these."""
    layers: int = 4
    width: int | None = 128
    context: int = 256
    batch: int = 32
    learning_rate: float = 3e-3
    tokens: int = 12_000_000
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"

    def options(self) -> dict[str, str | int | float]:
        """As ``seqwise pretrain`` names them."""
        values = {name: value for name, value in self.to_dict().items() if name not in ("name", "corpus", "tokens") and value is not None}
        millions, rest = divmod(self.tokens, 10**6)
        return values | {"budget": f"{self.tokens}tokens" if rest else f"{millions}Mtokens"}

    def arguments(self) -> list[str]:
        """Of the command line, the folder aside that the model goes to."""
        return ["pretrain", self.corpus, *(f"--{name.replace('_', '-')}={value}" for name, value in self.options().items())]

    def command(self) -> str:
        """What a person types in the folder of data sets to have the same model again."""
        return shlex.join(["seqwise", *self.arguments()])


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="rnn-tiny", model="rnn", size="952448"),
        Recipe(name="lstm-tiny", model="lstm", size="955520"),
        Recipe(name="gru-tiny", model="gru", size="958592"),
        Recipe(name="transformer-tiny", model="transformer", size="959616"),
        Recipe(name="lstm-tiny-mlm", model="lstm", size="955520", objective="masked-lm"),
        Recipe(name="transformer-tiny-mlm", model="transformer", size="959616", objective="masked-lm"),
    )
}
