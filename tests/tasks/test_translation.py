"""Translation, end to end: the same rules and files as for the other tasks; what is delivered translates as it did in the comparison."""

import csv
import io
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import sacrebleu
import torch
from rich.console import Console

import seqwise
from seqwise.api import guess_task
from seqwise.comparison.contenders import parse_contenders
from seqwise.core.errors import UserError
from seqwise.data.batching import padding_share
from seqwise.data.pair_set import PairSet, encode_pairs, pair_tokenizer
from seqwise.data.pairs import load_pairs
from seqwise.data.splits import make_splits
from seqwise.data.tokenizers import TokenizerPlan
from seqwise.models.seq2seq import SeqwiseForSeq2SeqLM
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig
from seqwise.tasks import TASK_DATA, TASKS
from seqwise.tasks.task import load_outputs
from seqwise.tasks.task_data import Request
from seqwise.tasks.translation import reference_losses, translate
from seqwise.tasks.translation_scores import tokenization
from tiny import REPLICATES, word_pairs, write_pairs

TASK = TASKS["translation"]()
ACCEPTANCE = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "acceptance"


def records(run, kind):
    found = [json.loads(path.read_text()) for path in (run.path / "trials").glob("*/record.json")]
    return [record for record in found if record["job"]["kind"] == kind]


def test_it_keeps_the_schema_and_no_model_failed(finished_pairs):
    result = finished_pairs.result
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(result)
    assert (result["task"], result["status"], result["protocol"]["metric"]) == ("translation", "complete", "bleu")
    assert {model["name"]: model["status"] for model in result["models"]} == dict.fromkeys(
        ["lstm", "lstm+attention", "transformer", "most-frequent", "dictionary", "copy"], "ok"
    )
    assert all(set(model["scores"]) >= {"bleu", "chrf", "exact_match"} for model in result["models"])
    assert result["data"]["columns"] == {"source": "en", "target": "xx"}


