"""Conformance of the pretrained models that the package comes with; and of ones made here, so that the whole way is tested anywhere."""

import pytest
import zoo_checks as checks
from transformers import pipeline

import seqwise
from seqwise.zoo.recipes import RECIPES
from seqwise.zoo.shipped import MODELS, shipped_names
from tiny_zoo import MADE

SHIPPED = shipped_names()
CHECKS = (checks.check_files, checks.check_loading, checks.check_pipeline, checks.check_card)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped(name, check):
    check(MODELS / name)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", MADE)
def test_made_here(name, check, made_zoo):
    check(made_zoo / name)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.endswith("-mlm")])
@pytest.mark.parametrize("space", [" ", ""])
def test_masks_are_filled_with_what_stood_there(name, space):
    fill = pipeline("fill-mask", seqwise.path(name), device="cpu")
    assert fill(f"It is the largest city in the United{space}[MASK] .")[0]["token_str"] == " States"
    assert fill(f"The ship was built in the 19th{space}[MASK] .")[0]["token_str"] == " century"


def test_the_shipped_ones_are_a_set_made_by_the_recipes():
    assert sorted(RECIPES) == sorted(SHIPPED)
    checks.check_set([MODELS / name for name in SHIPPED])
    for name in SHIPPED:
        record, recipe = checks.record_of(MODELS / name), RECIPES[name]
        assert record["environment"]["command"] == recipe.command()
        assert record["tokens"] >= recipe.tokens
        assert record["sources"] == recipe.corpus.split(",")


def test_the_ones_made_here_are_a_set(made_zoo):
    checks.check_set([made_zoo / name for name in MADE])
