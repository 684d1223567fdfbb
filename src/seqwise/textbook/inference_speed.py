"""Inference speed: one more token after ever more context, a whole text at once, and what has to be kept meanwhile."""

import copy
import itertools
import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.sizes import language_model
from seqwise.models.accounting import state_bytes
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.state import SeqwiseCache
from seqwise.report import numbers
from seqwise.report.document import Block, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import exactly, median_of, ratio_of_medians
from seqwise.textbook.pictures import TIMES, lines, timed

MODELS = ("rnn", "lstm", "gru", "transformer")
STYLES = {name: Style(index, index, "7 4" if name == "transformer" else "") for index, name in enumerate(MODELS)}
SIZE, VOCABULARY, CHUNK, TOKENS = 1_000_000, 4_096, 512, 4
SHORT, MIDDLE, LONG = 16, 1_024, 4_096
CONTEXTS = {"smoke": (SHORT, 256, MIDDLE, LONG), "standard": (SHORT, 64, 256, MIDDLE, LONG), "long": (SHORT, 64, 256, MIDDLE, LONG, 16_384)}
ROUNDS = {"smoke": 9, "standard": 30, "long": 30}
AT_ONCE = 256
"""Tokens of a text that is read at once."""


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
    cache, token = copy.deepcopy(state), torch.ones(1, 1, dtype=torch.long)
    for step in range(tokens + 1):
        if step == 1:
            begun = time.perf_counter()
        token = model(token, past_key_values=cache, logits_to_keep=1).logits[:, -1:].argmax(-1)
    return 1000 * (time.perf_counter() - begun) / tokens


