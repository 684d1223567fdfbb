"""Encoder-decoder models of every mixer, with and without cross-attention. Double precision, so that only mistakes differ."""

import itertools

import pytest
import torch
from cases import BODIES, SHAPES, STACKS, VOCABULARY, label, pad, tokens
from test_interchange import word_tokenizer
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForSeq2SeqLM, DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

from seqwise.core.errors import UserError
from seqwise.kernels import backend
from seqwise.models.seq2seq import SeqwiseForSeq2SeqLM, alignment
from seqwise.models.seq2seq_accounting import count_seq2seq, seq2seq_flops
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig

CLOSE = {"rtol": 1e-9, "atol": 1e-10}
LENGTHS = [7, 3, 1, 5]
START, END = 2, 3
SEARCHES = {"greedy": {}, "beam": {"num_beams": 3}, "beams": {"num_beams": 4, "num_return_sequences": 2}}
EVERY = [(stack, body, cross) for (stack, body), cross in itertools.product(SHAPES, (True, False))]


def seq2seq_config(stack, body="modern", cross=True, **changes) -> SeqwiseSeq2SeqConfig:
    sizes = {"vocab_size": VOCABULARY, "embedding_size": 6, "hidden_size": 16, "intermediate_size": 24, "max_position_embeddings": 32}
    special = {"decoder_start_token_id": START, "bos_token_id": START, "eos_token_id": END}
    given = {"layer_types": list(stack), "num_hidden_layers": len(stack), "body": body, "cross_attention": cross}
    return SeqwiseSeq2SeqConfig(**given, **special, **{**sizes, **changes})


def translator(stack, body="modern", cross=True, dtype=torch.float64, **changes) -> SeqwiseForSeq2SeqLM:
    """Its embedding and its reading of the source are large, so that what it says depends on both."""
    torch.manual_seed(0)
    model = SeqwiseForSeq2SeqLM(seq2seq_config(stack, body, cross, **changes)).to(dtype).eval()
    model.decoder.embed_tokens.weight.data.mul_(10)
    for name, parameter in model.named_parameters():
        if "summary_projection" in name or "cross_output" in name:
            parameter.data.mul_(30 if "summary" in name else 3)
    return model


def sources() -> list[torch.Tensor]:
    return [row[:length] for row, length in zip(tokens(4), LENGTHS, strict=True)]


def padded(side: str, width: int = 9) -> dict[str, torch.Tensor]:
    ids, mask = pad(sources(), width, side)
    return {"input_ids": ids, "attention_mask": mask}


def targets(rows=4, columns=6) -> torch.Tensor:
    return tokens(rows, columns, seed=4)


def generate(model, *arguments, **settings) -> torch.Tensor:
    return model.generate(*arguments, do_sample=False, **{"max_new_tokens": 6, **settings})


@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
@torch.no_grad()
def test_padding_of_source_and_target_never_changes_an_answer(stack, body, cross):
    model, ends = translator(stack, body, cross), [6, 2, 4, 1]
    for side in ("right", "left", "inner"):
        ids, mask = pad([row[:end] for row, end in zip(targets(), ends, strict=True)], 8, side)
        together = model(**padded(side), decoder_input_ids=ids, decoder_attention_mask=mask).logits
        for row, (source, end) in enumerate(zip(sources(), ends, strict=True)):
            alone = model(source.unsqueeze(0), decoder_input_ids=targets()[row : row + 1, :end]).logits[0]
            torch.testing.assert_close(together[row][mask[row] == 1], alone, **CLOSE)


@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
@torch.no_grad()
def test_more_padding_changes_no_bit(stack, body, cross):
    model = translator(stack, body, cross, torch.float32)
    answers = [model(**padded(side, width), decoder_input_ids=targets()).logits for side in ("right", "left") for width in (7, 28, 112)]
    for answer in answers[1:]:
        assert torch.equal(answer, answers[0])


@pytest.mark.parametrize("position", ["rotary", "learned", "sinusoidal", "none"])
@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
@torch.no_grad()
def test_step_by_step_equals_whole(stack, body, cross, position):
    model, cache, steps = translator(stack, body, cross, position_embedding=position), None, []
    read = model.encoder(**padded("left"))
    mask = padded("left")["attention_mask"]
    for column in targets().split([1, 2, 1, 2], dim=1):
        output = model(encoder_outputs=read, attention_mask=mask, decoder_input_ids=column, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        steps.append(output.logits)
    whole = model(**padded("left"), decoder_input_ids=targets(), use_cache=False).logits
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, **CLOSE)


