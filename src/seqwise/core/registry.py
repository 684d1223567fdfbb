"""Tables of names that are imported only when one is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from seqwise.core.errors import UserError, did_you_mean


class Registry(Mapping[str, Any]):
    """A read-only mapping from a name to an object, given as ``"module:attribute"``.

    >>> Registry("number", {"pi": "math:pi"})["pi"]
    3.141592653589793
    """

    def __init__(self, kind: str, table: dict[str, str]):
        self.kind = kind
        self._table = dict(table)

    def __getitem__(self, name: str) -> Any:
        if name not in self._table:
            raise UserError(f"unknown {self.kind} '{name}'", fix=did_you_mean(name, list(self._table)))
        module, _, attribute = self._table[name].partition(":")
        return getattr(import_module(module), attribute)

    def get(self, name: str, default: Any = None) -> Any:
        """The entry, or ``default`` where there is none."""
        if name not in self:
            return default
        return self[name]

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)
