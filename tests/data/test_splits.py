"""Nothing lost, nothing on two sides, classes in proportion, the same again from the same seed."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.readers import Corpus, load_corpus
from seqwise.data.splits import Split, allocate, components, make_splits


def corpus_of(labels, texts=None, groups=None, given=None):
    texts = texts or [f"text {n}" for n in range(len(labels))]
    labels = [str(label) for label in labels]
    return Corpus(
        texts=tuple(texts),
        labels=tuple(labels),
        groups=tuple(map(str, groups)) if groups else None,
        given=tuple(given or [""] * len(labels)),
        source="made",
        sha256="0",
        text_column="text",
        target_column="label",
        classes=tuple(sorted(set(labels))),
    )


examples = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60), st.integers(0, 12)), min_size=10, max_size=200)


@settings(max_examples=150, deadline=None)
@given(examples=examples, grouped=st.booleans(), replicates=st.integers(1, 8), seed=st.integers(0, 9))
def test_nothing_is_lost_and_units_stay_whole(examples, grouped, replicates, seed):
    labels, texts, groups = zip(*examples, strict=True)
    texts = [f"word{'  ' if n % 2 else ' '}{text}" for n, text in enumerate(texts)]
    corpus = corpus_of(labels, texts, groups if grouped else None)
    units = components(corpus)
    if len(set(units)) < 4:
        with pytest.raises(UserError, match="to divide"):
            make_splits(corpus, replicates=replicates, seed=seed)
        return
    plan, refused = None, ""
    try:
        plan = make_splits(corpus, replicates=replicates, seed=seed)
    except UserError as error:
        refused = str(error)
    if plan is None:
        assert grouped
        assert "holds nothing but" in refused
        return
    assert len(plan.replicates) == replicates
    for splits in plan.replicates:
        if grouped and len(set(labels)) > 1:
            assert len({labels[i] for i in splits.train}) > 1
        parts = [splits.indices(split) for split in Split]
        assert all(len(part) for part in parts)
        assert sorted(np.concatenate(parts)) == list(range(len(labels)))
        for relation in (units, np.array([" ".join(text.split()) for text in texts]), np.array(groups) if grouped else units):
            sides = [set(relation[part]) for part in parts]
            assert sum(map(len, sides)) == len(set.union(*sides))


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=8).filter(lambda counts: sum(counts) >= 10),
    folds=st.integers(2, 6),
    seed=st.integers(0, 9),
)
def test_single_examples_are_stratified(counts, folds, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    part = allocate(labels, np.arange(len(labels)), np.full(folds, 1 / folds), np.random.default_rng(seed))
    assert np.ptp(np.bincount(part, minlength=folds)) <= 2
    for label, count in enumerate(counts):
        held = np.bincount(part[labels == label], minlength=folds)
        assert np.all(np.abs(held - count / folds) < 2)


@settings(max_examples=50, deadline=None)
@given(count=st.integers(60, 400), classes=st.integers(2, 30), share=st.floats(0.05, 0.3), seed=st.integers(0, 9))
def test_the_size_is_right_with_many_rare_classes(count, classes, share, seed):
    labels = np.arange(count) % classes
    part = allocate(labels, np.arange(count), np.array([1 - share, share]), np.random.default_rng(seed))
    assert abs(part.sum() - share * count) <= 2


def test_units_of_several_examples_keep_classes_in_proportion():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(200), rng.integers(1, 12, 200))
    labels = (units % 10 < 3).astype(int)
    part = allocate(labels, units, np.full(5, 0.2), rng)
    for fold in range(5):
        assert abs(np.mean(part == fold) - 0.2) < 0.01
        assert abs(labels[part == fold].mean() - labels.mean()) < 0.02


def test_components_join_both_relations():
    corpus = corpus_of([0] * 5, ["a", "a ", "b", "c", "d"], ["g", "h", "h", "i", "j"])
    found = components(corpus)
    assert found[0] == found[1] == found[2]
    assert len(set(found)) == 3


@pytest.mark.parametrize(("replicates", "folds"), [(1, 5), (5, 5), (6, 6)])
def test_cross_validation_below_20000(replicates, folds):
    plan = make_splits(corpus_of([n % 3 for n in range(600)]), replicates=replicates, seed=1)
    assert plan.scheme == "cross-validation"
    assert plan.test_share == pytest.approx(1 / (folds - 1), abs=0.005)
    tests = np.concatenate([splits.test for splits in plan.replicates])
    assert len(set(tests)) == len(tests)
    if replicates == folds:
        assert len(tests) == 600


def test_fewer_units_than_replicates():
    plan = make_splits(corpus_of([n % 2 for n in range(40)], groups=[n // 10 for n in range(40)]), replicates=6, seed=0)
    assert len(plan.replicates) == 6
    assert plan.replicates[4].test.tolist() == plan.replicates[0].test.tolist()


def test_holdout_from_20000():
    plan = make_splits(corpus_of([n % 3 for n in range(20_000)]), replicates=3, seed=1)
    assert (plan.scheme, plan.test_share) == ("holdout", None)
    first, second, _ = plan.replicates
    assert len(first.test) == 2000
    assert first.test is second.test
    assert len(first.validation) == 1800
    assert set(first.validation) != set(second.validation)


def test_holdout_is_capped():
    plan = make_splits(corpus_of(np.arange(120_000) % 3), replicates=1, seed=1)
    assert len(plan.replicates[0].test) == 10_000
    assert len(plan.replicates[0].validation) == 2000


def test_given_test_and_validation_stay():
    given_parts = ["train"] * 30 + ["validation"] * 5 + ["test"] * 5
    plan = make_splits(corpus_of([n % 2 for n in range(40)], given=given_parts), replicates=2, seed=0)
    assert plan.scheme == "given test"
    for splits in plan.replicates:
        assert splits.train.tolist() == list(range(30))
        assert splits.validation.tolist() == list(range(30, 35))
        assert splits.test.tolist() == list(range(35, 40))


def test_given_test_alone_gets_other_validation_each_time():
    plan = make_splits(corpus_of([n % 2 for n in range(600)], given=["train"] * 500 + ["test"] * 100), replicates=2, seed=0)
    first, second = (set(splits.validation) for splits in plan.replicates)
    assert len(first) == len(second) == 50
    assert first != second


def test_given_validation_alone():
    plan = make_splits(corpus_of([n % 2 for n in range(120)], given=["train"] * 100 + ["validation"] * 20), replicates=5, seed=0)
    assert plan.scheme == "cross-validation"
    assert {len(splits.test) for splits in plan.replicates} == {20}
    assert all(splits.validation.tolist() == list(range(100, 120)) for splits in plan.replicates)


def test_duplicates_of_given_test_examples_are_not_moved():
    texts = [f"t{n}" for n in range(40)] + ["t0", "t1"]
    plan = make_splits(corpus_of([n % 2 for n in range(42)], texts, given=["train"] * 40 + ["test"] * 2), replicates=1, seed=0)
    assert plan.replicates[0].test.tolist() == [40, 41]
    assert len(plan.replicates[0].train) + len(plan.replicates[0].validation) == 40


def test_classes_rarer_than_folds():
    plan = make_splits(corpus_of([0] * 60 + [1] * 30 + [2] * 2 + [3]), replicates=5, seed=3)
    tested = collections.Counter(np.concatenate([splits.test for splits in plan.replicates]).tolist())
    assert set(tested.values()) == {1}
    assert len(tested) == 93


def test_a_seed_is_a_plan():
    corpus = corpus_of([n % 3 for n in range(300)])
    first, again, other = (make_splits(corpus, replicates=3, seed=seed) for seed in (5, 5, 6))
    for split in Split:
        assert all(np.array_equal(a.indices(split), b.indices(split)) for a, b in zip(first.replicates, again.replicates, strict=True))
    assert not np.array_equal(first.replicates[0].test, other.replicates[0].test)


def test_real_names(real_data):
    corpus = load_corpus(str(real_data("names") / "names.csv"))
    splits = make_splits(corpus, replicates=1, seed=0).replicates[0]
    labels = np.array(corpus.labels)
    for label, count in collections.Counter(corpus.labels).items():
        assert np.sum(labels[splits.test] == label) == pytest.approx(count / 10, abs=max(2, 0.02 * count))
    texts = np.array(corpus.texts)
    assert not set(texts[splits.test]) & set(texts[splits.train])


def test_groups_that_leave_one_class_to_learn_from_are_refused():
    corpus = corpus_of(["x"] * 30 + ["y"] * 10, groups=[f"{number % 6}" for number in range(30)] + ["alone"] * 10)
    with pytest.raises(UserError, match="holds nothing but 'x'"):
        make_splits(corpus, replicates=5, seed=0)
