"""Weights go to and from torch.nn; models go to and from disk and through the tools of the Hugging Face library."""

import copy
import os
import subprocess
import sys

import pytest
import torch
import transformers
from cases import SHAPES, STACKS, VOCABULARY, classifier, config, label, pad, tokens
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, AutoModelForSequenceClassification, PreTrainedTokenizerFast, Trainer, TrainingArguments, pipeline

import seqwise
from seqwise.models.mixers import MIXERS

LAYERS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", list(LAYERS))
def test_weights_interchange_with_torch_both_ways(name, bidirectional):
    mixer = MIXERS[name](MIXERS[name].configure(config([name], bidirectional=bidirectional), 0)).double()
    layer = LAYERS[name](16, 8 if bidirectional else 16, batch_first=True, bidirectional=bidirectional).double()
    x = torch.randn(3, 7, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mixer.load_state_dict(layer.state_dict())
    torch.testing.assert_close(mixer(x, None, None)[0], layer(x)[0])
    for parameter in mixer.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    layer.load_state_dict(mixer.state_dict())
    torch.testing.assert_close(mixer(x, None, None)[0], layer(x)[0])


@pytest.mark.parametrize("name", list(LAYERS))
@torch.no_grad()
def test_padded_bidirectional_equals_packed_torch(name):
    mixer = MIXERS[name](MIXERS[name].configure(config([name], bidirectional=True), 0)).double()
    layer = LAYERS[name](16, 8, batch_first=True, bidirectional=True).double()
    mixer.load_state_dict(layer.state_dict())
    x, lengths = torch.randn(3, 7, 16, dtype=torch.float64), torch.tensor([7, 2, 5])
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
    mask = torch.arange(7) < lengths.unsqueeze(1)
    torch.testing.assert_close(mixer(x, None, mask)[0][mask], expected[mask])


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_saving_and_loading_keeps_every_weight(stack, body, tmp_path):
    model = classifier(stack, body, torch.float32, id2label={0: "zebra", 1: "ant", 2: "cow"}, label2id={"zebra": 0, "ant": 1, "cow": 2})
    model.save_pretrained(tmp_path)
    loaded, info = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    assert loaded.config.layer_types == stack
    assert loaded.config.id2label == {0: "zebra", 1: "ant", 2: "cow"}
    assert torch.equal(loaded(tokens()).logits, model(tokens()).logits)


def test_the_backbone_saves_and_loads_alone(tmp_path):
    model = classifier(["lstm", "attention"], dtype=torch.float32)
    model.model.save_pretrained(tmp_path)
    loaded, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert torch.equal(loaded(tokens()).last_hidden_state, model.model(tokens()).last_hidden_state)


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_half_precision(stack, tmp_path):
    model = classifier(stack, dtype=torch.float32, bidirectional=True)
    model.save_pretrained(tmp_path)
    half = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype=torch.bfloat16)
    ids, mask = pad([tokens()[0], tokens()[1][:4]], 12, "left")
    assert half(ids, mask).logits.dtype == torch.bfloat16
    torch.testing.assert_close(half(ids, mask).logits.float(), model(ids, mask).logits, rtol=0.1, atol=0.1)


ORDERS = {
    "seqwise first": "import seqwise, sys\nassert not {'torch', 'transformers'} & set(sys.modules)\nimport transformers",
    "models first": "from seqwise.models.heads import SeqwiseForSequenceClassification\nimport seqwise",
    "language model first": "from seqwise.models.causal_lm import SeqwiseForCausalLM\nimport seqwise",
    "auto classes first": "from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification\nimport seqwise",
}


