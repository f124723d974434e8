"""Questions and answers survive the socket unchanged, and what is none is refused with a sentence."""

import dataclasses
import typing
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpnode.control.answers import Done, Failed, Progress, failed
from dpnode.control.codec import (
    ANSWER_BYTES_MAX,
    LENGTH_BYTES,
    QUESTION_BYTES_MAX,
    BadFrame,
    BadQuestion,
    answer_frame,
    length_of,
    question_frame,
    read_answer,
    read_question,
)
from dpnode.control.questions import FAMILIES, Question, all_questions, decode_question, find_question
from dpnode.control.questions.base import INT_MAX, Named, Texts
from dpnode.errors import FailKind, Problem
from ledger.canonical import encode
from ledger.letters import is_settled, settled

QUESTIONS = all_questions()
TEXT = st.text(st.characters(codec="utf-8"), max_size=40).map(settled)
NAME = st.text(st.characters(codec="ascii"), min_size=1, max_size=10)
BY_FORM: dict[object, st.SearchStrategy[typing.Any]] = {
    str: TEXT,
    int: st.integers(-INT_MAX, INT_MAX),
    bool: st.booleans(),
    bytes: st.binary(max_size=64),
    Texts: st.lists(TEXT, max_size=4).map(tuple),
    Named: st.dictionaries(NAME, TEXT, max_size=4),
}
VALUES = st.recursive(
    st.booleans() | st.integers(-INT_MAX, INT_MAX) | TEXT | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=10,
)


def _instances(kind: type[Question]) -> st.SearchStrategy[Question]:
    fields: dict[str, st.SearchStrategy[typing.Any]] = {}
    for name, form in typing.get_type_hints(kind).items():
        if name in {field.name for field in dataclasses.fields(kind)}:
            parts = [part for part in typing.get_args(form) if part is not type(None)]
            optional = type(None) in typing.get_args(form)
            fields[name] = st.none() | BY_FORM[parts[0]] if optional else BY_FORM[form]
    return st.builds(kind, **fields)


@given(st.sampled_from(sorted(QUESTIONS)).flatmap(lambda name: _instances(QUESTIONS[name])))
def test_every_question_comes_out_of_the_socket_as_it_went_in(question: Question) -> None:
    frame = question_frame(question)
    assert length_of(frame[:LENGTH_BYTES], QUESTION_BYTES_MAX) == len(frame) - LENGTH_BYTES
    assert read_question(frame[LENGTH_BYTES:]) == question


@given(st.dictionaries(NAME, VALUES, max_size=5), st.sampled_from(FailKind), TEXT)
def test_every_answer_comes_out_of_the_socket_as_it_went_in(
    fields: dict[str, typing.Any], kind: FailKind, sentence: str
) -> None:
    for part in (Progress(value=fields), Done(value=fields), Failed(kind=kind, sentence=sentence, details=fields)):
        assert read_answer(answer_frame(part)[LENGTH_BYTES:]) == part


@given(st.text(st.characters(codec="utf-8"), max_size=10))
def test_a_sign_that_is_newer_than_the_ledgers_letters_is_refused_in_a_question_and_replaced_in_an_answer(
    text: str,
) -> None:
    asked = find_question("network.found")(network_name=text, root_seed=b"s" * 32)
    if is_settled(normalize("NFC", text)):
        question_frame(asked)
    else:
        with pytest.raises(BadQuestion, match="Unicode 14"):
            question_frame(asked)
    answered = read_answer(answer_frame(Done(value={"said": [text]}))[LENGTH_BYTES:])
    assert answered == Done(value={"said": [settled(text)]})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_question_or_refused_with_a_sentence(body: bytes) -> None:
    try:
        read_question(body)
    except (BadFrame, BadQuestion) as error:
        assert str(error)
    try:
        read_answer(body)
    except BadFrame as error:
        assert str(error)


