"""Bytes to tree: the form is told from the content, and a file that cannot be read says why and where.

SPEC X-1, X-2, X-3.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.exchange.bounds import DEPTH_MAX, FILE_BYTES_MAX, FINDINGS_MAX, NODES_MAX
from protocol.exchange.findings import Finding, Findings, Severity
from protocol.exchange.tree import Form, Parsed, parse


def parsed(text: str | bytes) -> tuple[Parsed | None, tuple[Finding, ...]]:
    findings = Findings("file")
    read = parse(text if isinstance(text, bytes) else text.encode(), findings)
    return read, findings.all()


@pytest.mark.parametrize(
    ("text", "form", "tree"),
    [
        ('okhv = "1"\nmass = 2.50\n', Form.TOML, {"okhv": "1", "mass": Decimal("2.50")}),
        ('[[part]]\nname = "a"\n', Form.TOML, {"part": [{"name": "a"}]}),
        ("[a]\nb = 1\n", Form.TOML, {"a": {"b": 1}}),
        ("d = 2021-06-01\nt = true\n", Form.TOML, {"d": "2021-06-01", "t": True}),
        ("title: a: b is fine\n".replace(": b", " b"), Form.YAML, {"title": "a b is fine"}),
        ("%Open Know-How Manifest 1.0\n---\ntitle: x\n", Form.YAML, {"title": "x"}),
        (
            "a: no\nb: 1.10\nc:\nd: ~\ne: 'null'\n",
            Form.YAML,
            {"a": "no", "b": "1.10", "c": None, "d": None, "e": "null"},
        ),
        ("- a\n- b\n", Form.YAML, ["a", "b"]),
        ('{"a": 1, "b": [1.5, null, true, NaN]}', Form.JSON, {"a": 1, "b": [Decimal("1.5"), None, True, "NaN"]}),
        ('[{"a": 1}]', Form.JSON, [{"a": 1}]),
        ("[1, 2]", Form.JSON, [1, 2]),
        ("\ufeffa = 1\n", Form.TOML, {"a": 1}),
        ("a = 1\r\nb = 2\r\n", Form.TOML, {"a": 1, "b": 2}),
        ("base: &b {x: 1}\nuse: *b\n", Form.YAML, {"base": {"x": "1"}, "use": {"x": "1"}}),
        ("# only words\n" * 500 + "a = 1\n", Form.TOML, {"a": 1}),
        ("a: inf\n", Form.YAML, {"a": "inf"}),
        ("a = inf\nb = 1e400\nc = 1_0.5\n", Form.TOML, {"a": "inf", "b": Decimal("1e400"), "c": Decimal("10.5")}),
    ],
)
def test_a_file_is_read_in_the_form_it_is_written_in(text: str, form: Form, tree: object) -> None:
    read, findings = parsed(text)
    assert read == Parsed(form=form, tree=tree)  # type: ignore[arg-type]
    assert findings == ()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b" \n\t", "the file is empty"),
        (b"a = 1\nb = \xff\n", "is not UTF-8 text (line 2); save it as UTF-8"),
        (b"<!DOCTYPE html><html></html>", "is a web page (HTML), not a manifest; fetch the raw file instead"),
        (b"\n <html lang=en>", "is a web page (HTML), not a manifest; fetch the raw file instead"),
        (b"<?xml version='1.0'?><a/>", "is HTML or XML, not a manifest; fetch the raw TOML, YAML or JSON file instead"),
        (b"only words here", "is neither TOML, YAML nor JSON"),
        (b'a = 1\nb = "open\n', "is broken TOML at line 2: Illegal character '\\n'"),
        (b"[x", "is broken TOML: Expected ']' at the end of a table"),
        (b"[manifest\n", "is broken TOML at line 1"),
        (b"[1, 2", "is broken JSON at line 1"),
        (b"a = 1\na = 2\n", "is broken TOML at line 2: Cannot overwrite a value"),
        (b"a = 1\nb = [1,\n", "is broken TOML"),
        (b"x: 1\ny: two: three\n", "is broken YAML at line 2: mapping values are not allowed here"),
        (
            b"x:\n\ty: 1\n",
            "is broken YAML at line 2: found character '\\t' that cannot start any token; "
            "YAML is indented with spaces, never with tabs",
        ),
        (b"x: \x07\n", "is broken YAML at line 1: a sign that YAML does not allow"),
        (b'x: "\\UFFFFFFFF"\n', "is broken YAML"),
        (b"? [a, b]\n: 1\nx: 2\n", "is not read: a key at line 1 is a table or a list"),
        (b"a: &a 1\n*a : 2\n", "is not read: the alias 'a' stands where a key belongs"),
        (b"a: *nothing\n", "is not read: the alias 'nothing' stands for nothing, or for itself"),
        (b"a: &a [*a]\n", "is not read: the alias 'a' stands for nothing, or for itself"),
        (b'{"a": 1,\n"b": }', "is broken JSON at line 2: Expecting value"),
        (b"a = 1\nb = " + b"9" * 5000 + b"\n", "is broken TOML: a number in it is too long"),
        (b"#" * (FILE_BYTES_MAX + 1), f"the file has {FILE_BYTES_MAX + 1} bytes; at most {FILE_BYTES_MAX} are read"),
        (b"[" * 100_000, f"is nested more than {DEPTH_MAX} levels deep"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, f"is nested more than {DEPTH_MAX} levels deep"),
        (b"a = " + b"[" * 20 + b"]" * 20, f"is nested more than {DEPTH_MAX} levels deep"),
        (b"a = " + b"[" * 50_000, f"is nested more than {DEPTH_MAX} levels deep"),
        (b"x = 1\n" + b".".join([b"a"] * 5_000) + b" = 1", f"is nested more than {DEPTH_MAX} levels deep"),
        (b"a: " + b"[" * 20 + b"]" * 20, f"is nested more than {DEPTH_MAX} levels deep"),
        (b'{"a": [' + b"1," * NODES_MAX + b"1]}", f"holds more than {NODES_MAX} values"),
        (b"a:\n" + b"- 1\n" * NODES_MAX, f"holds more than {NODES_MAX} values, aliases counted"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_where(data: bytes, sentence: str) -> None:
    read, findings = parsed(data)
    assert read is None
    assert [finding.severity for finding in findings] == [Severity.ERROR]
    assert findings[0].sentence.startswith(sentence)
    assert str(findings[0]).startswith("file: ")


@pytest.mark.parametrize(
    "line",
    [
        "x." * 40 + "y = 1",
        "a = {" + "x." * 40 + "y = 1}",
        "[" + "x . " * 40 + "y]",
        "'a.b'." * 40 + "y = 1",
        "x." * 400,
    ],
)
def test_a_dotted_key_beyond_the_depth_is_refused_before_it_is_read(line: str) -> None:
    read, findings = parsed(f"a = 1\n{line}\n")
    assert read is None
    assert "nested more than" in findings[0].sentence


@pytest.mark.parametrize("value", ["one. two. " * 30, "........................", "192.168.1.1 " * 12, "a.b.c" * 3])
def test_dots_in_a_text_are_no_dotted_key(value: str) -> None:
    read, _ = parsed(f'a = "{value}"\nb = """\n{value}\n"""\n')
    assert read is not None


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    read, findings = parsed("\n".join(lines))
    assert read is None
    assert "aliases counted" in findings[0].sentence


def test_aliases_cannot_be_chained_beyond_the_depth() -> None:
    deep = "x"
    lines = []
    for n in range(8):
        lines.append(f"a{n}: &a{n} [[[[{deep}]]]]")
        deep = f"*a{n}"
    read, findings = parsed("\n".join(lines))
    assert read is None
    assert "nested more than" in findings[0].sentence


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", '{"a": 1, "b": 2, "a": 3}'])
def test_a_key_that_stands_twice_is_told_and_the_first_counts(text: str) -> None:
    read, findings = parsed(text)
    assert read is not None
    assert isinstance(read.tree, dict)
    assert str(read.tree["a"]) == "1"
    assert [str(finding) for finding in findings] == ["file: a: stands there twice; the first one counts"]


def test_only_the_first_yaml_document_is_read_and_the_others_are_told() -> None:
    read, findings = parsed("a: 1\n---\nb: 2\n")
    assert read is not None
    assert read.tree == {"a": "1"}
    assert "only the first is read" in findings[0].sentence


def test_a_whole_number_too_long_to_be_meant_does_not_stay_a_number() -> None:
    read, _ = parsed(f"a = 0x{'f' * 400}\n")
    assert read is not None
    assert read.tree == {"a": "a number too long to be meant"}
    long, _ = parsed('{"a": ' + "9" * 6000 + ', "b": ' + "9" * 6000 + ".5}")
    assert long is not None
    assert long.tree == {"a": "9" * 40, "b": "9" * 40}


def test_findings_stop_at_their_bound_but_an_error_is_never_lost() -> None:
    findings = Findings("f\x1b[31m\u202e")
    for number in range(FINDINGS_MAX + 5):
        findings.note("key", f"sentence {number}")
    findings.note("key", "sentence 0")
    findings.error("key", "the end")
    found = findings.all()
    assert len(found) == FINDINGS_MAX + 2
    assert found[-2].sentence == "the end"
    assert found[-1].sentence == "5 more findings are not listed"
    assert found[0].file == findings.file == "f[31m"


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_make_it_raise_and_a_refusal_always_says_why(data: bytes) -> None:
    read, findings = parsed(data)
    assert read is not None or any(finding.severity is Severity.ERROR for finding in findings)


@given(st.text(alphabet="ab:-? \n#&*!|>'\"%@[]{},~\\<=.0", max_size=200))
def test_no_text_full_of_signs_makes_it_raise(text: str) -> None:
    for form in (text, f"a: 1\n{text}", f"a = 1\n{text}", f'{{"a": {text}'):
        parsed(form)
