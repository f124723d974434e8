"""Answers about who orders entries and what the members decide: witnesses, motions, evidence."""

from __future__ import annotations

from typing import Any

from dpnode.control.questions.ledger import LedgerEvidence
from dpnode.control.questions.motion import MotionList, MotionShow
from dpnode.control.questions.network import NetworkWitnesses
from dpnode.control.resolve import Candidate, resolve
from dpnode.reading.naming import id_beginning, party
from dpnode.reading.sentences import matter_called
from dpnode.reading.source import Asking, Source, at_once
from dpnode.store import questions
from ledger.canonical import decode
from ledger.consensus.votes import faulty_max, quorum
from ledger.names import Kind, show_id
from ledger.operations import witness_queries
from ledger.operations.witness_queries import Evidence, Motion
from ledger.state import View
from protocol.replication.forks import KEPT_ALARM

Fields = dict[str, Any]


def motion_meant(view: View, text: str) -> Motion:
    """The motion meant by an id or the beginning of one; raises `Problem` (NOT_FOUND, USAGE)."""
    near = witness_queries.motions(view, id_beginning(Kind.MOTION, text) or b"")
    found = resolve(text, [Candidate(kind=Kind.MOTION, id=one.id) for one in near], what="motion")
    motion = witness_queries.motion(view, found.id)
    assert motion is not None
    return motion


def motion_fields(view: View, motion: Motion) -> Fields:
    """A motion as lists and answers show it."""
    value: Fields = {
        "id": show_id(Kind.MOTION, motion.id),
        "matter": matter_called(view, motion.matter),
        "kind": motion.matter["kind"],
        "by": party(view, motion.by),
        "state": motion.stage,
        "yes": motion.yes,
        "no": motion.no,
        "able": motion.able,
        "yes_needed": motion.yes_needed,
        "opened_ms": motion.opened_ms,
        "until_ms": motion.until_ms,
    }
    if "member" in motion.matter:
        value["member"] = party(view, motion.matter["member"])
    if motion.about:
        value["about"] = motion.about
    if motion.passed_ms is not None:
        value["passed_ms"] = motion.passed_ms
    if motion.used_height is not None:
        value["used_height"] = motion.used_height
    return value


@at_once
def listed(source: Source, question: MotionList) -> Fields:
    """Motions, the latest first."""
    found = witness_queries.motions(source.view)
    shown = [one for one in found if question.everything or one.stage == "open"]
    return {"motions": [motion_fields(source.view, one) for one in shown]}


@at_once
def shown(source: Source, question: MotionShow) -> Fields:
    """One motion, and who said what."""
    view = source.view
    motion = motion_meant(view, question.id)
    votes = witness_queries.ballots(view, motion.id)
    return {**motion_fields(view, motion), "votes": [{"member": party(view, one), "yes": yes} for one, yes in votes]}


@at_once
def witnesses(source: Source, question: NetworkWitnesses) -> Fields:
    """Who orders entries, and what so many of them withstand."""
    view = source.view
    sitting = witness_queries.witnesses(view)
    return {
        "witnesses": [
            {
                "place": one.place,
                "member": party(view, one.member),
                "key": show_id(Kind.KEY, one.key),
                "since_height": one.since_height,
                "connected": one.member in source.connected or one.member == source.me,
                "evidence": len(one.evidence),
            }
            for one in sitting
        ],
        "faulty_max": faulty_max(len(sitting)),
        "quorum": quorum(len(sitting)),
        "withstands": witness_queries.withstands(len(sitting)),
    }


def evidence(source: Source, question: LedgerEvidence) -> Asking[Fields]:
    """Double votes that stand on the ledger, and alarms nobody has said to have seen, the earliest first."""
    kept = sorted((decode(raw) for _, raw in (yield questions.kept(KEPT_ALARM))), key=lambda one: int(one["at"]))
    return {
        "alarms": [{"at_ms": one["at"], "sentence": one["sentence"]} for one in kept],
        "evidence": [_evidence(source.view, one) for one in witness_queries.evidence(source.view)],
    }


def _evidence(view: View, one: Evidence) -> Fields:
    return {
        "member": party(view, one.member),
        "key": show_id(Kind.KEY, one.key),
        "epoch": one.epoch,
        "view": one.view,
        "votes": list(one.kinds),
        "recorded_ms": one.at_ms,
        "height": one.height,
        "by": party(view, one.by),
    }