@given(VALUES)
def test_any_canonical_value_is_a_question_or_refused_with_a_sentence(value: object) -> None:
    for body in (
        value,
        {"q": "job.show", "with": value},
        {"q": value, "with": {}},
        {"q": "job.call", "with": {"quantity": value}},
    ):
        try:
            read_question(encode(body))
        except BadQuestion as error:
            assert str(error)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], 'a map of "q" and "with"'),
        ({"q": "job.show"}, 'a map of "q" and "with"'),
        ({"q": 1, "with": {}}, "is a name"),
        ({"q": "job.nothing", "with": {}}, "no question named 'job.nothing'"),
        ({"q": "os.system", "with": {}}, "no question named"),
        ({"q": "__init__", "with": {}}, "no question named"),
        ({"q": "job.show", "with": {}}, "the field 'id' is missing"),
        ({"q": "job.show", "with": {"id": "a", "extra": 1}}, "no field 'extra'"),
        ({"q": "job.show", "with": {"id": 1}}, "id is a text"),
        ({"q": "job.show", "with": {"id": "a" * 20_000}}, "id is a text of at most"),
        ({"q": "job.list", "with": {"limit": True}}, "limit is a whole number"),
        ({"q": "job.list", "with": {"everybody": 1}}, "everybody is true or false"),
        ({"q": "job.award", "with": {"proposals": ["a"] * 300}}, "at most 256 texts"),
        ({"q": "job.award", "with": {"proposals": [1]}}, "proposals is a text"),
        ({"q": "job.call", "with": {"parameters": {"a": 1}}}, "parameters is a text"),
        ({"q": "job.call", "with": {"parameters": []}}, "a map of at most"),
        ({"q": "network.found", "with": {"network_name": "n", "root_seed": "text"}}, "root_seed is at most"),
    ],
)
def test_what_is_wrong_with_a_question_is_said(value: object, sentence: str) -> None:
    with pytest.raises(BadQuestion, match=sentence):
        decode_question(value)


def test_the_set_of_questions_is_closed_and_every_family_has_one() -> None:
    assert {name.partition(".")[0] for name in QUESTIONS} == set(FAMILIES)
    assert all(find_question(name) is kind and kind.name == name for name, kind in QUESTIONS.items())


def test_every_question_that_writes_has_a_dry_run() -> None:
    reading = {"list", "show", "search", "watch", "status", "peers", "bound", "why", "balance", "shares", "journal"}
    reading |= {
        "blocks",
        "verify",
        "prove",
        "charter",
        "evidence",
        "invitations",
        "witnesses",
        "keys",
        "ticket",
        "lapsed",
        "history",
    }
    for name, kind in QUESTIONS.items():
        writes = name.rpartition(".")[2] not in reading
        assert ("dry_run" in {field.name for field in dataclasses.fields(kind)}) == writes, name


def test_secrets_do_not_show_in_a_question_s_repr() -> None:
    question = find_question("network.join")(invitation="secret-invitation", root_seed=b"secret-seed")
    assert "secret" not in repr(question)


def test_a_text_that_is_no_text_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BadQuestion, match="not UTF-8"):
        question_frame(find_question("job.show")(id="a\udcff"))


def test_a_decomposed_text_is_sent_composed() -> None:
    frame = question_frame(find_question("job.show")(id="e\u0301"))
    assert read_question(frame[LENGTH_BYTES:]) == find_question("job.show")(id="\u00e9")


@pytest.mark.parametrize("length", [0, QUESTION_BYTES_MAX + 1, 2**32 - 1])
def test_a_length_out_of_bounds_is_refused_before_the_body(length: int) -> None:
    with pytest.raises(BadFrame, match="is announced"):
        length_of(length.to_bytes(4, "big"), QUESTION_BYTES_MAX)


def test_an_answer_over_the_limit_is_not_sent() -> None:
    with pytest.raises(BadFrame, match="over the limit"):
        answer_frame(Done(value={"a": bytes(ANSWER_BYTES_MAX)}))


def test_a_problem_s_details_travel_as_plain_values() -> None:
    answer = failed(Problem(FailKind.NOT_FOUND, "no", {"pid": 3, "path": ["a"]}))
    assert answer == Failed(kind=FailKind.NOT_FOUND, sentence="no", details={"pid": 3, "path": "['a']"})
