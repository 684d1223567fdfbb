"""Inference speed: one more token after ever more context, a whole text at once, and what has to be kept meanwhile."""

import copy
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.sizes import language_model
from seqwise.models.accounting import state_bytes
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.state import SeqwiseCache
from seqwise.report import numbers
from seqwise.report.document import Block, Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import RESAMPLES, exactly, median_of, ratio_of_medians
from seqwise.textbook.pictures import TIMES, lines, timed
from seqwise.textbook.timing import ALL, GPU, ONE, placed, seconds_now, with_gpu

MODELS = ("rnn", "lstm", "gru", "transformer")
STYLES = {name: Style(index, index, "7 4" if name == "transformer" else "") for index, name in enumerate(MODELS)}
SIZE, VOCABULARY, CHUNK, TOKENS = 1_000_000, 4_096, 512, 4
SHORT, MIDDLE, LONG = 16, 1_024, 4_096
CONTEXTS = {"smoke": (SHORT, 256, MIDDLE, LONG), "standard": (SHORT, 64, 256, MIDDLE, LONG), "long": (SHORT, 64, 256, MIDDLE, LONG, 16_384)}
TEXTS = {"smoke": (256,), "standard": (64, 256, 1_024), "long": (64, 256, 1_024, 4_096)}
"""Tokens of a text that is read at once."""
ROUNDS = {"smoke": 9, "standard": 30, "long": 30}
AT_ONCE = 256
Samples = Mapping[int, Sequence[float]]
"""Milliseconds of the rounds, by context."""


def untrained(name: str, vocab_size: int = VOCABULARY) -> SeqwiseForCausalLM:
    """A language model of a million parameters without embeddings: what it says is of no matter to what it costs."""
    (contender,) = parse_contenders((name,))
    return SeqwiseForCausalLM(language_model(contender, SIZE, vocab_size=vocab_size, context=max(CONTEXTS["long"]))).eval()


@torch.inference_mode()
def states_after(model: SeqwiseForCausalLM, contexts: Sequence[int], ids: torch.Tensor) -> dict[int, SeqwiseCache]:
    """The state after every context, of one text (1, T) that is read in chunks."""
    stops = sorted({*contexts, *range(CHUNK, max(contexts), CHUNK)})
    cache, found = None, {}
    for start, stop in itertools.pairwise([0, *stops]):
        cache = model(ids[:, start:stop], past_key_values=cache, use_cache=True, logits_to_keep=1).past_key_values
        if stop in contexts:
            found[stop] = copy.deepcopy(cache)
    return found


@torch.inference_mode()
def token_milliseconds(model: SeqwiseForCausalLM, state: SeqwiseCache, tokens: int = TOKENS) -> float:
    """Greedy, batch 1, mean of so many tokens after one that is not counted. The state stays as it is."""
    cache, token = copy.deepcopy(state), torch.ones(1, 1, dtype=torch.long, device=model.device)
    for step in range(tokens + 1):
        if step == 1:
            begun = seconds_now(model.device)
        token = model(token, past_key_values=cache, logits_to_keep=1).logits[:, -1:].argmax(-1)
    return 1000 * (seconds_now(model.device) - begun) / tokens


@torch.inference_mode()
def text_milliseconds(model: SeqwiseForCausalLM, ids: torch.Tensor) -> float:
    begun = seconds_now(model.device)
    model(ids, use_cache=False, logits_to_keep=1)
    return 1000 * (seconds_now(model.device) - begun)


def crossover(slower: Mapping[int, float], faster: Mapping[int, float]) -> float | str:
    """The context beyond which ``slower`` costs more throughout; between two contexts by linear interpolation in log context."""
    contexts = sorted(slower)
    excess = [slower[context] - faster[context] for context in contexts]
    last = max((i for i, value in enumerate(excess) if value <= 0), default=-1)
    if last == -1:
        return f"below {contexts[0]}"
    if last == len(contexts) - 1:
        return f"above {contexts[-1]}"
    share = -excess[last] / (excess[last + 1] - excess[last])
    return math.exp((1 - share) * math.log(contexts[last]) + share * math.log(contexts[last + 1]))


def crossover_of_medians(slower: Samples, faster: Samples, *, rng: np.random.Generator) -> Estimate:
    """With a percentile bootstrap over rounds; no interval where one lies outside of the contexts."""
    contexts = sorted(slower)
    times = np.array([[found[context] for context in contexts] for found in (slower, faster)])
    rounds = times.shape[-1]

    def of(medians: np.ndarray) -> float | str:
        return crossover(*(dict(zip(contexts, values.tolist(), strict=True)) for values in medians))

    value = of(np.median(times, axis=-1))
    if isinstance(value, str):
        return Estimate(None, samples=rounds, why=value)
    drawn = np.median(times[:, :, rng.integers(rounds, size=(RESAMPLES, rounds))], axis=-1)
    each = [of(drawn[:, :, i]) for i in range(RESAMPLES)]
    if rounds < 5 or any(isinstance(one, str) for one in each):
        return Estimate(value, samples=rounds, why="too few rounds, or some have their crossover outside of the contexts")
    return Estimate(value, *(float(end) for end in np.quantile(each, (0.025, 0.975))), rounds)


