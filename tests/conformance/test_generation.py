"""Generation by the Hugging Face library, for every mixer. Double precision, so that no tie decides."""

import pytest
import torch
from cases import SHAPES, STACKS, VOCABULARY, label, language_model, pad, tokens
from test_interchange import word_tokenizer
from test_sequences import POSITIONS
from transformers import AutoModelForCausalLM, DataCollatorForLanguageModeling, Trainer, TrainingArguments, pipeline

NEW = 6
SEARCHES = {"greedy": {}, "beam": {"num_beams": 3}, "beams": {"num_beams": 4, "num_return_sequences": 2}}
LENGTHS = [7, 3, 1]


def prompts() -> list[torch.Tensor]:
    return [row[:length] for row, length in zip(tokens(3), LENGTHS, strict=True)]


def left_padded() -> dict[str, torch.Tensor]:
    ids, mask = pad(prompts(), 9, "left")
    return {"input_ids": ids, "attention_mask": mask}


def generate(model, *arguments, **settings) -> torch.Tensor:
    return model.generate(*arguments, do_sample=False, **{"max_new_tokens": NEW, **settings})


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_neither_state_nor_padding_changes_a_token(stack, body, position):
    model = language_model(stack, body, position_embedding=position)
    for settings in SEARCHES.values():
        together = generate(model, **left_padded(), **settings)
        assert torch.equal(together, generate(model, **left_padded(), **settings, use_cache=False))
        count = settings.get("num_return_sequences", 1)
        for row, prompt in enumerate(prompts()):
            alone = generate(model, prompt.unsqueeze(0), **settings)
            assert torch.equal(together[row * count : (row + 1) * count, -NEW:], alone[:, -NEW:])


def test_prompts_and_searches_lead_to_different_texts():
    """Else equal tokens would prove nothing."""
    models = [language_model(stack) for stack in STACKS]
    greedy, beam = ([generate(model, **left_padded(), **SEARCHES[name])[:, -NEW:] for model in models] for name in ("greedy", "beam"))
    assert all(torch.unique(said, dim=0).shape[0] == len(LENGTHS) for said in greedy)
    assert sum(not torch.equal(*said) for said in zip(greedy, beam, strict=True)) > len(STACKS) / 2


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_a_returned_state_continues_the_text(stack, body):
    model, inputs = language_model(stack, body), left_padded()
    whole = generate(model, **inputs, max_new_tokens=2 * NEW)
    first = generate(model, **inputs, return_dict_in_generate=True)
    mask = torch.cat((inputs["attention_mask"], torch.ones(3, NEW, dtype=torch.long)), dim=1)
    second = generate(model, first.sequences, attention_mask=mask, past_key_values=first.past_key_values)
    assert torch.equal(second, whole)
    assert first.past_key_values.get_seq_length() == whole.shape[1] - 1


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_a_turn_of_several_new_tokens_continues_too(stack):
    model, turn = language_model(stack), tokens(3, 4, seed=8)
    first = generate(model, **left_padded(), return_dict_in_generate=True)
    ids = torch.cat((first.sequences, turn), dim=1)
    mask = torch.cat((left_padded()["attention_mask"], torch.ones(3, NEW + 4, dtype=torch.long)), dim=1)
    continued = generate(model, ids, attention_mask=mask, past_key_values=first.past_key_values)
    assert torch.equal(continued, generate(model, ids, attention_mask=mask, use_cache=False))


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_sampling_draws_the_same_with_and_without_state(stack):
    model, drawn = language_model(stack), []
    for use_cache in (True, False):
        torch.manual_seed(5)
        settings = {"do_sample": True, "top_k": 10, "top_p": 0.9, "temperature": 1.5, "num_return_sequences": 4}
        drawn.append(model.generate(**left_padded(), max_new_tokens=NEW, use_cache=use_cache, **settings))
    assert drawn[0].shape == (12, 9 + NEW)
    assert torch.equal(*drawn)
    assert torch.unique(drawn[0], dim=0).shape[0] > 6


