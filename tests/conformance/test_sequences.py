"""State, causality and padding, for every mixer. Double precision, so that only mistakes differ."""

import pytest
import torch
from cases import BODIES, SHAPES, STACKS, classifier, label, pad, tokens

POSITIONS = ["rotary", "learned", "sinusoidal", "none"]
CLOSE = {"rtol": 1e-9, "atol": 1e-10}
LENGTHS = [9, 4, 1, 7, 6]


def ragged():
    return [row[:length] for row, length in zip(tokens(), LENGTHS, strict=True)]


def backbone(stack, body, **changes):
    return classifier(stack, body, **changes).model


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_step_by_step_equals_whole(stack, body, position):
    model, ids, cache, steps = backbone(stack, body, position_embedding=position), tokens(), None, []
    for column in ids.unbind(1):
        output = model(column.unsqueeze(1), past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        steps.append(output.last_hidden_state)
    torch.testing.assert_close(torch.cat(steps, dim=1), model(ids, use_cache=False).last_hidden_state, **CLOSE)
    assert cache.get_seq_length() == ids.shape[1]


@pytest.mark.parametrize("side", ["right", "left", "inner"])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_a_state_carried_over_ragged_rows_continues_each_row(stack, body, side):
    model, later = backbone(stack, body, position_embedding="rotary"), tokens(5, 4, seed=8)
    ids, mask = pad(ragged(), 12, side)
    cache = model(ids, mask, use_cache=True).past_key_values
    first = model(later[:, :3], past_key_values=cache).last_hidden_state
    second = model(later[:, 3:], past_key_values=cache).last_hidden_state
    for row, sequence in enumerate(ragged()):
        whole = model(torch.cat((sequence, later[row])).unsqueeze(0), use_cache=False).last_hidden_state[:, -4:]
        torch.testing.assert_close(torch.cat((first[row], second[row])), whole[0], **CLOSE)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_a_row_without_tokens_keeps_its_state(stack, body):
    model, ids = backbone(stack, body), tokens(2, 6)
    cache = model(ids[:, :3], use_cache=True).past_key_values
    model(ids[:, 3:], torch.tensor([[0, 0, 0], [1, 1, 1]]), past_key_values=cache)
    last = model(ids[:, 5:], past_key_values=cache).last_hidden_state
    skipped = model(ids[:1, [0, 1, 2, 5]], use_cache=False).last_hidden_state[:, -1:]
    torch.testing.assert_close(last[:1], skipped, **CLOSE)
    whole = model(ids[1:, [0, 1, 2, 3, 4, 5, 5]], use_cache=False).last_hidden_state[:, -1:]
    torch.testing.assert_close(last[1:], whole, **CLOSE)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_causal_models_never_look_ahead_and_bidirectional_ones_do(stack, body):
    ids = tokens()
    changed = ids.clone()
    changed[:, 5] = (changed[:, 5] % 39) + 1
    for bidirectional in (False, True):
        model = backbone(stack, body, bidirectional=bidirectional)
        before, after = (model(x, use_cache=False).last_hidden_state[:, :5] for x in (ids, changed))
        assert torch.equal(before, after) == (not bidirectional)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_padding_never_changes_an_answer(stack, body, position, bidirectional):
    model = classifier(stack, body, position_embedding=position, bidirectional=bidirectional)
    for side in ("right", "left", "inner"):
        ids, mask = pad(ragged(), 14, side)
        together = model(ids, mask).logits
        hidden = model.model(ids, mask, use_cache=False).last_hidden_state
        assert torch.equal(hidden[mask == 0], torch.zeros_like(hidden[mask == 0]))
        for row, sequence in enumerate(ragged()):
            torch.testing.assert_close(together[row], model(sequence.unsqueeze(0)).logits[0], **CLOSE)
            alone = model.model(sequence.unsqueeze(0), use_cache=False).last_hidden_state[0]
            torch.testing.assert_close(hidden[row][mask[row] == 1], alone, **CLOSE)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_more_padding_changes_no_bit(stack, body, bidirectional):
    model = classifier(stack, body, torch.float32, bidirectional=bidirectional)
    answers = [model(*pad(ragged(), width, side)).logits for side in ("right", "left") for width in (9, 36, 144)]
    for answer in answers[1:]:
        assert torch.equal(answer, answers[0])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("stack", STACKS, ids=label)
@torch.inference_mode()
def test_alone_or_among_64_the_same_predictions(stack, bidirectional):
    model = classifier(stack, "modern", torch.float32, bidirectional=bidirectional)
    generator = torch.Generator().manual_seed(5)
    rows = [row[: int(torch.randint(1, 20, (), generator=generator))] for row in tokens(64, 20, seed=9)]
    together = model(*pad(rows, 20, "right")).logits
    alone = torch.cat([model(row.unsqueeze(0)).logits for row in rows])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert torch.equal(together.argmax(-1), alone.argmax(-1))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_rows_without_tokens_are_finite_and_so_are_all_gradients(stack, body, bidirectional):
    model = classifier(stack, body, bidirectional=bidirectional).train()
    ids, mask = pad([tokens()[0], tokens()[1][:0]], 9, "right")
    for attention_mask in (mask, torch.zeros_like(mask)):
        model.zero_grad()
        output = model(ids, attention_mask, labels=torch.tensor([0, 1]))
        output.loss.backward()
        assert torch.isfinite(output.logits).all()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_padding_changes_no_gradient(stack, body, bidirectional):
    model = classifier(stack, body, bidirectional=bidirectional)
    labels = torch.tensor([0, 1, 2, 0, 1])
    gradients = []
    for ids, mask in (pad(ragged(), 9, "right"), pad(ragged(), 20, "inner")):
        model.zero_grad()
        model(ids, mask, labels=labels).loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    torch.testing.assert_close(gradients[1], gradients[0], **CLOSE)


@pytest.mark.parametrize("body", BODIES)
@torch.no_grad()
def test_embeddings_in_place_of_token_ids(body):
    model = classifier(["lstm", "attention"], body)
    ids, mask = pad(ragged(), 12, "inner")
    embedded = model.model.embed_tokens(ids)
    torch.testing.assert_close(model(inputs_embeds=embedded, attention_mask=mask).logits, model(ids, mask).logits, **CLOSE)