@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
@torch.no_grad()
def test_the_decoder_never_looks_ahead_and_the_encoder_does(stack, body, cross):
    model, ids, later = translator(stack, body, cross), tokens(4, 7), targets()
    later[:, 4] = later[:, 4] % 39 + 1
    before, after = (model(ids, decoder_input_ids=target).logits for target in (targets(), later))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])
    changed = ids.clone()
    changed[:, 6] = changed[:, 6] % 39 + 1
    assert not torch.equal(model.encoder(ids)[0][:, :3], model.encoder(changed)[0][:, :3])
    assert not torch.equal(model(changed, decoder_input_ids=targets()).logits[:, 0], before[:, 0])


@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
def test_generation_with_and_without_state_in_a_batch_and_alone(stack, body, cross):
    model = translator(stack, body, cross)
    for settings in SEARCHES.values():
        together = generate(model, **padded("right"), **settings)
        assert torch.equal(together, generate(model, **padded("right"), **settings, use_cache=False))
        assert torch.equal(together, generate(model, **padded("left"), **settings))
        count = settings.get("num_return_sequences", 1)
        for row, source in enumerate(sources()):
            alone = generate(model, source.unsqueeze(0), **settings)
            assert torch.equal(together[row * count : (row + 1) * count, : alone.shape[1]], alone)


def test_sources_and_searches_lead_to_different_texts():
    """Else equal tokens would prove nothing."""
    models = [translator(stack, cross=cross) for stack in STACKS for cross in (True, False)]
    greedy, beam = ([generate(model, **padded("right"), **SEARCHES[name]) for model in models] for name in ("greedy", "beam"))
    assert sum(torch.unique(said, dim=0).shape[0] >= 3 for said in greedy) > len(models) / 2
    assert any(said.shape != other.shape or not torch.equal(said, other) for said, other in zip(greedy, beam, strict=True))


@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
def test_rows_without_tokens_are_finite_and_every_parameter_has_a_gradient(stack, body, cross):
    model = translator(stack, body, cross).train()
    ids, mask = pad([tokens()[0], tokens()[1][:0]], 9, "right")
    labels = targets(2).masked_fill(torch.tensor([[0] * 6, [0] * 3 + [1] * 3], dtype=torch.bool), -100)
    output = model(ids, mask, labels=labels)
    output.loss.backward()
    assert torch.isfinite(output.loss)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
def test_padding_changes_no_gradient(stack, body, cross):
    model, gradients = translator(stack, body, cross), []
    for columns, given in ((6, padded("right", 7)), (15, padded("inner", 20))):
        labels = torch.nn.functional.pad(targets(), (0, columns - 6), value=-100)
        model.zero_grad()
        model(**given, labels=labels).loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    torch.testing.assert_close(gradients[1], gradients[0], **CLOSE)


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_the_loss_in_parts_is_the_loss(stack):
    model = translator(stack)
    labels = targets().masked_fill(torch.arange(6) > torch.tensor([[5], [2], [3], [0]]), -100)
    whole, parts = (model(**padded("right"), labels=labels, skip_logits=skip) for skip in (False, True))
    assert parts.logits is None
    torch.testing.assert_close(parts.loss, whole.loss)
    logits = model(**padded("right"), decoder_input_ids=model.prepare_decoder_input_ids_from_labels(labels)).logits.log_softmax(-1)
    kept = labels != -100
    torch.testing.assert_close(whole.loss, -logits[kept].gather(1, labels[kept].unsqueeze(1)).mean())
    summed = model(**padded("right"), labels=labels, num_items_in_batch=5, skip_logits=True).loss
    torch.testing.assert_close(summed * 5, whole.loss * kept.sum())


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
def test_parameters_are_those_of_the_configuration(stack, body, cross, tied, learned):
    position = "learned" if learned else "rotary"
    settings = seq2seq_config(stack, body, cross, tie_word_embeddings=tied, position_embedding=position)
    model = SeqwiseForSeq2SeqLM(settings)
    tables = {id(part.weight): part.weight.numel() for part in model.modules() if isinstance(part, torch.nn.Embedding)}
    tables[id(model.lm_head.weight)] = model.lm_head.weight.numel()
    count = count_seq2seq(settings)
    assert count.total == sum(parameter.numel() for parameter in model.parameters())
    assert count.embedding == sum(tables.values())


