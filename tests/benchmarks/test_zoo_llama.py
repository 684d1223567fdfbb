"""The peer beside the zoo: as large as it is said to be; and curves read between their evaluations."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def zoo_llama(benchmark):
    return benchmark("zoo_llama")


@pytest.mark.parametrize(("target", "layers", "vocabulary"), [(30_000, 2, 1000), (1_000_000, 4, 4096), (10_000_000, 4, 4096)])
def test_its_parameters_without_embeddings_are_within_1_percent(zoo_llama, target, layers, vocabulary):
    from transformers import LlamaForCausalLM

    from seqwise.models.accounting import count_of_model

    config = zoo_llama.llama_config(target, layers=layers, vocabulary=vocabulary, context=256)
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.tie_weights()
    count = count_of_model(model)
    assert count.non_embedding == pytest.approx(target, rel=0.01)
    assert count.embedding == vocabulary * config.hidden_size
    assert config.num_hidden_layers == layers


def test_a_size_that_cannot_be_had(zoo_llama):
    with pytest.raises(RuntimeError, match="no LLaMA of 4 layers"):
        zoo_llama.llama_config(2_000, layers=4, vocabulary=100, context=16)


@given(
    st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.5, 8)), min_size=1, max_size=20),
    st.floats(0, 2500),
)
def test_a_curve_is_read_on_straight_lines_and_not_beyond_its_ends(zoo_llama, parts, step):
    at, curve = 0.0, []
    for more, score in parts:
        at += more
        curve.append({"step": at, "bits_per_byte": score})
    read = zoo_llama.at_step(curve, step)
    before = [point for point in curve if point["step"] <= step]
    after = [point for point in curve if point["step"] >= step]
    if not before or not after:
        assert read is None
        return
    near = sorted((before[-1]["bits_per_byte"], after[0]["bits_per_byte"]))
    assert near[0] - 1e-9 <= read <= near[1] + 1e-9
    for point in curve:
        assert zoo_llama.at_step(curve, point["step"]) == pytest.approx(point["bits_per_byte"])
