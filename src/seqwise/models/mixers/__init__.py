"""Sequence mixers, the one part in which the families differ: ``mixer(x, state, mask) -> (y, state)``.

``x`` is (B, T, D); ``mask`` is None or (B, T), true at real tokens, which stand before all padding; ``state`` is None (start of
the sequence) or a tuple of tensors with the batch first. What stands in ``y`` at padded places is undefined.

A mixer class has ``configure(model_config, layer)``, ``parameter_count(config)``, ``flops(config, length)`` and
``state_bytes(config, length)`` as class methods, so that models can be sized without being built.
"""

from seqwise.core.registry import Registry

MIXERS = Registry(
    "mixer",
    {
        "rnn": "seqwise.models.mixers.rnn:RNN",
        "lstm": "seqwise.models.mixers.lstm:LSTM",
        "gru": "seqwise.models.mixers.gru:GRU",
        "minlstm": "seqwise.models.mixers.minlstm:MinLSTM",
        "mingru": "seqwise.models.mixers.mingru:MinGRU",
        "attention": "seqwise.models.mixers.attention:Attention",
    },
)
