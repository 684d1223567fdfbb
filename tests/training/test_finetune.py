"""Fine-tuning: where each parameter stands, how fast it learns, and from when on."""

import dataclasses
import itertools

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from test_loop import STEPS, assert_same, trainer

from seqwise.models.config import SeqwiseConfig
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.models.seq2seq import SeqwiseForSeq2SeqLM
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig
from seqwise.training.finetune import depths, rate_at, shallowest

TINY = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def outside(kind: str, auto: str) -> torch.nn.Module:
    config = {"bert": transformers.BertConfig, "gpt2": transformers.GPT2Config, "llama": transformers.LlamaConfig}[kind]
    settings = {name: value for name, value in TINY.items() if kind != "gpt2" or name != "intermediate_size"}
    return getattr(transformers, auto).from_config(config(pad_token_id=0, **settings))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "bert",
            {
                "bert.embeddings.word_embeddings.weight": 0,
                "bert.embeddings.LayerNorm.bias": 0,
                "bert.encoder.layer.0.attention.self.query.weight": 1,
                "bert.encoder.layer.1.output.dense.bias": 2,
                "bert.pooler.dense.weight": 2,
                "classifier.weight": 3,
            },
        ),
        ("gpt2", {"transformer.wpe.weight": 0, "transformer.h.1.mlp.c_fc.weight": 2, "transformer.ln_f.weight": 2, "score.weight": 3}),
        ("llama", {"model.embed_tokens.weight": 0, "model.layers.0.mlp.up_proj.weight": 1, "model.norm.weight": 2, "score.weight": 3}),
    ],
)
def test_depths_of_models_from_outside(kind, expected):
    found = depths(outside(kind, "AutoModelForSequenceClassification"))
    assert {name: found[name] for name in expected} == expected
    assert set(found.values()) == {0, 1, 2, 3}


@pytest.mark.parametrize("body", ["modern", "classic"])
def test_depths_of_ours(body):
    config = SeqwiseConfig(layer_types=["lstm", "lstm", "lstm"], num_hidden_layers=3, body=body, hidden_size=16, embedding_size=8)
    found = depths(SeqwiseForSequenceClassification(config))
    assert found["model.embed_tokens.weight"] == found["model.embedding_projection.weight"] == 0
    assert {depth for name, depth in found.items() if ".layers.2." in name} == {3}
    assert found["score.weight"] == 4
    assert found.get("model.norm.weight", 3) == 3


def test_depths_of_an_encoder_and_a_decoder_are_counted_side_by_side():
    config = SeqwiseSeq2SeqConfig(layer_types=["lstm", "lstm"], hidden_size=16, embedding_size=8, cross_attention=True)
    found = depths(SeqwiseForSeq2SeqLM(config))
    assert {depth for name, depth in found.items() if "embed" in name} == {0}
    for side in ("encoder", "decoder"):
        assert {depth for name, depth in found.items() if f"{side}.layers.1." in name} == {2}


@given(unfreezing=st.floats(0, 1), steps=st.integers(1, 500), head=st.integers(1, 20))
def test_layers_thaw_from_the_head_down_and_stay_thawed(unfreezing, steps, head):
    found = [shallowest(step, steps=steps, unfreezing=unfreezing, head=head) for step in range(steps + 1)]
    assert all(later <= sooner for sooner, later in itertools.pairwise(found))
    assert all(0 <= depth <= head for depth in found)
    assert found[-1] == 0
    assert all(depth == 0 for step, depth in enumerate(found) if step >= unfreezing * steps)


def test_nothing_is_frozen_or_slowed_unless_asked():
    assert shallowest(0, steps=10, unfreezing=0.0, head=3) == 0
    assert [rate_at(depth, 3, 1.0) for depth in range(4)] == [1.0] * 4
    assert [rate_at(depth, 3, 0.5) for depth in range(4)] == [0.125, 0.25, 0.5, 1.0]


def test_rates_follow_the_depth_and_a_frozen_layer_does_not_move():
    found = trainer(layer_decay=0.5, unfreezing=0.5, warmup=0.0)
    before = {name: value.clone() for name, value in found.bare_model.state_dict().items()}
    found.step()
    rates = {group["share"]: group["lr"] for group in found.optimizer.param_groups if group["params"]}
    assert {share: rate / rates[1.0] for share, rate in rates.items()} == pytest.approx({1.0: 1.0, 0.5: 0.5, 0.25: 0.25, 0.125: 0.125})
    moved = {name for name, value in found.bare_model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"score.weight", "score.bias"}
    found.run(STEPS)
    moved = {name for name, value in found.bare_model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == set(before)


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_stopping_while_layers_thaw_changes_nothing(tmp_path, stop):
    straight = trainer(layer_decay=0.7, unfreezing=0.6)
    straight.run(STEPS)
    first = trainer(tmp_path, layer_decay=0.7, unfreezing=0.6)
    first.run(stop)
    first.save()
    second = trainer(tmp_path, layer_decay=0.7, unfreezing=0.6)
    assert second.resume()
    second.run(STEPS)
    assert_same(second, straight)


def test_patience_ends_a_training_that_no_longer_gets_better(tmp_path):
    def stuck(**changes):
        found = trainer(tmp_path, evaluations=12, **changes)
        scores = iter([{"accuracy": 0.5, "log_loss": 1.0}, {"accuracy": 0.9, "log_loss": 0.2}] + [{"accuracy": 0.6, "log_loss": 0.9}] * 20)
        found.feed.validate = lambda model: next(scores)
        return found

    patient = stuck(patience=3)
    patient.run(STEPS)
    assert (patient.progress.step, patient.progress.best["step"], patient.progress.status) == (9, 2, "ok")  # the rate falls from step 6 on
    patient.save()
    again = stuck(patience=3)
    again.resume()
    again.run(STEPS)
    assert dataclasses.asdict(again.progress) == dataclasses.asdict(patient.progress)
    endless = stuck()
    endless.run(STEPS)
    assert endless.progress.step == STEPS
