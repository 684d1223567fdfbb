"""Arrays in one file: what was saved comes back as it was; a damaged file is named."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from seqwise.core.errors import UserError
from seqwise.data.arrays import Arrays


@dataclasses.dataclass(frozen=True)
class Pair(Arrays):
    what: ClassVar[str] = "pairs"

    one: np.ndarray
    other: np.ndarray


@pytest.mark.parametrize(
    "value",
    [np.int64(3), np.zeros(0, np.float32), np.arange(12, dtype=np.int32).reshape(3, 4)[:, ::2], np.ones((2, 3)).T],
    ids=["a number", "empty", "strided", "transposed"],
)
def test_shape_kind_and_values_come_back(tmp_path, value):
    value = np.asarray(value)
    Pair(value, np.arange(3)).save(tmp_path / "pair")
    back = Pair.load(tmp_path / "pair")
    assert (back.one.shape, back.one.dtype) == (value.shape, value.dtype)
    np.testing.assert_array_equal(back.one, value)
    np.testing.assert_array_equal(back.other, np.arange(3))
    assert [path.name for path in tmp_path.iterdir()] == ["pair"]


def test_a_damaged_file_or_one_of_something_else_is_named(tmp_path):
    Pair(np.zeros(2), np.zeros(2)).save(tmp_path / "pair")
    (tmp_path / "cut").write_bytes((tmp_path / "pair").read_bytes()[:20])
    with pytest.raises(UserError, match=r"cut is not a file of pairs"):
        Pair.load(tmp_path / "cut")

    @dataclasses.dataclass(frozen=True)
    class Single(Arrays):
        what: ClassVar[str] = "singles"
        one: np.ndarray

    with pytest.raises(UserError, match=r"pair is not a file of singles"):
        Single.load(tmp_path / "pair")
