"""One layer of the backbone. The mixer is the only part in which the families differ."""

from torch import Tensor, nn
from torch.nn.functional import silu

from seqwise.models.config import SeqwiseConfig
from seqwise.models.dropout import Dropout
from seqwise.models.mixers import MIXERS
from seqwise.models.projection import BranchOutput, Linear


class GatedFeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: SeqwiseConfig):
        super().__init__()
        self.gate_proj = Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = BranchOutput(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))


def build_mixer(config: SeqwiseConfig, layer: int) -> nn.Module:
    mixer = MIXERS[config.layer_types[layer]]
    return mixer(mixer.configure(config, layer))


class ModernBlock(nn.Module):
    """x + mixer(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, config: SeqwiseConfig, layer: int):
        super().__init__()
        self.mixer_norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps, bias=False)
        self.mixer = build_mixer(config, layer)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps, bias=False)
        self.feed_forward = GatedFeedForward(config)
        self.dropout = Dropout(config.hidden_dropout)

    def forward(self, x: Tensor, state: tuple | None, mask: Tensor | None, carry: bool) -> tuple[Tensor, tuple | None]:
        y, state = self.mixer(self.mixer_norm(x), state, mask, carry)
        x = x + self.dropout(y)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), state


class ClassicBlock(nn.Module):
    """The mixer alone: the textbook stack."""

    def __init__(self, config: SeqwiseConfig, layer: int):
        super().__init__()
        self.mixer = build_mixer(config, layer)
        self.dropout = Dropout(config.hidden_dropout)

    def forward(self, x: Tensor, state: tuple | None, mask: Tensor | None, carry: bool) -> tuple[Tensor, tuple | None]:
        y, state = self.mixer(x, state, mask, carry)
        return self.dropout(y), state


BLOCKS = {"modern": ModernBlock, "classic": ClassicBlock}