def test_it_passes_the_acceptance_check(finished_pairs):
    program = ACCEPTANCE / "check_comparison.py"
    if not program.exists():
        pytest.skip(f"no {program}")
    words = [sys.executable, str(program), "--families", "lstm,transformer", str(finished_pairs.path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(": well"), done.stdout + done.stderr


def test_three_contenders_of_one_size(finished_pairs):
    """LSTM without attention, LSTM with cross-attention and LSTM mixers throughout, Transformer: and none with more parameters."""
    models = {model["name"]: model for model in finished_pairs.result["models"] if model["kind"] == "trained"}
    made = {name: (set(m["architecture"]["layer_types"]), m["architecture"]["cross_attention"]) for name, m in models.items()}
    assert made == {"lstm": ({"lstm"}, False), "lstm+attention": ({"lstm"}, True), "transformer": ({"attention"}, True)}
    assert {name: model["family"] for name, model in models.items()} == {
        "lstm": "recurrent", "lstm+attention": "recurrent", "transformer": "attention",
    }  # fmt: skip
    sizes = [model["parameters"]["non_embedding"] for model in models.values()]
    assert max(sizes) <= 1.02 * min(sizes)
    assert len({model["parameters"]["embedding"] for model in models.values()}) == 1


def test_a_model_loaded_in_another_process_gives_the_reported_score(finished_pairs):
    record = next(record for record in records(finished_pairs, "final") if record["job"]["model"] == "lstm+attention")
    folder = finished_pairs.path / "trials" / record["job"]["fingerprint"]
    corpus = load_pairs(finished_pairs.result["data"]["source"])
    test = make_splits(corpus, replicates=REPLICATES, seed=0).replicates[record["job"]["replicate"]].test
    program = (
        "import sys, json, seqwise\n"
        "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n"
        "model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(sys.argv[1]).eval(), AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "inputs = tokenizer(json.loads(sys.stdin.read()), return_tensors='pt', padding=True)\n"
        "print(json.dumps(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)))"
    )
    words, sources = [sys.executable, "-c", program, str(folder / "model")], json.dumps([corpus.sources[i] for i in test])
    written = json.loads(subprocess.run(words, input=sources, capture_output=True, text=True, check=True).stdout)
    references = [corpus.targets[i] for i in test]
    assert sacrebleu.corpus_bleu(written, [references], tokenize=tokenization(references)).score == pytest.approx(record["test"]["bleu"])
    assert sacrebleu.corpus_chrf(written, [references]).score == pytest.approx(record["test"]["chrf"])
    assert np.mean([a == b for a, b in zip(written, references, strict=True)]) == record["test"]["exact_match"]
    outputs, truth = load_outputs(folder / "test.safetensors")
    assert TASK.metrics(outputs, truth) == pytest.approx(record["test"])


def test_what_decides_is_corpus_bleu(finished_pairs):
    for model in finished_pairs.result["models"]:
        found = [record["test"]["bleu"] for kind in ("final", "baseline") for record in records(finished_pairs, kind)
                 if record["job"]["model"] == model["name"]]  # fmt: skip
        assert sorted(model["scores"]["bleu"]["per_replicate"]) == sorted(found)
        assert model["scores"]["bleu"]["mean"] == pytest.approx(np.mean(found))


def test_predict_and_evaluate_agree_with_each_other(finished_pairs, tmp_path):
    sources, targets = word_pairs(40, seed=9)
    (tmp_path / "new.en").write_text("\n".join(sources) + "\n")
    (tmp_path / "new.xx").write_text("\n".join(targets) + "\n")
    table = write_pairs(tmp_path / "new.csv", sources, targets)
    for place in ("best", "baseline"):
        answers = [answer["translation"] for answer in seqwise.predict(finished_pairs.path / place, sources)]
        score = sacrebleu.corpus_bleu(answers, [targets], tokenize=tokenization(targets)).score
        for data in (str(table), f"{tmp_path / 'new.en'},{tmp_path / 'new.xx'}"):
            found = seqwise.evaluate(finished_pairs.path / place, data)
            assert (found["examples"], found["counted"]) == (40, "pairs")
            assert found["scores"]["bleu"]["value"] == pytest.approx(score)
            assert found["scores"]["bleu"]["ci95"][0] <= score <= found["scores"]["bleu"]["ci95"][1]


def test_predict_on_the_command_line(finished_pairs, run_cli, tmp_path):
    sources, targets = word_pairs(4, seed=9)
    write_pairs(tmp_path / "new.csv", sources, targets)
    (tmp_path / "new.en").write_text("\n".join(sources))
    best = finished_pairs.path / "best"
    answers = [answer["translation"] for answer in seqwise.predict(best, sources)]
    for data in ("new.csv", "new.en"):
        code, out, err = run_cli("predict", best, tmp_path / data)
        rows = list(csv.DictReader(io.StringIO(out)))
        assert (code, err) == (0, "")
        assert [row["source"] for row in rows] == sources
        assert [row["translation"] for row in rows] == answers
    code, out, _ = run_cli("predict", best, "red dog", "--json")
    assert (code, json.loads(out)) == (0, [{"source": "red dog"} | seqwise.predict(best, "red dog")[0]])


def test_a_translator_does_not_write_on(finished_pairs, run_cli):
    code, _, err = run_cli("generate", finished_pairs.path, "red dog")
    assert code == 2
    assert "holds no language model but a SeqwiseForSeq2SeqLM" in err


def test_a_source_beyond_the_longest_input_is_cut_and_that_is_said(finished_pairs, run_cli):
    long = "red dog " * 400
    code, out, err = run_cli("predict", finished_pairs.path / "best", long, "--json")
    context = finished_pairs.result["protocol"]["context"]
    assert code == 0
    assert f"NOTE: of 1 of 1 texts only the first {context} tokens count" in err
    shorter = seqwise.predict(finished_pairs.path / "best", long[: len(long) // 2])
    assert json.loads(out)[0]["translation"] == shorter[0]["translation"]


def test_the_report_shows_translations_and_keeps_them_out_where_asked(finished_pairs, tmp_path):
    page, found = (finished_pairs.path / "report.html").read_text(), finished_pairs.result["task_results"]
    assert "What the models write" in page
    assert "tok:13a" in page
    assert "length in source tokens" in page
    corpus = load_pairs(finished_pairs.result["data"]["source"])
    assert all(row["reference"] == dict(zip(corpus.sources, corpus.targets, strict=True))[row["source"]] for row in found["examples"])
    assert set(found["examples"][0]["translations"]) == {"lstm", "lstm+attention", "transformer"}
    assert found["aligned_by"] in ("lstm+attention", "transformer")
    for drawn in found["alignments"] or []:
        assert np.shape(drawn["weights"]) == (len(drawn["target"]), len(drawn["source"]))
        np.testing.assert_allclose(np.sum(drawn["weights"], axis=1), 1, atol=2e-3)
    quiet = seqwise.compare(
        finished_pairs.result["data"]["source"],
        **{"task": "translation", "models": "lstm", "size": "30k", "steps": 12, "replicates": 1, "configurations": 1, "device": "cpu"},
        samples=False,
        out=tmp_path / "run",
        console=Console(quiet=True),
    )
    assert (quiet.result["task_results"]["examples"], quiet.result["task_results"]["alignments"]) == (None, None)
    assert "No translations are shown" in (quiet.path / "report.html").read_text()


@pytest.fixture(scope="module")
def pairs() -> PairSet:
    sources, targets = word_pairs(30, seed=3)
    plan = TokenizerPlan("bpe", 300, False, "", exact=True)
    return encode_pairs(pair_tokenizer(plan, sources, targets, 64), sources, targets, 64)[0]


def model_of(pairs: PairSet, **changes) -> SeqwiseForSeq2SeqLM:
    torch.manual_seed(0)
    settings = TASK.input_settings(pairs) | {"vocab_size": 310, "embedding_size": 16, "hidden_size": 32, "max_position_embeddings": 12}
    return TASK.build(SeqwiseSeq2SeqConfig(**settings, **changes)).eval()


def test_the_loss_of_validation_is_the_loss_of_training(pairs):
    model, whole = model_of(pairs), TASK.feed(pairs, pairs, batch_size=30, seed=0)
    with torch.no_grad():
        loss = model(**whole.batch(0)).loss.item()
    scores = whole.validate(model)
    assert scores == {"loss": pytest.approx(loss, rel=1e-5)}
    assert reference_losses(model, pairs).sum() / pairs.target_lengths.sum() == pytest.approx(loss, rel=1e-5)


def test_translations_come_back_in_order_and_end(pairs):
    model = model_of(pairs)
    together = translate(model, pairs)
    alone = [translate(model, pairs_of)[0] for pairs_of in (pick(pairs, i) for i in (0, 7, 29))]
    assert alone == [together[i] for i in (0, 7, 29)]
    outputs = TASK.outputs(model, pairs, final=True)
    assert TASK.metrics(outputs, pairs.truth)["bleu"] == pytest.approx(
        sacrebleu.corpus_bleu(together, [pairs.references], tokenize=tokenization(pairs.references)).score
    )


def pick(pairs: PairSet, i: int) -> PairSet:
    rows = {name: [values[edges[i] : edges[i + 1]]] for name, values, edges in (
        ("sources", pairs.source, pairs.source_offsets), ("targets", pairs.target, pairs.target_offsets),
        ("references", pairs.reference, pairs.reference_offsets),
    )}  # fmt: skip
    return PairSet.from_rows(**rows, special=pairs.special, tokenizer=pairs.tokenizer)


def test_a_translator_learns_to_translate(pairs):
    """Thirty pairs by heart: the loss falls to nothing and greedy search finds every target."""
    for cross in (True, False):
        model = model_of(pairs, cross_attention=cross).train()
        optimizer, feed = torch.optim.AdamW(model.parameters(), 5e-3), TASK.feed(pairs, pairs, batch_size=30, seed=0)
        for step in range(160):
            optimizer.zero_grad()
            model(**feed.batch(step)).loss.backward()
            optimizer.step()
        model.eval()
        assert TASK.metrics(TASK.outputs(model, pairs, final=True), pairs.truth)["exact_match"] > 0.9


def test_batches_are_mostly_real_tokens_and_the_same_for_every_model():
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 40, 3000)
    sources, targets = ([rng.integers(4, 99, size) for size in np.maximum(2, sizes + rng.integers(-3, 4, 3000))] for _ in range(2))
    many = PairSet.from_rows(sources, targets, sources, special=np.array([0, 2, 3]), tokenizer=np.zeros(0, np.uint8))
    feed, again = (TASK.feed(many, many, batch_size=64, seed=5) for _ in range(2))
    real = total = 0
    for step in range(feed.batches.per_epoch):
        batch, other = feed.batch(step), again.batch(step)
        assert all(torch.equal(batch[name], other[name]) for name in batch)
        real += int(batch["attention_mask"].sum() + (batch["labels"] != -100).sum())
        total += batch["attention_mask"].numel() + batch["labels"].numel()
    assert real == many.lengths.sum() + many.target_lengths.sum()
    assert real > 0.85 * total
    assert padding_share(np.stack([many.lengths, many.target_lengths]), feed.batches) == pytest.approx(1 - real / total)


def test_two_parallel_files_and_the_demo_of_dates_ask_for_translation(tmp_path):
    for name in ("a.en", "a.xx"):
        (tmp_path / name).write_text("x\n")
    assert guess_task("demo:dates") == guess_task(f"{tmp_path / 'a.en'},{tmp_path / 'a.xx'}") == "translation"
    assert guess_task(f"{tmp_path / 'a.en'},no.xx") == "text-classification"


def test_a_real_corpus_is_read_and_comes_back_whole(real_data):
    folder = real_data("multi30k_en_de")
    files = {"validation": str(folder / "validation.parquet"), "test": str(folder / "test_2016_flickr.parquet")}
    data = TASK_DATA[TASK.tag]()
    corpus = data.read(Request(source=str(folder / "train.parquet"), **files))
    splits = data.split(corpus, replicates=2, seed=0).replicates[1]
    assert (corpus.source_column, corpus.target_column) == ("en", "de")
    assert data.counts(splits) == {"train": 29000, "validation": 1014, "test": 1000}
    encoding = data.choose_encoding(corpus, splits, tokenizer="auto", context=None)
    sources, targets = ([texts[i] for i in splits.train] for texts in (corpus.sources, corpus.targets))
    plan = TokenizerPlan(**{**vars(encoding.tokenizer), "vocab_size": encoding.tokenizer.vocab_size - 2})
    references = [corpus.targets[i] for i in splits.test]
    pairs, _ = encode_pairs(pair_tokenizer(plan, sources, targets, 512), [corpus.sources[i] for i in splits.test], references, 512)
    edges = pairs.target_offsets
    assert pairs.decoded([pairs.target[edges[i] : edges[i + 1]].tolist() for i in range(len(pairs))]) == references


def test_plus_attention_is_cross_attention():
    taken = {c.name: TASK.contender(c) for c in parse_contenders(("gru", "gru+attention", "transformer", "x=lstm+gru+attention"))}
    assert {name: (c.mixers, dict(c.settings)) for name, c in taken.items()} == {
        "gru": (("gru",), {"cross_attention": False}),
        "gru+attention": (("gru",), {"cross_attention": True}),
        "transformer": (("attention",), {"cross_attention": True}),
        "x": (("lstm", "gru"), {"cross_attention": True}),
    }


@pytest.mark.parametrize("name", ["id", "time"])
def test_options_of_series_are_refused(name):
    with pytest.raises(UserError, match=f"--{name} has no meaning"):
        TASK_DATA[TASK.tag]().read(Request(source="demo:dates", **{name: "x"}))
