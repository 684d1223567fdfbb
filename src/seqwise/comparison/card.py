"""The model card of a model that a comparison trained: Markdown with the front matter that the Hugging Face hub reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from seqwise.comparison.make_plan import OWN
from seqwise.comparison.wording import all_outside, dig, metric, primary, primary_score, ranked, sentence, settings, trained
from seqwise.core.errors import UserError, did_you_mean
from seqwise.report import numbers

Result = Mapping[str, Any]
Model = Mapping[str, Any]

USAGE = {
    "text-classification": """## How to use it

```python
import seqwise  # registers the model with transformers
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("PATH")
model = AutoModelForSequenceClassification.from_pretrained("PATH")
inputs = tokenizer(["some text"], return_tensors="pt", truncation=True)
with torch.no_grad():
    probabilities = model(**inputs).logits.softmax(-1)
print(model.config.id2label[int(probabilities.argmax())])
```""",
    "time-series-classification": """## How to use it

```python
import seqwise  # registers the model with transformers
import torch
from transformers import AutoModelForSequenceClassification

model = AutoModelForSequenceClassification.from_pretrained("PATH")
print(model.config.channel_names)  # their order in an input
values = torch.zeros(1, 50, model.config.num_input_channels)  # (series, steps, channels), as measured; an attention_mask marks padding
with torch.no_grad():
    probabilities = model(input_features=values).logits.softmax(-1)
print(model.config.id2label[int(probabilities.argmax())])
```

`seqwise predict PATH FILE` reads the files that it was trained from.""",
    "time-series-forecasting": """## How to use it

```python
import seqwise  # registers the model with transformers
import torch
from transformers import AutoModelForTimeSeriesPrediction

model = AutoModelForTimeSeriesPrediction.from_pretrained("PATH")
past = torch.randn(1, model.config.context_length, 1)  # (batch, steps, variables), as measured; each variable is forecast by itself
with torch.no_grad():
    found = model(past_values=past)
print(found.prediction_outputs.shape)  # (batch, steps ahead, variables)
print(found.quantile_outputs.shape)  # one more for model.config.quantile_levels
```

`seqwise predict PATH FILE` goes on from the end of the series in a table.""",
    "audio-classification": """## How to use it

```python
import seqwise  # registers the model with transformers
import soundfile
from transformers import pipeline

samples, rate = soundfile.read("a.wav")  # one channel, at the rate in preprocessor_config.json
print(pipeline("audio-classification", "PATH")({"raw": samples, "sampling_rate": rate}))
```

`seqwise predict PATH a.wav` also takes folders, other rates and several channels.""",
    "automatic-speech-recognition": """## How to use it

```python
import seqwise  # registers the model with transformers
import soundfile
from transformers import pipeline

samples, rate = soundfile.read("a.wav")  # one channel, at the rate in preprocessor_config.json
print(pipeline("automatic-speech-recognition", "PATH")({"raw": samples, "sampling_rate": rate})["text"])
```

`seqwise predict PATH a.wav` also takes folders, other rates and several channels.""",
    "text-generation": """## How to use it

```python
import seqwise  # registers the model with transformers
from transformers import pipeline

print(pipeline("text-generation", "PATH")("Once upon a time", max_new_tokens=50)[0]["generated_text"])
```""",
    "translation": """## How to use it

