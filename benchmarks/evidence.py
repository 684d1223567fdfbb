"""All evidence by one command that continues where it stopped.

usage: python benchmarks/evidence.py [--out runs/evidence] [--only NAME,NAME] [--data ../shared/data] [--quick] [--list]
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path

from calibration import aa_bank, aa_end_to_end, shuffled
from decoding import decoding
from decoding_layers import decoding_layers
from depth import depth
from end_to_end import end_to_end
from figures import Bench, Findings, Skipped, print_figures, read_record, write_record
from kill import kill
from labels import CASES, labels
from language import nanogpt, wikitext
from padding import padding
from pipeline import pipeline
from probes import parity
from recurrent import recurrent_grid, recurrent_ragged
from recurrent_parts import recurrent_parts
from runs import REAL_RUNS, real_run
from scan import scan
from series import REFERENCES, etth1, ucr
from speech import digits, strings
from speed import speed
from startup import startup
from translation import dates, multi30k
from zoo_llama import zoo_llama
from zoo_speed import zoo_speed

from pretraining import pretraining_memory
from zoo import zoo

Step = Callable[[Bench], Findings]

STEPS: dict[str, Step] = {
    "speed": speed,
    "scan": scan,
    "recurrent-grid": recurrent_grid,
    "recurrent-ragged": recurrent_ragged,
    "recurrent-parts": recurrent_parts,
    "end-to-end": end_to_end,
    "startup": startup,
    "decoding": decoding,
    "decoding-layers": decoding_layers,
    "pipeline": pipeline,
    "shuffled": shuffled,
    "kill": kill,
    "aa-bank": aa_bank,
    "aa-end-to-end": aa_end_to_end,
    **{name: functools.partial(real_run, name=name) for name in REAL_RUNS},
    "nanogpt": nanogpt,
    "wikitext2-1h": wikitext,
    **{f"ucr-{name}": functools.partial(ucr, name=name) for name in REFERENCES},
    "etth1": etth1,
    "fsdd": digits,
    "digit-strings": strings,
    "dates-quick": dates,
    "multi30k-2h": multi30k,
    "parity": parity,
    "pretraining-memory": pretraining_memory,
    **{step: functools.partial(labels, name=name, count=count) for step, (name, count) in CASES.items()},
    "depth": functools.partial(depth, corpus="demo:docs"),
    "depth-wikitext2": functools.partial(depth, corpus="wikitext2"),
    "zoo": zoo,
    "zoo-llama": zoo_llama,
    "zoo-speed": zoo_speed,
    "padding": padding,
}
"""In the order of running: padding last, because it uses the models of a finished run."""


def run_step(bench: Bench, name: str) -> bool:
    """Run one step unless its record is there; returns whether it has a record now."""
    if read_record(bench, name) is not None:
        print(f"{name}: has a record")
        return True
    print(f"{name}: running", flush=True)
    begun = time.perf_counter()
    try:
        findings = STEPS[name](bench)
    except Skipped as reason:
        print(f"{name}: skipped: {reason}", flush=True)
        return False
    except RuntimeError as error:
        print(f"{name}: failed, the same command tries again: {error}", flush=True)
        return False
    seconds = time.perf_counter() - begun
    write_record(bench, name, findings, seconds)
    print(f"{name}: {seconds:.0f} s", flush=True)
    return True


def names_of(only: str | None) -> list[str]:
    names = [name.strip() for name in only.split(",")] if only else list(STEPS)
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise SystemExit(f"there is no step '{unknown[0]}'\n  expected: {', '.join(STEPS)}")
    return names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder of the records and runs; default runs/evidence, with --quick runs/evidence-quick")
    parser.add_argument("--only", help="names of steps, comma-separated")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the real data sets")
    parser.add_argument("--quick", action="store_true", help="tiny settings that only show that every step runs")
    parser.add_argument("--list", action="store_true", help="name the steps and end")
    given = parser.parse_args()
    if given.list:
        print("\n".join(STEPS))
        return 0
    names = names_of(given.only)
    out = given.out or Path("runs/evidence-quick" if given.quick else "runs/evidence")
    bench = Bench(out=out, data=given.data, quick=given.quick)
    done = [run_step(bench, name) for name in names]
    print_figures([record for name in STEPS if (record := read_record(bench, name)) is not None])
    return 0 if all(done) else 3


if __name__ == "__main__":
    sys.exit(main())
