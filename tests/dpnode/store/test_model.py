"""Any row of commits, reopenings and questions gives what plain dictionaries give."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dpnode.store import questions, write
from dpnode.store.engine import SqlitePort, connect
from dpnode.store.migrate import Tuning, migrate, scripts
from dpnode.store.migrate import settings as connection_settings
from dpnode.store.rows import Commit, PendingEntry
from dpnode.store.statement import drive
from tests.dpnode.store.material import Model, a_block, author, comparable, stored

small = st.binary(min_size=1, max_size=3)
pairs = st.dictionaries(small, st.none() | st.binary(max_size=40), max_size=6)


class StoreAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.model = Model()
        self.run_entries = write.RUN_ENTRIES
        write.RUN_ENTRIES = 40
        self.open()

    def open(self) -> None:
        self.port = SqlitePort(connect(self.path, writable=True), str(self.path))
        drive(self.port, connection_settings(Tuning()))
        drive(self.port, migrate(str(self.path), scripts()))

    def teardown(self) -> None:
        self.port.close()
        self.folder.cleanup()
        write.RUN_ENTRIES = self.run_entries

    @rule(
        sizes=st.lists(st.sampled_from((0, 1, 2, 30, 90)), max_size=3),
        state=pairs,
        replaced=st.sampled_from((False, False, False, True)),
        new=st.sets(st.integers(0, 9), max_size=3),
        done=st.sets(st.integers(0, 9), max_size=3),
        kept=pairs,
        meta=st.dictionaries(st.sampled_from("xyz"), st.none() | st.binary(max_size=9), max_size=2),
        late=st.none() | st.integers(0, 30),
    )
    def commit(
        self,
        sizes: list[int],
        state: dict[bytes, bytes | None],
        replaced: bool,
        new: set[int],
        done: set[int],
        kept: dict[bytes, bytes | None],
        meta: dict[str, bytes | None],
        late: int | None,
    ) -> None:
        height = len(self.model.blocks)
        commit = Commit(
            blocks=[a_block(height + offset, size) for offset, size in enumerate(sizes)],
            certificates=[(late, b"late")] if late is not None and late < height else [],
            state=list(state.items()),
            state_replaced=replaced,
            pending_new=[PendingEntry(id=author(n), body=b"b", signature=b"s", mine=n % 2 == 0) for n in sorted(new)],
            pending_done=[author(n) for n in sorted(done)],
            kept=[("ab"[key[0] % 2], key, value) for key, value in kept.items()],
            meta=list(meta.items()),
        )
        drive(self.port, write.write(commit))
        self.model.apply(commit)

    @rule()
    def reopen(self) -> None:
        self.port.close()
        self.open()

    @rule()
    def empty_log(self) -> None:
        drive(self.port, write.empty_log())

    @rule(number=st.integers(0, 400))
    def find_an_entry_by_id(self, number: int) -> None:
        entries = self.entries()
        if entries:
            height, position, mark, body = entries[number % len(entries)]
            [found] = drive(self.port, questions.entries_like(mark.id, 5))
            assert (found.height, found.position, found.number) == (height, position, number % len(entries))
            assert found.content == body[mark.offset : mark.offset + mark.size]

    @rule(prefix=st.binary(min_size=1, max_size=1), limit=st.integers(1, 5))
    def find_entries_by_the_first_byte(self, prefix: bytes, limit: int) -> None:
        expected = [n for n, (_, _, mark, _) in enumerate(self.entries()) if mark.id[:1] == prefix]
        found = [entry.number for entry in drive(self.port, questions.entries_like(prefix, 1_000))]
        assert found == expected
        assert [e.number for e in drive(self.port, questions.entries_like(prefix, limit))] == expected[:limit]

    @rule(whose=st.integers(0, 5), before=st.none() | st.integers(0, 400), limit=st.integers(1, 50))
    def list_the_newest_entries_of_one_author(self, whose: int, before: int | None, limit: int) -> None:
        expected = [
            number
            for number, (_, _, mark, _) in enumerate(self.entries())
            if mark.author == author(whose) and (before is None or number < before)
        ]
        found = drive(self.port, questions.entries_of(author(whose), before, limit))
        assert [entry.number for entry in found] == expected[::-1][:limit]

    @rule(start=st.integers(0, 40), bytes_max=st.integers(0, 20_000))
    def serve_a_range_of_blocks(self, start: int, bytes_max: int) -> None:
        served = drive(self.port, questions.blocks(start, bytes_max))
        expected = [(block.height, block.body) for block in self.model.blocks[start : start + len(served)]]
        assert [(block.height, block.body) for block in served] == expected
        total = sum(len(block.body) for block in served)
        assert total <= bytes_max or len(served) == 1
        rest = self.model.blocks[start + len(served) :]
        assert not rest or (served and total + len(rest[0].body) > bytes_max)

    @invariant()
    def everything_is_as_in_the_model(self) -> None:
        assert comparable(stored(self.port)) == comparable(self.model)
        counts = drive(self.port, questions.counts())
        assert (counts.blocks, counts.pending) == (len(self.model.blocks), len(self.model.pending))
        assert counts.entries == len(self.entries())

    def entries(self) -> list:  # type: ignore[type-arg]
        return [
            (block.height, position, mark, block.body)
            for block in self.model.blocks
            for position, mark in enumerate(block.marks)
        ]


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
