"""Errors that people read: three lines at most, whatever another library had to say."""

import pytest

from seqwise.core.errors import UserError, did_you_mean, first_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError(""), "ValueError"),
        (OSError("\n  late start\nmore"), "late start"),
        (KeyError(), "KeyError"),
    ],
)
def test_another_librarys_words_are_one_line(error, said):
    assert first_line(error) == said


def test_what_happened_what_was_expected_how_to_fix_it():
    error = UserError("no column 'x'", expected="one of a, b", fix="--text a")
    assert str(error).splitlines() == ["no column 'x'", "  expected: one of a, b", "  fix: --text a"]
    assert str(UserError("that alone")) == "that alone"


def test_a_close_name_is_offered_and_a_far_one_is_not():
    assert did_you_mean("lsmt", ["lstm", "gru"]).startswith("did you mean 'lstm'?")
    assert did_you_mean("zzz", ["lstm", "gru"]) == "one of lstm, gru"
