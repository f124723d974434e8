"""All answers of a running node, gathered once."""

from __future__ import annotations

import importlib
from typing import Any

from dpnode.control.answers import Answer, Failed
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder
from dpnode.errors import FailKind
from dpnode.node import Node

FAMILIES = (
    "network",
    "node",
    "reading",
    "holdings",
    "owning",
    "identity",
    "returning",
    "motion",
    "witness",
    "capability",
    "verify",
    "export",
    "job",
    "job_moves",
    "counter",
    "inbox",
)


def _gather() -> dict[type[Question], Any]:
    answers: dict[type[Question], Any] = {}
    for family in FAMILIES:
        answers |= importlib.import_module(f"dpnode.answers.{family}").ANSWERS
    return answers


ANSWERS = _gather()
"""Question type -> coroutine function (node, question, responder) -> Answer."""


async def answer(node: Node, question: Question, responder: Responder) -> Answer:
    """The answer to any question."""
    given = ANSWERS.get(type(question))
    if given is None:
        return Failed(kind=FailKind.FAILED, sentence=f"this node cannot answer {question.name} yet")
    result: Answer = await given(node, question, responder)
    await node.kept()
    return result
