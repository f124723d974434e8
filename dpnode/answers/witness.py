"""Answers that take, keep and give up a witness's seat, and how `status` tells of it.

The new voting key signs its consent here, where it was made; the seat itself changes when the entry is final, and then
the daemon takes key and journal into use (`dpnode.seat`).
"""

from __future__ import annotations

import secrets
from typing import Any

from dpnode.answers.recording import recorded
from dpnode.answers.shown import party
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.ledger import LedgerAlarmsSeen
from dpnode.control.questions.witness import WitnessAccept, WitnessRekey, WitnessResign
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.reading.motions import motion_meant
from dpnode.store.rows import Commit
from ledger.canonical import Value, decode
from ledger.consensus.votes import faulty_max
from ledger.keys import SigningKey
from ledger.names import Kind, short, show_id
from ledger.operations import witness_queries, witnesses
from ledger.operations.seats import PURPOSE, rekey_consent, seat_consent
from ledger.operations.witness_queries import Motion
from ledger.statement import sign_statement
from protocol.replication.forks import KEPT_ALARM

Fields = dict[str, Any]
UNTIMELY_MIN = 3
"""Proposals in a row refused for their time before our own clock is doubted: fewer may be one wrong leader."""


async def accept(node: Node, question: WitnessAccept, responder: Responder) -> Answer:
    """Take the seat that a motion gave."""
    chain, me = node.core.chain, node.identity.member
    motion = _motion_for_me(node, question.motion)
    key = _fresh_key(node, question.dry_run)
    consent = sign_statement(PURPOSE, seat_consent(chain.network, me, motion.id), key)
    operation: dict[str, Value] = {"consent": consent.to_value(), "motion": motion.id, "t": "seat.accept/1"}
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    return _done(node, written, more=1, motion=show_id(Kind.MOTION, motion.id), key=show_id(Kind.KEY, key.public))


async def resign(node: Node, question: WitnessResign, responder: Responder) -> Answer:
    """Give the seat up."""
    written = await recorded(node, {"t": "seat.resign/1"}, wait_ms=question.wait_ms, dry_run=question.dry_run)
    return _done(node, written, more=-1)


async def rekey(node: Node, question: WitnessRekey, responder: Responder) -> Answer:
    """Go on under a fresh key in the same place."""
    chain, me = node.core.chain, node.identity.member
    old = witnesses.voting_key_of(chain.state, me)
    if old is None:
        raise Problem(FailKind.REFUSED, "this member is no witness", {"reason": "seat.not-a-witness"})
    key = _fresh_key(node, question.dry_run)
    consent = sign_statement(PURPOSE, rekey_consent(chain.network, me, old), key)
    operation: dict[str, Value] = {"consent": consent.to_value(), "t": "seat.rekey/1"}
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    fields: Fields = {"key": show_id(Kind.KEY, key.public), "old_key": show_id(Kind.KEY, old)}
    is_needed = faulty_max(len(chain.voting_keys)) == 0
    if is_needed and node.core.ledger.orderer.silence() and written.get("binding") != "final":
        said = "nothing becomes final without this witness's vote, and so this cannot either"
        fields["notes"] = [f"{said}: the only way back is the votes folder as it was"]
    return _done(node, written, **fields)


async def alarms_seen(node: Node, question: LedgerAlarmsSeen, responder: Responder) -> Answer:
    """Forget what was kept of alarms (V-24): their owner has read them."""
    node.assembled  # noqa: B018 - raises the sentence that there is no network yet
    kept = await node.store.kept(KEPT_ALARM)
    if not question.dry_run:
        await node.store.commit(Commit(kept=[(KEPT_ALARM, key, None) for key, _ in kept]))
        read = {decode(raw)["sentence"] for _, raw in kept}
        node.alarms = [sentence for sentence in node.alarms if sentence not in read]
    return Done(value={"seen": len(kept)})