@torch.inference_mode()
def text_milliseconds(model: SeqwiseForCausalLM, ids: torch.Tensor) -> float:
    begun = time.perf_counter()
    model(ids, use_cache=False, logits_to_keep=1)
    return 1000 * (time.perf_counter() - begun)


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
            effect=f"time of the LSTM over that of the Transformer, {AT_ONCE} tokens at once",
            unit="times",
            threshold=1.0,
            pilot_seen=True,
        ),
        Clause(
            statement="The next token, too, comes faster from the Transformer",
            scope="this CPU",
            effect=f"time of the LSTM over that of the Transformer, after {MIDDLE:,} tokens",
            unit="times",
            threshold=1.0,
            pilot_seen=True,
        ),
        Clause(
            statement="The Transformer stays as fast as the context grows",
            scope="this CPU",
            effect=f"time of a token after {LONG:,} over that after {SHORT}, Transformer",
            unit="times",
            threshold=2.0,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="An LSTM's next token costs the same after any context",
            scope="this CPU",
            effect=f"time of a token after {LONG:,} over that after {SHORT}, LSTM",
            unit="times",
            threshold=(0.8, 1.25),
            direction="within",
            pilot_seen=True,
        ),
        Clause(
            statement="What an LSTM keeps does not grow with the context",
            scope="exact",
            effect=f"bytes of state after {LONG:,} tokens over those after {SHORT}",
            unit="times",
            threshold=(1.0, 1.0),
            direction="within",
            pilot_seen=True,
        ),
        Clause(
            statement="What a Transformer keeps is its keys and values: 2 x layers x width x 4 bytes for every token",
            scope="exact",
            effect="largest relative deviation of the bytes of the cache from that formula",
            unit="",
            threshold=1e-12,
            direction="below",
            pilot_seen=True,
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
            value="48K tokens/s recurrent against 0.8K Transformer (60 times), WikiText-103", source="Gu et al. 2022 (S4), arXiv:2111.00396"
        ),
        Published(
            value="4 to 5 times the throughput of a Transformer of its size (A100)", source="Gu & Dao 2023 (Mamba), arXiv:2312.00752"
        ),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 150.0, "long": 600.0}
    alone = True

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [Experiment(part="decode", settings={"contexts": list(CONTEXTS[tier]), "rounds": ROUNDS[tier]})]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        """Milliseconds (rounds,) of every model at every context, interleaved, the order turned; bytes kept."""
        contexts, rounds = experiment.settings["contexts"], experiment.settings["rounds"]
        torch.manual_seed(experiment.seed)
        ids = torch.randint(1, VOCABULARY, (1, max(contexts)))
        models = {name: untrained(name) for name in MODELS}
        states = {name: states_after(model, contexts, ids) for name, model in models.items()}
        cells = [(name, context) for context in contexts for name in MODELS]
        token = {name: {str(context): [] for context in contexts} for name in MODELS}
        text: dict[str, list[float]] = {name: [] for name in MODELS}
        for turn in range(rounds):
            for name, context in cells if turn % 2 else cells[::-1]:
                token[name][str(context)].append(token_milliseconds(models[name], states[name][context]))
            for name in MODELS if turn % 2 else MODELS[::-1]:
                text[name].append(text_milliseconds(models[name], ids[:, :AT_ONCE]))
        kept = {name: {str(context): bytes_kept(state) for context, state in found.items()} for name, found in states.items()}
        closed = {str(context): state_bytes(models["transformer"].config, context) for context in contexts}
        return {"token": token, "text": text, "bytes": kept, "closed": closed}

    def judge(self, results: Sequence[Result]) -> Judged:
        if not results:
            return Judged([None] * len(self.clauses), (), "nothing was measured")
        (_, found), *_ = results
        rng, token, kept = np.random.default_rng(0), found["token"], found["bytes"]
        over = lambda a, b: ratio_of_medians(a, b, rng=rng)  # noqa: E731
        closed = max(abs(kept["transformer"][context] / value - 1) for context, value in found["closed"].items())
        estimates = [
            over(found["text"]["lstm"], found["text"]["transformer"]),
            over(token["lstm"][str(MIDDLE)], token["transformer"][str(MIDDLE)]),
            over(token["transformer"][str(LONG)], token["transformer"][str(SHORT)]),
            over(token["lstm"][str(LONG)], token["lstm"][str(SHORT)]),
            exactly(kept["lstm"][str(LONG)] / kept["lstm"][str(SHORT)]),
            exactly(closed),
            None,
        ]
        measured = [
            Measured(model=name, quantity="next token", unit="ms", estimate=median_of(values, rng=rng), at={"context": int(context)})
            for name, rows in token.items()
            for context, values in rows.items()
        ]
        measured += [
            Measured(model=name, quantity="a text at once", unit="ms", estimate=median_of(values, rng=rng), at={"tokens": AT_ONCE})
            for name, values in found["text"].items()
        ]
        measured += [
            Measured(model=name, quantity="state kept", unit="bytes", estimate=exactly(count), at={"context": int(context)})
            for name, rows in kept.items()
            for context, count in rows.items()
        ]
        short, long = ({name: float(np.median(token[name][str(context)])) for name in MODELS} for context in (SHORT, LONG))
        summary = (
            f"The next token takes {short['lstm']:.2f} ms from the LSTM and {short['transformer']:.2f} from the"
            f" Transformer after {SHORT} tokens,"
            f" {long['lstm']:.2f} and {long['transformer']:.2f} after {LONG:,}; {AT_ONCE} tokens at once take the LSTM"
            f" {estimates[0].value:.2f} times as long."
        )
        cells = {name: f"{short[name]:.2g} ms a token, {long[name]:.2g} after {LONG:,}" for name in ("rnn", "lstm", "transformer")}
        return Judged(estimates, measured, summary, {"Inference speed": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Milliseconds per token against context."""
        if not results:
            return ()
        (_, found), *_ = results
        drawn = {name: timed({int(n): values for n, values in rows.items()}, "at context") for name, rows in found["token"].items()}
        axes = Axis("tokens of context", numbers.count, log=True), Axis("milliseconds per token", numbers.number, log=True)
        return lines("The next token, by context", drawn, STYLES, axes, TIMES)
