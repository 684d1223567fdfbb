"""What holds of every pretrained model that the package comes with, as functions of a folder."""

import json
import re
from pathlib import Path

import torch
import transformers
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer, pipeline

import seqwise
from seqwise.comparison.options import parse_size
from seqwise.core.files import sha256_of
from seqwise.pretraining.shipping import MOST_BYTES, probe
from seqwise.pretraining.shipping_card import shipping_card
from seqwise.zoo.recipes import LICENCE

KINDS = {
    "causal-lm": ("AutoModelForCausalLM", "SeqwiseForCausalLM", "text-generation"),
    "masked-lm": ("AutoModelForMaskedLM", "SeqwiseForMaskedLM", "fill-mask"),
}
JSON = {"config.json", "generation_config.json", "record.json", "tokenizer.json", "tokenizer_config.json"}
ALLOWED = JSON | {"README.md", "model.safetensors"}
ROUNDING = 2.0**-11
"""Of half precision, relative."""
LAYERS_DEEP = 16
"""Roundings that add up on the way from a token to a logit, generously."""


def record_of(folder: Path) -> dict:
    return json.loads((folder / "record.json").read_text())


def check_files(folder: Path) -> None:
    """Small, safe, half precision on disk, and nothing of the machine that made it."""
    found = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert found.keys() <= ALLOWED
    assert sum(found.values()) < MOST_BYTES
    assert {value.dtype for value in load_file(folder / "model.safetensors").values()} == {torch.float16}
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    for name in ("README.md", "record.json", "config.json", "tokenizer_config.json"):
        assert not re.search(r"(?<![\w.])/(tmp|work|home|root|mnt)/", (folder / name).read_text()), name


def check_loading(folder: Path) -> None:
    """Every way of loading gives the same float32 model, whose logits are those of the record's float32 weights but for rounding."""
    record = record_of(folder)
    auto, model_class, _ = KINDS[record["options"]["objective"]]
    model, tokenizer = seqwise.load(folder.name)
    other = getattr(transformers, auto).from_pretrained(seqwise.path(folder.name))
    assert type(model).__name__ == type(other).__name__ == model_class
    assert {value.dtype for value in model.parameters()} == {value.dtype for value in other.parameters()} == {torch.float32}
    assert AutoModel.from_pretrained(seqwise.path(folder.name)).dtype == torch.float32
    again = AutoTokenizer.from_pretrained(seqwise.path(folder.name))
    text = record["probe"]["text"]
    assert tokenizer(text)["input_ids"] == again(text)["input_ids"]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text.replace(" [MASK]", "[MASK]")
    logits = probe(model, tokenizer, text)
    torch.testing.assert_close(probe(other.eval(), again, text), logits, rtol=0, atol=0)
    expected = torch.tensor(record["probe"]["logits"])
    bound = LAYERS_DEEP * ROUNDING * record["probe"]["largest_logit"]
    torch.testing.assert_close(logits[record["probe"]["tokens"]], expected, rtol=0, atol=bound)
    assert record["precision"]["largest_logit_difference"] <= bound
    assert abs(record["precision"]["file"] - record["precision"]["float32"]) < 1e-3


def check_pipeline(folder: Path) -> None:
    kind, text = KINDS[record_of(folder)["options"]["objective"]][2], record_of(folder)["probe"]["text"]
    use = pipeline(kind, seqwise.path(folder.name), device="cpu")
    if kind == "fill-mask":
        assert [found["token"] for found in use(text)] == record_of(folder)["probe"]["tokens"][:5]
    else:
        written = use(text, max_new_tokens=1, do_sample=False)[0]["generated_text"]
        assert written == text + record_of(folder)["probe"]["written"][0]


def check_card(folder: Path) -> None:
    """The card is that of the record, and the hub can read its front matter."""
    record, text = record_of(folder), (folder / "README.md").read_text()
    assert text == shipping_card(record)
    card = ModelCard(text).data
    assert (card.license, card.library_name, card.pipeline_tag) == (LICENCE, "transformers", KINDS[record["options"]["objective"]][2])
    (result,) = card.eval_results
    assert (result.metric_type, result.metric_value) == (record["metric"], round(record["precision"]["file"], 4))
    numbers = (f"{record['parameters']['non_embedding']:,}", f"{record['tokens']:,}", record["corpus"]["train"]["sha256"])
    for told in (*numbers, f"**{record['precision']['file']:.4f}**", record["environment"]["cpu"], record["environment"]["command"]):
        assert told in text
    assert all(f"`{source}`" in text for source in record["sources"])


def check_set(folders: list[Path]) -> None:
    """What makes them comparable: tokenizer, text, tokens, size, and the settings of the training."""
    records = [record_of(folder) for folder in folders]
    one = lambda values: len(set(values)) == 1  # noqa: E731
    assert one(sha256_of(folder / "tokenizer.json") for folder in folders)
    assert one(record["corpus"]["train"]["sha256"] for record in records)
    assert one(record["corpus"]["validation"]["sha256"] for record in records)
    assert one(record["tokens"] for record in records)
    own = ("model", "objective", "size")
    shared = [{name: value for name, value in record["options"].items() if name not in own} for record in records]
    assert all(options == shared[0] for options in shared)
    assert one(len(record["curve"]) for record in records)
    sizes = [record["parameters"]["non_embedding"] for record in records]
    assert max(sizes) <= 1.01 * min(sizes)
    assert all(abs(size / parse_size(record["options"]["size"]) - 1) <= 0.01 for size, record in zip(sizes, records, strict=True))
