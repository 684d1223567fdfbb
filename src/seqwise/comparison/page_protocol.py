"""The sections of the report that say what was measured on, how, and how to repeat it."""

from collections.abc import Mapping
from typing import Any

from seqwise.comparison.wording import Metric, all_outside, dig, length_in, metric, primary, sentence, setting, settings, trained
from seqwise.report import numbers
from seqwise.report.document import Block, Bullets, Callout, Cell, Code, Column, Details, Facts, Paragraph, Section, Table

Result = Mapping[str, Any]

SCHEMES = {
    "chronological": "by time: the past for training, the following part to select on, the last for the test",
    "given test": "the test examples were given",
    "cross-validation": "every replicate tests on another part of the data (cross-validation)",
    "holdout": "a part of the data was set aside for the test before anything else",
}
SHOWN_CLASSES = 30


def data_card(result: Result) -> Section:
    """What the data is, and what in it may mislead."""
    data, card = result["data"], result["data"].get("card") or {}
    facts = _facts([*_data_facts(data), *_card_facts(card)])
    blocks: tuple[Block, ...] = (*_data_warnings(data, card), facts)
    if card.get("classes"):
        blocks += (
            Details(f"Examples per class ({numbers.plural(len(card['classes']), 'class', 'classes')})", (_class_table(card["classes"]),)),
        )
    if card.get("notes"):
        blocks += (Bullets(tuple(card["notes"])),)
    return Section("data", "Data card", "", blocks)


def _facts(rows: list[tuple[str, str]]) -> Facts:
    return Facts(tuple((name, value) for name, value in rows if value))


def _data_facts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    length, columns = data["length"], data.get("columns") or {}
    counts = [
        f"{data['examples'][split]:,} for {use}" for split, use in (("train", "training"), ("validation", "validation"), ("test", "test"))
    ]
    return [
        ("source", data["source"]),
        ("columns", ", ".join(f"{role}: {name}" for role, name in columns.items() if name)),
        ((data.get("card") or {}).get("counted", "examples"), numbers.listed(counts)),
        (
            f"length in {length_in(data)}",
            ", ".join(
                f"{name} {numbers.whole(length[key])}"
                for name, key in (("median", "median"), ("95th percentile", "p95"), ("longest", "max"))
            ),
        ),
        ("fingerprint", f"sha256 {data['sha256'][:16]}…"),
    ]


