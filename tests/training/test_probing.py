"""Training on probes, and what must stay at chance."""

import json

import numpy as np
import pytest
import torch

from seqwise.core.errors import UserError
from seqwise.models.config import SeqwiseConfig
from seqwise.models.mixers import MIXERS
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig
from seqwise.tasks.probes import PROBES
from seqwise.tasks.probes.probe import SEQUENCE
from seqwise.training import probing
from seqwise.training.probe_models import build_network, fitted
from seqwise.training.probing import (
    ProbeConfig,
    guess_weights,
    run_probe,
    scores_of,
    untrained,
)

SHORT = {"steps": 4, "batch_size": 8, "examples": 20, "evaluate_every": 2, "shortest": 2, "longest": 5, "test_lengths": (3, 8)}


def model(mixer="lstm", width=16, layers=1, kind=SeqwiseConfig, body="modern", **changes):
    sizes = {"embedding_size": 16, "hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers}
    return kind(layer_types=[mixer] * layers, body=body, **sizes, **changes)


def model_for(name, mixer="lstm", **changes):
    return model(mixer, kind=SeqwiseSeq2SeqConfig if PROBES[name]().answers == SEQUENCE else SeqwiseConfig, **changes)


def within_noise_of_chance(scores, examples, allowed=4.0):
    chance = scores["chance"]
    return abs(scores["accuracy"] - chance) <= allowed * (chance * (1 - chance) / examples) ** 0.5


@pytest.mark.parametrize("name", list(PROBES))
def test_every_probe_trains_and_gives_json(name):
    config = ProbeConfig(probe=name, **SHORT)
    result = run_probe(config, model_for(name, position_embedding="learned", max_position_embeddings=3), seed=0)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert (result["status"], result["steps"], result["solved_at"]) == ("ok", 4, None)
    assert [point["step"] for point in result["curve"]] == [0, 2, 4]
    assert [scores["length"] for scores in result["by_length"]] == [3, 8]
    assert PROBES[name]().score in result["by_length"][0]
    assert result["curve"][0] != result["curve"][2] | {"step": 0}


@pytest.mark.parametrize("mixer", list(MIXERS))
@pytest.mark.parametrize("name", ["cycle-navigation", "reverse"])
def test_every_mixer_can_be_probed(name, mixer):
    assert run_probe(ProbeConfig(probe=name, **SHORT), model_for(name, mixer), seed=0)["status"] == "ok"


def test_a_seed_gives_the_same_numbers_and_leaves_the_callers_alone():
    config, ticks = ProbeConfig(probe="parity", **SHORT), iter(range(99))
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    first, second = (run_probe(config, model(hidden_dropout=0.2), seed=3, clock=lambda: float(next(ticks))) for _ in range(2))
    after = torch.rand(3)
    torch.manual_seed(5)
    assert first == second
    assert first["seconds"] == 1.0
    assert torch.equal(after, torch.rand(3))
    assert torch.get_num_threads() == threads
    other = run_probe(config, model(hidden_dropout=0.2), seed=4)
    assert other["curve"] != first["curve"]


def test_examples_depend_neither_on_the_model_nor_on_how_long_it_trains(monkeypatch):
    class Recorder(torch.nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weight, self.seen = torch.nn.Parameter(torch.randn(width, 2)), {True: [], False: []}

        def forward(self, inputs, targets):
            self.seen[self.training].append((inputs, targets))
            return self.weight.mean(0).expand(len(targets), 2)

    recorders = [Recorder(width=3), Recorder(width=9)]
    made = iter(recorders)
    monkeypatch.setattr(probing, "build_network", lambda probe, settings: next(made))
    for steps in (2, 4):
        run_probe(ProbeConfig(**{"probe": "parity", **SHORT, "steps": steps}), model(), seed=0)
    (short, long) = (recorder.seen for recorder in recorders)
    assert [len(inputs) for inputs, _ in short[False]] == [8, 8, 4] * 4  # validated twice, tested at two lengths
    assert (len(short[True]), len(long[True])) == (2, 4)
    pairs = [*zip(short[True], long[True], strict=False), *zip(short[False][:6], long[False][:6], strict=True)]
    for one, other in [*pairs, *zip(short[False][-6:], long[False][-6:], strict=True)]:
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    assert not torch.equal(short[False][0][0], short[False][1][0])
    for one, other in zip(short[False][:3], short[False][3:6], strict=True):  # validation is the same each time
        assert torch.equal(one[0], other[0])


def test_scores_count_answers_and_whole_examples():
    targets = torch.tensor([[-100, 1, 0], [1, -100, 1]])
    outputs = torch.tensor([[0.0, 9.0], [0.0, 9.0], [0.0, 9.0], [0.0, 9.0]])
    scores = scores_of(outputs, targets)
    assert (scores["accuracy"], scores["exact"]) == (0.75, 0.5)
    assert scores["loss"] == pytest.approx(9 / 4, abs=1e-3)
    assert scores_of(torch.tensor([[1.0], [2.0]]), torch.tensor([0.0, 2.0])) == {"mse": 0.5}


@torch.no_grad()
def test_a_shown_answer_is_whole_exactly_where_a_written_one_is():
    """The greedy answer that generate writes, compared with the score of the answer that the decoder is shown."""
    probe = PROBES["sort"](alphabet=2)
    config = fitted(model_for("sort", width=32), probe, 3)
    torch.manual_seed(0)
    network = build_network(probe, config)
    optimizer, rng = torch.optim.Adam(network.parameters(), lr=1e-2), np.random.default_rng(0)
    with torch.enable_grad():
        for _ in range(12):
            inputs, targets = map(torch.from_numpy, probe.generate(rng, 32, 3))
            torch.nn.functional.cross_entropy(network(inputs, targets), targets.flatten()).backward()
            optimizer.step()
            optimizer.zero_grad()
    network.eval()
    inputs, targets = map(torch.from_numpy, probe.generate(rng, 200, 3))
    written = network.model.generate(inputs, max_new_tokens=4, min_new_tokens=4, do_sample=False, eos_token_id=None)[:, 1:]
    exact = scores_of(network(inputs, targets), targets)["exact"]
    assert 0 < exact < 1
    assert exact == pytest.approx(float((written == targets).all(1).float().mean()))


@pytest.mark.parametrize("name", ["parity", "cycle-navigation", "s3-composition", "recall", "copying"])
def test_an_untrained_model_is_at_chance(name):
    config = ProbeConfig(probe=name, shortest=2, longest=12, test_lengths=(12,), examples=1000)
    result = untrained(config, model(), seed=1)
    assert (result["steps"], len(result["curve"]), result["solved_at"]) == (0, 1, None)
    assert within_noise_of_chance(result["by_length"][0], 1000, allowed=5)


def test_guessing_weights_solves_nothing_here_and_takes_the_best_on_validation():
    config = ProbeConfig(probe="parity", longest=12, test_lengths=(12,), examples=1000)
    tried = [guess_weights(config, model("rnn"), tries=tries, seed=2, scale=3.0) for tries in (1, 10)]
    assert [result["tries"] for result in tried] == [1, 10]
    assert tried[0]["validation"]["accuracy"] <= tried[1]["validation"]["accuracy"]
    assert not tried[1]["solved"]
    assert within_noise_of_chance(tried[1]["by_length"][0], 1000)
    assert json.loads(json.dumps(tried[1], allow_nan=False)) == tried[1]


def test_guessing_weights_solves_what_is_so_easy():
    """Which of two bits was one, asked of short sequences, falls to a lucky readout: the control can tell."""
    config = ProbeConfig(probe="even-pairs", shortest=2, longest=2, test_lengths=(2,), examples=64)
    result = guess_weights(config, model("rnn", width=8, body="classic"), tries=200, seed=0, scale=3.0)
    assert result["solved"]
    assert result["by_length"][0]["accuracy"] == 1.0


PARITY = ProbeConfig(probe="parity", longest=10, test_lengths=(10, 20, 40), steps=400, stop_when_solved=True)


@pytest.mark.slow
def test_an_lstm_learns_parity_at_lengths_it_has_not_seen():
    result = run_probe(PARITY, model(width=64, body="classic"), seed=0)
    assert 0 < result["solved_at"] == result["steps"] == result["curve"][-1]["step"] < 400
    assert min(scores["accuracy"] for scores in result["by_length"]) > 0.95


@pytest.mark.slow
def test_with_the_answers_of_others_nothing_is_learned():
    result = run_probe(PARITY.replace(shuffled=True), model(width=64, body="classic"), seed=0)
    assert (result["solved_at"], result["steps"]) == (None, 400)
    assert all(within_noise_of_chance(scores, PARITY.examples) for scores in result["by_length"])


def test_shuffled_answers_reach_the_model():
    """Of two bits the first is copied at once; with the answers of others it is not."""
    config = ProbeConfig(
        probe="copying", settings={"symbols": 1, "alphabet": 2}, longest=2, test_lengths=(2,), steps=60, learning_rate=1e-2
    )
    assert run_probe(config, model(), seed=0)["by_length"][0]["accuracy"] == 1.0
    assert run_probe(config.replace(shuffled=True), model(), seed=0)["by_length"][0]["accuracy"] < 0.8


@pytest.mark.parametrize(("name", "key"), [("adding", "mse"), ("parity", "loss")])
def test_a_diverged_training_is_told_and_scores_nothing(name, key):
    config = ProbeConfig(probe=name, **SHORT).replace(learning_rate=1e30, warmup=0.0, decay=0.0, gradient_clip=1e30)
    result = run_probe(config, model("rnn", body="classic"), seed=0)
    assert (result["status"], result["solved_at"], result["by_length"]) == ("diverged", None, [])
    assert all(np.isfinite(point[key]) for point in result["curve"])


def test_without_test_lengths_there_is_the_curve_alone():
    result = run_probe(ProbeConfig(**{"probe": "parity", **SHORT, "test_lengths": ()}), model(), seed=0)
    assert (result["by_length"], len(result["curve"])) == ([], 3)


def test_settings_of_a_probe():
    config = ProbeConfig(probe="copying", settings={"symbols": 2, "alphabet": 4}, **SHORT)
    assert run_probe(config, model(), seed=0)["by_length"][0]["chance"] == 1 / 4
    assert ProbeConfig.from_dict(json.loads(json.dumps(config.to_dict()))).built().chance(3) == 1 / 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probe": "paritty"}, "did you mean 'parity'"),
        ({"probe": "even-pairs", "shortest": 1}, "cannot have lengths from 1 to 5"),
        ({"probe": "recall", "test_lengths": (8, 33)}, "expected: lengths from 1 to 32"),
        ({"shortest": 6}, "the shortest first"),
        ({"steps": -1}, "steps is -1"),
        ({"evaluate_every": 0}, "evaluate_every is 0"),
    ],
)
def test_what_cannot_be_asked(changes, said):
    with pytest.raises(UserError, match=said):
        run_probe(ProbeConfig(**{"probe": "parity", **SHORT, **changes}), model(), seed=0)


def test_the_kind_of_model_goes_with_the_probe():
    with pytest.raises(UserError, match="expected: a SeqwiseSeq2SeqConfig"):
        run_probe(ProbeConfig(probe="reverse", **SHORT), model(), seed=0)
    with pytest.raises(UserError, match="expected: a SeqwiseConfig"):
        run_probe(ProbeConfig(probe="parity", **SHORT), model_for("reverse"), seed=0)
    with pytest.raises(UserError, match="tries is 0"):
        guess_weights(ProbeConfig(probe="parity", **SHORT), model(), tries=0, seed=0)
