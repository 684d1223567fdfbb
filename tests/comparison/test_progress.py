"""The clock of a run, and whole replicates dropped for all models when it is late."""

import io

import pytest
from rich.console import Console

from seqwise.comparison.engine import State
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.progress import Clock, Watch, Work
from seqwise.core.files import write_json

MODELS = ("rnn", "lstm")
START = 1000.0


class Now:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = START

    def __call__(self) -> float:
        return self.time


def plan(replicates: int) -> list[dict]:
    jobs = []
    for r in range(replicates):
        jobs.append({"kind": "baseline", "model": "majority", "replicate": r, "fingerprint": f"b{r}", "after": []})
        for model in MODELS:
            search = {"kind": "search", "model": model, "replicate": r, "fingerprint": f"s{model}{r}", "after": [], "until": 25}
            final = {
                "kind": "final",
                "model": model,
                "replicate": r,
                "fingerprint": f"f{model}{r}",
                "after": [f"s{model}{r}"],
                "until": 100,
            }
            jobs += [search, final]
    return jobs


class Bench:
    """A run under a watch, moved on by hand."""

    def __init__(self, path, replicates: int, budget: float | None):
        self.folder, self.now, self.said = RunFolder(path), Now(), io.StringIO()
        self.jobs = plan(replicates)
        work = Work(self.folder, self.jobs, dict.fromkeys(MODELS, 1.0))
        self.state = State(self.jobs, self.folder)
        self.watch = Watch(Clock(self.folder, START, self.now), work, budget, Console(file=self.said))
        assert self.watch(self.state)

    def finish_replicate(self, replicate: int, at: float) -> None:
        self.now.time = START + at
        self.state.done |= {job["fingerprint"] for job in self.jobs if job["replicate"] == replicate}
        assert self.watch(self.state)

    @property
    def left(self) -> list[int]:
        return sorted({job["replicate"] for job in self.state.jobs})


def test_a_run_in_time_keeps_everything(tmp_path):
    bench = Bench(tmp_path, 6, 60.0)
    for replicate in range(5):
        bench.finish_replicate(replicate, 10.0 * (replicate + 1))
    assert bench.left == [0, 1, 2, 3, 4, 5]
    assert bench.said.getvalue() == ""


def test_a_run_a_little_late_keeps_everything(tmp_path):
    bench = Bench(tmp_path, 6, 60.0)
    bench.finish_replicate(0, 11.0)
    bench.finish_replicate(1, 22.0)
    assert bench.left == [0, 1, 2, 3, 4, 5]


def test_a_late_run_drops_the_last_replicate_for_all_models(tmp_path):
    bench = Bench(tmp_path, 6, 60.0)
    bench.finish_replicate(0, 14.0)
    bench.finish_replicate(1, 28.0)
    assert bench.left == [0, 1, 2, 3, 4]
    assert {job["model"] for job in bench.state.jobs if job["replicate"] == 4} == {"majority", *MODELS}
    assert "replicate 6 is dropped for all models" in bench.said.getvalue()


def test_three_replicates_are_always_kept(tmp_path):
    bench = Bench(tmp_path, 6, 60.0)
    for replicate in range(2):
        for turn in range(8):
            bench.finish_replicate(replicate, 500.0 * (replicate + 1) + turn)
    assert bench.left == [0, 1, 2]


def test_a_replicate_that_has_begun_is_kept(tmp_path):
    bench = Bench(tmp_path, 4, 40.0)
    bench.state.done.add("b3")
    bench.finish_replicate(0, 500.0)
    bench.finish_replicate(1, 1000.0)
    assert bench.left == [0, 1, 2, 3]


def test_nothing_is_dropped_before_a_fifth_is_done(tmp_path):
    bench = Bench(tmp_path, 6, 60.0)
    bench.finish_replicate(0, 1000.0)
    assert bench.left == [0, 1, 2, 3, 4, 5]


def test_nothing_is_dropped_without_a_budget(tmp_path):
    bench = Bench(tmp_path, 6, None)
    for replicate in range(3):
        bench.finish_replicate(replicate, 1000.0 * (replicate + 1))
    assert bench.left == [0, 1, 2, 3, 4, 5]


def test_the_rate_of_a_continued_run_is_its_own(tmp_path):
    for job in plan(6):
        if job["replicate"] < 3:
            write_json(RunFolder(tmp_path).trial(job["fingerprint"]) / "record.json", {})
    bench = Bench(tmp_path, 6, 60.0)
    bench.finish_replicate(3, 10.0)
    assert bench.watch.remaining(bench.watch.work.done(bench.state)) == pytest.approx(20.0)


def test_work_done_counts_steps(tmp_path):
    bench = Bench(tmp_path, 2, None)
    work, state = bench.watch.work, bench.state
    assert work.done(state) == 0.0
    state.done |= {"b0", "srnn0"}
    assert work.done(state) == pytest.approx(25 / 400)
    state.running["frnn0"] = next(job for job in bench.jobs if job["fingerprint"] == "frnn0")
    folder = bench.folder.trial("frnn0")
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text('{"step": 55, "until": 100}')
    assert work.done(state) == pytest.approx((25 + 30) / 400)
    (folder / "progress.json").write_text('{"st')
    assert work.done(state) == pytest.approx(25 / 400)


def test_the_clock_sums_over_continuations(tmp_path):
    folder, now = RunFolder(tmp_path), Now()
    first = Clock(folder, START, now)
    now.time = START + 7
    first.save(force=True)
    now.time = 5.0
    assert Clock(folder, 3.0, now).seconds == 9.0


def test_the_clock_is_saved_every_few_seconds(tmp_path):
    folder, now = RunFolder(tmp_path), Now()
    clock = Clock(folder, START, now)
    for seconds, kept in ((6, 6), (9, 6), (10, 6), (12, 12)):
        now.time = START + seconds
        clock.save()
        assert Clock(folder, now.time, now).seconds == kept
