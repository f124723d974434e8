"""Making a database ours: connection settings, schema from the first version on, and the walk at every opening.

`schema.sql` is version 1; `migrations/002.sql` and on are applied on top of it, each new or old database by the same
path. All missing steps and the version number are one transaction, so a migration cannot be torn. Scripts hold plain
statements only: they are split at semicolons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from dpnode.store.errors import StoreCorrupt, StoreForeign, StoreNewer
from dpnode.store.statement import Procedure, one, transaction

APPLICATION_ID = 0x44504E31
"""'DPN1' in the database header: what tells our file from anybody else's."""

CHECKED_TABLES = ("meta", "block", "certificate", "fresh", "run", "id_page", "author_page", "state", "pending", "kept")
"""Everything but the bodies: these are most of the file, and each is checked by its hash when it is read."""
WALKED_WHOLE_BYTES_MAX = 256 << 20
"""Up to here bodies are walked, too: 20 ms for 100,000 entries in 42 MB. Of a longer file that would delay a start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Connection settings; the defaults are the measured ones."""

    page_bytes: int = 4096
    """Only for a new database. Larger pages make bodies a little quicker and every change of state dearer."""
    cache_kib: int = 2048
    """Per connection. State and blocks are read once and then held above the store: more bought nothing."""
    mmap_bytes: int = 0
    """Off: an I/O error in a mapped page is a signal that ends the process instead of a named error."""
    log_bytes: int = 8 << 20
    """The write-ahead log is emptied into the database when idle beyond this, at once beyond four times this."""
    busy_ms: int = 5_000
    """How long to wait for another connection; only a reader's recovery after a crash ever holds the database."""
    exclusive: bool = False
    """No shared-memory file: for drivers without one (crash tests)."""


def settings(tuning: Tuning) -> Procedure[None]:
    """What every writing connection sets first."""
    yield one(f"PRAGMA busy_timeout = {tuning.busy_ms}")
    yield one(f"PRAGMA page_size = {tuning.page_bytes}")
    if tuning.exclusive:
        yield one("PRAGMA locking_mode = EXCLUSIVE")
    yield one("PRAGMA journal_mode = WAL")
    # NORMAL lost an acknowledged commit in 196 of 300 simulated power cuts, FULL in none.
    yield one("PRAGMA synchronous = FULL")
    # Ours instead (`write.empty_log`): the automatic one hides its own errors, and a failed sync must be seen.
    yield one("PRAGMA wal_autocheckpoint = 0")
    yield one(f"PRAGMA journal_size_limit = {tuning.log_bytes}")
    yield one("PRAGMA secure_delete = OFF")
    yield from reader_settings(tuning)


def reader_settings(tuning: Tuning) -> Procedure[None]:
    """What every connection sets, read-only ones too."""
    yield one(f"PRAGMA busy_timeout = {tuning.busy_ms}")
    yield one(f"PRAGMA cache_size = -{tuning.cache_kib}")
    yield one(f"PRAGMA mmap_size = {tuning.mmap_bytes}")
    yield one("PRAGMA temp_store = MEMORY")
    yield one("PRAGMA trusted_schema = OFF")
    yield one("PRAGMA cell_size_check = ON")


def scripts() -> list[str]:
    """The schema's scripts in order; the place in the list, from 1, is the version."""
    room = resources.files("dpnode.store")
    later = room / "migrations"  # made with the first migration
    steps = sorted(step.name for step in later.iterdir() if step.name.endswith(".sql")) if later.is_dir() else []
    assert steps == [f"{number:03}.sql" for number in range(2, len(steps) + 2)], steps
    files = [room / "schema.sql", *(later / name for name in steps)]
    return [file.read_text("utf-8") for file in files]


def check_version(path: str, known: int) -> Procedure[int]:
    """The database's schema version, 0 for an empty file.

    Raises StoreForeign for another program's database, StoreNewer for a version above `known`.
    """
    [[application]] = yield one("PRAGMA application_id")
    [[version]] = yield one("PRAGMA user_version")
    [[tables]] = yield one("SELECT count(*) FROM sqlite_master")
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreForeign(path)
    if version > known:
        raise StoreNewer(path, str(version))
    return int(version)


def migrate(path: str, steps: Sequence[str]) -> Procedure[None]:
    """Bring the database to version len(steps)."""
    version = yield from check_version(path, len(steps))
    if version < len(steps):
        yield from transaction(_apply(version, steps))


def _apply(version: int, steps: Sequence[str]) -> Procedure[None]:
    for script in steps[version:]:
        lines = (line.split("--")[0] for line in script.splitlines())
        for sql in "\n".join(lines).split(";"):
            if sql.strip():
                yield one(sql)
    yield one(f"PRAGMA application_id = {APPLICATION_ID}")
    yield one(f"PRAGMA user_version = {len(steps)}")


def quick_check(path: str) -> Procedure[None]:
    """Walk the pages before anything is built on them. Raises StoreCorrupt naming the first found; repairs nothing.

    What a page says is not judged here, only whether it is one: what stands in blocks and state is checked by hashes.
    """
    [[pages]] = yield one("PRAGMA page_count")
    [[page_bytes]] = yield one("PRAGMA page_size")
    is_whole = pages * page_bytes <= WALKED_WHOLE_BYTES_MAX
    for check in ["quick_check(1)"] if is_whole else [f"quick_check({table})" for table in CHECKED_TABLES]:
        found = yield one(f"PRAGMA {check}")
        if found != [("ok",)]:
            raise StoreCorrupt(path, str(found[0][0]).splitlines()[-1])
