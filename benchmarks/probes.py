"""Parity beyond the lengths of training: RNN, LSTM, minGRU and Transformers with every position code. A check of the probes, no verdict.

usage: python benchmarks/evidence.py --only parity
"""

import statistics
from typing import Any

from figures import Bench, Figure, Findings

from seqwise.core.files import read_json, write_json
from seqwise.textbook.probed import EVERY_RATE, best, score, scores
from seqwise.textbook.state_tracking import FAR, MODELS, RECURRENT, SOLVED, TRAINED, network
from seqwise.training.probing import ProbeConfig

STEPS, SEEDS = 5_000, 2


def trained(bench: Bench, name: str, rate: float, seed: int) -> dict[str, Any]:
    """One training, ended when it is solved; from disk where it is there."""
    place = bench.out / "runs" / "parity" / f"{name.replace(', ', '-')}-{rate}-{seed}.json"
    if not place.exists():
        probe = ProbeConfig(
            probe="parity",
            shortest=2,
            longest=TRAINED,
            test_lengths=(TRAINED, *FAR),
            steps=bench.choose(STEPS, 20),
            learning_rate=rate,
            stop_when_solved=True,
        )
        found = score(probe, network(name, probe), seed)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(place, found)
        print(f"  {name}, rate {rate}, seed {seed}: {found['validation']:.3f} after {found['steps']} steps", flush=True)
    return read_json(place)


def parity(bench: Bench) -> Findings:
    """Of each model the rate that is best on validation; the mean over seeds of the accuracy at each length, and their least and most."""
    figures, details = [], {}
    for name in MODELS:
        runs = {rate: {seed: trained(bench, name, rate, seed) for seed in range(bench.choose(SEEDS, 1))} for rate in EVERY_RATE}
        details[name] = {str(rate): list(rows.values()) for rate, rows in runs.items()}
        rate = best(runs)
        for length in (TRAINED, *FAR):
            right = scores(runs[rate], length, 0.5).values()
            figures.append(
                Figure(
                    name=f"{name}, rate {rate}: length {length}",
                    value=statistics.fmean(right),
                    unit="accuracy",
                    interval=(min(right), max(right)),
                    spread="least and most of the seeds",
                    samples=len(right),
                    wanted=f">= {SOLVED}" if name in RECURRENT and length in FAR else None,
                )
            )
    return Findings(figures, details)
