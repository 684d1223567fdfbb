"""Probes of memory: how long something is kept, and how much of it."""

import numpy as np

from seqwise.tasks.probes.probe import EACH, LAST, UNASKED, Probe

Examples = tuple[np.ndarray, np.ndarray]


def adding() -> Probe:
    """The sum of the two marked among ``length`` numbers from [0, 1); one mark stands in each half. Channels: number, mark.

    Hochreiter & Schmidhuber 1997, with the target as Le et al. 2015 (arXiv:1504.00941) and later papers take it. Who always says 1 has an
    error of Var(U + U) = 1/6. Solved from an error of 0.01.
    """

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        inputs = np.zeros((count, length, 2), np.float32)
        inputs[..., 0] = rng.random((count, length))
        rows, half = np.arange(count), length // 2
        inputs[rows, rng.integers(half, size=count), 1] = 1
        inputs[rows, rng.integers(half, length, size=count), 1] = 1
        return inputs, inputs.prod(2).sum(1)

    return Probe(
        generate=generate, chance=lambda length: 1 / 6, answers=LAST, classes=None, channels=2, score="mse", solved=0.01, shortest=2
    )


def copying(symbols: int = 10, alphabet: int = 8) -> Probe:
    """``symbols`` random symbols, ``length`` blanks (0), then as many signs to say the symbols in order. T = ``length`` + 2 ``symbols``.

    Hochreiter & Schmidhuber 1997, as in Arjovsky et al. 2016 (arXiv:1511.06464), but that nothing is asked at the blanks; the papers'
    cross entropy without memory, symbols ln(alphabet) / T over all steps, is ln(alphabet) over those that are asked.
    """

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        shown = rng.integers(alphabet, size=(count, symbols))
        inputs = np.zeros((count, length + 2 * symbols), np.int64)
        inputs[:, :symbols], inputs[:, -symbols:] = shown + 1, alphabet + 1
        targets = np.full_like(inputs, UNASKED)
        targets[:, -symbols:] = shown
        return inputs, targets

    return Probe(generate=generate, chance=lambda length: 1 / alphabet, answers=EACH, vocabulary=alphabet + 2, classes=alphabet)


def recall(keys: int = 32, values: int = 32, spread: int = 4) -> Probe:
    """``length`` pairs of a key and a value, then every key once more, somewhere in ``spread`` places per pair: what was its value?

    Multi-query associative recall (Arora et al. 2023, arXiv:2312.04927), with keys uniformly placed, not by a power law. Keys are different
    from each other; other places hold 0. T = (2 + ``spread``) ``length``. To say one of the values seen is right in about
    1 / ``length`` of the cases: with few pairs that is above chance, and is no recall.
    """

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        key = rng.random((count, keys)).argsort(1)[:, :length] + 1
        value = rng.integers(values, size=(count, length))
        inputs = np.zeros((count, (2 + spread) * length), np.int64)
        inputs[:, : 2 * length : 2], inputs[:, 1 : 2 * length : 2] = key, value + keys + 1
        targets = np.full_like(inputs, UNASKED)
        places = 2 * length + rng.random((count, spread * length)).argsort(1)[:, :length]
        np.put_along_axis(inputs, places, key, axis=1)
        np.put_along_axis(targets, places, value, axis=1)
        return inputs, targets

    return Probe(
        generate=generate, chance=lambda length: 1 / values, answers=EACH, vocabulary=keys + values + 1, classes=values, longest=keys
    )
