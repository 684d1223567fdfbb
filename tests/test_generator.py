"""A language model in use: the same text with and without streaming, for one seed; clear words for what cannot be."""

import shutil

import pytest

import seqwise
from seqwise.generator import Sampling, generate, load_language_model


@pytest.fixture(scope="module")
def loaded(finished_text):
    return load_language_model(str(finished_text.path))


def test_pieces_that_are_streamed_make_up_the_text(loaded):
    pieces: list[str] = []
    whole = generate(*loaded, "the film", Sampling(tokens=30), pieces.append)
    assert len(pieces) > 2
    assert "".join(pieces) == "the film" + whole
    pieces.clear()
    beams = generate(*loaded, "the film", Sampling(tokens=5, temperature=0, beams=2), pieces.append)
    assert pieces == ["the film", beams]


def test_nothing_is_said_before_the_prompt_is_found_possible(loaded):
    pieces: list[str] = []
    with pytest.raises(seqwise.UserError, match="the prompt is empty"):
        generate(*loaded, "", Sampling(tokens=5), pieces.append)
    assert pieces == []


def test_a_seed_gives_the_same_text_and_zero_temperature_the_likeliest(loaded):
    assert generate(*loaded, "the", Sampling(tokens=20, seed=1)) == generate(*loaded, "the", Sampling(tokens=20, seed=1))
    greedy = [generate(*loaded, "the", Sampling(tokens=20, temperature=0, seed=seed)) for seed in range(2)]
    assert greedy[0] == greedy[1]
    assert generate(*loaded, "the", Sampling(tokens=5, temperature=0, beams=3))


def test_run_and_model_folder_write_the_same(finished_text):
    settings = {"tokens": 10, "temperature": 0.0}
    assert seqwise.generate(finished_text.path, "the", **settings) == seqwise.generate(finished_text.path / "best", "the", **settings)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens": 0}, "--tokens 0"),
        ({"temperature": -1.0}, "--temperature -1"),
        ({"temperature": float("nan")}, "--temperature nan"),
        ({"top_k": -1}, "--top-k -1"),
        ({"beams": 2}, "cannot sample"),
    ],
)
def test_impossible_settings_are_user_errors(changes, said):
    with pytest.raises(seqwise.UserError, match=said):
        Sampling(**changes)


def test_an_empty_prompt_a_classifier_and_a_missing_folder_are_user_errors(loaded, finished, tmp_path):
    with pytest.raises(seqwise.UserError, match="the prompt is empty"):
        generate(*loaded, "", Sampling())
    with pytest.raises(seqwise.UserError, match="holds no language model"):
        load_language_model(str(finished.path))
    with pytest.raises(seqwise.UserError, match="there is no folder"):
        load_language_model(str(tmp_path / "nothing"))


def test_a_language_model_labels_nothing(finished_text):
    with pytest.raises(seqwise.UserError, match="labels nothing"):
        seqwise.predict(finished_text.path / "best", ["x"])


def test_pickled_weights_are_refused(finished_text, tmp_path):
    folder = shutil.copytree(finished_text.path / "best", tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(seqwise.UserError, match=r"has no model\.safetensors"):
        load_language_model(str(folder))


def test_a_prompt_beyond_learned_positions_is_a_user_error(tmp_path):
    from seqwise.models.causal_lm import SeqwiseForCausalLM
    from seqwise.models.config import SeqwiseConfig

    class Letters:
        pad_token_id, eos_token_id = 0, None

        def __call__(self, text, **options):
            import torch

            return type("Encoded", (), {"input_ids": torch.ones(1, len(text))})()

    config = SeqwiseConfig(vocab_size=9, layer_types=["attention"] * 2, position_embedding="learned", max_position_embeddings=16)
    with pytest.raises(seqwise.UserError, match="beyond the 16 positions"):
        generate(SeqwiseForCausalLM(config), Letters(), "x" * 15, Sampling(tokens=3))


def test_the_verb_streams_reads_standard_input_and_gives_json(finished_text, run_cli, monkeypatch):
    import io
    import json

    code, out, err = run_cli("generate", finished_text.path, "the film", "--tokens", 12)
    assert code in (None, 0)
    assert "the comparison recommends ngram" in err
    assert out.startswith("the film")
    monkeypatch.setattr("sys.stdin", io.StringIO("the film"))
    assert run_cli("generate", finished_text.path, "-", "--tokens", 12)[1] == out
    found = json.loads(run_cli("generate", finished_text.path, "the film", "--tokens", 12, "--json")[1])
    assert found["prompt"] + found["continuation"] + "\n" == out
    assert run_cli("generate", finished_text.path, "x", "--tokens", "0")[0] == 2
