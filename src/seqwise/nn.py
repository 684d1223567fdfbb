"""``LSTM``, ``GRU`` and ``RNN`` as in ``torch.nn``: the same arguments, results and state dicts, on the loops in C where these may run.

>>> from seqwise.nn import LSTM
>>> y, (h, c) = LSTM(8, 16)(torch.zeros(5, 2, 8))
>>> y.shape
torch.Size([5, 2, 16])
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from seqwise.kernels import chosen
from seqwise.kernels.c import autograd
from seqwise.kernels.c.kernels import require_float32
from seqwise.kernels.c.loops import Steps
from seqwise.kernels.c.rows import Packed, equal_steps
from seqwise.kernels.c.torch_modules import decode

State = tuple[Tensor, ...]


class OnLoops:
    """What the three have in common; in front of the class of ``torch.nn`` whose ``forward`` it may spare."""

    recurrence: ClassVar[str]
    function: ClassVar[type]

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """As in ``torch.nn``, with gradients of first order only where the loops in C run."""
        packed = isinstance(input, PackedSequence)
        hx = tuple(hx) if isinstance(hx, list) else hx
        at_once = decode(self, input, hx)
        if at_once is not None:
            return at_once
        if not self._runs_in_c(input.data if packed else input, hx, packed):
            return super().forward(input, hx)
        return self._packed(input, hx) if packed else self._padded(input, hx)

    def _runs_in_c(self, data: Tensor, hx: Any, packed: bool) -> bool:
        states = () if hx is None else hx if isinstance(hx, tuple) else (hx,)
        rank = 2 if packed else 3
        known = data.dim() == rank and data.shape[-1] == self.input_size and data.numel() > 0 and self.proj_size == 0
        return known and self.mode != "RNN_RELU" and all(chosen(self.recurrence, x) == "c" for x in (data, *states, self.weight_hh_l0))

    def _packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        steps = Steps(input.batch_sizes)
        hx = self._zeros(input.data, steps.batch) if hx is None else self.permute_hidden(hx, input.sorted_indices)
        self.check_forward_args(input.data, hx, input.batch_sizes)
        y, final = self._stack(input.data, steps, hx)
        return input._replace(data=y), self.permute_hidden(final, input.unsorted_indices)

    def _padded(self, input: Tensor, hx: Any) -> tuple[Tensor, Any]:
        x = input.transpose(0, 1) if self.batch_first else input
        length, batch, _ = x.shape
        hx = self._zeros(x, batch) if hx is None else hx
        self.check_forward_args(input, hx, None)
        y, final = self._stack(x.reshape(length * batch, -1), equal_steps(batch, length), hx)
        y = y.view(length, batch, -1)
        return y.transpose(0, 1) if self.batch_first else y, final

    def _zeros(self, x: Tensor, batch: int) -> Any:
        zero = x.new_zeros(self.num_layers * self._directions, batch, self.hidden_size)
        return (zero, zero) if self.recurrence == "lstm" else zero

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _stack(self, x: Tensor, steps: Steps, hx: Any) -> tuple[Tensor, Any]:
        """All layers over packed rows (N, D)."""
        state = hx if self.recurrence == "lstm" else (hx,)
        finals = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self._directions):
                begin = tuple(s[layer * self._directions + direction] for s in state)
                y, *final = self._layer(x, begin, layer, direction, steps)
                outputs.append(y)
                finals.append(final)
            x = torch.cat(outputs, dim=1) if self.bidirectional else outputs[0]
            if layer + 1 < self.num_layers:
                x = nn.functional.dropout(x, self.dropout, self.training)
        final = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
        return x, final if self.recurrence == "lstm" else final[0]

    def _layer(self, x: Tensor, state: State, layer: int, direction: int, steps: Steps) -> tuple[Tensor, ...]:
        suffix = f"_l{layer}" + ("_reverse" if direction else "")
        weights = [getattr(self, name + suffix) for name in ("weight_ih", "weight_hh")]
        names = ("bias_ih", "bias_hh") if self.bias else ()
        biases = [getattr(self, name + suffix) for name in names] or [weights[0].new_zeros(len(weights[0]))] * 2
        require_float32(x, *state, *weights, *biases)
        return self.function.apply(x, *state, *(w.contiguous() for w in (*weights, *biases)), Packed(steps, backwards=direction == 1))


class LSTM(OnLoops, nn.LSTM):
    """:class:`torch.nn.LSTM`; projections run in torch."""

    recurrence, function = "lstm", autograd.LSTM


class GRU(OnLoops, nn.GRU):
    """:class:`torch.nn.GRU`."""

    recurrence, function = "gru", autograd.GRU


class RNN(OnLoops, nn.RNN):
    """:class:`torch.nn.RNN`; ``nonlinearity="relu"`` runs in torch."""

    recurrence, function = "rnn", autograd.RNN
