"""Where members' machines can be dialled: signed, expiring records that members exchange, never on the ledger.

A record is a statement of the member's working key (purpose "peer-record"). Addresses are only hints: whoever dials
one proves its peer id in the handshake, so a false record costs a dial and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.form import ID, MOMENT_MS, Bytes, List, Map, Text, has_form
from ledger.keys import SigningKey
from ledger.operations.members import member_of_peer, working_key_of
from ledger.state import View
from ledger.statement import Statement, sign_statement
from protocol.inputs import PeerId
from protocol.limits import ADDRESS_BYTES_MAX, ADDRESSES_PER_RECORD, CLOCK_TOLERANCE_MS, RECORD_LIFE_MS
from protocol.replication.pool import Verdict

RECORD = Map(
    {
        "addresses": List(Text(ADDRESS_BYTES_MAX), 0, ADDRESSES_PER_RECORD),
        "made": MOMENT_MS,
        "member": ID,
        "network": ID,
        "peer": Bytes(1, 64),
    }
)
"""`made` is both version and start: a later one replaces an earlier, and it counts for `RECORD_LIFE_MS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRecord:
    """A checked record."""

    peer: PeerId
    member: bytes
    made_ms: int
    addresses: tuple[str, ...]
    statement: Statement


def sign_record(
    signer: SigningKey, *, network: bytes, member: bytes, peer: PeerId, addresses: Sequence[str], made_ms: int
) -> Statement:
    """Our own record."""
    content = {
        "addresses": list(addresses)[:ADDRESSES_PER_RECORD],
        "made": made_ms,
        "member": member,
        "network": network,
        "peer": peer,
    }
    return sign_statement("peer-record", content, signer)


def judge_record(
    view: View, network: bytes, statement: Statement, now_ms: int, known: PeerRecords | None = None
) -> PeerRecord | Verdict:
    """The record in a statement, or why it is not taken (SPEC P-20 to P-23); one as old as `known` is not checked."""
    content = statement.content
    if has_form(RECORD, content) is not None or content["network"] != network:
        return Verdict.REJECT
    if content["made"] > now_ms + CLOCK_TOLERANCE_MS or content["made"] + RECORD_LIFE_MS < now_ms:
        return Verdict.IGNORE
    member = working_key_of(view, statement.key)
    if member is None or member != content["member"] or member_of_peer(view, content["peer"]) != member:
        return Verdict.IGNORE
    held = None if known is None else known.get(content["peer"])
    if held is not None and held.made_ms >= content["made"]:
        return Verdict.IGNORE
    if not statement.is_signed():
        return Verdict.REJECT
    return PeerRecord(
        peer=content["peer"],
        member=member,
        made_ms=content["made"],
        addresses=tuple(content["addresses"]),
        statement=statement,
    )


class PeerRecords:
    """The newest record of every machine."""

    def __init__(self) -> None:
        self._by_peer: dict[PeerId, PeerRecord] = {}

    def add(self, record: PeerRecord) -> bool:
        """Keep a record; False where one as new is known."""
        known = self._by_peer.get(record.peer)
        if known is not None and known.made_ms >= record.made_ms:
            return False
        self._by_peer[record.peer] = record
        return True

    def expire(self, now_ms: int) -> list[PeerId]:
        """Forget what no longer counts; returns the machines."""
        gone = [peer for peer, record in self._by_peer.items() if record.made_ms + RECORD_LIFE_MS < now_ms]
        for peer in gone:
            del self._by_peer[peer]
        return gone

    def all(self) -> Iterable[PeerRecord]:
        """Every record."""
        return self._by_peer.values()

    def get(self, peer: PeerId) -> PeerRecord | None:
        """The newest record of a machine."""
        return self._by_peer.get(peer)
