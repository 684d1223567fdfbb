"""Models of sound, for every mixer: padding, chunks and streams change no answer; the loss is torch's; every weight learns."""

import numpy as np
import pytest
import torch
from cases import SHAPES, STACKS, config, label
from transformers import AutoModelForAudioClassification, AutoModelForCTC

from seqwise.core.errors import UserError
from seqwise.models.accounting import count_of_model, count_parameters
from seqwise.models.ctc import SeqwiseForCTC, most_likely, row_losses
from seqwise.models.feature_extraction import SeqwiseFeatureExtractor
from seqwise.models.heads import SeqwiseForAudioClassification
from seqwise.models.speech_processor import SeqwiseProcessor, character_tokenizer
from seqwise.models.speech_stream import SpeechStream

BANDS, TOKENS = 4, 6
LABELS = torch.tensor([[2, 3, 3], [4, 2, -100], [5, -100, -100]])
LENGTHS = (9, 6, 3)


def recogniser(stack, body="modern", dtype=torch.float64, **changes):
    torch.manual_seed(0)
    settings = {"bidirectional": True, "vocab_size": TOKENS, "num_input_channels": BANDS} | changes
    return SeqwiseForCTC(config(stack, body, **settings)).to(dtype).eval()


def sounds(lengths=LENGTHS, seed=4):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(length, BANDS, generator=generator, dtype=torch.float64) for length in lengths]


def padded(rows, width, side):
    values, mask = torch.full((len(rows), width, BANDS), 50.0, dtype=torch.float64), torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        start = 0 if side == "right" else width - len(row)
        values[i, start : start + len(row)], mask[i, start : start + len(row)] = row, 1
    return {"input_features": values, "attention_mask": mask}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_padding_and_batching_change_neither_logits_nor_loss(stack, body, bidirectional):
    model, rows = recogniser(stack, body, bidirectional=bidirectional), sounds()
    alone = [model(input_features=row.unsqueeze(0)).logits[0] for row in rows]
    losses = [row_losses(one.unsqueeze(0), None, LABELS[i : i + 1], 0)[0] for i, one in enumerate(alone)]
    for side in ("right", "left"):
        batch = padded(rows, 12, side)
        output = model(**batch, labels=LABELS)
        for one, logits, mask in zip(alone, output.logits, batch["attention_mask"], strict=True):
            torch.testing.assert_close(logits[mask == 1], one)
            assert not logits[mask == 0].any()
        torch.testing.assert_close(row_losses(output.logits, batch["attention_mask"], LABELS, 0), torch.stack(losses))
        assert float(output.loss) == pytest.approx(float(sum(losses)) / 6)
        assert float(model(**batch, labels=LABELS, num_items_in_batch=9).loss) == pytest.approx(float(sum(losses)) / 9)
        assert most_likely(output.logits, 0) == [most_likely(one.unsqueeze(0), 0)[0] for one in alone]


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_chunks_of_features_with_the_state_carried_give_the_logits_of_the_whole(stack, body):
    model, (row,) = recogniser(stack, body, bidirectional=False), sounds((11,))
    cache, parts = None, []
    for part in row.split([2, 1, 5, 3]):
        output = model(input_features=part.unsqueeze(0), past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        parts.append(output.logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), model(input_features=row.unsqueeze(0)).logits)


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    extractor = SeqwiseFeatureExtractor(sampling_rate=8_000, num_mel_bins=10, frames_per_step=2)
    return SeqwiseProcessor(extractor, character_tokenizer("ab c", tmp_path_factory.mktemp("characters")))


@pytest.mark.parametrize("sizes", [(1, 700, 80, 2219), (37,) * 81 + (3,), (3000,)])
@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_a_stream_of_samples_gives_logits_and_text_of_the_whole(stack, sizes, processor):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 3000).astype(np.float32)
    values = processor.feature_extractor.features(wave)
    standard = {"input_mean": values.mean(0).tolist(), "input_std": values.std(0).tolist()}
    model = recogniser(stack, dtype=torch.float32, bidirectional=False, num_input_channels=20, **standard)
    stream = SpeechStream(model, processor)
    logits = torch.cat([stream.feed(part) for part in np.split(wave, np.cumsum(sizes)[:-1])] + [stream.finish()])
    with torch.no_grad():
        whole = model(**processor(wave, sampling_rate=8_000, return_tensors="pt")).logits
    torch.testing.assert_close(logits, whole[0], rtol=1e-4, atol=1e-4)
    tokens = most_likely(whole, 0)
    assert stream.tokens == tokens[0]
    assert len(tokens[0]) > 1
    text = "".join({2: "a", 3: "b", 4: " ", 5: "c"}.get(token, "") for token in tokens[0])
    assert stream.text == " ".join(text.split())