```python
import seqwise  # registers the model with transformers
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("PATH")
model = AutoModelForSeq2SeqLM.from_pretrained("PATH")
inputs = tokenizer(["some text"], return_tensors="pt", truncation=True)
print(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True))
```""",
}
"""By task; PATH is where the model lies."""


def model_card(result: Result, name: str) -> str:
    """The card of the model ``name``, every number from ``result``.

    Raises :class:`UserError` when the comparison has no such model.
    """
    models = {model["name"]: model for model in result["models"]}
    if name not in models:
        raise UserError(f"the comparison has no model '{name}'", fix=did_you_mean(name, list(models)))
    model = models[name]
    parts = [
        _front_matter(result, model),
        f"# {name} for {result['task'].replace('-', ' ')}",
        _introduction(result, model),
        _usage(result, model),
        _scores(result, model),
        _comparison(result),
        _limits(result, model),
        _data(result),
        _protocol(result, model),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _checkpoint_scores(result: Result, model: Model) -> Mapping[str, float]:
    """The scores of this very checkpoint where they are known, else the averages over the replicates."""
    best = result.get("best")
    if best and best["name"] == model["name"]:
        return best["scores"]
    return {name: score["mean"] for name, score in model["scores"].items() if score["mean"] is not None}


def _dataset_name(result: Result) -> str:
    """The source without the folders it lay in."""
    return result["data"]["source"].rstrip("/").rsplit("/", 1)[-1]


def _front_matter(result: Result, model: Model) -> str:
    """YAML, every text written as a JSON string, which YAML reads the same."""
    task, source = json.dumps(result["task"]), json.dumps(_dataset_name(result))
    lines = [
        "---",
        "library_name: transformers",
        f"pipeline_tag: {task}",
        "tags:",
        "- seqwise",
        f"- {json.dumps(model['family'])}",
        f"- {json.dumps(model['name'])}",
    ]
    scores = _checkpoint_scores(result, model)
    if scores:
        lines += ["metrics:", *(f"- {json.dumps(name)}" for name in scores)]
        lines += ["model-index:", f"- name: {json.dumps(model['name'])}", "  results:", "  - task:", f"      type: {task}"]
        lines += ["    dataset:", f"      name: {source}", f"      type: {source}", "      split: test", "    metrics:"]
        for name, value in scores.items():
            lines += [f"    - type: {json.dumps(name)}", f"      value: {float(value):.6g}"]
    return "\n".join([*lines, "---"])


def _introduction(result: Result, model: Model) -> str:
    parameters = numbers.whole(dig(model, "parameters", "total"))
    verdict, names = result["verdict"], [other["name"] for other in result["models"]]
    words = [f"{_kind(model)} with {parameters} parameters, {_made(model)} by seqwise on `{_dataset_name(result)}`."]
    if len(trained(result)) > 1:
        words += [f"It was compared on equal terms. The verdict: {sentence(verdict['text'], names)}"]
    longer = result.get("refit")
    if longer and longer["kept"] and longer["model"] == model["name"]:
        words.append(
            f"This checkpoint is its best configuration, trained {longer['times_as_long']:.1f} times as long as in the comparison."
        )
    chosen = verdict["recommendation"]
    if chosen["model"] == model["name"]:
        words.append(f"It is the recommended model: {sentence(chosen['reason'] or 'no reason was recorded', names)}")
    elif chosen["model"]:
        words.append(f"The comparison recommends {chosen['model']}, not this model.")
    return " ".join(words)


def _kind(model: Model) -> str:
    return "A model from outside" if model["family"] == "external" else f"A {model['family']} model"


def _made(model: Model) -> str:
    if model["family"] == "external":
        return "fine-tuned" if model["kind"] == "fine-tuned" else "trained from fresh weights"
    return "trained"


def _usage(result: Result, model: Model) -> str:
    if model["kind"] == "baseline":
        return '## How to use it\n\n```\nseqwise predict RUN "some text"\n```'
    return USAGE.get(result["task"], "")


def _scores(result: Result, model: Model) -> str:
    own = _checkpoint_scores(result, model) if (result.get("best") or {}).get("name") == model["name"] else {}
    rows = [(metric(name).label, metric(name).value(own.get(name)), metric(name).score(score)) for name, score in model["scores"].items()]
    replicates = numbers.plural(result["protocol"]["replicates"], "replicate")
    heading = ("metric", "this checkpoint", f"average of {replicates} (95 % interval)")
    return f"## Scores on the test data\n\n{_table(heading, rows)}" if rows else ""


def _comparison(result: Result) -> str:
    kind = primary(result)
    rows = [
        (
            model["name"],
            numbers.whole(dig(model, "parameters", "total")),
            kind.score(primary_score(result, model)),
            numbers.duration(dig(model, "cost", "train_seconds")),
            numbers.milliseconds(dig(model, "cost", "latency_ms", "p50")),
        )
        for model in ranked(result)
    ]
    return "## The comparison\n\n" + _table(("model", "parameters", f"{kind.label} (95 % interval)", "training", "time per answer"), rows)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def _reach(task: str, context: int, outside: bool) -> str:
    if task == "text-generation":
        return f"It was trained on windows of {context:,} tokens; what it makes of longer texts was not compared."
    if task in ("audio-classification", "automatic-speech-recognition"):
        return f"The longest recording that it was trained and tested on has {context:,} steps."
    if task == "time-series-classification":
        return f"The longest series that it was trained and tested on has {context:,} steps."
    if outside:
        return f"It was trained and tested on texts of at most {context:,} tokens."
    return f"It reads at most {context:,} tokens; the rest of a longer input is cut off."


def _limits(result: Result, model: Model) -> str:
    context = result["protocol"].get("context")
    facts = [
        "It was measured on one data set; on other data its scores may differ.",
        _reach(result["task"], context, model["family"] == "external") if context else "",
        "It was still improving when training ended." if model.get("still_improving") else "",
        f"{model['diverged']} of {result['protocol']['replicates']} replicates of its training diverged." if model.get("diverged") else "",
        "The comparison ended before everything planned was done." if result["status"] == "partial" else "",
    ]
    return "## Limits\n\n" + _bullets(facts)


def _data(result: Result) -> str:
    data = result["data"]
    card, examples, length = data.get("card") or {}, data["examples"], data["length"]
    overlap, duplicates, tokenizer = card.get("overlap") or {}, card.get("duplicates") or {}, card.get("tokenizer") or {}
    tokens = tokenizer.get("reason") if tokenizer.get("kind") == OWN else tokenizer.get("kind")
    classes = ", ".join(f"{label} ({count:,})" for label, count in (card.get("classes") or {}).items())
    facts = [
        f"{numbers.capital(card.get('counted', 'examples'))}: {examples['train']:,} for training,"
        f" {examples['validation']:,} for validation, {examples['test']:,} for test.",
        f"Length in {card.get('length_in', 'tokens')}: median {numbers.whole(length['median'])}, longest {numbers.whole(length['max'])}.",
        f"Classes: {classes}." if classes else "",
        f"Tokens: {tokens}, {numbers.whole(tokenizer.get('vocab_size'))} kinds." if tokens else "",
        f"Test examples that also appear in the training data: {overlap['test_in_train']:,}."
        if overlap.get("test_in_train") is not None
        else "",
        f"Duplicates: {duplicates['examples']:,}." if duplicates.get("examples") is not None else "",
        f"sha256: `{data['sha256']}`.",
    ]
    return "## Data\n\n" + _bullets(facts)


def _protocol(result: Result, model: Model) -> str:
    rules, environment = result["protocol"], result["environment"]
    facts = [
        f"{_matched(result)}; {numbers.plural(rules['replicates'], 'replicate')}.",
        f"{numbers.plural(rules['configurations_per_replicate'], 'setting')} tried in each, the best on validation data kept.",
        "The test data was read once, by finished models.",
        _origin(model),
        f"Setting: {settings(model['hyperparameters'])}." if model.get("hyperparameters") else "",
        *(sentence(rule) for rule in rules.get("rules") or []),
    ]
    command = environment.get("reproduce") or environment["command"]
    return f"## Protocol\n\n{_bullets(facts)}\n\n```\n{command}\n```"


def _origin(model: Model) -> str:
    """What a model from elsewhere was before."""
    origin = model.get("origin")
    if not origin:
        return ""
    name = PurePath(origin["source"]).name
    tuned = model["kind"] == "fine-tuned"
    start = f"It began with the weights of `{name}`" if tuned else f"It has the architecture of `{name}`, not its weights"
    return f"{start} (sha256 of that model: `{origin['sha256']}`)."


def _matched(result: Result) -> str:
    rules = result["protocol"]
    if len(trained(result)) == 1:
        return "Trained alone"
    training = f"training {rules['match_training']}"
    return f"Of its own size, matched by {training}" if all_outside(result) else f"Matched by {rules['match_size']} and {training}"


def _bullets(facts: Sequence[str]) -> str:
    return "\n".join(f"- {fact}" for fact in facts if fact)
