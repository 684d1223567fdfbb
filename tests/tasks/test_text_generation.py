"""Language models: bits that add up, windows with and without carried state, baselines on the same text."""

import math

import numpy as np
import pytest
import torch

from seqwise.comparison.finals import Finals, TestData, breakdowns, model_scores
from seqwise.core.errors import UserError
from seqwise.data.splits import Split
from seqwise.data.streams import TokenStream, position_edges
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks import TASK_DATA, TASKS
from seqwise.tasks.language_scoring import carried_bits, scored_bits
from seqwise.tasks.running_text import RunningText, repeated_lines
from seqwise.tasks.task_data import Request

TASK = TASKS["text-generation"]()
VOCABULARY, CONTEXT = 20, 12


def stream_of(count: int, seed: int = 0, context: int = CONTEXT) -> TokenStream:
    rng = np.random.default_rng(seed)
    ids = rng.integers(2, VOCABULARY, count).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(rng.integers(1, 6, count))])
    return TokenStream(ids, starts[:-1].astype(np.int64), np.zeros(count, np.float32), np.array([starts[-1], context]))


def model_of(mixer: str = "lstm", **changes) -> SeqwiseForCausalLM:
    torch.manual_seed(0)
    settings = {"vocab_size": VOCABULARY, "embedding_size": 8, "hidden_size": 16, "intermediate_size": 24, "layer_types": [mixer] * 2}
    model = SeqwiseForCausalLM(SeqwiseConfig(**{**settings, **changes})).double().eval()
    for parameter in model.parameters():
        parameter.data *= 3  # so that predictions differ
    return model


