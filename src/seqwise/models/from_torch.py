"""Recurrent networks of torch.nn as models of this package, and back: the same weights, the same outputs."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqwise.core.errors import UserError
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig, check_known
from seqwise.models.mixers.recurrent import parameter_names

KINDS = {4: "lstm", 3: "gru", 1: "rnn"}
"""Gates of a recurrence -> its name."""
MODULES = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
PARAMETER = re.compile(r"(?P<prefix>(?:.*\.)?)(?P<name>(?:weight|bias)_(?:ih|hh|hr)_l(?P<layer>\d+)(?:_reverse)?)")


def from_torch(
    source: nn.Module | Mapping[str, Tensor],
    *,
    prefix: str | None = None,
    embedding: Tensor | None = None,
    decoder: Tensor | None = None,
    decoder_bias: Tensor | None = None,
    **settings: Any,
) -> SeqwiseModel | SeqwiseForCausalLM:
    """A trained ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN`` as a model of the classic body, in evaluation mode and in the weights' precision.

    Its ``inputs_embeds`` (B, T, E) are the module's inputs, batch first, and its last hidden states (B, T, D) the module's outputs; with
    an ``attention_mask`` those of a packed sequence. ``past_key_values.states`` holds ``(h, c)``, or ``(h,)``, of every layer. Which of
    the three it is follows from the shapes; a state dict does not tell ``tanh`` from ``relu`` and is read as ``tanh``.

    Args:
        source: the module, one that contains it, or a state dict of either.
        prefix: of the names of its weights ("encoder.lstm"); needed only where there are several recurrent modules.
        embedding: (V, E), the table of tokens before it; the model then takes ``input_ids`` too.
        decoder: (V, D), a linear layer over the vocabulary behind it; the result is then a language model. With a decoder that is not
            the embedding and D above E, ``inputs_embeds`` are D wide and their last D - E numbers are not read.
        decoder_bias: (V,), zeros: a language model of this package has no such bias.
        settings: of :class:`~seqwise.models.config.SeqwiseConfig` that do not follow from the weights: ``hidden_dropout`` ...

    Raises :class:`~seqwise.core.errors.UserError` for what cannot be expressed (``proj_size``, ``relu``, dropout between the layers
    alone, a decoder's bias) and for weights that are missing or do not fit together.
    """
    weights, prefix = recurrent_weights(source, prefix)
    if isinstance(source, nn.Module):
        check_module(source.get_submodule(prefix.rstrip(".")), settings)
    kind, layers, directions = check_weights(weights)
    inputs, outputs = weights["weight_ih_l0"].shape[1], weights["weight_hh_l0"].shape[1] * directions
    check_vocabulary(embedding, decoder, decoder_bias, inputs, outputs)
    tied = decoder is not None and torch.equal(decoder, embedding)
    config = configured(
        settings,
        layer_types=[kind] * layers,
        num_hidden_layers=layers,
        hidden_size=outputs,
        bidirectional=directions == 2,
        projection_size=inputs,
        embedding_size=inputs if decoder is None or tied else max(inputs, outputs),
        vocab_size=1 if embedding is None else len(embedding),
        tie_word_embeddings=tied,
    )
    return built(config, weights, embedding, decoder)


def to_torch(model: SeqwiseModel | SeqwiseForCausalLM) -> nn.RNNBase | nn.ModuleDict:
    """What :func:`from_torch` reads: a module of torch.nn (batch first) with the outputs of a model; its ``state_dict()`` is torch's own.

    The model has the classic body and one kind of recurrent layers. Its projection of the embedding goes into the first layer's
    weights. A language model comes as ``embedding``, ``rnn`` and ``decoder`` (without bias) in one ``nn.ModuleDict``. ``hidden_dropout``
    becomes the dropout between the layers; what is dropped before the first and after the last is left to the caller.

    Raises :class:`~seqwise.core.errors.UserError` for any other model.
    """
    body = model.model if isinstance(model, SeqwiseForCausalLM) else model
    check_exportable(body)
    config, first = body.config, body.layers[0].mixer
    module = MODULES[config.layer_types[0]](
        config.embedding_size,
        first.config.units,
        config.num_hidden_layers,
        batch_first=True,
        dropout=config.hidden_dropout if config.num_hidden_layers > 1 else 0.0,
        bidirectional=config.bidirectional,
        dtype=first.weight_ih_l0.dtype,
    )
    weights = {of_layer(name, layer): w for layer, block in enumerate(body.layers) for name, w in block.mixer.state_dict().items()}
    for name in (parameter_names(direction)[0] for direction in range(first.config.directions)):
        weights[name] = weights[name] @ body.embedding_projection.weight.detach()
    module.load_state_dict(weights)
    if body is model:
        return module.train(model.training)
    decoder = model.lm_head.weight @ model.head_projection.weight
    parts = nn.ModuleDict({"embedding": nn.Embedding(*body.embed_tokens.weight.shape), "rnn": module})
    parts["decoder"] = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
    parts["embedding"].weight, parts["decoder"].weight = (nn.Parameter(w.detach().clone()) for w in (body.embed_tokens.weight, decoder))
    return parts.train(model.training)


def recurrent_weights(source: nn.Module | Mapping[str, Tensor], prefix: str | None) -> tuple[dict[str, Tensor], str]:
    """The weights of the one recurrent module of ``source``, under torch.nn's own names, and what stood before those."""
    if not isinstance(source, nn.Module | Mapping):
        raise UserError(
            f"from_torch got a {type(source).__name__}",
            expected="a module of torch.nn, or its state dict",
            fix="a file is read by torch.load(path, weights_only=True), or by safetensors.torch.load_file(path)",
        )
    state = source.state_dict() if isinstance(source, nn.Module) else source
    found: dict[str, dict[str, Tensor]] = {}
    for key, weight in state.items():
        if match := PARAMETER.fullmatch(key):
            found.setdefault(match["prefix"], {})[match["name"]] = weight
    if prefix is not None:
        found = {name: weights for name, weights in found.items() if name.rstrip(".") == prefix.rstrip(".")}
    if not found:
        where = "" if prefix is None else f" with the prefix '{prefix}'"
        raise UserError(
            f"no recurrent weights{where} among {', '.join(list(state)[:6]) or 'nothing'}", expected="weight_ih_l0, weight_hh_l0 ..."
        )
    if len(found) > 1:
        names = ", ".join(f"'{name.rstrip('.')}'" for name in found)
        raise UserError(f"there are several recurrent modules: {names}", expected="one", fix="name one: prefix=...")
    ((name, weights),) = found.items()
    for key, weight in weights.items():
        check_tensor(key, weight)
    return weights, name


def check_tensor(name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise UserError(f"{name} is a {type(value).__name__}", expected="a tensor", fix="a module's .weight, or torch.from_numpy(array)")


def check_module(module: nn.Module, settings: Mapping[str, Any]) -> None:
    """Refuse what a module does and its weights do not tell."""
    if not isinstance(module, nn.RNNBase):
        raise UserError(f"the recurrent weights are those of a {type(module).__name__}", expected="an nn.LSTM, nn.GRU or nn.RNN")
    if module.mode == "RNN_RELU":
        raise UserError("the nn.RNN has nonlinearity='relu'", expected="'tanh', which the rnn of this package has")
    if module.num_layers > 1 and module.dropout > 0 and "hidden_dropout" not in settings:
        raise UserError(
            f"the module drops with p = {module.dropout} between its layers, but not after the last",
            expected="a dropout after every layer, or none",
            fix=f"hidden_dropout={module.dropout} to drop after the last one as well, or hidden_dropout=0.0",
        )


def check_weights(weights: Mapping[str, Tensor]) -> tuple[str, int, int]:
    """Kind, layers and directions of a complete set of weights. Raises :class:`UserError` for any other."""
    if any(name.startswith("weight_hr") for name in weights):
        raise UserError("the LSTM projects its states (proj_size)", expected="proj_size=0: the mixers of this package have no projection")
    directions = 2 if any(name.endswith("_reverse") for name in weights) else 1
    layers = 1 + max(int(PARAMETER.fullmatch(name)["layer"]) for name in weights)
    biased = any(name.startswith("bias") for name in weights)
    wanted = {name: layer for layer in range(layers) for name in layer_names(layer, directions) if biased or name.startswith("weight")}
    for name in wanted:
        if name not in weights:
            raise UserError(f"{name} is missing", expected=f"the weights of {layers} layers, {directions} directions, biases: {biased}")
    recurrent, read = weights["weight_hh_l0"].shape, weights["weight_ih_l0"].shape
    kind = KINDS.get(recurrent[0] / recurrent[1]) if len(recurrent) == len(read) == 2 and recurrent[1] else None
    if kind is None:
        raise UserError(f"weight_hh_l0 is {tuple(recurrent)}, weight_ih_l0 {tuple(read)}", expected="(GH, H) and (GH, E); G is 4, 3 or 1")
    for name, layer in wanted.items():
        inputs = read[1] if layer == 0 else directions * recurrent[1]
        shape = (recurrent[0],) if name.startswith("bias") else (recurrent[0], inputs if "_ih_" in name else recurrent[1])
        if weights[name].shape != shape or not weights[name].is_floating_point():
            raise UserError(
                f"{name} is {tuple(weights[name].shape)} of {weights[name].dtype}", expected=f"{shape} of floating-point numbers"
            )
    return kind, layers, directions


def check_vocabulary(embedding: Tensor | None, decoder: Tensor | None, bias: Tensor | None, inputs: int, outputs: int) -> None:
    """Refuse tables that do not fit the recurrent weights, or that a language model of this package cannot hold."""
    for name, table in (("embedding", embedding), ("decoder", decoder), ("decoder_bias", bias)):
        if table is not None:
            check_tensor(name, table)
    if embedding is not None and (embedding.dim() != 2 or embedding.shape[1] != inputs):
        raise UserError(
            f"the embedding has the shape {tuple(embedding.shape)}", expected=f"(vocabulary, {inputs}), the module's input_size"
        )
    if decoder is not None and embedding is None:
        raise UserError("a decoder is given without an embedding", expected="both for a language model", fix="embedding=...")
    if decoder is not None and decoder.shape != (len(embedding), outputs):
        raise UserError(
            f"the decoder has the shape {tuple(decoder.shape)}", expected=f"{(len(embedding), outputs)}: vocabulary and outputs"
        )
    if bias is not None and (decoder is None or bias.any()):
        raise UserError(
            "the decoder has a bias, for which a language model of this package has no place" if decoder is not None else "a bias alone",
            expected="none, or zeros",
            fix="leave out decoder and decoder_bias, and put the linear layer behind the SeqwiseModel",
        )


def check_exportable(body: nn.Module) -> None:
    """Refuse a model that torch.nn has no module for."""
    if not isinstance(body, SeqwiseModel):
        raise UserError(f"to_torch got a {type(body).__name__}", expected="a SeqwiseModel or SeqwiseForCausalLM", fix="give its .model")
    config, fix = body.config, "load the weights of single layers: a mixer's names are those of torch.nn"
    if config.body != "classic" or len(set(config.layer_types)) > 1 or config.layer_types[0] not in MODULES:
        said = f"the model has the {config.body} body and the layers {', '.join(config.layer_types)}"
        raise UserError(said, expected="body='classic' and one of lstm, gru, rnn in every layer", fix=fix)
    if config.num_input_channels is not None or config.position_embedding in ("learned", "sinusoidal"):
        raise UserError("the model adds positions, or reads a series", expected="tokens or inputs_embeds alone", fix=fix)


def of_layer(name: str, layer: int) -> str:
    return name.replace("_l0", f"_l{layer}")


def layer_names(layer: int, directions: int) -> list[str]:
    """torch.nn's names of the weights of a layer."""
    return [of_layer(name, layer) for direction in range(directions) for name in parameter_names(direction)]


def configured(settings: dict[str, Any], **derived: Any) -> SeqwiseConfig:
    """The configuration that follows from the weights, and what else was asked for."""
    derived |= {"body": "classic", "position_embedding": "none"}
    if clash := sorted(derived.keys() & settings.keys()):
        raise UserError(f"{clash[0]} follows from the weights", expected="settings that do not", fix=f"leave out {clash[0]}")
    check_known(settings)
    return SeqwiseConfig(**derived, **{"pad_token_id": None} | settings)


def built(config: SeqwiseConfig, weights: dict[str, Tensor], embedding: Tensor | None, decoder: Tensor | None) -> SeqwiseModel:
    """The model itself. Projections that torch's network lacks are the identity."""
    width, like = config.embedding_size, weights["weight_hh_l0"]
    state = {"embedding_projection.weight": torch.eye(config.projection_size, width)}
    state["embed_tokens.weight"] = torch.zeros(1, width) if embedding is None else pad(embedding, (0, width - embedding.shape[1]))
    for layer in range(config.num_hidden_layers):
        for own, name in zip(layer_names(0, 1 + config.bidirectional), layer_names(layer, 1 + config.bidirectional), strict=True):
            state[f"layers.{layer}.mixer.{own}"] = weights[name] if name in weights else torch.zeros(len(weights["weight_hh_l0"]))
    if decoder is not None:
        state = {f"model.{name}": weight for name, weight in state.items()}
        state["head_projection.weight"] = torch.eye(width, config.hidden_size)
        state["lm_head.weight"] = pad(decoder, (0, width - decoder.shape[1]))
    with torch.device("meta"):
        model = SeqwiseModel(config) if decoder is None else SeqwiseForCausalLM(config)
    state = {name: weight.detach().to("cpu", like.dtype, copy=True) for name, weight in state.items()}
    model.load_state_dict(state, assign=True)
    model.tie_weights()
    return model.eval()
