"""Read-only questions to the ledger; all of them can be answered from the database with the daemon stopped."""

from dpnode.control.questions.base import Question, question


@question("ledger.status", offline=True)
class LedgerStatus(Question):
    """Height, root and how far everything was checked."""


@question("ledger.balance", offline=True)
class LedgerBalance(Question):
    """What a member owns: credits, units of assets, outputs; free and held."""

    member: str | None = None
    everybody: bool = False


@question("ledger.shares", offline=True)
class LedgerShares(Question):
    """Who owns which fraction of an asset."""

    asset: str


@question("ledger.journal", offline=True)
class LedgerJournal(Question):
    """Entries in ledger order, newest first, with their outcomes."""

    job: str | None = None
    member: str | None = None
    family: str | None = None
    """The part of the operation's name before the dot, e.g. "work"."""
    before_height: int | None = None
    limit: int = 30


@question("ledger.lapsed", offline=True)
class LedgerLapsed(Question):
    """Entries of ours that ended without standing in any block, newest first, and why."""


@question("ledger.show", offline=True)
class LedgerShow(Question):
    """Whatever an id names: entry, block, member, asset, credit, job."""

    id: str


@question("ledger.blocks", offline=True)
class LedgerBlocks(Question):
    """Blocks, newest first."""

    before_height: int | None = None
    limit: int = 30


@question("ledger.evidence", offline=True)
class LedgerEvidence(Question):
    """Double votes of witnesses that stand on the ledger, and what this node has seen of a second history."""


@question("ledger.alarms-seen")
class LedgerAlarmsSeen(Question):
    """The owner has read what this node has seen of a second history: it need not be shown any more."""

    dry_run: bool = False


@question("ledger.prove", offline=True)
class LedgerProve(Question):
    """Bytes that show one fact to whoever has the charter."""

    what: str = "balance"
    """"balance", "share" or "entry"."""
    id: str | None = None
    """The credit, asset or entry; a credit may be left out where the member has one only."""
    member: str | None = None
    """Whose balance or share; oneself when left out."""


@question("ledger.verify", streams=True, offline=True)
class LedgerVerify(Question):
    """Replay everything from the charter and compare every hash, signature and root."""


@question("ledger.rebuild", streams=True, offline=True)
class LedgerRebuild(Question):
    """Set a damaged or lost database aside and begin it anew, to be fetched from the members."""

    dry_run: bool = False


@question("ledger.export", streams=True, offline=True)
class LedgerExport(Question):
    """Write the ledger to a file the owner can read with other programs."""

    path: str
    """Absolute; an existing file is refused."""
    form: str = "jsonl"
    """"jsonl" or "beancount"."""
    dry_run: bool = False
