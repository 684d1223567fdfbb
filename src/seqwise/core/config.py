"""Frozen settings with a fingerprint."""

import dataclasses
import hashlib
import json
from typing import Any, Self

from seqwise.core.errors import UserError, did_you_mean


def canonical_json(value: Any) -> str:
    """JSON with one spelling per value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any, length: int = 16) -> str:
    """The first ``length`` hex digits of the SHA-256 of a JSON value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of all settings: frozen, keyword-only, unknown keys are errors."""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Raises :class:`UserError` on a key that is no field."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                raise UserError(f"{cls.__name__} has no setting '{key}'", fix=did_you_mean(key, known))
        return cls(**values)

    def replace(self, **changes: Any) -> Self:
        return dataclasses.replace(self, **changes)
