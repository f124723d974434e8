"""Dirt in a manifest is survived, and told with its key.

SPEC X-3, X-4.
"""

from __future__ import annotations

import pytest

from protocol.exchange.bounds import PARTS_MAX
from protocol.exchange.okh import read_design
from tests.protocol.exchange.strangers import told

HEAD = 'okhv = "1"\nname = "d"\nversion = "1"\nrepo = "r"\n'
LICENSED = HEAD + 'license = "MIT"\n'


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (HEAD, "license", "names no licence for the hardware"),
        (HEAD + 'license = {software = "MIT"}', "license.software", "is a licence for software only"),
        (HEAD + "license = [[1]]\n", "license", "without a licence"),
        (HEAD + 'license = "[REQUIRED: SPDX license ID]"', "license", "still holds the template's text"),
        (LICENSED + "part = 3\n", "part", "should be a table, is a number"),
        (LICENSED + 'part = ["a", {name = "b"}]\n', "part[0]", "should be a table, is a text"),
        (LICENSED + "function = [1, 2]\n", "function", "should be one text, is a list"),
        (LICENSED + "function = {a = 1}\n", "function", "should be one text, is a table"),
        (LICENSED + "tsdc = [[1]]\n", "tsdc", "holds a list"),
        (LICENSED + 'tsdc = "FROBNICATE"\n', "tsdc", "'FROBNICATE' is not a technology code known here"),
        (LICENSED + "manufacturing_specs = 3\n", "manufacturing_specs", "should be a table"),
        (LICENSED + 'doc = "a"\nDoc = "b"\n', "Doc", "is the same key as 'doc'"),
        (
            LICENSED + "[outer-dimensions]\nwidht = 1\ndepth = 2\nheight = 3\n",
            "outer-dimensions.widht",
            "mean 'width'?",
        ),
        (LICENSED + "[outer-dimensions]\ndepth = 2\nheight = 3\n", "outer-dimensions.width", "is not given"),
        (LICENSED + 'outer-dimensions = "cube(size = [3,3,3]"', "outer-dimensions", "its last bracket is missing"),
        (LICENSED + f"source = {['x'] * 101}\n", "source", "the first 100 are read"),
        (LICENSED + f"part = {'[' + '{},' * (PARTS_MAX + 1) + ']'}\n", "part", f"the first {PARTS_MAX} are read"),
    ],
)
def test_a_fault_is_told_with_its_key_and_the_rest_is_read(text: str, key: str, words: str) -> None:
    read = read_design(text.encode(), "okh.toml")
    assert read.design is not None
    assert told(read.findings, key, words), [str(finding) for finding in read.findings]


def test_a_list_of_licences_is_read_as_all_of_them() -> None:
    read = read_design((HEAD + 'license = ["MIT", "CC0-1.0"]').encode(), "okh.toml")
    assert read.design is not None
    assert read.design.licence == "MIT AND CC0-1.0"


def test_what_a_terminal_would_obey_never_leaves_the_reader() -> None:
    text = (
        LICENSED
        + 'function = "\\u001b[31mred\\u202e\\u0007\\n two  \\t blanks"\n[[part]]\nname = "\\u200b\\u001b]0;x"\n'
    )
    read = read_design(text.encode(), "\x1b[2J.toml")
    assert read.design is not None
    assert read.design.function == "[31mred two blanks"
    assert read.design.parts[0].name == "]0;x"
    assert all(str(finding).isprintable() for finding in read.findings)


def test_half_a_surrogate_pair_is_taken_out() -> None:
    read = read_design(b'{"okhv": "1", "title": "a\\ud800b"}', "okh.json")
    assert read.design is not None
    assert read.design.title == "ab"


def test_a_name_too_long_is_cut_and_marked() -> None:
    read = read_design(f'okhv = "1"\nname = "{"n" * 500}"'.encode(), "okh.toml")
    assert read.design is not None
    assert len(read.design.title) == 200
    assert read.design.title.endswith("…")


def test_a_number_where_a_text_belongs_is_read_as_written() -> None:
    read = read_design(b"okhv = 2.10\nname = 7\nversion = true\nbom = 1979-05-27\n", "okh.toml")
    assert read.design is not None
    assert (read.design.standard, read.design.title) == ("2.10", "7")
    assert (read.design.version, read.design.bom) == ("true", "1979-05-27")


def test_a_table_with_nothing_to_name_it_is_passed_by_in_a_list_of_texts() -> None:
    read = read_design((LICENSED + 'source = [{a = "b"}, {path = 3}, "x", true]').encode(), "okh.toml")
    assert read.design is not None
    assert read.design.whole.sources == ("x", "true")


def test_an_absurd_number_where_a_text_belongs_is_left_out() -> None:
    read = read_design((LICENSED + "bom = 1e900").encode(), "okh.toml")
    assert read.design is not None
    assert read.design.bom == ""
