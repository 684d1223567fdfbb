"""The model card of a pretrained model that ships with the package, every number from its record."""

from collections.abc import Mapping
from typing import Any

from seqwise.comparison.wording import metric
from seqwise.pretraining.card import TAGS, USE, size_line, training_line
from seqwise.zoo.recipes import LICENCE, SOURCES

READING = {"causal-lm": "reads from left to right and predicts the next token", "masked-lm": "reads both sides and fills hidden tokens"}


def shipping_card(record: Mapping[str, Any]) -> str:
    """Markdown with the front matter that the Hugging Face hub reads: licence, data, score, use."""
    options, name = record["options"], record["name"]
    return f"""---
{_front_matter(record)}
---

# {name}

A small {options["model"]} that {READING[options["objective"]]}. It is one of a set that was made on equal terms: the same
tokenizer, text, order, number of tokens and size, so that what differs is the family. It is meant for comparisons, teaching and fine-tuning
on small data, not for its knowledge.

{size_line(record)}

## How to use it

```python
import seqwise  # registers the model with transformers
from transformers import pipeline

model, tokenizer = seqwise.load("{name}")
{USE[options["objective"]].replace("PATH", f'seqwise.path("{name}")')}
```

`AutoModel.from_pretrained(seqwise.path("{name}"))` and its relatives work as well; nothing is fetched.

## What it learned from

{_sources(record)}

{_text(record)}

## How it was made

{training_line(record)}
{_score(record)}
{_precision(record)}
{_example(record)}

The command that makes it again, in a folder that holds the data sets:

```
{record["environment"]["command"]}
```

`record.json` beside this card holds every evaluation of the training.

## Limits

It is very small and has seen little text: encyclopedia articles in English of about 2016 and the documentation of one
programming language, with their gaps and their biases. It says what is likely there, not what is true. The score above is on text of the
first kind; on other text it does worse. Rare words stand as `<unk>` in WikiText, and so it writes `<unk>`. Windows of
{options["context"]} tokens are all that it was trained on.

## Licence

The weights are under CC BY-SA 3.0 (`{LICENCE}`), following the text of Wikipedia that they were made from: name the sources above, and
share what you make of them alike. The licence of the package's code does not extend to them.
"""


def _front_matter(record: Mapping[str, Any]) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    kind, found = TAGS[record["options"]["objective"]], [SOURCES[source] for source in record["sources"] if source in SOURCES]
    datasets = [source.dataset for source in found if source.dataset]
    result = EvalResult(
        task_type=kind,
        dataset_type=datasets[0] if datasets else "text",
        dataset_name=_held_out(record),
        dataset_split="validation",
        metric_type=record["metric"],
        metric_value=round(record["precision"]["file"], 4),
    )
    data = ModelCardData(
        license=LICENCE,
        language="en",
        library_name="transformers",
        pipeline_tag=kind,
        datasets=datasets,
        tags=["seqwise", record["options"]["model"]],
        metrics=[record["metric"]],
        model_name=record["name"],
        eval_results=[result],
    )
    return data.to_yaml()


def _held_out(record: Mapping[str, Any]) -> str:
    return record["options"]["validation"] or record["options"]["source"]


def _sources(record: Mapping[str, Any]) -> str:
    version = record["environment"]["python"]
    return "\n".join(f"- `{source}`: {_told(source)}{_of_python(source, version)}" for source in record["sources"])


def _told(source: str) -> str:
    found = SOURCES.get(source)
    return f"{found.title}; licence {found.licence}; {found.attribution}" if found else "text whose licence is not recorded"


def _of_python(source: str, version: str) -> str:
    """The text of a demo is that of the installed Python."""
    return f"; of Python {version}" if source.startswith("demo:") else ""


def _text(record: Mapping[str, Any]) -> str:
    train = record["corpus"]["train"]
    passes = record["tokens"] / train["tokens"]
    return (
        f"Together {train['bytes']:,} bytes or {train['tokens']:,} tokens, sha256 `{train['sha256']}`;"
        f" {record['tokens']:,} tokens were read in training, {passes:.2f} times the text."
    )


def _score(record: Mapping[str, Any]) -> str:
    kind, held_out, best = metric(record["metric"]), record["corpus"]["validation"], record["best"]
    more = {"causal-lm": "loss", "masked-lm": "masked_accuracy"}[record["options"]["objective"]]
    told = f"{kind.label}: **{record['precision']['file']:.4f}**, with the float32 weights {record['precision']['float32']:.4f}"
    other = f"{metric(more).label} {metric(more).value(best[more])} (step {best['step']:,}, the best of {len(record['curve'])} evaluations)"
    return f"- {told}; {other}; on `{_held_out(record)}`, {held_out['bytes']:,} bytes, in windows that stand side by side, 500 at most"


def _precision(record: Mapping[str, Any]) -> str:
    found = record["precision"]
    cost, kind = found["file"] - found["float32"], metric(record["metric"])
    return (
        f"- the file holds {found['dtype']}, {record['weight_bytes']:,} bytes, and is loaded as float32; rounding changes"
        f" {kind.label} by {cost:+.2g}, and no logit of the example below by more than {found['largest_logit_difference']:.2g}"
    )


def _example(record: Mapping[str, Any]) -> str:
    found = record["probe"]
    words = ", ".join(f"`{word.strip() or repr(word)[1:-1]}`" for word in found["written"][:5])
    return f"- for “{found['text']}” it finds likeliest {words}"
