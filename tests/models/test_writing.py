"""Writing on: by the seed alone, and without touching anybody else's random numbers."""

import pytest
import torch

from seqwise.models.writing import continuation, tokens_of
from tiny import outside_model, sentences


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = outside_model(tmp_path_factory.mktemp("outside") / "gpt2", "gpt2", "AutoModelForCausalLM", sentences(60)[0])
    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def test_the_seed_alone_decides_and_the_global_generator_stays(loaded):
    ids = tokens_of(loaded[1], "the film")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (continuation(*loaded, ids, seed=seed, max_new_tokens=20, do_sample=True) for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), before)


def test_a_prompt_has_no_special_tokens_and_is_not_repeated(loaded):
    model, tokenizer = loaded
    ids = tokens_of(tokenizer, "the film")
    assert tokenizer.decode(ids[0]) == "the film"
    written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False, pad_token_id=0)
    assert continuation(model, tokenizer, ids, seed=0, max_new_tokens=4, do_sample=False) == tokenizer.decode(
        written[0, ids.shape[1] :], skip_special_tokens=True
    )


def test_an_empty_prompt_has_no_tokens(loaded):
    assert tokens_of(loaded[1], "").shape == (1, 0)
