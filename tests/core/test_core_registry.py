"""Tables of names: lazy, read-only, helpful about misspelt names."""

import sys

import pytest

from seqwise.core.errors import UserError
from seqwise.core.registry import Registry


def test_an_entry_is_imported_only_when_asked_for(tmp_path, monkeypatch):
    (tmp_path / "lazy_entry.py").write_text("value = 41 + 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    table = Registry("thing", {"it": "lazy_entry:value"})
    assert "it" in table
    assert list(table) == ["it"]
    assert len(table) == 1
    assert "lazy_entry" not in sys.modules
    assert table["it"] == 42


def test_an_unknown_name_is_a_user_error():
    with pytest.raises(UserError, match="unknown number 'po'") as error:
        Registry("number", {"pi": "math:pi"})["po"]
    assert "did you mean 'pi'" in error.value.fix


def test_the_table_that_was_given_may_change_later():
    given = {"pi": "math:pi"}
    table = Registry("number", given)
    given["e"] = "math:e"
    assert list(table) == ["pi"]