@pytest.mark.parametrize(("stack", "body", "cross"), EVERY, ids=label)
@torch.no_grad()
def test_flops_are_those_that_torch_counts(stack, body, cross):
    model = translator(stack, body, cross, torch.float32)
    for source, target in ((1, 1), (7, 4)):
        with backend("reference"), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(tokens(1, source), decoder_input_ids=targets(1, target), use_cache=False)
        assert seq2seq_flops(model.config, source, target) == counter.get_total_flops()


@pytest.mark.parametrize("cross", [True, False])
@pytest.mark.parametrize("body", BODIES)
def test_saved_and_loaded_it_translates_the_same(body, cross, tmp_path):
    model = translator(["lstm", "attention"], body, cross, torch.float32)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    config = AutoConfig.from_pretrained(tmp_path)
    assert (config.model_type, config.cross_attention, config.decoder_start_token_id) == ("seqwise_seq2seq", cross, START)
    assert loaded.encoder.embed_tokens.weight is loaded.decoder.embed_tokens.weight
    assert loaded.generation_config.max_length == 33
    torch.testing.assert_close(loaded(**padded("left"), labels=targets()).logits, model(**padded("left"), labels=targets()).logits)
    assert torch.equal(generate(loaded, **padded("right")), generate(model, **padded("right")))


@pytest.mark.parametrize("body", BODIES)
def test_an_alignment_is_what_attention_reads(body):
    model = translator(["lstm", "gru"], body)
    found = alignment(model, tokens(1, 7), targets(1, 5))
    assert found.shape == (5, 7)
    torch.testing.assert_close(found.sum(1), torch.ones(5, dtype=found.dtype))
    assert found.std() > 0


def test_settings_that_make_no_translator_are_user_errors():
    for changes, said in (
        ({"bidirectional": True}, "bidirectional=True"),
        ({"num_input_channels": 2}, "num_input_channels is set"),
        ({"hidden_size": 15, "num_attention_heads": 1}, "hidden_size 15 is odd"),
        ({"num_attention_heads": 3}, "3 attention heads do not divide"),
    ):
        with pytest.raises(UserError, match=said):
            seq2seq_config(["lstm"], **changes)
    with pytest.raises(UserError, match="the decoder has nothing to read"):
        translator(["lstm"])(tokens(1, 3))


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_the_trainer_of_the_library_trains_and_translates(stack, tmp_path):
    model = translator(stack, dtype=torch.float32)
    rows = [{"input_ids": row[:length].tolist(), "labels": [*row[: length // 2].tolist(), END]} for row, length in zip(
        tokens(16), [3, 9, 5, 7] * 4, strict=True
    )]  # fmt: skip
    arguments = Seq2SeqTrainingArguments(
        tmp_path, max_steps=12, per_device_train_batch_size=8, learning_rate=0.01, report_to=[], save_strategy="no", use_cpu=True,
        disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False, predict_with_generate=True,
    )  # fmt: skip
    collator = DataCollatorForSeq2Seq(word_tokenizer(), model=model)
    trainer = Seq2SeqTrainer(model=model, args=arguments, train_dataset=rows, eval_dataset=rows, data_collator=collator)
    before = trainer.evaluate()["eval_loss"]
    assert trainer.train().global_step == 12
    assert trainer.evaluate()["eval_loss"] < before - 0.1
    assert trainer.predict(rows[:4], max_length=9).predictions.shape[0] == 4


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_activation_checkpointing_changes_no_gradient(stack):
    for cross in (True, False):
        model, gradients = translator(stack, cross=cross).train(), []
        for enabled in (False, True):
            if enabled:
                model.activation_checkpointing_enable()
            model.zero_grad()
            model(**padded("inner"), labels=targets()).loss.backward()
            gradients.append([parameter.grad.clone() for parameter in model.parameters()])
        torch.testing.assert_close(gradients[1], gradients[0], **CLOSE)
