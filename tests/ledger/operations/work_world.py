"""A small network in one state, on which jobs are awarded and moved by really signed entries through the real fold.

Not a fake: every step is an entry that `fold.execute` judges, so roles, forms, sequences and roll-back are those of the
ledger. Only the blocks around it are left out; block time is what the test says.
"""

from __future__ import annotations

from typing import Any

from ledger.charter import Limits, write_member
from ledger.entry import sign_entry
from ledger.fold import Executed, execute, is_fully_signed
from ledger.keys import MemberId, SigningKey, member_id, next_root_hash
from ledger.operations import accounts
from ledger.operations.work_job import Job, read_job
from ledger.operations.work_standing import Standing, standing
from ledger.operations.work_terms import DAY_MS, PURPOSE
from ledger.state import Overlay, State
from ledger.statement import Statement, sign_statement

HOUR_MS = 3_600_000
START_MS = 1_800_000_000_000
NETWORK = b"n" * 32
CREDIT = b"c" * 32
ASSET = b"a" * 32
CUSTOMER, PROVIDER, ARBITER, STRANGER, SECOND = "customer", "provider", "arbiter", "stranger", "second provider"
ROLES = (CUSTOMER, PROVIDER, ARBITER, STRANGER, SECOND)
MONEY = 1_000_000
UNITS = 1_000

DELIVER_BY_MS = START_MS + 5 * DAY_MS
INSPECTION_MS = 7 * DAY_MS
VOID_AFTER_MS = 3 * DAY_MS
SILENCE_MS = 14 * DAY_MS
TERMS = {
    "cancel": {"awarded": 0, "delivered": 10_000, "started": 2_500},
    "inspection_ms": INSPECTION_MS,
    "silence_ms": SILENCE_MS,
    "silence_split_bp": 5_000,
    "void_after_ms": VOID_AFTER_MS,
}

_NOTHING = State()


def credit(amount: int, thing: bytes = CREDIT) -> dict[str, Any]:
    """A price line in credits."""
    return {"amount": amount, "id": thing, "kind": "credit"}


def units(amount: int) -> dict[str, Any]:
    """A price line in units of the asset."""
    return {"amount": amount, "id": ASSET, "kind": "units"}


