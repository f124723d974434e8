"""Frames of the control socket: four bytes of length, then one canonical MessagePack map.

The same strict encoding as the ledger's, so one decoder is attacked and tested instead of two. A question is
`{"q", "with"}`; what comes back is any number of `{"is": "progress", "value"}` and then `{"is": "done", "value"}` or
`{"is": "failed", "kind", "sentence", "details"}`. Both directions are bounded before a byte of the body is read.
"""

from dpnode.control.answers import Answer, Done, Failed, Progress
from dpnode.control.questions import BadQuestion, Question, decode_question, encode_question
from dpnode.errors import FailKind
from ledger.canonical import NotCanonical, decode, encode
from ledger.letters import settled

LENGTH_BYTES = 4
QUESTION_BYTES_MAX = 1 << 20
"""1 MiB: questions name files by path, so the largest real one is an invitation of a few kilobytes."""
ANSWER_BYTES_MAX = 16 << 20
"""16 MiB: a journal page of the longest allowed limit, with room."""


class BadFrame(ValueError):
    """The other side's fault: these bytes are no frame of this protocol; the text says why."""


def frame_of(body: bytes, bytes_max: int) -> bytes:
    """`body` with its length in front; a body over `bytes_max` is our own mistake."""
    if len(body) > bytes_max:
        raise BadFrame(f"a frame of {len(body)} bytes is over the limit of {bytes_max}")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def length_of(head: bytes, bytes_max: int) -> int:
    """The length that `LENGTH_BYTES` bytes announce; raises `BadFrame` when nothing or too much is announced."""
    length = int.from_bytes(head, "big")
    if not 1 <= length <= bytes_max:
        raise BadFrame(f"a frame of {length} bytes is announced, 1 to {bytes_max} are allowed")
    return length


def question_frame(question: Question) -> bytes:
    """The frame that asks `question`."""
    return frame_of(encode(encode_question(question)), QUESTION_BYTES_MAX)


def read_question(body: bytes) -> Question:
    """The question in a frame's body; raises `BadFrame` or `BadQuestion`."""
    try:
        value = decode(body, bytes_max=QUESTION_BYTES_MAX)
    except NotCanonical as error:
        raise BadFrame(f"not canonical MessagePack: {error}") from error
    return decode_question(value)


def answer_frame(part: Progress | Answer) -> bytes:
    """The frame that carries progress or the end."""
    value: dict[str, object]
    match part:
        case Progress():
            value = {"is": "progress", "value": part.value}
        case Done():
            value = {"is": "done", "value": part.value}
        case Failed():
            value = {"is": "failed", "kind": part.kind.value, "sentence": part.sentence, "details": part.details}
    return frame_of(encode(_settled(value)), ANSWER_BYTES_MAX)


def _settled(value: object) -> object:
    """`value` with texts that can be encoded: a file's or peer's odd signs must not take an answer away."""
    match value:
        case str():
            return settled(value)
        case dict():
            return {key: _settled(item) for key, item in value.items()}
        case list() | tuple():
            return [_settled(item) for item in value]
        case _:
            return value


def read_answer(body: bytes) -> Progress | Answer:
    """The part of an answer in a frame's body; raises `BadFrame`."""
    try:
        value = decode(body, bytes_max=ANSWER_BYTES_MAX)
    except NotCanonical as error:
        raise BadFrame(f"not canonical MessagePack: {error}") from error
    match value:
        case {"is": "progress", "value": dict(fields)}:
            return Progress(value=fields)
        case {"is": "done", "value": dict(fields)}:
            return Done(value=fields)
        case {"is": "failed", "kind": str(kind), "sentence": str(sentence), "details": dict(details)}:
            try:
                return Failed(kind=FailKind(kind), sentence=sentence, details=details)
            except ValueError as error:
                raise BadFrame(f"unknown kind of failure {kind[:40]!r}") from error
        case _:
            raise BadFrame("neither progress nor an answer")


__all__ = [
    "ANSWER_BYTES_MAX",
    "LENGTH_BYTES",
    "QUESTION_BYTES_MAX",
    "BadFrame",
    "BadQuestion",
    "answer_frame",
    "frame_of",
    "length_of",
    "question_frame",
    "read_answer",
    "read_question",
]