def _card_facts(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    tokenizer, imbalance, cut = card.get("tokenizer") or {}, card.get("imbalance") or {}, card.get("cut") or {}
    case = {True: ", lower case", False: ""}.get(tokenizer.get("lowercase"), "")
    reason = f" ({tokenizer['reason']})" if tokenizer.get("reason") else ""
    return [
        ("test", SCHEMES.get(card.get("scheme"), card.get("scheme") or "")),
        ("largest against smallest class", _imbalance(imbalance)),
        (
            "tokens",
            f"{tokenizer['kind']}, {numbers.whole(tokenizer.get('vocab_size'))} kinds{case}{reason}" if tokenizer.get("kind") else "",
        ),
        (
            "cut at the longest input",
            f"{numbers.share(cut.get('share_of_examples'))} of the examples, {numbers.share(cut.get('share_of_tokens'))} of their length"
            if cut and cut.get("share_of_examples")
            else "",
        ),
        ("forecasts", f"{numbers.plural(card['horizon'], 'step')} ahead, from {cut.get('context')} before" if "horizon" in card else ""),
        ("times", "; ".join(f"{split} {first} to {last}" for split, (first, last) in (card.get("times") or {}).items())),
        ("documents", numbers.whole(card["documents"]) if card.get("documents") else ""),
        ("duplicates", f"{card['duplicates']['examples']:,} examples repeat another" if card.get("duplicates") else ""),
        ("empty texts", f"{card['empty_texts']:,}" if card.get("empty_texts") is not None else ""),
        ("padding in a batch", numbers.share(card["padding_share"]) if card.get("padding_share") is not None else ""),
    ]


def _imbalance(imbalance: Mapping[str, Any]) -> str:
    if imbalance.get("ratio") is None:
        return ""
    return f"{imbalance.get('largest')} has {numbers.number(imbalance['ratio'], 2)} times as many examples as {imbalance.get('smallest')}"


def _data_warnings(data: Mapping[str, Any], card: Mapping[str, Any]) -> list[Callout]:
    overlap, duplicates, cut = card.get("overlap") or data.get("overlap") or {}, card.get("duplicates") or {}, card.get("cut") or {}
    found = []
    seen = (overlap.get("test_in_train") or 0) + (overlap.get("test_in_validation") or 0)
    if seen:
        text = f"That is {numbers.share(overlap['share_of_test'])} of the test. " if overlap.get("share_of_test") is not None else ""
        what = "long test line" if card.get("counted") == "bytes" else "test example"
        headline = f"{numbers.plural(seen, what)} also {'appears' if seen == 1 else 'appear'} in the training or validation data"
        found.append(Callout("warning", "Overlap", headline, text + "Scores on them measure memory; a given test file is left as it is."))
    if duplicates.get("conflicting"):
        headline = f"{numbers.plural(duplicates['conflicting'], 'example')} appear in the data with different answers"
        found.append(Callout("warning", "Conflicting answers", headline, "No model can get all of these right."))
    if (cut.get("share_of_tokens") or 0) > 0.05:
        headline = f"{numbers.share(cut['share_of_tokens'])} of all input is cut off"
        found.append(
            Callout("warning", "Cut", headline, f"Inputs are read up to {cut.get('context')} {length_in(data)}; --context reads more.")
        )
    return found


def _class_table(classes: Mapping[str, int]) -> Table:
    ordered = sorted(classes.items(), key=lambda item: -item[1])
    total = sum(classes.values()) or 1
    rows = tuple((label, Cell(f"{count:,}", count), Cell(numbers.share(count / total), count)) for label, count in ordered[:SHOWN_CLASSES])
    caption = f"The {SHOWN_CLASSES} largest." if len(ordered) > SHOWN_CLASSES else ""
    return Table((Column("class", wide=True), Column("examples", "right"), Column("share", "right")), rows, caption)


def trials(result: Result) -> Section:
    """Everything that was tried, the failed ones first."""
    rows = [
        (model["name"], trial) for model in trained(result) for trial in (model.get("trials") or []) + (model.get("extension_trials") or [])
    ]
    if not rows:
        return Section("trials", "Search trials")
    failed = [(name, trial) for name, trial in rows if trial.get("status", "ok") != "ok"]
    kind = primary(result)
    per = numbers.plural(result["protocol"]["configurations_per_replicate"], "setting")
    beyond = ", and one more beyond the edge that any kept one lay on" if result["protocol"].get("extended") else ""
    intro = f"In each replicate every model tried the same {per}{beyond}; the best on the validation data was trained to the end."
    blocks: list[Block] = [Paragraph(f"{numbers.plural(len(rows), 'trial')}, of which {len(failed) or 'none'} failed.")]
    if failed:
        blocks.append(_trial_table(result, kind, failed, "Failed trials"))
    blocks.append(_chosen_table(result))
    blocks.append(Details("All trials", (_trial_table(result, kind, [*failed, *(row for row in rows if row not in failed)], ""),)))
    return Section("trials", "Search trials", intro, tuple(blocks))


def _chosen_table(result: Result) -> Table:
    rows = tuple((model["name"], settings(model.get("hyperparameters")) or numbers.MISSING, _shape(model)) for model in trained(result))
    return Table(
        (Column("model"), Column("setting of the best replicate", wide=True), Column("shape", wide=True)),
        rows,
        "What the search kept",
        sortable=False,
    )


def _shape(model: Mapping[str, Any]) -> str:
    hidden = model.get("hidden") or model.get("architecture") or {}
    parts = [
        f"{hidden['num_hidden_layers']} layers" if hidden.get("num_hidden_layers") else "",
        f"width {hidden['hidden_size']}" if hidden.get("hidden_size") else "",
        f"feed-forward {hidden['intermediate_size']}" if hidden.get("intermediate_size") else "",
        f"{hidden['body']} body" if hidden.get("body") and not hidden.get("external") else "",
        f"{dig(model, 'parameters', 'non_embedding'):,} parameters besides the embedding"
        if dig(model, "parameters", "non_embedding")
        else "",
    ]
    return ", ".join(part for part in parts if part)


def _trial_table(result: Result, kind: Metric, rows: list[tuple[str, Mapping[str, Any]]], caption: str) -> Table:
    titles = ("model", "replicate", "setting")
    columns = (
        *(Column(title) for title in titles),
        Column("values", wide=True),
        Column(f"validation {kind.label}", "right"),
        Column("time", "right"),
        Column("outcome", wide=True),
    )
    return Table(columns, tuple(_trial_row(result, kind, name, trial) for name, trial in rows), caption)


def _trial_row(result: Result, kind: Metric, name: str, trial: Mapping[str, Any]) -> tuple[str | Cell, ...]:
    score = dig(trial, "validation", result["protocol"]["metric"])
    status = trial.get("status", "ok")
    outcome = "kept and finished" if trial.get("chosen") else "finished the search" if status == "ok" else status
    if trial.get("error"):
        outcome += f": {trial['error']}"
    if trial.get("edge"):
        outcome += f"; on the edge of the search: {', '.join(trial['edge'])}"
    places = [Cell(str(trial[key] + 1), trial[key]) if trial.get(key) is not None else "" for key in ("replicate", "configuration")]
    values, seconds = settings(trial.get("hyperparameters")), trial.get("seconds")
    return (
        name,
        *places,
        values,
        Cell(kind.value(score), score, strong=bool(trial.get("chosen"))),
        Cell(numbers.duration(seconds), seconds),
        outcome,
    )


def protocol(result: Result) -> Section:
    """The rules that were fixed before training."""
    rules = result["protocol"]
    blocks: list[Block] = [_facts(_protocol_facts(result))]
    if rules.get("rules"):
        blocks.append(Bullets(tuple(sentence(rule) for rule in rules["rules"])))
    if rules.get("space"):
        rows = tuple((name.replace("_", " "), _range(values)) for name, values in rules["space"].items())
        blocks.append(
            Table(
                (Column("setting"), Column("searched", wide=True)),
                rows,
                "What the search may choose",
                sortable=False,
            )
        )
    return Section("protocol", "How it was measured", "Fixed before the first training step, the same for every model.", tuple(blocks))


def _protocol_facts(result: Result) -> list[tuple[str, str]]:
    rules, kind, task = result["protocol"], primary(result), metric(result["protocol"]["metric"])
    steps = ", ".join(f"{name} {count:,}" for name, count in (rules.get("steps") or {}).items())
    epochs = ", ".join(f"{name} {numbers.number(count, 2)}" for name, count in (rules.get("epochs") or {}).items())
    decidable = (
        f"{kind.difference(rules['decidable_difference'], signed=False)} (estimated before training)"
        if rules["decidable_difference"] is not None
        else ""
    )
    planned = f", estimated {numbers.duration(rules['estimate_seconds'])}" if rules.get("estimate_seconds") is not None else ""
    return [
        ("deciding metric", f"{task.label}, {'higher' if rules['higher_is_better'] else 'lower'} is better"),
        ("size", _size(result)),
        ("training", f"matched by {rules['match_training']}"),
        (
            "time allowed",
            (numbers.duration(rules["budget_seconds"]) if rules["budget_seconds"] is not None else "the steps were given") + planned,
        ),
        (
            "replicates",
            f"{rules['replicates']} of search and training, {numbers.plural(rules['configurations_per_replicate'], 'setting')} each",
        ),
        ("chosen on", f"{rules['selection_split']} data; the test data is read once, by finished models"),
        ("independent unit", f"{rules['unit']}, {rules['units']:,} in the test"),
        (
            "error rate",
            f"a wrong winner in at most {numbers.share(rules['alpha'], 0)} of comparisons of equal models; look {rules['looks']}",
        ),
        ("equal means", f"less than {kind.difference(rules['margin'], signed=False)} apart"),
        ("smallest difference that can be decided", decidable),
        ("training steps", steps),
        ("passes over the data", epochs),
        ("batch size", numbers.whole(rules["batch_size"]) if rules.get("batch_size") else ""),
        ("longest input", f"{rules['context']:,} {length_in(result['data'])}" if rules.get("context") else ""),
        ("embedding width", numbers.whole(rules["embedding_size"]) if rules.get("embedding_size") else ""),
        ("learning-rate schedule", rules.get("schedule") or ""),
        ("validations per run", numbers.whole(rules["evaluations"]) if rules.get("evaluations") else ""),
    ]


def _size(result: Result) -> str:
    rules = result["protocol"]
    if all_outside(result):
        return "every model of its own"
    return f"matched by {rules['match_size']}" + (f", {rules['size']}" if rules.get("size") else "")


def _range(values: Any) -> str:
    """``[low, high]`` of two numbers is a range, a mapping one of settings; anything else a list of choices."""
    if isinstance(values, Mapping):
        return "; ".join(f"{name.replace('_', ' ')} {_range(each)}" for name, each in values.items())
    if len(values) == 2 and all(type(value) in (int, float) for value in values):
        return f"{setting(values[0])} to {setting(values[1])}"
    return ", ".join(map(setting, values))


def environment(result: Result) -> Section:
    """The machine, the packages, and the command that repeats the comparison."""
    found = result["environment"]
    packages = found["packages"] or {}
    peak, threads = found.get("matmul_peak_gflops"), numbers.plural(found["threads_per_trial"], "thread")
    facts = _facts(
        [
            ("processor", f"{found['cpu']}" + (f", {numbers.plural(found['cores'], 'core')}" if found.get("cores") else "")),
            (
                "device",
                f"{found['device']}, {numbers.plural(found['workers'], 'trial')} at a time, {threads} each",
            ),
            ("matrix-product peak", f"{numbers.number(peak)} GFLOP/s, measured, single precision" if peak is not None else ""),
            ("started", str(found["started_at"])),
            ("took", numbers.duration(found["wall_seconds"])),
            ("python", str(found["python"])),
            ("packages", ", ".join(f"{name} {version}" for name, version in packages.items())),
        ]
    )
    commands: list[Block] = [Paragraph("The command that was given:"), Code(str(found["command"]))]
    if found.get("reproduce"):
        commands = [
            Paragraph("The same with every automatic choice written out, which repeats the plan anywhere:"),
            Code(found["reproduce"]),
            *commands,
        ]
    return Section("environment", "Repeat it", "", (*commands, facts))