def bytes_kept(cache: SeqwiseCache) -> int:
    """Of the numbers in the states of all layers; which columns are padding takes a byte more each, in attention."""
    return sum(tensor.numel() * tensor.element_size() for state in cache.states for tensor in state if tensor.is_floating_point())


class InferenceSpeed(Claim):
    id = "inference-speed"
    source = "reason 1; table row: inference speed"
    statement = "Inference is slow in RNNs and LSTMs, token by token, and fast in Transformers."
    clauses = (
        Clause(
            statement="A whole text is read faster by a Transformer than by an LSTM of its size",
            scope="this CPU",
            effect=f"time of the LSTM over that of the Transformer, {AT_ONCE} tokens at once, all cores",
            unit="times",
            threshold=1.0,
            pilot_seen=True,
        ),
        Clause(
            statement="The next token, too, comes faster from the Transformer",
            scope="this CPU",
            effect=f"time of the LSTM over that of the Transformer, after {MIDDLE:,} tokens, all cores",
            unit="times",
            threshold=1.0,
            pilot_seen=True,
        ),
        Clause(
            statement="The Transformer stays as fast as the context grows",
            scope="this CPU",
            effect=f"time of a token after {LONG:,} over that after {SHORT}, all cores; Transformer, keys and values copied each time",
            unit="times",
            threshold=2.0,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="An LSTM's next token costs the same after any context",
            scope="this CPU",
            effect=f"time of a token after {LONG:,} over that after {SHORT}, all cores; LSTM",
            unit="times",
            threshold=(0.8, 1.25),
            direction="within",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="What an LSTM keeps does not grow with the context",
            scope="exact",
            effect=f"bytes of state after {LONG:,} tokens over those after {SHORT}",
            unit="times",
            threshold=(1.0, 1.0),
            direction="within",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="What a Transformer keeps is its keys and values: 2 x layers x width x 4 bytes for every token",
            scope="exact",
            effect="largest relative deviation of the bytes of the cache from that formula",
            unit="",
            threshold=1e-12,
            direction="below",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="With a GPU the Transformer's next token is faster than the LSTM's",
            scope="this GPU",
            effect=f"time of the LSTM over that of the Transformer, after {MIDDLE:,} tokens",
            unit="times",
            threshold=1.0,
        ),
    )
    published = (
        Published(
            value="48K tokens/s recurrent against 0.8K Transformer (60 times), WikiText-103",
            source="Gu et al. 2022 (S4), arXiv:2111.00396",
            read=False,
            clauses=(1,),
        ),
        Published(
            value="4 to 5 times the throughput of a Transformer of its size (A100)",
            source="Gu & Dao 2023 (Mamba), arXiv:2312.00752",
            read=False,
            clauses=(1,),
        ),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 240.0, "long": 900.0}
    alone = True

    def experiments(self, tier: str) -> Iterable[Experiment]:
        settings = {"contexts": list(CONTEXTS[tier]), "texts": list(TEXTS[tier]), "rounds": ROUNDS[tier]}
        return [Experiment(part="decode", settings={"on": place, **settings}) for place in with_gpu(ALL, ONE)]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        """Milliseconds (rounds,) of every model at every context and text, interleaved, the order turned; bytes kept."""
        contexts, texts, rounds = (experiment.settings[key] for key in ("contexts", "texts", "rounds"))
        torch.manual_seed(experiment.seed)
        with placed(experiment.settings["on"]) as device:
            ids = torch.randint(1, VOCABULARY, (1, max(*contexts, *texts))).to(device)
            models = {name: untrained(name).to(device) for name in MODELS}
            states = {name: states_after(model, contexts, ids) for name, model in models.items()}
            token = {name: {str(context): [] for context in contexts} for name in MODELS}
            text: dict[str, dict[str, list[float]]] = {name: {str(count): [] for count in texts} for name in MODELS}
            for turn in range(rounds):
                for name, context in _cells(contexts, turn):
                    token[name][str(context)].append(token_milliseconds(models[name], states[name][context]))
                for name, count in _cells(texts, turn):
                    text[name][str(count)].append(text_milliseconds(models[name], ids[:, :count]))
            threads = torch.get_num_threads()
        kept = {name: {str(context): bytes_kept(state) for context, state in found.items()} for name, found in states.items()}
        closed = {str(context): state_bytes(models["transformer"].config, context) for context in contexts}
        return {"token": token, "text": text, "bytes": kept, "closed": closed, "threads": threads}

    def judge(self, results: Sequence[Result]) -> Judged:
        if not results:
            return Judged([None] * len(self.clauses), (), "nothing was measured")
        rng, by_place = np.random.default_rng(0), _by_place(results)
        (_, anywhere), *_ = results
        kept, here = anywhere["bytes"], by_place.get(ALL)
        closed = max(abs(kept["transformer"][context] / value - 1) for context, value in anywhere["closed"].items())
        estimates = [
            here and _over(here["text"], ("lstm", AT_ONCE), ("transformer", AT_ONCE), rng),
            here and _over(here["token"], ("lstm", MIDDLE), ("transformer", MIDDLE), rng),
            here and _over(here["token"], ("transformer", LONG), ("transformer", SHORT), rng),
            here and _over(here["token"], ("lstm", LONG), ("lstm", SHORT), rng),
            exactly(kept["lstm"][str(LONG)] / kept["lstm"][str(SHORT)]),
            exactly(closed),
            _over(by_place[GPU]["token"], ("lstm", MIDDLE), ("transformer", MIDDLE), rng) if GPU in by_place else None,
        ]
        measured = [one for place, found in by_place.items() for one in _measured(place, found, rng)]
        measured += [
            Measured(model=name, quantity="state kept", unit="bytes", estimate=exactly(count), at={"context": int(context)})
            for name, rows in kept.items()
            for context, count in rows.items()
        ]
        if here is None:
            return Judged(estimates, measured, f"{len(measured)} measurements, none of them on all cores")
        short, long = ({name: float(np.median(here["token"][name][str(context)])) for name in MODELS} for context in (SHORT, LONG))
        crossing = _crossing(here, "lstm", rng)
        where = crossing.why if crossing.value is None else f"{crossing.value:,.0f}"
        threads = numbers.plural(here["threads"], "thread")
        summary = (
            f"On {threads} the next token takes {short['lstm']:.2f} ms from the LSTM and {short['transformer']:.2f} from the Transformer"
            f" after {SHORT} tokens, {long['lstm']:.2f} and {long['transformer']:.2f} after {LONG:,}; the Transformer is slower from a"
            f" context of {where} tokens on. {AT_ONCE} tokens at once take the LSTM {estimates[0].value:.2f} times as long."
            f" Keys and values are copied for every token here, which is part of what a long context costs."
        )
        cells = {
            name: f"{short[name]:.2g} ms a token, {long[name]:.2g} after {LONG:,} (CPU, {threads})"
            for name in ("rnn", "lstm", "transformer")
        }
        return Judged(estimates, measured, summary, {"Inference speed": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Milliseconds per token against context, and of a text against its length."""
        figures: list[Block] = []
        for place, found in _by_place(results).items():
            figures += _figure(f"The next token, by context, {place}", "tokens of context", "milliseconds per token", found["token"])
            figures += _figure(f"A text at once, by length, {place}", "tokens of a text", "milliseconds per text", found["text"])
        return tuple(figures)


def _cells(counts: Sequence[int], turn: int) -> list[tuple[str, int]]:
    """Every model at every count, backwards in every other round."""
    cells = [(name, count) for count in counts for name in MODELS]
    return cells if turn % 2 else cells[::-1]


def _by_place(results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    return {experiment.settings["on"]: found for experiment, found in results}


def _over(times: Mapping[str, Any], first: tuple[str, int], second: tuple[str, int], rng: np.random.Generator) -> Estimate:
    """How many times as long one model takes at one count as another at another."""
    return ratio_of_medians(*(times[name][str(count)] for name, count in (first, second)), rng=rng)


def _samples(found: Mapping[str, Any], name: str) -> Samples:
    return {int(context): times for context, times in found["token"][name].items()}


def _crossing(found: Mapping[str, Any], name: str, rng: np.random.Generator) -> Estimate:
    """The context from which on the Transformer's next token takes longer than that of another model."""
    return crossover_of_medians(_samples(found, "transformer"), _samples(found, name), rng=rng)


def _measured(place: str, found: Mapping[str, Any], rng: np.random.Generator) -> Iterator[Measured]:
    """Times of one place; the names of those on all cores are bare."""
    where = "" if place == ALL else f", {place}"
    for what, quantity, count in (("token", "next token", "context"), ("text", "a text at once", "tokens")):
        for name, rows in found[what].items():
            for n, times in rows.items():
                estimate = median_of(times, rng=rng)
                yield Measured(model=name, quantity=quantity + where, unit="ms", estimate=estimate, at={count: int(n)})
    for name in MODELS[:-1]:
        quantity, estimate = f"context from which a Transformer is slower{where}", _crossing(found, name, rng)
        yield Measured(model=name, quantity=quantity, unit="tokens", estimate=estimate)


def _figure(title: str, label: str, what: str, times: Mapping[str, Any]) -> tuple[Figure, ...]:
    """One line a model; none where there is but one point."""
    drawn = {name: timed({int(n): values for n, values in rows.items()}, "at") for name, rows in times.items() if len(rows) > 1}
    axes = Axis(label, numbers.count, log=True), Axis(what, numbers.number, log=True)
    return lines(title, drawn, STYLES, axes, TIMES)