def one_by_one(model, ids, start, stop) -> list[float]:
    """Bits of tokens start + 1 to stop, the state beginning anew at start."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor(ids[start:stop]).long().unsqueeze(0), use_cache=False).logits[0].log_softmax(-1)
    return [-float(logits[i, ids[start + i + 1]]) / math.log(2) for i in range(stop - start)]


@pytest.mark.parametrize("mixer", ["rnn", "lstm", "gru", "attention"])
@pytest.mark.parametrize("count", [2, 12, 13, 14, 50, 61])
def test_each_token_is_scored_from_its_own_window(mixer, count):
    model, stream = model_of(mixer), stream_of(count)
    bits, positions = scored_bits(model, stream)
    assert bits[0] == pytest.approx(math.log2(VOCABULARY))
    stop = min(CONTEXT, count - 1)
    expected = one_by_one(model, stream.ids, 0, stop)
    start = CONTEXT // 2
    while stop < count - 1:
        new = min(start + CONTEXT, count - 1)
        expected += one_by_one(model, stream.ids, start, new)[stop - new :]
        stop, start = new, start + CONTEXT // 2
    np.testing.assert_allclose(bits[1:], expected, rtol=1e-5)
    assert positions.shape == (stream.units, len(position_edges(CONTEXT)) - 1)


@pytest.mark.parametrize("mixer", ["rnn", "lstm", "gru"])
def test_the_carried_state_sees_everything_before(mixer, monkeypatch):
    monkeypatch.setattr("seqwise.tasks.language_scoring.SEGMENTS", 1)
    model, stream = model_of(mixer), stream_of(90)
    np.testing.assert_allclose(carried_bits(model, stream)[1:], one_by_one(model, stream.ids, 0, 89), rtol=1e-5)


@pytest.mark.parametrize("count", [2, 3, 17, 90, 91, 160, 161])
def test_parts_read_side_by_side_score_every_token_once(count):
    model, stream = model_of(), stream_of(count)
    bits = carried_bits(model, stream)
    length = -(-(count - 1) // min(16, count - 1))
    for start in range(0, count - 1, length):
        stop = min(start + length, count - 1)
        np.testing.assert_allclose(bits[start + 1 : stop + 1], one_by_one(model, stream.ids, start, stop), rtol=1e-5)


def test_metrics_are_those_of_the_whole_text_and_units_add_up():
    stream = stream_of(700)
    outputs = TASK.outputs(model_of(), stream, final=True)
    found = TASK.metrics(outputs, stream.truth)
    total = scored_bits(model_of(), stream)[0].sum()
    assert found["bits_per_byte"] == pytest.approx(total / stream.bytes)
    assert found["loss"] == pytest.approx(total * math.log(2) / 700)
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))
    assert TASK.unit_scores(outputs, stream.truth).mean() == pytest.approx(found["bits_per_byte"])
    for name, values in TASK.describing_scores(outputs, stream.truth).items():
        assert values.mean() == pytest.approx(found[name])
    assert found["bits_per_byte_carried"] != found["bits_per_byte"]


def test_attention_and_hybrids_carry_no_state_through_the_text():
    stream = stream_of(60)
    for layers in (["attention"] * 2, ["lstm", "attention"]):
        outputs = TASK.outputs(model_of(layer_types=layers), stream, final=True)
        assert "bits_per_byte_carried" not in TASK.metrics(outputs, stream.truth)
        assert list(TASK.describing_scores(outputs, stream.truth)) == ["loss"]


def test_the_loss_by_position_is_that_of_the_windows():
    model, stream = model_of(), stream_of(200)
    outputs = TASK.outputs(model, stream, final=True)
    rows = TASK.breakdowns([outputs], [stream.truth], [stream.lengths], lambda scores: {"mean": float(scores[0].mean()), "ci95": None})
    found = {(row["from"], row["to"]): row for row in rows["by_position"]}
    starts = range(0, 199, CONTEXT // 2)
    first = [one_by_one(model, stream.ids, start, min(start + CONTEXT, 199))[0] for start in starts if start + CONTEXT // 2 < 199]
    assert found[0, 0]["predictions"] == len(first)
    assert found[0, 0]["mean"] == pytest.approx(np.mean(first), rel=1e-5)
    assert sum(row["predictions"] for row in rows["by_position"]) == stream.truth[:, 2:].sum()


def test_while_it_trains_windows_stand_side_by_side_and_nothing_is_told_by_position():
    model, stream = model_of(), stream_of(200)
    outputs = TASK.outputs(model, stream)
    alone = [one_by_one(model, stream.ids, start, min(start + CONTEXT, 199)) for start in range(0, 199, CONTEXT)]
    assert outputs[:, 0].sum() == pytest.approx(math.log2(VOCABULARY) + sum(map(sum, alone)) + stream.extra.sum(), rel=1e-5)
    assert TASK.breakdowns([outputs], [stream.truth], [stream.lengths], lambda _: {})["by_position"] == []


def test_a_diverged_replicate_leaves_out_what_it_lacks_and_crashes_nothing():
    stream = stream_of(400)
    good = TASK.outputs(model_of(layer_types=["lstm"], num_hidden_layers=1), stream, final=True)
    lost = np.column_stack([good[:, 0] + 1, np.full((len(good), good.shape[1] - 1), np.nan)])
    finals = Finals([], [good, lost, good], [stream.truth] * 3)
    data = TestData([stream.lengths] * 3, True, None)
    scores = model_scores(TASK, finals, data, np.random.default_rng(0))
    assert "bits_per_byte_carried" not in scores
    assert all(math.isfinite(score["mean"]) for score in scores.values())
    assert scores["bits_per_byte"]["per_replicate"][1] > scores["bits_per_byte"]["per_replicate"][0]
    rows = breakdowns(TASK, finals, data)["by_position"]
    assert rows == breakdowns(TASK, Finals([], [good, good], [stream.truth] * 2), TestData([stream.lengths] * 2, True, None))["by_position"]
    assert all(math.isfinite(row["mean"]) for row in rows)


def test_selection_takes_the_fewest_bits():
    assert TASK.selection_key({"bits_per_byte": 1.0}) > TASK.selection_key({"bits_per_byte": 1.1})


def test_the_feed_gives_windows_whose_loss_is_that_of_the_next_token():
    stream = stream_of(400)
    feed = TASK.feed(stream, stream_of(100, 1), batch_size=4, seed=0)
    batch = feed.batch(0)
    assert batch["input_ids"].shape == (4, CONTEXT)
    torch.testing.assert_close(batch["input_ids"][:, 1:], batch["labels"][:, :-1])
    loss = model_of()(**batch).loss
    assert loss.item() == pytest.approx(math.log(VOCABULARY), rel=0.5)
    assert set(feed.validate(model_of())) == {"bits_per_byte", "loss", "perplexity"}


def test_a_step_costs_the_same_tokens_again_and_ends_at_learned_positions():
    model = model_of("attention", position_embedding="learned", max_position_embeddings=16)
    with torch.inference_mode():
        step = TASK.answer(model, 15)
        torch.testing.assert_close(step(), step())
        assert TASK.answer(model, 16) is None
        recurrent = model_of()
        step, ids = TASK.answer(recurrent, 30), torch.arange(30).remainder(VOCABULARY)
        whole = recurrent(input_ids=torch.cat([ids, ids[-1:]]).unsqueeze(0), use_cache=False).logits[0, -1]
        for _ in range(2):
            torch.testing.assert_close(step()[0, -1], whole)


@pytest.fixture
def text(tmp_path):
    rng = np.random.default_rng(0)
    words = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree"]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(" ".join(rng.choice(words, 8)) for _ in range(900)))
    return path


def encoded(text, folder, **changes):
    data = RunningText()
    corpus = data.read(Request(source=str(text)))
    splits = data.split(corpus, replicates=2, seed=0).replicates[0]
    encoding = data.choose_encoding(corpus, splits, **{"tokenizer": "auto", "context": 16, **changes})
    facts = data.encode(corpus, splits, encoding, folder)
    return data, corpus, splits, facts


def test_replicates_share_one_encoding(text, tmp_path):
    data, _, splits, facts = encoded(text, tmp_path / "cache" / "replicate-0")
    encoded(text, tmp_path / "cache" / "replicate-1")
    for split in Split:
        places = [tmp_path / "cache" / f"replicate-{r}" / f"{split}.safetensors" for r in range(2)]
        assert places[0].samefile(places[1])
        assert data.examples.load(places[0]).bytes == len(splits.texts[split].encode())
    assert (facts.lengths == 16).all()


@pytest.mark.parametrize("name", list(TASK.baselines))
def test_baselines_answer_every_block_and_come_back(text, tmp_path, name):
    folder = tmp_path / "replicate-0"
    encoded(text, folder)
    fitted = TASK.fit_baseline(name, tmp_path, folder, 0)
    again = TASK.fit_baseline(name, tmp_path, folder, 0)
    scores = TASK.metrics(fitted.outputs, fitted.truth)
    assert 0 < scores["bits_per_byte"] < 8
    np.testing.assert_allclose(fitted.outputs, again.outputs)
    assert again.seconds == fitted.seconds, "the time to load it is not the time to fit it"
    assert set(fitted.validation) == {"bits_per_byte", "loss", "perplexity"}
    fitted.model.save(tmp_path / "saved")
    TASK.baselines[name].load(tmp_path / "saved")
    assert TASK.breakdowns([fitted.outputs], [fitted.truth], [np.array([16])], dict)["by_position"] == []


def test_the_ngram_model_beats_frequencies(text, tmp_path):
    folder = tmp_path / "replicate-0"
    encoded(text, folder)
    found = {name: TASK.fit_baseline(name, tmp_path, folder, 0) for name in ("unigram", "ngram")}
    bits = {name: TASK.metrics(fitted.outputs, fitted.truth)["bits_per_byte"] for name, fitted in found.items()}
    assert bits["ngram"] < 0.7 * bits["unigram"]


def test_a_short_text_and_options_of_labels_are_user_errors(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("a few words only\n" * 4)
    with pytest.raises(UserError, match=r"more than one window|too short"):
        encoded(path, tmp_path / "replicate-0", context=64)
    with pytest.raises(UserError, match="--target has no meaning"):
        TASK_DATA["text-generation"]().read(Request(source=str(path), target="x"))


def test_lines_that_stand_in_two_splits_are_counted():
    line = "a line that is long enough to be no chance at all"
    texts = {Split.TRAIN: f"{line}\nother\n", Split.VALIDATION: "x\n", Split.TEST: f"{line}\nother\nnew"}
    found = repeated_lines(texts)
    assert (found["test_in_train"], found["test_in_validation"]) == (1, 0)
    assert found["share_of_test"] == pytest.approx(len(line) / len(texts[Split.TEST]))
