"""The recipes say one thing to the command line and to Python, and differ in nothing but the family and what is asked."""

import shlex

import pytest

from seqwise.models.accounting import count_parameters
from seqwise.models.architectures import architecture
from seqwise.pretraining.build import model_config
from seqwise.pretraining.options import PretrainOptions
from seqwise.zoo.recipes import RECIPES, SOURCES, Recipe

SHARED = set(Recipe.__dataclass_fields__) - {"name", "model", "objective", "size"}


def test_they_share_everything_but_family_and_objective():
    first, *others = RECIPES.values()
    for other in others:
        assert all(getattr(other, name) == getattr(first, name) for name in SHARED)
    assert len({(recipe.model, recipe.objective) for recipe in RECIPES.values()}) == len(RECIPES) == 6
    assert all(name == recipe.name for name, recipe in RECIPES.items())


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_command_is_that_of_the_options(recipe, monkeypatch):
    """What the command line would hand to Python is what the recipe says."""
    from typer.testing import CliRunner

    import seqwise.api
    from seqwise.cli import app

    told = {}
    monkeypatch.setattr(seqwise.api, "pretrain", lambda corpus, **options: told.update(source=corpus, **options) or (None, {}))
    program, *words = shlex.split(recipe.command())
    assert program == "seqwise"
    assert CliRunner().invoke(app, [*words, "--json"]).exit_code == 0
    known = {name: value for name, value in told.items() if name in PretrainOptions.__dataclass_fields__}
    assert PretrainOptions(**known) == PretrainOptions(source=recipe.corpus, **recipe.options())
    assert PretrainOptions(**known).tokens == recipe.tokens


@pytest.mark.parametrize(("tokens", "budget"), [(20_000_000, "20Mtokens"), (12_345, "12345tokens"), (1_500_000, "1500000tokens")])
def test_a_budget_is_written_as_it_is_read(tokens, budget):
    recipe = Recipe(name="a", model="gru", size="1m", tokens=tokens)
    assert recipe.options()["budget"] == budget
    assert PretrainOptions(source="a.txt", **recipe.options()).tokens == tokens


class Vocabulary:
    """As much of a tokenizer as a configuration asks for."""

    pad_token_id, eos_token_id = 0, 2

    def __len__(self) -> int:
        return 4096


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_each_is_the_named_architecture_of_its_size(recipe):
    """Recurrent mixers read no positions; what sees both sides has as many parameters, and another feed-forward."""
    found = model_config(PretrainOptions(source="a.txt", **recipe.options()), Vocabulary())
    named = architecture(f"{recipe.model}-tiny-v1", vocab_size=len(Vocabulary()))
    counts = [count_parameters(config, vocabulary_head=True).non_embedding for config in (found, named)]
    assert counts[0] == pytest.approx(counts[1], rel=0.01)
    fixed = {
        "hidden_size",
        "embedding_size",
        "projection_size",
        "num_hidden_layers",
        "layer_types",
        "body",
        "forget_bias",
        "num_attention_heads",
    }
    if recipe.objective == "causal-lm":
        fixed |= {"intermediate_size", *(["position_embedding"] if recipe.model == "transformer" else [])}
        assert counts[0] == counts[1]
    assert {name: getattr(found, name) for name in fixed} == {name: getattr(named, name) for name in fixed}


def test_every_source_has_a_licence():
    for source in RECIPES["lstm-tiny"].corpus.split(","):
        assert SOURCES[source].licence
        assert SOURCES[source].attribution
