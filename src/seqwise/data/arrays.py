"""Arrays that are kept together in one file."""

import dataclasses
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import atomic_path


@dataclasses.dataclass(frozen=True)
class Arrays:
    """A dataclass whose fields are all arrays, as one safetensors file."""

    what: ClassVar[str]
    """What the file holds, for its reader."""

    def save(self, path: Path) -> None:
        """Written atomically."""
        from safetensors.numpy import save_file

        with atomic_path(path) as temporary:
            save_file({field.name: np.asarray(getattr(self, field.name), order="C") for field in dataclasses.fields(self)}, temporary)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises :class:`UserError` when the file is damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return cls(**load_file(path))
        except (SafetensorError, TypeError) as error:
            raise UserError(f"{path} is not a file of {cls.what} ({error})", fix="delete it, it is written again") from error
