"""Masked language models: padding and batches change nothing, both sides are seen, pipeline and Trainer work, for every mixer."""

import pytest
import torch
from cases import SHAPES, STACKS, config, label, pad, tokens
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast, Trainer, TrainingArguments, pipeline

from seqwise.core.errors import UserError
from seqwise.models.accounting import count_of_model, count_parameters
from seqwise.models.masked_lm import SeqwiseForMaskedLM

MASK = 2


def masked_model(stack, body="modern", dtype=torch.float64, **changes):
    torch.manual_seed(0)
    model = SeqwiseForMaskedLM(config(stack, body, **({"bidirectional": True} | changes))).to(dtype).eval()
    model.model.embed_tokens.weight.data.mul_(5)
    return model


@pytest.mark.parametrize("side", ["right", "left", "inner"])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_padding_and_batching_change_no_answer(stack, body, side):
    model, rows = masked_model(stack, body), [row[:length] for row, length in zip(tokens(), [9, 4, 1, 7, 6], strict=True)]
    ids, mask = pad(rows, 12, side)
    logits = model(ids, mask).logits
    for row, sequence in enumerate(rows):
        torch.testing.assert_close(logits[row][mask[row].bool()], model(sequence.unsqueeze(0)).logits[0], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_every_other_token_matters_to_a_hidden_one(stack, body):
    model, ids = masked_model(stack, body), tokens(1, 7)
    ids[0, 3] = MASK
    found = model(ids).logits[0, 3]
    for column in (0, 1, 2, 4, 5, 6):
        other = ids.clone()
        other[0, column] = (other[0, column] + 1) % 40
        assert not torch.allclose(model(other).logits[0, 3], found), f"column {column} does not matter"


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_the_loss_is_that_of_labelled_columns_with_and_without_logits(stack, body):
    model, ids = masked_model(stack, body), tokens(3, 8)
    labels = torch.full_like(ids, -100)
    labels[0, 2], labels[2, 5], labels[2, 6] = ids[0, 2], ids[2, 5], ids[2, 6]
    whole, parts = model(ids, labels=labels, skip_logits=False), model(ids, labels=labels, skip_logits=True)
    expected = torch.nn.functional.cross_entropy(whole.logits.transpose(1, 2), labels)
    torch.testing.assert_close(whole.loss, expected)
    torch.testing.assert_close(parts.loss, expected)
    assert parts.logits is None
    torch.testing.assert_close(model(ids, labels=labels, num_items_in_batch=6).loss, expected / 2)
    assert model(ids, labels=torch.full_like(ids, -100)).loss == 0


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_parameters_are_those_counted(stack, body):
    model = masked_model(stack, body)
    assert count_of_model(model) == count_parameters(model.config, vocabulary_head=True)


def tokenizer():
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[MASK]": MASK, **{f"w{i}": i for i in range(3, 40)}}
    found = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    found.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=found, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]")


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_a_saved_model_fills_the_mask(stack, tmp_path):
    model = masked_model(stack, dtype=torch.float32)
    model.save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    assert again.lm_head.weight is again.model.embed_tokens.weight
    texts = ["w5 [MASK] w7", "w9 w8 w7 w6 [MASK]"]
    fill = pipeline("fill-mask", model=str(tmp_path), device="cpu")
    together = fill(texts, batch_size=2)
    for text, found in zip(texts, together, strict=True):
        with torch.no_grad():
            ids = torch.tensor([tokenizer()(text)["input_ids"]])
            probabilities = model(ids).logits[0, ids[0].tolist().index(MASK)].softmax(-1)
        assert found[0]["token"] == int(probabilities.argmax())
        assert found[0]["score"] == pytest.approx(float(probabilities.max()), abs=1e-6)
        assert [row["token"] for row in fill(text)] == [row["token"] for row in found]


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_the_trainer_of_transformers_trains_it(stack, tmp_path):
    """Every token is followed by the next number, so what is hidden follows from its neighbour."""
    starts = torch.arange(64).unsqueeze(1)
    ids = 3 + (starts + torch.arange(6)) % 37
    labels = torch.full_like(ids, -100)
    labels[:, 3] = ids[:, 3]
    hidden = ids.clone()
    hidden[:, 3] = MASK
    model = masked_model(stack, dtype=torch.float32)
    rows = [{"input_ids": row, "labels": answer} for row, answer in zip(hidden, labels, strict=True)]
    with torch.no_grad():
        before = float(model(hidden, labels=labels).loss)
    arguments = TrainingArguments(
        tmp_path, max_steps=120, per_device_train_batch_size=32, learning_rate=1e-2, report_to=[], save_strategy="no", use_cpu=True,
        disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip
    Trainer(model=model, args=arguments, train_dataset=rows).train()
    with torch.no_grad():
        assert float(model.eval()(hidden, labels=labels).loss) < 0.5 * before


@pytest.mark.parametrize("changes", [{"bidirectional": False}, {"num_input_channels": 3}])
def test_what_cannot_be_masked_is_refused(changes):
    with pytest.raises(UserError):
        masked_model(["lstm"] * 2, **changes)