@pytest.mark.parametrize("search", list(SEARCHES))
@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_rows_that_end_early_disturb_no_other(stack, search):
    model, settings = language_model(stack), SEARCHES[search]
    end = int(generate(model, **left_padded())[1, -NEW + 2])
    together = generate(model, **left_padded(), **settings, eos_token_id=end)
    assert torch.equal(together, generate(model, **left_padded(), **settings, eos_token_id=end, use_cache=False))
    count = settings.get("num_return_sequences", 1)
    for row, prompt in enumerate(prompts()):
        alone = generate(model, prompt.unsqueeze(0), **settings, eos_token_id=end)[:, len(prompt) :]
        assert torch.equal(together[row * count : (row + 1) * count, 9 : 9 + alone.shape[1]], alone)


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_every_token_costs_the_same(stack):
    """After the prompt one column is read and one answered; no state of a recurrent layer grows."""
    model, read, answered, sizes = language_model(stack), [], [], []
    model.model.layers[0].register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].shape[1]))
    model.lm_head.register_forward_pre_hook(lambda _, inputs: answered.append(inputs[0].shape[1]))
    for new in (NEW, 4 * NEW):
        state = generate(model, tokens(1), max_new_tokens=new, return_dict_in_generate=True).past_key_values
        sizes.append([sum(tensor.numel() for tensor in layer) for layer in state.states])
    assert read == [9] + [1] * (NEW - 1) + [9] + [1] * (4 * NEW - 1)
    assert answered == [1] * 5 * NEW
    for mixer, early, late in zip(stack, *sizes, strict=True):
        assert (late > early) == (mixer == "attention")


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_a_prompt_of_embeddings(stack):
    model = language_model(stack)
    inputs = left_padded()
    embedded = model.get_input_embeddings()(inputs["input_ids"]).detach()
    said = generate(model, inputs_embeds=embedded, attention_mask=inputs["attention_mask"])
    assert torch.equal(said, generate(model, **inputs)[:, -NEW:])


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_later_tokens_change_no_earlier_logits(stack, body):
    model, ids = language_model(stack, body), tokens()
    changed = ids.clone()
    changed[:, 5] = changed[:, 5] % (VOCABULARY - 1) + 1
    before, after = model(ids).logits, model(changed).logits
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.isclose(before[:, 5:], after[:, 5:]).all(-1).any()


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_saving_and_loading_keeps_every_token(stack, body, tmp_path):
    model = language_model(stack, body, torch.float32)
    model.save_pretrained(tmp_path)
    loaded, info = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert torch.equal(generate(loaded, **left_padded()), generate(model, **left_padded()))


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_half_precision(stack, tmp_path):
    model = language_model(stack, dtype=torch.float32)
    model.save_pretrained(tmp_path)
    half = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    inputs = left_padded()
    assert half.lm_head.weight is half.model.embed_tokens.weight
    assert half(**inputs).logits.dtype == torch.bfloat16
    torch.testing.assert_close(half(**inputs).logits.float(), model(**inputs).logits, rtol=0.1, atol=0.03)
    assert generate(half, **inputs).shape == (3, 9 + NEW)


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_pipeline_of_a_saved_folder(stack, tmp_path, capfd):
    language_model(stack, dtype=torch.float32).save_pretrained(tmp_path)
    tokenizer = word_tokenizer()
    tokenizer.padding_side = "left"
    tokenizer.save_pretrained(tmp_path)
    write = pipeline("text-generation", model=str(tmp_path))
    texts = ["w2 w3 w4", "w5", "w6 w7 w8 w9 w10 w11"]
    together = write(texts, batch_size=3, max_new_tokens=4, do_sample=False)
    alone = [write(text, max_new_tokens=4, do_sample=False) for text in texts]
    assert together == alone
    assert all(said[0]["generated_text"].startswith(text) for said, text in zip(alone, texts, strict=True))
    assert "warn" not in capfd.readouterr().err.lower()


@pytest.mark.parametrize("stack", [["lstm"], ["attention"], ["lstm", "attention"]], ids=label)
def test_the_trainer_trains(stack, tmp_path):
    model = language_model(stack, dtype=torch.float32)
    rows = [{"input_ids": row[:length].tolist()} for row, length in zip(tokens(16), [3, 9, 5, 7] * 4, strict=True)]
    arguments = TrainingArguments(
        tmp_path, max_steps=12, per_device_train_batch_size=8, learning_rate=0.01, report_to=[], save_strategy="no", use_cpu=True,
        disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip
    collator = DataCollatorForLanguageModeling(word_tokenizer(), mlm=False)
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=rows, data_collator=collator)
    before = trainer.evaluate()["eval_loss"]
    assert trainer.train().global_step == 12
    assert trainer.evaluate()["eval_loss"] < before - 0.1
    assert model.lm_head.weight is model.model.embed_tokens.weight


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_activation_checkpointing_changes_no_gradient(stack):
    model, gradients = language_model(stack).train(), []
    inputs = left_padded()
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    for enabled in (False, True):
        if enabled:
            model.activation_checkpointing_enable()
        model.zero_grad()
        model(**inputs, labels=labels).loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)