def test_a_stream_shorter_than_a_step_is_heard_once(processor):
    model = recogniser(["lstm"], dtype=torch.float32, bidirectional=False, num_input_channels=20)
    stream = SpeechStream(model, processor)
    assert stream.feed(np.ones(50)).shape == (0, TOKENS)
    assert stream.finish().shape == (1, TOKENS)
    with pytest.raises(UserError, match="bidirectional=False"):
        SpeechStream(recogniser(["lstm"]), processor)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_saving_and_loading_keeps_every_answer(stack, body, tmp_path):
    inputs = {name: value.float() if value.is_floating_point() else value for name, value in padded(sounds(), 10, "right").items()}
    torch.manual_seed(0)
    classifier = SeqwiseForAudioClassification(config(stack, body, num_input_channels=BANDS, bidirectional=True)).eval()
    for model, auto in ((recogniser(stack, body, torch.float32), AutoModelForCTC), (classifier, AutoModelForAudioClassification)):
        model.save_pretrained(tmp_path)
        torch.testing.assert_close(auto.from_pretrained(tmp_path).eval()(**inputs).logits, model(**inputs).logits)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_every_weight_learns_and_parameters_are_those_counted(stack, body):
    model = recogniser(stack, body).train()
    model(**padded(sounds(), 10, "right"), labels=LABELS).loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    count = count_parameters(model.config, num_labels=TOKENS)
    assert count.total == sum(parameter.numel() for parameter in model.parameters()) == count_of_model(model).total


@torch.no_grad()
def test_the_loss_is_minus_the_log_of_the_sum_over_all_paths():
    """By the definition: every path of three steps that reads "ab"."""
    logits = torch.randn(1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    probabilities = logits[0].softmax(-1)
    paths = [(a, b, c) for a in range(4) for b in range(4) for c in range(4)]
    total = sum(
        probabilities[0, a] * probabilities[1, b] * probabilities[2, c]
        for a, b, c in paths
        if most_likely(torch.nn.functional.one_hot(torch.tensor([[a, b, c]]), 4), 0) == [[2, 3]]
    )
    loss = row_losses(logits, None, torch.tensor([[2, 3]]), 0)
    torch.testing.assert_close(loss[0], -total.log().float())


@torch.no_grad()
def test_a_row_without_room_for_its_tokens_counts_nothing():
    model = recogniser(["lstm"])
    batch = padded(sounds((9, 2)), 9, "right")
    losses = row_losses(model(**batch).logits, batch["attention_mask"], torch.tensor([[2, 3, 4], [2, 2, -100]]), 0)
    assert losses[0] > 0
    assert losses[1] == 0


def test_repeats_count_once_unless_a_blank_stands_between():
    path = torch.tensor([[0, 2, 2, 0, 2, 3, 3, 0]])
    logits = torch.nn.functional.one_hot(path, 4).float()
    assert most_likely(logits, 0) == [[2, 2, 3]]
    assert most_likely(logits[:, 1:], 0, last=2) == [[2, 3]]


def test_the_trainer_of_transformers_trains_a_recogniser(tmp_path):
    from transformers import Trainer, TrainingArguments

    from seqwise.data.speech_set import SpeechSet, collate_speech

    rng = np.random.default_rng(0)
    tones = {"a": [[3, 0, 0, 0]] * 2 + [[0] * 4], "b": [[0, 3, 0, 0]] * 2 + [[0] * 4]}
    texts = ["".join(rng.choice(["a", "b"], 3)) for _ in range(24)]
    rows = [np.concatenate([tones[letter] for letter in text]) + rng.normal(0, 0.1, (9, 4)) for text in texts]
    examples = SpeechSet.of([row.astype(np.float32) for row in rows], texts, "ab")
    model = recogniser(["gru"], dtype=torch.float32, vocab_size=4).train()
    arguments = {"max_steps": 60, "per_device_train_batch_size": 6, "gradient_accumulation_steps": 2, "learning_rate": 1e-2}
    quiet = {"report_to": [], "use_cpu": True, "remove_unused_columns": False, "save_strategy": "no", "disable_tqdm": True}
    trainer = Trainer(
        model,
        TrainingArguments(str(tmp_path), **arguments, **quiet),
        train_dataset=list(range(24)),
        data_collator=lambda chosen: collate_speech(examples, np.array(chosen)),
    )
    trainer.train()
    batch = collate_speech(examples, np.arange(24))
    with torch.no_grad():
        output = model.eval()(**batch)
    assert [examples.written(tokens) for tokens in most_likely(output.logits, 0)] == texts