def _motion_for_me(node: Node, text: str | None) -> Motion:
    """The motion that gives this member a seat now; raises `Problem`."""
    if text is not None:
        return motion_meant(node.core.chain.state, text)
    found = _seats_given(node)
    if not found:
        sentence = (
            "no motion that passed gives you a seat now: `dpnode motion open seat MEMBER`, and the members' votes"
        )
        raise Problem(FailKind.REFUSED, sentence, {"reason": "seat.no-motion"})
    # Several give the same seat; the one that can be used longest.
    return max(found, key=lambda one: one.passed_ms or 0)


def _fresh_key(node: Node, dry_run: bool) -> SigningKey:
    # A dry run makes no files; any key shows whether the ledger would take one.
    return SigningKey(secrets.token_bytes(32)) if dry_run else node.seat.fresh_key(node.core.chain)


def _done(node: Node, written: Fields, *, more: int = 0, **fields: Any) -> Done:
    # Whoever only tries it is told what so many witnesses would mean, not what those of now do.
    would_be = more if written.get("dry_run") else 0
    value = {**fields, **{name: one for name, one in written.items() if name != "entry_id"}}
    return Done(value={**value, "withstands": withstands(node, more=would_be)})


def withstands(node: Node, *, more: int = 0) -> str:
    """What so many witnesses, or `more` than that, mean, as a sentence without its full stop."""
    return witness_queries.withstands(len(node.core.chain.voting_keys) + more)


def seat_shown(node: Node) -> Fields | None:
    """How this machine takes part in the ordering; None where its member is no witness."""
    chain, orderer = node.core.chain, node.core.ledger.orderer
    place = chain.place_of(node.identity.member)
    if place is None:
        return None
    silence = orderer.silence() or node.space.why
    here = set(node.core.ledger.neighbours.peers)
    machines = node.core.ledger.neighbours.seats()
    connected = {at for peer, at in machines.items() if peer in here}
    others = [(at, one["member"]) for at, one in enumerate(chain.witnesses) if at != place]
    value: Fields = {
        "place": place,
        "votes": not silence,
        "epoch": chain.head.epoch,
        "witnesses": len(chain.witnesses),
        "connected": [party(chain.state, member) for at, member in others if at in connected],
        "away": [party(chain.state, member) for at, member in others if at not in connected],
    }
    if silence:
        value["why"] = silence
    if (standing := orderer.standing()) is not None:
        value |= {"view": standing[0], "works": standing[1]}
    return value


def seat_reminders(node: Node) -> list[str]:
    """What a witness's owner should know or do, each as a sentence."""
    chain, orderer = node.core.chain, node.core.ledger.orderer
    lines = []
    if chain.place_of(node.identity.member) is not None and (silence := orderer.silence()):
        lines.append(f"this witness does not vote: {silence}")
        if orderer.needs_key:
            lines.append("`dpnode witness rekey` gives this witness a fresh key and journal")
    if orderer.untimely >= UNTIMELY_MIN:
        said = f"the last {orderer.untimely} proposals had times far from this machine's"
        lines.append(f"{said}: look whether its clock is right, `dpnode clock`")
    if chain.place_of(node.identity.member) is None:
        given = [short(Kind.MOTION, one.id) for one in _seats_given(node)]
        lines += [f"you were given a witness's seat: `dpnode witness accept {one}`" for one in given]
    if faulty_max(len(chain.voting_keys)) == 0:
        lines.append(withstands(node))
    return lines


def _seats_given(node: Node) -> list[Motion]:
    """The motions by which this member could take a seat now."""
    chain = node.core.chain
    now_ms, accept_ms = max(now().wall_ms, chain.head.time_ms), chain.charter.limits.accept_ms
    matter = {"kind": "seat", "member": node.identity.member}
    return [
        one
        for one in witness_queries.motions(chain.state)
        if one.matter == matter
        and one.passed_ms is not None
        and one.used_height is None
        and now_ms <= one.passed_ms + accept_ms
    ]


ANSWERS: dict[type[Question], Any] = {
    LedgerAlarmsSeen: alarms_seen,
    WitnessAccept: accept,
    WitnessRekey: rekey,
    WitnessResign: resign,
}
