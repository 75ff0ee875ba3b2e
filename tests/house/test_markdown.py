"""The documents are the Markdown that they mean: a list or a table that was run together reads as one long paragraph."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.house.tree import ROOT, files

MARKDOWN = MarkdownIt("commonmark").enable("table")
# The bar of a table's row, and the number of a list's item behind the end of a sentence.
RUN_TOGETHER = re.compile(r"\||[.:)] \d\. \w")


def prose(text: str) -> Iterator[str]:
    """The text of each paragraph and heading outside of tables, code left out."""
    in_table = False
    for token in MARKDOWN.parse(text):
        in_table = {"table_open": True, "table_close": False}.get(token.type, in_table)
        if token.type == "inline" and not in_table:
            yield "".join(child.content if child.type == "text" else "\n" for child in token.children or ())


def pages() -> list[Path]:
    """Every page of the project; tests keep some that are broken on purpose elsewhere than in files."""
    return [path for path in files() if path.suffix == ".md"]


@pytest.mark.parametrize("path", pages(), ids=str)
def test_no_list_and_no_table_was_run_together(path: Path) -> None:
    assert [text for text in prose((ROOT / path).read_text(encoding="utf-8")) if RUN_TOGETHER.search(text)] == []


@pytest.mark.parametrize("text", ["| a | |---| | b |", "1. One. 2. Two.", "Build it:\n\n| a | b |\n| c | d |"])
def test_what_was_run_together_is_found_out(text: str) -> None:
    assert any(map(RUN_TOGETHER.search, prose(text)))
