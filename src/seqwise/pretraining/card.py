"""The model card of a pretrained model, every number from its record."""

from collections.abc import Mapping
from typing import Any

from seqwise.comparison.wording import metric
from seqwise.report import numbers

TAGS = {"causal-lm": "text-generation", "masked-lm": "fill-mask"}
PRECISIONS = {"no": "fp32"}
"""As ``--precision`` calls what accelerate calls otherwise."""
USE = {
    "causal-lm": 'print(pipeline("text-generation", PATH)("Once upon a time", max_new_tokens=50)[0]["generated_text"])',
    "masked-lm": 'print(pipeline("fill-mask", PATH)("It is the largest city in the United [MASK] .")[0]["token_str"])',
}
"""One line of Python, in which PATH is to be filled in."""


def pretraining_card(record: Mapping[str, Any]) -> str:
    """Markdown with the front matter that the Hugging Face hub reads."""
    options, held_out = record["options"], record["corpus"]["validation"]
    score, kind = record["best"][record["metric"]], metric(record["metric"])
    tag = TAGS[options["objective"]]
    return f"""---
library_name: transformers
pipeline_tag: {tag}
tags:
- seqwise
- {options["model"]}
---

# {options["model"]}, pretrained ({options["objective"]})

{size_line(record)}

## How to use it

```python
import seqwise  # registers the model with transformers
from transformers import pipeline

{USE[options["objective"]].replace("PATH", '"PATH"')}
```

## How it was made

{_data(record)}
{training_line(record)}
- {kind.label} on held-out text: **{kind.value(score)}** (step {record["best"]["step"]:,}), {held_out["bytes"]:,} bytes

The command that made it:

```
{record["environment"]["command"]}
```

## Limits

It has learned from one corpus, with its language, errors and biases, and says what is likely there, not what is true. The held-out text is
of the same kind; on other text it does worse.
"""


def size_line(record: Mapping[str, Any]) -> str:
    parameters = record["parameters"]
    return (
        f"{parameters['non_embedding']:,} parameters, {parameters['embedding']:,} more in the embedding of {record['vocab_size']:,} tokens;"
        f" windows of {record['options']['context']}."
    )


def _data(record: Mapping[str, Any]) -> str:
    names, train = (f"`{name_of(source)}`" for source in record["sources"]), record["corpus"]["train"]
    return f"- data: {', '.join(names)}; {train['bytes']:,} bytes, {train['tokens']:,} tokens, sha256 `{train['sha256']}`"


def name_of(source: str) -> str:
    """A source without the folders that it lay in."""
    return source.rstrip("/").rsplit("/", 1)[-1]


def training_line(record: Mapping[str, Any]) -> str:
    environment = record["environment"]
    threads, precision = (
        numbers.plural(environment["threads"], "thread"),
        PRECISIONS.get(environment["precision"], environment["precision"]),
    )
    where = f"{environment['cpu']}, {threads} ({environment['device']}, precision {precision})"
    steps = f"{record['steps']:,} steps of {record['tokens_per_step']:,}"
    return f"- {record['tokens']:,} tokens in {steps}, {numbers.duration(record['train_seconds'])} of training on {where}"
