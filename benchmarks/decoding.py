"""What one more token costs at growing context: milliseconds and bytes, and from where on a Transformer is slower than an LSTM.

usage: python benchmarks/decoding.py [--quick] [--no-gate] [--out runs/evidence]
"""

import copy
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from figures import Bench, Figure, Findings, median
from gate import NO_GATE, require_gate, run_alone

from seqwise.models.accounting import count_parameters, state_bytes
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.state import SeqwiseCache
from seqwise.textbook.inference_speed import crossover, states_after, token_milliseconds, untrained

MODELS = ("rnn", "lstm", "gru", "transformer")
VOCABULARY = 8_000
CONTEXTS = (16, 64, 256, 1024, 4096, 16384)
TOKENS = 8
"""Generated tokens that are timed together; the context grows by so many meanwhile."""
SEARCHES = {"greedy": {}, "beam": {"num_beams": 4}}
PROMPTS = (40, 17, 5, 1)

Samples = dict[int, list[float]]
"""Milliseconds per token, by context."""


def model_of(name: str, seed: int) -> SeqwiseForCausalLM:
    """The language model of ``--size 1m``, with the rotary positions that any context is within."""
    torch.manual_seed(seed)
    return untrained(name, VOCABULARY)


def random_tokens(count: int, seed: int) -> torch.Tensor:
    return torch.randint(1, VOCABULARY, (1, count), generator=torch.Generator().manual_seed(seed))


def changed_texts(model: SeqwiseForCausalLM, prompts: Sequence[torch.Tensor], new: int, **search: int) -> dict[str, int]:
    """How many texts are other ones without the state, and how many in one left-padded batch; in float64, where no tie decides."""
    model, width = copy.deepcopy(model).double(), max(prompt.shape[1] for prompt in prompts)
    settings = {"max_new_tokens": new, "do_sample": False, **search}

    def say(ids: torch.Tensor, **more: torch.Tensor | bool) -> torch.Tensor:
        return model.generate(ids, **settings, **more)[:, -new:]

    ids = torch.cat([torch.nn.functional.pad(prompt, (width - prompt.shape[1], 0)) for prompt in prompts])
    alone = torch.cat([say(prompt) for prompt in prompts])
    others = {
        "without the state": torch.cat([say(prompt, use_cache=False) for prompt in prompts]),
        "in a left-padded batch": say(ids, attention_mask=(ids != 0).long()),
    }
    return {what: int((texts != alone).any(1).sum()) for what, texts in others.items()}


def correctness(models: Mapping[str, SeqwiseForCausalLM], new: int, seed: int) -> list[Figure]:
    prompts = [random_tokens(length, seed + length) for length in PROMPTS]
    figures = []
    for (name, model), (search, settings) in itertools.product(models.items(), SEARCHES.items()):
        for what, count in changed_texts(model, prompts, new, **settings).items():
            figures.append(Figure(name=f"{name}, {search}: texts changed {what}", value=count, samples=len(prompts), wanted="<= 0"))
    return figures


def measure(models: Mapping[str, SeqwiseForCausalLM], states: Mapping[str, dict[int, SeqwiseCache]], rounds: int) -> dict[str, Samples]:
    """Interleaved: every model at every context once a round, the order turned."""
    found: dict[str, Samples] = {name: {context: [] for context in states[name]} for name in models}
    cells = [(name, context) for context in states[MODELS[0]] for name in models]
    for turn in range(rounds):
        for name, context in cells if turn % 2 else cells[::-1]:
            found[name][context].append(token_milliseconds(models[name], states[name][context], TOKENS))
    return found


def crossover_figure(transformer: Samples, other: Samples, name: str) -> Figure:
    """Of the medians; the interval is that of single rounds, where each has a crossover."""
    value = crossover(*({context: float(np.median(values)) for context, values in samples.items()} for samples in (transformer, other)))
    rounds = range(len(transformer[min(transformer)]))
    each = [crossover(*({c: values[i] for c, values in samples.items()} for samples in (transformer, other))) for i in rounds]
    interval = None if any(isinstance(x, str) for x in each) else tuple(float(x) for x in np.quantile(each, (0.1, 0.9)))
    spread = interval and "10-90 % of samples"
    return Figure(
        name=f"transformer slower than {name}, from context",
        value=value,
        unit="tokens",
        interval=interval,
        spread=spread,
        samples=len(each),
    )


def carried(cache: SeqwiseCache, *, floats: bool = False) -> int:
    """Bytes of all tensors of a state, or of its floats alone: masks and counts of tokens are the rest."""
    tensors = itertools.chain(*cache.states, cache.tokens.state)
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor.is_floating_point() or not floats)


def memory(models: Mapping[str, SeqwiseForCausalLM], states: Mapping[str, dict[int, SeqwiseCache]]) -> list[Figure]:
    figures = []
    for name, model in models.items():
        for context, cache in states[name].items():
            figures.append(Figure(name=f"{name}, context {context}: state", value=carried(cache), unit="bytes"))
        beyond = max(abs(carried(cache, floats=True) - state_bytes(model.config, context)) for context, cache in states[name].items())
        figures.append(Figure(name=f"{name}: floats of the state that state_bytes misses", value=beyond, unit="bytes", wanted="<= 0"))
    return figures


def decoding(bench: Bench, *, gated: bool = True) -> Findings:
    """One thread, batch 1, the model's own step: the loop of ``generate`` around it is not counted.

    Keys and values grow by concatenation, a copy per token, as in the Hugging Face library's ``DynamicCache``. Raises
    :class:`~figures.Skipped` where the conformance tests fail.
    """
    gate = require_gate(bench) if gated else NO_GATE
    torch.set_num_threads(1)
    contexts, rounds = bench.choose(CONTEXTS, CONTEXTS[:3]), bench.choose(15, 3)
    models = {name: model_of(name, bench.seed) for name in MODELS}
    figures = correctness(models, bench.choose(24, 6), bench.seed)
    states = {name: states_after(model, contexts, random_tokens(max(contexts), bench.seed)) for name, model in models.items()}
    found = measure(models, states, rounds)
    for context in contexts:
        figures += [median(f"{name}, context {context}: one more token", found[name][context], "ms") for name in models]
    figures += [crossover_figure(found["transformer"], found[name], name) for name in MODELS[:3]]
    count = lambda config: count_parameters(config, vocabulary_head=True).non_embedding  # noqa: E731
    sizes = {name: {"parameters": count(model.config), "width": model.config.hidden_size} for name, model in models.items()}
    accounted = {name: {context: state_bytes(model.config, context) for context in contexts} for name, model in models.items()}
    return Findings([*figures, *memory(models, states)], {"gate": gate, "milliseconds": found, "models": sizes, "state_bytes": accounted})


if __name__ == "__main__":
    run_alone(__doc__, {"decoding": decoding})
