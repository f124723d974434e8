"""Proofs of single balances in a state of 100,000 accounts, made and checked one after the other.

An account is what one member has of one credit. 1,000 members with all their records hold some of 100 credits; four
witnesses sign, and each proof carries the opening of its credit, so that a reader knows unit and decimals.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.block import make_block, witnesses_hash
from ledger.charter import Charter, Limits, genesis, write_charter
from ledger.consensus.votes import Certificate, VoteKind, sign_vote, write_certificate
from ledger.entry import Entry, sign_entry
from ledger.keys import MemberId, PublicKey, SigningKey, member_id, next_root_hash
from ledger.operations import accounts
from ledger.operations.membership import peer_id_of
from ledger.proof import ShownPair, check
from ledger.proof_making import Certified, prove_pair, take
from ledger.state import Overlay, State
from scripts.bench_parts._run import Run

MEMBERS = 1_000
CREDITS = 100
SAMPLE = 2_000
WITNESSES = 4
_MS = 1_800_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What was measured, each list in ascending order."""

    sizes: Sequence[int]
    make_ms: Sequence[float]
    check_ms: Sequence[float]

    @property
    def accounts(self) -> str:
        """Of what."""
        return f"{SAMPLE:,} of {MEMBERS * CREDITS:,} accounts"


def share_of(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return values[len(values) * percent // 100 - 1]


def proofs(run: Run) -> Proofs:
    """The measurement, made once in a run."""
    return run.once("proofs", _measured)


def _measured() -> Proofs:
    charter, voting = _founded()
    dice = random.Random(1)
    opening = SigningKey(_seed("working", 0))
    openings = [_opening(opening, charter.network, number) for number in range(1, CREDITS + 1)]
    state, holders = _state(charter, openings, dice)
    certified = _certified(charter, voting, state, openings[0])
    sizes, make_ms, check_ms = [], [], []
    for _ in range(SAMPLE):
        member, credit = dice.choice(holders), dice.choice(openings)
        began_ns = time.perf_counter_ns()
        proof = prove_pair(certified, take(state, b"holding/" + member + b"c" + credit.id), made=credit.body)
        made_ns = time.perf_counter_ns()
        shown = check(proof, charter).what
        checked_ns = time.perf_counter_ns()
        assert isinstance(shown, ShownPair) and shown.holding is not None and shown.holding.free
        sizes.append(len(proof))
        make_ms.append((made_ns - began_ns) / 1e6)
        check_ms.append((checked_ns - made_ns) / 1e6)
    return Proofs(sizes=sorted(sizes), make_ms=sorted(make_ms), check_ms=sorted(check_ms))


def _founded() -> tuple[Charter, list[SigningKey]]:
    founders, witnesses, voting = [], [], []
    for i in range(WITNESSES):
        root, machine = SigningKey(_seed("root", i)), SigningKey(_seed("machine", i))
        following = next_root_hash(SigningKey(_seed("following", i)).public)
        vote = SigningKey(_seed("voting", i))
        founders.append(
            {
                "name": f"founder {i}",
                "next": following,
                "peer": peer_id_of(machine.public),
                "root": root.public,
                "sealing": bytes(32),
                "working": SigningKey(_seed("working", i)).public,
            }
        )
        witnesses.append({"key": vote.public, "member": member_id(root.public, following)})
        voting.append(vote)
    content = {
        "created": _MS,
        "founders": founders,
        "limits": Limits().to_value(),
        "name": "bench",
        "purpose": "to be measured",
        "version": 1,
        "witnesses": witnesses,
    }
    return write_charter(content), voting


def _opening(signer: SigningKey, network: bytes, number: int) -> Entry:
    operation = {"decimals": 2, "redeemable": "bread at the mill", "t": "credits.open/1", "unit": "EUR"}
    return sign_entry(signer, network, number, _MS + 3_600_000, operation)


def _state(charter: Charter, openings: Sequence[Entry], dice: random.Random) -> tuple[State, list[MemberId]]:
    """Members as joining writes them, and what they hold."""
    tx = Overlay(State())
    genesis(charter, tx)
    holders = []
    for i in range(MEMBERS):
        root, working, invite, network = (PublicKey(dice.randbytes(32)) for _ in range(4))
        following = dice.randbytes(32)
        member = member_id(root, following)
        peer = peer_id_of(network)
        tx.put(
            b"member/" + member,
            {
                "joined": _MS,
                "keys": [working],
                "name": f"member {i}",
                "next": following,
                "peers": [peer],
                "root": root,
                "sealing": dice.randbytes(32),
                "sponsor": charter.founders[0].member,
            },
        )
        for key, role in ((root, "root"), (working, "working"), (invite, "invite")):
            tx.put(b"key/" + key, {"member": member, "role": role, "since": _MS})
        tx.put(b"peer/" + peer, member)
        tx.put(b"seq/" + working, 100)
        tx.put(b"use/" + member, [20_833, 100, 36_000])
        for credit in openings:
            accounts.create(tx, member, "credit", credit.id, dice.randrange(1, 10**7))
        holders.append(member)
    return State((key, value) for key, value in tx.changes.items() if value is not None), holders


def _certified(charter: Charter, voting: Sequence[SigningKey], state: State, entry: Entry) -> Certified:
    block = make_block(
        network=charter.network,
        epoch=1,
        view=1_204,
        height=1_204,
        parent=bytes(range(32)),
        time_ms=_MS + 1,
        state_root=state.root,
        witnesses=witnesses_hash([{"key": one.key, "member": one.member} for one in charter.witnesses]),
        entries=(entry,),
        outcomes=("",),
    )
    kind, header = VoteKind.FINALIZE, block.header
    votes = tuple(
        (place, sign_vote(voting[place], charter.network, 1, header.view, kind, header.id)) for place in (0, 1, 3)
    )
    made = Certificate(epoch=1, view=header.view, kind=kind, block=header.id, votes=votes)
    return Certified(header=header.body, certificate=write_certificate(made))


def _seed(kind: str, number: int) -> bytes:
    return f"{kind} {number}".encode().ljust(32, b".")
