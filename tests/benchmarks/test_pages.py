import pytest


@pytest.fixture(scope="module")
def pages(benchmark):
    return benchmark("pages")


def test_only_what_stands_between_the_marks_is_replaced(pages):
    found = pages.filled("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n", "a", "new\n")
    assert found == "before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n"


def test_a_page_without_a_place_is_refused(pages):
    with pytest.raises(ValueError, match="no place for b"):
        pages.filled("<!-- a -->\n<!-- /a -->\n", "b", "")
