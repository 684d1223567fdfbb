"""Texts in, translations out."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.data.pairs import PairColumns, load_pairs, read_lines, usual_text_column
from seqwise.data.readers import as_text, read_texts
from seqwise.data.tables import FORMATS, is_source, read_table
from seqwise.tasks.task_data import Request
from seqwise.tasks.use import Asked, Evaluated, Use

LONGEST = 512
"""Tokens of a source for a model that names no limit."""


@dataclasses.dataclass(frozen=True)
class Translator(Use):
    """A model or baseline.

    Args:
        translate: from sources to translations.
        counts_of: from sources and references to answers and truth, as the task's metrics take them.
    """

    task: ClassVar[str] = "translation"
    options: ClassVar[frozenset[str]] = frozenset({"text", "target", "header"})

    name: str
    translate: Callable[[Sequence[str]], list[str]]
    counts_of: Callable[[Sequence[str], Sequence[str]], tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of_model(cls, model: Any, preprocessor: Any, name: str) -> Self:
        from seqwise.tasks.translation import Translation, translate

        def written(sources: Sequence[str]) -> list[str]:
            return translate(model, encoded(preprocessor, sources, [""] * len(sources)))

        def counts_of(sources: Sequence[str], targets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            pairs = encoded(preprocessor, sources, targets)
            return Translation().outputs(model, pairs, final=True), pairs.truth

        return cls(name, written, counts_of)

    @classmethod
    def of_baseline(cls, model: Any, about: dict[str, Any], name: str) -> Self:
        from seqwise.tasks.translation_scores import score_rows

        def counts_of(sources: Sequence[str], targets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            sizes = np.array([[len(text.split()) for text in texts] for texts in (sources, targets)]).T
            return score_rows(model.translate(sources), targets), sizes

        return cls(name, model.translate, counts_of)

    def read(self, request: Request) -> Asked:
        texts = _texts(request)
        return Asked(texts, [{"source": text} for text in texts])

    def answers(self, examples: Sequence[str]) -> list[dict[str, Any]]:
        """``{"translation"}`` for each source; nothing for nothing."""
        said = [text for text in examples if text.strip()]
        found = iter(self.translate(said) if said else [])
        return [{"translation": next(found) if text.strip() else ""} for text in examples]

    def evaluate(self, request: Request) -> Evaluated:
        columns = PairColumns(request.text, request.target)
        corpus = load_pairs(request.source, columns=columns, header=request.header, for_training=False)
        outputs, truth = self.counts_of(corpus.sources, corpus.targets)
        return Evaluated(outputs, truth, len(corpus), "pairs")


def _texts(request: Request) -> list[str]:
    """A column of a table, the lines of any other file, or the text itself."""
    path = Path(request.source)
    if not is_source(request.source):
        return read_texts(request.source)
    name = path.name.lower().removesuffix(".gz")
    if path.is_file() and (name.endswith(".txt") or Path(name).suffix not in FORMATS):
        return read_lines(str(path))[0]
    table = read_table(request.source, header=request.header)
    column = usual_text_column(table, request.text)
    return [as_text(value, request.source, column) for value in table.columns[column]]


def encoded(tokenizer: Any, sources: Sequence[str], targets: Sequence[str]) -> Any:
    """Pairs within the longest input of training; says on standard error what that cuts."""
    from seqwise.data.pair_set import encode_pairs

    longest = int(min(tokenizer.model_max_length, LONGEST))
    pairs, cut = encode_pairs(tokenizer, sources, targets, longest)
    if cut.examples:
        count = round(cut.examples * len(sources))
        print(f"NOTE: of {count:,} of {len(sources):,} texts only the first {longest} tokens count", file=sys.stderr)
    return pairs