@pytest.mark.parametrize("order", list(ORDERS))
def test_the_auto_classes_know_the_models_in_every_import_order(order, tmp_path):
    classifier(["gru"], dtype=torch.float32).save_pretrained(tmp_path)
    program = f"""{ORDERS[order]}
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification
assert type(AutoConfig.from_pretrained(r"{tmp_path}")) is seqwise.SeqwiseConfig
model = AutoModelForSequenceClassification.from_pretrained(r"{tmp_path}")
assert type(model) is seqwise.SeqwiseForSequenceClassification
assert type(AutoModelForCausalLM.from_config(model.config)).__name__ == "SeqwiseForCausalLM"
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr


def word_tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {"[PAD]": 0, "[UNK]": 1, **{f"w{i}": i for i in range(2, VOCABULARY)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")


@pytest.mark.parametrize("stack", [["lstm"], ["attention"]], ids=label)
def test_pipeline_in_batches_equals_one_by_one(stack, capfd):
    model = classifier(stack, dtype=torch.float32, bidirectional=True, id2label={0: "a", 1: "b", 2: "c"}, label2id={"a": 0, "b": 1, "c": 2})
    classify = pipeline("text-classification", model=model, tokenizer=word_tokenizer())
    texts = ["w2 w3 w4", "w5", "w6 w7 w8 w9 w10 w11", "unheard w3"]
    together, alone = classify(texts, batch_size=4), [classify(text)[0] for text in texts]
    assert [answer["label"] for answer in together] == [answer["label"] for answer in alone]
    assert [answer["score"] for answer in together] == pytest.approx([answer["score"] for answer in alone], abs=1e-6)
    assert "warn" not in capfd.readouterr().err.lower()


def test_the_trainer_trains(tmp_path):
    model = classifier(["gru", "attention"], dtype=torch.float32, bidirectional=True)
    rows = [{"input_ids": row[:length].tolist(), "labels": length % 3} for row, length in zip(tokens(16), [3, 9, 5, 7] * 4, strict=True)]
    arguments = TrainingArguments(
        tmp_path, max_steps=3, per_device_train_batch_size=8, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
        logging_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip
    collator = transformers.DataCollatorWithPadding(word_tokenizer())
    before = model.score.weight.detach().clone()
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator)
    result = trainer.train()
    assert result.global_step == 3
    assert not torch.equal(model.score.weight, before)
    assert trainer.predict(rows).predictions.shape == (16, 3)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_activation_checkpointing_changes_no_gradient(stack, bidirectional):
    model = classifier(stack, bidirectional=bidirectional).train()
    ids, mask = pad([tokens()[0], tokens()[1][:4]], 12, "left")
    gradients = []
    for enabled in (False, True):
        if enabled:
            model.activation_checkpointing_enable()
        model.zero_grad()
        model(ids, mask, labels=torch.tensor([0, 1])).loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)


@pytest.mark.parametrize("body", ["modern", "classic"])
def test_hidden_states_of_every_layer(body):
    model = classifier(["lstm", "attention"], body)
    ids, mask = pad([tokens()[0], tokens()[1][:4]], 12, "left")
    output = model.model(ids, mask, output_hidden_states=True)
    assert [tuple(x.shape) for x in output.hidden_states] == [(2, 12, 16)] * 3
    assert torch.equal(output.hidden_states[-1], output.last_hidden_state)
    assert model(ids, mask, output_hidden_states=True).hidden_states is not None
    assert isinstance(model(ids, mask, return_dict=False), tuple)


@torch.no_grad()
def test_copies_are_independent():
    model = classifier(["lstm", "attention"])
    twin, expected = copy.deepcopy(model), model(tokens()).logits
    cache = model.model(tokens(), use_cache=True).past_key_values
    copied = copy.deepcopy(cache)
    model.model(tokens(), past_key_values=cache)
    assert (cache.get_seq_length(), copied.get_seq_length()) == (18, 9)
    model.score.weight.zero_()
    assert torch.equal(twin(tokens()).logits, expected)


@torch.no_grad()
def test_a_cache_is_reordered_with_its_rows():
    model, ids, order = classifier(["lstm", "attention"]).model, tokens(), torch.tensor([3, 0, 0])
    cache = model(ids, use_cache=True).past_key_values
    cache.batch_select_indices(order)
    got = model(ids[order][:, :2], past_key_values=cache).last_hidden_state
    expected = model(torch.cat((ids, ids[:, :2]), dim=1)[order], use_cache=False).last_hidden_state[:, -2:]
    expected_rows = model(torch.cat((ids[order], ids[order][:, :2]), dim=1), use_cache=False).last_hidden_state[:, -2:]
    torch.testing.assert_close(got, expected_rows)
    torch.testing.assert_close(expected, expected_rows)


def test_the_public_names_are_lazy():
    assert seqwise.__version__ == "0.1.0"
    assert seqwise.UserError.__name__ == "UserError"
    with pytest.raises(AttributeError, match="no attribute 'compar'"):
        seqwise.compar  # noqa: B018
