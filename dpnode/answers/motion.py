"""Answers that open motions and vote in them; how motions stand is read in `dpnode.reading.motions`."""

from __future__ import annotations

from typing import Any

from dpnode.answers.recording import done, recorded
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.motion import MotionOpen, MotionVote, MotionWithdraw
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.reading.motions import motion_fields, motion_meant
from dpnode.reading.naming import person_meant
from dpnode.reading.sentences import MATTERS, matter_called
from ledger.canonical import Value
from ledger.names import Kind, show_id
from ledger.operations import witness_queries

Fields = dict[str, Any]


async def open_motion(node: Node, question: MotionOpen, responder: Responder) -> Answer:
    """Put a matter to the vote; its id is that of the entry."""
    state = node.core.chain.state
    if question.kind not in MATTERS:
        raise Problem(FailKind.USAGE, f"a motion is one of: {', '.join(MATTERS)}")
    matter: dict[str, Value] = {"kind": question.kind, "member": person_meant(state, question.member).id}
    until_ms = now().wall_ms + question.lasts_ms
    operation: dict[str, Value] = {"matter": matter, "t": "motion.open/1", "until": until_ms}
    if question.about:
        operation["about"] = question.about
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    value: Fields = {"matter": matter_called(state, matter), "until_ms": until_ms}
    if "entry_id" in written:
        value["id"] = show_id(Kind.MOTION, written["entry_id"])
        value |= _standing(node, written["entry_id"])
    return _done(value, written)


async def vote(node: Node, question: MotionVote, responder: Responder) -> Answer:
    """Say yes or no."""
    motion = motion_meant(node.core.chain.state, question.id)
    operation: dict[str, Value] = {"motion": motion.id, "t": "motion.vote/1", "yes": question.yes}
    if question.group is not None:
        return await done(node, operation, question, matter=matter_called(node.core.chain.state, motion.matter))
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    return _done({**_standing(node, motion.id), "said_yes": question.yes}, written)


async def withdraw(node: Node, question: MotionWithdraw, responder: Responder) -> Answer:
    """Take one's own motion back."""
    motion = motion_meant(node.core.chain.state, question.id)
    operation: dict[str, Value] = {"motion": motion.id, "t": "motion.withdraw/1"}
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    return _done(_standing(node, motion.id), written)


def _standing(node: Node, identity: bytes) -> Fields:
    """How a motion stands after the entry; nothing where the entry that opens it is not final yet."""
    motion = witness_queries.motion(node.core.chain.state, identity)
    return {} if motion is None else motion_fields(node.core.chain.state, motion)


def _done(value: Fields, written: Fields) -> Done:
    return Done(value=value | {name: one for name, one in written.items() if name != "entry_id"})


ANSWERS: dict[type[Question], Any] = {MotionOpen: open_motion, MotionVote: vote, MotionWithdraw: withdraw}
