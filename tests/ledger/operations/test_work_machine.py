"""Jobs driven at random by everybody at once: whatever is tried, no money is made, lost or spent twice."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.operations import accounts, due
from ledger.operations.work_job import job_from_value, job_to_value, read_log
from ledger.operations.work_queries import next_moves
from ledger.operations.work_stages import ENDS, TABLE, Move, Stage
from tests.ledger.operations.work_world import (
    ARBITER,
    ASSET,
    CREDIT,
    CUSTOMER,
    MONEY,
    PROVIDER,
    ROLES,
    SECOND,
    UNITS,
    World,
    credit,
    units,
)

HOURS_MS = 3_600_000
BP = st.integers(0, 10_000)
SPANS = st.sampled_from([0, HOURS_MS, 48 * HOURS_MS])


class Jobs(RuleBasedStateMachine):
    """Awards and moves in any order, by any member, right or wrong."""

    jobs = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        """One network, no jobs."""
        self.world = World()
        self.known: list[bytes] = []
        self.ended: dict[bytes, Any] = {}

    @rule(
        target=jobs,
        amount=st.integers(0, MONEY // 3),
        share=st.integers(0, UNITS),
        quantity=st.integers(1, 12),
        provider=st.sampled_from([PROVIDER, SECOND]),
        fees=st.tuples(BP, BP, BP, BP),
        spans=st.tuples(SPANS, SPANS, SPANS),
        names_units=st.booleans(),
    )
    def award(
        self,
        amount: int,
        share: int,
        quantity: int,
        provider: str,
        fees: tuple[int, int, int, int],
        spans: tuple[int, int, int],
        names_units: bool,
    ) -> bytes:
        """A job, if the money is there."""
        terms = {
            "cancel": {"awarded": fees[0], "delivered": fees[1], "started": fees[2]},
            "inspection_ms": spans[0],
            "silence_ms": spans[1],
            "silence_split_bp": fees[3],
            "void_after_ms": spans[2],
        }
        proposal = self.world.proposal(
            provider,
            provider=self.world.ids[provider],
            quantity=quantity,
            price=[credit(amount), units(share)] if names_units else [credit(amount)],
            terms=terms,
            until=self.world.now_ms,
            deliver_by=self.world.now_ms + 24 * HOURS_MS,
        )
        # What falls due with the block is not the award's doing.
        self.world.empty_block()
        before = self.world.snapshot()
        code = self.world.award(proposal)
        if code:
            assert code == "account.too-little"
            assert self.world.snapshot() == before
        else:
            self.known.append(proposal.id)
        return proposal.id

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        """Time passes; disputes nobody ruled are split."""
        self.world.now_ms += hours * HOURS_MS
        self.world.empty_block()

    @rule(job=jobs, role=st.sampled_from(ROLES), move=st.sampled_from(Move), data=st.data())
    def attempt(self, job: bytes, role: str, move: Move, data: st.DataObject) -> None:
        """Anybody tries anything."""
        if move is not Move.SILENCE:
            self._try(job, role, move, data)

    def _draw_open(self, data: st.DataObject, *stages: Stage) -> bytes | None:
        there = [job for job in self.known if self.world.read(job).stage in stages]
        return data.draw(st.sampled_from(there)) if there else None

    def _provider_of(self, job: bytes) -> str:
        return PROVIDER if self.world.read(job).provider == self.world.ids[PROVIDER] else SECOND

    @precondition(lambda self: self.known)
    @rule(data=st.data(), pieces=st.integers(1, 12))
    def part_delivery(self, data: st.DataObject, pieces: int) -> None:
        """Some of the pieces still wanted come; runs get far this way."""
        job = self._draw_open(data, Stage.AWARDED, Stage.STARTED, Stage.DELIVERED, Stage.REJECTED)
        if job is not None:
            read = self.world.read(job)
            wanted = read.quantity - read.accepted - read.inspecting
            code = self.world.do(self._provider_of(job), "deliver", job=job, quantity=min(pieces, max(1, wanted)))
            assert code == ("" if wanted else "work.too-many-pieces")

    @precondition(lambda self: self.known)
    @rule(data=st.data(), good=st.integers(0, 12), bad=st.integers(0, 12))
    def part_receipt(self, data: st.DataObject, good: int, bad: int) -> None:
        """Some of what is under inspection is counted; each kind of answer pays exactly its floor."""
        job = self._draw_open(data, Stage.DELIVERED)
        if job is not None:
            inspecting = self.world.read(job).inspecting
            accepted = min(good, inspecting)
            rejected = min(bad, inspecting - accepted)
            code = self.world.do(CUSTOMER, "receipt", job=job, accepted=accepted, rejected=rejected)
            assert code == ("" if accepted + rejected else "work.says-nothing")

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def sensible(self, data: st.DataObject) -> None:
        """Somebody makes any move a job is shown to have."""
        job = self._draw_open(data, *(stage for stage in Stage if stage not in ENDS))
        if job is None:
            return
        read = self.world.read(job)
        ways = [
            (role, one.move)
            for role in (CUSTOMER, PROVIDER, SECOND, ARBITER)
            for one in next_moves(read, self.world.ids[role], self.world.now_ms)
            if one.from_ms is None
        ]
        role, move = data.draw(st.sampled_from(ways))
        self._try(job, role, move, data)

    def _try(self, job: bytes, role: str, move: Move, data: st.DataObject) -> None:
        fields: dict[str, Any] = {}
        match move:
            case Move.DELIVER:
                fields = {"quantity": data.draw(st.integers(1, 13))}
            case Move.RECEIPT:
                fields = {"accepted": data.draw(st.integers(0, 12))}
                if data.draw(st.booleans()):
                    fields["rejected"] = data.draw(st.integers(0, 12))
            case Move.FAIL | Move.DISPUTE:
                fields = {"reason": "because"}
            case Move.RULE:
                fields = {"provider_bp": data.draw(BP)}
            case _:
                pass
        # What falls due with the block is not the move's doing.
        self.world.empty_block()
        before = self.world.snapshot()
        stage = self.world.read(job).stage if job in self.known else None
        if self.world.do(role, move.value, job=job, **fields):
            assert self.world.snapshot() == before, "a refused move changed something (invariant 11)"
        else:
            assert stage is not None
            assert self.world.read(job).stage in TABLE[stage, move].to

    @invariant()
    def sums_are_constant(self) -> None:
        """Invariant 1: holds included; and the same for the asset's units."""
        for kind, thing, total in (("credit", CREDIT, MONEY), ("units", ASSET, UNITS)):
            there = [self.world.free(role, thing, kind) + self.world.held(role, thing, kind) for role in ROLES]
            assert sum(there) == total
            assert min(there) >= 0

    @invariant()
    def a_hold_is_what_is_left_and_ends_with_its_job(self) -> None:
        """Invariants 2 and 3; W-25."""
        held = {("credit", CREDIT): 0, ("units", ASSET): 0}
        for job in self.known:
            read = self.world.read(job)
            assert job_from_value(job, job_to_value(read)) == read
            left = accounts.hold_left(self.world.state, job)
            if read.is_open:
                assert left is None or tuple(line["amount"] for line in left) == read.left
                assert left is not None or not any(read.left)
                for line in left or ():
                    held[line["kind"], line["id"]] += line["amount"]
            else:
                assert left is None
                assert self.ended.setdefault(job, read) == read, "a job that ended moved (W-26)"
        assert held["credit", CREDIT] == self.world.held()
        assert held["units", ASSET] == self.world.held(thing=ASSET, kind="units")

    @invariant()
    def pieces_add_up(self) -> None:
        """W-13, W-16."""
        for job in self.known:
            read = self.world.read(job)
            assert 0 <= read.accepted + read.inspecting + read.owed <= read.quantity
            assert 0 <= read.claimed <= read.accepted
            assert read.delivered >= read.accepted + read.inspecting
            if read.is_open:
                assert read.paid == tuple(line.amount * read.accepted // read.quantity for line in read.price)
            assert (read.stage is Stage.DONE) == (read.accepted == read.quantity)
            if read.stage in (Stage.DELIVERED, Stage.REJECTED, Stage.STARTED, Stage.AWARDED):
                assert (read.stage is Stage.DELIVERED) == bool(read.open)
                if not read.open:
                    assert (read.stage is Stage.REJECTED) == bool(read.owed)

    @invariant()
    def the_log_and_the_due_list_tell_the_same(self) -> None:
        """W-24, W-28: what the log says was paid is what was paid; only disputes wait on the due list."""
        disputed = set()
        for job in self.known:
            read = self.world.read(job)
            log = list(read_log(self.world.state, job))
            assert [line.number for line in log] == list(range(read.moves))
            paid = [line.paid for line in log if line.paid]
            assert tuple(map(sum, zip(*paid, strict=True))) == (read.paid if paid else ())
            if read.stage is Stage.DISPUTED:
                disputed.add(job)
        waiting = {subject for _, _, subject, _ in due.until(self.world.state, 2**62)}
        assert waiting == disputed

    @invariant()
    def standing_is_the_sum_of_the_jobs(self) -> None:
        """W-27."""
        for role in (PROVIDER, SECOND):
            jobs = [self.world.read(job) for job in self.known]
            own = [job for job in jobs if job.provider == self.world.ids[role]]
            counted = self.world.standing(role)
            assert counted.delivered == sum(job.delivered for job in own)
            assert counted.accepted == sum(job.accepted - job.claimed for job in own)
            assert counted.rejected == sum(job.rejected for job in own)
            assert counted.failed == sum(job.stage in (Stage.FAILED, Stage.VOIDED) for job in own)
            assert counted.late <= counted.delivered


Jobs.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestJobs = Jobs.TestCase