class World:
    """Five members, money with the customer, and a clock that only the test moves."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.height = 1
        self.state = Overlay(_NOTHING)
        self.keys = {role: SigningKey(bytes([i + 1]) * 32) for i, role in enumerate(ROLES)}
        self.ids: dict[str, MemberId] = {}
        self._sequence = dict.fromkeys(ROLES, 0)
        self._nonce = 0
        self.limits = Limits(day_entries=10**9, day_bytes=10**12)
        tx = Overlay(self.state)
        for i, role in enumerate(ROLES):
            root = SigningKey(bytes([i + 101]) * 32).public
            next_hash = next_root_hash(SigningKey(bytes([i + 201]) * 32).public)
            self.ids[role] = member_id(root, next_hash)
            write_member(
                tx,
                self.ids[role],
                root=root,
                next_hash=next_hash,
                name=role,
                working=self.keys[role].public,
                sealing=bytes(32),
                peer=role.encode(),
                time_ms=START_MS,
            )
        accounts.create(tx, self.ids[CUSTOMER], "credit", CREDIT, MONEY)
        accounts.create(tx, self.ids[CUSTOMER], "units", ASSET, UNITS)
        self.state.absorb(tx)

    def content(self, **changes: Any) -> dict[str, Any]:
        """A proposal's content, with `changes`; every call makes another one."""
        self._nonce += 1
        return {
            "arbiters": [self.ids[ARBITER]],
            "call": self._nonce.to_bytes(32, "big"),
            "customer": self.ids[CUSTOMER],
            "deliver_by": DELIVER_BY_MS,
            "function": b"f" * 32,
            "network": NETWORK,
            "nonce": self._nonce.to_bytes(16, "big"),
            "parameters": {"length": {"d": 1, "n": 40, "u": "mm"}, "material": "PLA"},
            "price": [credit(1_000)],
            "provider": self.ids[PROVIDER],
            "quantity": 10,
            "terms": TERMS,
            "until": START_MS + HOUR_MS,
            **changes,
        }

    def proposal(self, signer: str = PROVIDER, **changes: Any) -> Statement:
        """A proposal signed by `signer`."""
        return sign_statement(PURPOSE, self.content(**changes), self.keys[signer])

    def do(self, role: str, name: str, **fields: Any) -> str:
        """Have `role` sign an operation and put it into a block of its own: "" or the refusal's code."""
        self._sequence[role] += 1
        operation = {"t": f"work.{name}/1", **fields}
        until_ms = self.now_ms + HOUR_MS
        entry = sign_entry(self.keys[role], NETWORK, self._sequence[role], until_ms, operation)
        assert is_fully_signed(entry)
        self.height += 1
        tx = Overlay(self.state)
        done = execute(tx, NETWORK, self.height, self.now_ms, [entry], self.limits)
        assert isinstance(done, Executed), done
        self.state.absorb(tx)
        return done.outcomes[0]

    def empty_block(self) -> int:
        """A block with nothing but what is due: how many items ran."""
        self.height += 1
        tx = Overlay(self.state)
        done = execute(tx, NETWORK, self.height, self.now_ms, [], self.limits)
        assert isinstance(done, Executed), done
        self.state.absorb(tx)
        return done.due_items

    def award(self, *proposals: Statement, role: str = CUSTOMER, **fields: Any) -> str:
        """Award these proposals."""
        return self.do(role, "award", proposals=[proposal.to_value() for proposal in proposals], **fields)

    def job(self, **changes: Any) -> bytes:
        """A fresh job, just awarded."""
        proposal = self.proposal(**changes)
        assert self.award(proposal) == ""
        return proposal.id

    def read(self, job_id: bytes) -> Job:
        """The job as it stands."""
        job = read_job(self.state, job_id)
        assert job is not None
        return job

    def free(self, role: str, thing: bytes = CREDIT, kind: str = "credit") -> int:
        """What a member can spend."""
        return accounts.free(self.state, self.ids[role], kind, thing)

    def held(self, role: str = CUSTOMER, thing: bytes = CREDIT, kind: str = "credit") -> int:
        """What of a member's is held."""
        return accounts.held(self.state, self.ids[role], kind, thing)

    def standing(self, role: str = PROVIDER) -> Standing:
        """A member's counters."""
        return standing(self.state, self.ids[role])

    def snapshot(self) -> dict[bytes, bytes]:
        """All of the state but what every entry uses up: its number and its author's allowance."""
        return {key: value for key, value in self.state.raw_range(b"") if not key.startswith((b"seq/", b"use/"))}


def in_stage(stage: str) -> tuple[World, bytes]:
    """A world with one job in this stage, reached by the shortest way; block time is when it got there."""
    world = World()
    job = world.job()
    if stage == "awarded":
        return world, job
    ways: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
        "started": [(PROVIDER, "progress", {})],
        "delivered": [(PROVIDER, "deliver", {"quantity": 4})],
        "rejected": [(PROVIDER, "deliver", {"quantity": 4}), (CUSTOMER, "receipt", {"accepted": 0})],
        "disputed": [(CUSTOMER, "dispute", {"reason": "nothing comes"})],
        "done": [(PROVIDER, "deliver", {"quantity": 10}), (CUSTOMER, "receipt", {"accepted": 10})],
        "cancelled": [(CUSTOMER, "cancel", {})],
        "failed": [(PROVIDER, "fail", {"reason": "the nozzle broke"})],
        "voided": [(CUSTOMER, "void", {})],
        "ruled": [(CUSTOMER, "dispute", {"reason": "nothing comes"}), (ARBITER, "rule", {"provider_bp": 1})],
        "split": [(CUSTOMER, "dispute", {"reason": "nothing comes"})],
    }
    if stage == "voided":
        world.now_ms = DELIVER_BY_MS + VOID_AFTER_MS
    for role, name, fields in ways[stage]:
        assert world.do(role, name, job=job, **fields) == ""
    if stage == "split":
        world.now_ms += SILENCE_MS
        assert world.empty_block() == 1
    assert world.read(job).stage.value == stage
    return world, job
