"""Networks of torch.nn become models with the same outputs, and come back with the same weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import seqwise
from seqwise.core.errors import UserError

MODULES = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
EXACT = {"rtol": 0, "atol": 1e-12}


@st.composite
def networks(draw):
    """A module of torch.nn in float64, batch first, of any kind and size."""
    kind, sizes = MODULES[draw(st.sampled_from(list(MODULES)))], st.integers(1, 6)
    torch.manual_seed(draw(st.integers(0, 1000)))
    flags = {"bidirectional": draw(st.booleans()), "bias": draw(st.booleans())}
    return kind(draw(sizes), draw(sizes), draw(st.integers(1, 3)), batch_first=True, dtype=torch.float64, **flags)


def series(width, rows=3, steps=7):
    return torch.randn(rows, steps, width, dtype=torch.float64)


@settings(deadline=None, max_examples=30)
@given(networks(), st.sampled_from(["", "rnn.", "module.encoder.lstm."]))
@torch.no_grad()
def test_outputs_are_the_modules_own(network, prefix):
    state = {f"{prefix}{name}": weight for name, weight in network.state_dict().items()} | {"other.weight": torch.zeros(2)}
    x = series(network.input_size)
    for source in (network, state):
        torch.testing.assert_close(seqwise.from_torch(source)(inputs_embeds=x).last_hidden_state, network(x)[0], **EXACT)


@settings(deadline=None, max_examples=30)
@given(networks(), st.lists(st.integers(1, 7), min_size=3, max_size=3), st.sampled_from(["left", "right"]))
@torch.no_grad()
def test_padding_is_that_of_packed_sequences(network, lengths, side):
    x, lengths = series(network.input_size), torch.tensor(lengths)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected = nn.utils.rnn.pad_packed_sequence(network(packed)[0], batch_first=True)[0]
    mask = torch.arange(7) < lengths.unsqueeze(1)
    shown, placed = (x, mask) if side == "right" else (torch.zeros_like(x), mask.flip(1))
    shown[placed] = x[mask]
    got = seqwise.from_torch(network)(inputs_embeds=shown, attention_mask=placed).last_hidden_state
    torch.testing.assert_close(got[placed], expected[mask[:, : expected.shape[1]]], **EXACT)


@settings(deadline=None, max_examples=20)
@given(networks().filter(lambda network: not network.bidirectional), st.integers(1, 6))
@torch.no_grad()
def test_the_carried_state_is_the_modules_own(network, cut):
    x, model = series(network.input_size), seqwise.from_torch(network)
    expected, state = network(x)
    state = state if isinstance(state, tuple) else (state,)
    first = model(inputs_embeds=x[:, :cut], use_cache=True)
    second = model(inputs_embeds=x[:, cut:], past_key_values=first.past_key_values)
    torch.testing.assert_close(torch.cat((first.last_hidden_state, second.last_hidden_state), dim=1), expected, **EXACT)
    for got, wanted in zip(zip(*second.past_key_values.states, strict=True), state, strict=True):
        torch.testing.assert_close(torch.stack(got), wanted, **EXACT)


@settings(deadline=None, max_examples=30)
@given(networks())
def test_there_and_back_again(network):
    back = seqwise.to_torch(seqwise.from_torch(network))
    assert type(back) is type(network)
    state = back.state_dict()
    assert all(torch.equal(state.pop(name), weight) for name, weight in network.state_dict().items())
    assert all(name.startswith("bias") and not weight.any() for name, weight in state.items())


def language_model(kind="lstm", embedding=6, units=6, **flags):
    torch.manual_seed(0)
    parts = {"embedding": nn.Embedding(11, embedding), "rnn": MODULES[kind](embedding, units, 2, batch_first=True, **flags)}
    return nn.ModuleDict(parts | {"decoder": nn.Linear(units, 11, bias=False)}).double()


def logits(parts, ids):
    return parts["decoder"](parts["rnn"](parts["embedding"](ids))[0])


@pytest.mark.parametrize(("embedding", "units"), [(6, 6), (4, 6), (6, 4)])
@pytest.mark.parametrize("kind", list(MODULES))
@torch.no_grad()
def test_a_word_language_model_there_and_back(kind, embedding, units, tmp_path):
    parts, ids = language_model(kind, embedding, units), torch.randint(0, 11, (3, 8))
    tables = {"embedding": parts["embedding"].weight, "decoder": parts["decoder"].weight}
    model = seqwise.from_torch(parts, **tables, decoder_bias=torch.zeros(11))
    torch.testing.assert_close(model(ids).logits, logits(parts, ids), **EXACT)
    torch.testing.assert_close(logits(seqwise.to_torch(model), ids), logits(parts, ids), **EXACT)
    written = model.generate(ids[:, :3], max_new_tokens=5, do_sample=False)
    assert torch.equal(written[:, 3], logits(parts, ids[:, :3])[:, -1].argmax(-1))
    model.save_pretrained(tmp_path)
    assert torch.equal(seqwise.SeqwiseForCausalLM.from_pretrained(tmp_path)(ids).logits, model(ids).logits)


@torch.no_grad()
def test_a_tied_decoder_stays_tied():
    parts = language_model()
    table, ids = parts["embedding"].weight, torch.arange(11).unsqueeze(0)
    model = seqwise.from_torch(parts, embedding=table, decoder=table)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    torch.testing.assert_close(model(ids).logits, parts["rnn"](table[ids])[0] @ table.T, **EXACT)


@torch.no_grad()
def test_an_embedding_alone_makes_tokens_readable():
    parts, ids = language_model(embedding=4), torch.arange(11).unsqueeze(0)
    model = seqwise.from_torch(parts, embedding=parts["embedding"].weight)
    torch.testing.assert_close(model(ids).last_hidden_state, parts["rnn"](parts["embedding"](ids))[0], **EXACT)


def test_what_is_made_can_be_trained_and_shares_nothing():
    network, before = nn.LSTM(3, 4, 2), torch.random.get_rng_state()
    model = seqwise.from_torch(network, hidden_dropout=0.25, eos_token_id=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (model.training, model.config.hidden_dropout, model.config.eos_token_id) == (False, 0.25, 3)
    assert all(parameter.requires_grad for parameter in model.parameters())
    own = network.weight_ih_l0.clone()
    model.layers[0].mixer.weight_ih_l0.data.zero_()
    assert torch.equal(network.weight_ih_l0, own)
    assert seqwise.to_torch(model.train()).dropout == 0.25


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_precision_is_the_weights_own(dtype):
    assert seqwise.from_torch(nn.GRU(3, 4, dtype=dtype)).dtype == dtype


@torch.no_grad()
def test_a_projection_goes_into_the_first_layer():
    torch.manual_seed(0)
    sizes = {"embedding_size": 5, "projection_size": 3, "hidden_size": 8, "num_hidden_layers": 2}
    config = seqwise.SeqwiseConfig(body="classic", layer_types=["gru", "gru"], bidirectional=True, **sizes)
    model, x = seqwise.SeqwiseModel(config).double().eval(), series(5)
    torch.testing.assert_close(seqwise.to_torch(model)(x)[0], model(inputs_embeds=x).last_hidden_state, **EXACT)


def changed(**weights):
    """The state dict of an LSTM of two layers, some weights replaced; None leaves one out."""
    state = nn.LSTM(3, 4, 2).state_dict() | weights
    return {name: weight for name, weight in state.items() if weight is not None}


TWO = nn.ModuleDict({"encoder": nn.LSTM(3, 4), "decoder": nn.LSTM(3, 4)})
REFUSED = {
    "projection": (lambda: nn.LSTM(3, 4, proj_size=2), {}, "proj_size"),
    "projection in a state dict": (lambda: nn.LSTM(3, 4, proj_size=2).state_dict(), {}, "proj_size"),
    "relu": (lambda: nn.RNN(3, 4, nonlinearity="relu"), {}, "nonlinearity='relu'"),
    "dropout": (lambda: nn.GRU(3, 4, 2, dropout=0.2), {}, r"between its layers.*\n.*\n.*hidden_dropout=0.2"),
    "missing": (lambda: changed(weight_hh_l1=None), {}, "weight_hh_l1 is missing"),
    "missing bias": (lambda: changed(bias_hh_l0=None), {}, "bias_hh_l0 is missing"),
    "missing layer": (lambda: changed(weight_ih_l3=torch.zeros(16, 4)), {}, "weight_ih_l2 is missing"),
    "missing direction": (lambda: changed(weight_ih_l0_reverse=torch.zeros(16, 3)), {}, "weight_hh_l0_reverse is missing"),
    "other layer": (lambda: changed(weight_ih_l1=torch.zeros(16, 5)), {}, r"weight_ih_l1 is \(16, 5\).*\n.*\(16, 4\)"),
    "other bias": (lambda: changed(bias_ih_l0=torch.zeros(12)), {}, r"bias_ih_l0 is \(12,\)"),
    "whole numbers": (lambda: changed(bias_ih_l0=torch.zeros(16, dtype=torch.int8)), {}, "torch.int8"),
    "two gates": (lambda: changed(weight_hh_l0=torch.zeros(8, 4)), {}, "4, 3 or 1"),
    "a vector": (lambda: changed(weight_hh_l0=torch.zeros(8)), {}, r"weight_hh_l0 is \(8,\)"),
    "a cell": (lambda: nn.LSTMCell(3, 4), {}, "no recurrent weights among weight_ih, weight_hh"),
    "nothing": (dict, {}, "no recurrent weights among nothing"),
    "a path": (lambda: "model.pt", {}, "got a str"),
    "two modules": (lambda: TWO, {}, "several recurrent modules: 'encoder', 'decoder'"),
    "unknown prefix": (lambda: TWO, {"prefix": "middle"}, "with the prefix 'middle'"),
    "a size": (lambda: nn.LSTM(3, 4), {"hidden_size": 4}, "hidden_size follows from the weights"),
    "a misspelt setting": (lambda: nn.LSTM(3, 4), {"hiden_dropout": 0.1}, "no setting 'hiden_dropout'\n.*did you mean 'hidden_dropout'"),
    "arrays": (lambda: {name: weight.numpy() for name, weight in changed().items()}, {}, "weight_ih_l0 is a ndarray"),
    "a module": (lambda: nn.LSTM(3, 4), {"embedding": nn.Embedding(9, 3)}, "embedding is a Embedding\n.*\n.*weight"),
    "narrow embedding": (lambda: nn.LSTM(3, 4), {"embedding": torch.zeros(9, 2)}, "the embedding has the shape"),
    "decoder alone": (lambda: nn.LSTM(3, 4), {"decoder": torch.zeros(9, 4)}, "without an embedding"),
    "other decoder": (lambda: nn.LSTM(3, 4), {"embedding": torch.zeros(9, 3), "decoder": torch.zeros(8, 4)}, "the decoder has the shape"),
    "bias": (
        lambda: nn.LSTM(3, 4),
        {"embedding": torch.zeros(9, 3), "decoder": torch.zeros(9, 4), "decoder_bias": torch.ones(9)},
        "no place",
    ),
    "bias alone": (lambda: nn.LSTM(3, 4), {"decoder_bias": torch.zeros(9)}, "a bias alone"),
    "both directions": (
        lambda: nn.LSTM(3, 4, bidirectional=True),
        {"embedding": torch.zeros(9, 3), "decoder": torch.zeros(9, 8)},
        "bidirectional=False",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_expressed_is_refused(case):
    source, given_too, said = REFUSED[case]
    with pytest.raises(UserError, match=said):
        seqwise.from_torch(source(), **given_too)


def test_a_prefix_chooses_between_modules():
    x = torch.randn(2, 5, 3)
    for prefix in ("decoder", "decoder."):
        got = seqwise.from_torch(TWO, prefix=prefix)(inputs_embeds=x).last_hidden_state
        torch.testing.assert_close(got, TWO["decoder"](x.transpose(0, 1))[0].transpose(0, 1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"body": "modern"}, "modern body"),
        ({"layer_types": ["lstm", "gru"]}, "lstm, gru"),
        ({"layer_types": ["attention", "attention"]}, "attention"),
        ({"num_input_channels": 3}, "reads a series"),
        ({"position_embedding": "learned"}, "adds positions"),
    ],
)
def test_what_torch_has_no_module_for_stays_here(changes, said):
    with pytest.raises(UserError, match=said):
        seqwise.to_torch(seqwise.SeqwiseModel(seqwise.SeqwiseConfig(**({"body": "classic"} | changes))))


def test_a_head_is_not_for_torch():
    with pytest.raises(UserError, match=r"SeqwiseForSequenceClassification(.|\n)*\.model"):
        seqwise.to_torch(seqwise.SeqwiseForSequenceClassification(seqwise.SeqwiseConfig(body="classic")))
