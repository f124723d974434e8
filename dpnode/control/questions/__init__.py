"""Everything an owner can ask a node: a closed set of typed questions, one dataclass each.

A question is a name and a map of fields, nothing else: no code, no reference into the daemon. The set is closed by
`FAMILIES`; a name outside it is refused before anybody looks at its fields. The families are separate modules that
are imported when asked for, because making sixty dataclasses takes longer than answering one of them.
"""

import importlib

from dpnode.control.questions.base import BadQuestion, Question, decode_fields, encode_fields, registered

FAMILIES = {
    "node": "dpnode.control.questions.node",
    "network": "dpnode.control.questions.network",
    "member": "dpnode.control.questions.network",
    "id": "dpnode.control.questions.identity",
    "cap": "dpnode.control.questions.capability",
    "directory": "dpnode.control.questions.capability",
    "job": "dpnode.control.questions.job",
    "inbox": "dpnode.control.questions.job",
    "why": "dpnode.control.questions.job",
    "ledger": "dpnode.control.questions.ledger",
    "motion": "dpnode.control.questions.motion",
    "witness": "dpnode.control.questions.witness",
    "credit": "dpnode.control.questions.holdings",
    "asset": "dpnode.control.questions.owning",
    "group": "dpnode.control.questions.owning",
    "share": "dpnode.control.questions.owning",
}
"""The part of a question's name before the dot -> the module that defines it."""

__all__ = ["BadQuestion", "Question", "all_questions", "decode_question", "encode_question", "find_question"]


def find_question(name: str) -> type[Question]:
    """The dataclass of a question's name.

    Errors:
        BadQuestion: there is no such question.
    """
    module = FAMILIES.get(name.partition(".")[0])
    if module is not None:
        importlib.import_module(module)
        kind = registered(name)
        if kind is not None:
            return kind
    raise BadQuestion(f"there is no question named {name[:60]!r}")


def all_questions() -> dict[str, type[Question]]:
    """Every question by name, in name order: what a daemon must be able to answer."""
    found: dict[str, type[Question]] = {}
    for module in sorted(set(FAMILIES.values())):
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, type) and issubclass(value, Question) and value is not Question:
                found[value.name] = value
    return dict(sorted(found.items()))


def encode_question(question: Question) -> dict[str, object]:
    """A question as the map `{"q": name, "with": fields}`; absent fields are left out."""
    return {"q": question.name, "with": encode_fields(question)}


def decode_question(value: object) -> Question:
    """The question in a decoded map.

    Errors:
        BadQuestion: not a question, an unknown or missing field, or a field of the wrong kind or size.
    """
    if not isinstance(value, dict) or value.keys() != {"q", "with"}:
        raise BadQuestion('a question is a map of "q" and "with"')
    name, fields = value["q"], value["with"]
    if not isinstance(name, str) or not isinstance(fields, dict):
        raise BadQuestion('"q" is a name and "with" is a map')
    return decode_fields(find_question(name), fields)
