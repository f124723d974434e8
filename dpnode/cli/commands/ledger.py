"""`dpnode ledger`: read, verify and export the ledger; with the daemon stopped, from its database."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import NEW_FILE, SPAN_MS_MAX
from dpnode.cli.blocks import Block, Column, Facts, Note, Table, facts
from dpnode.cli.commands.motion import evidence
from dpnode.cli.commands.proof import check, prove_family, snapshot
from dpnode.cli.frame import Run, command, family
from dpnode.control.answers import Fields
from dpnode.control.questions.ledger import (
    LedgerBalance,
    LedgerBlocks,
    LedgerExport,
    LedgerJournal,
    LedgerLapsed,
    LedgerRebuild,
    LedgerShares,
    LedgerShow,
    LedgerStatus,
    LedgerVerify,
)

LIMIT_MAX = 1_000
MOMENTS = frozenset({"deliver_by", "reply_by", "until"})
"""Keys of operations that hold Unix milliseconds; every other one ends in `_ms`, whether a moment or a span."""
VERIFY_WITHIN_S = 3_600.0
"""Between two signs of progress; without a daemon there are none and the whole replay must fit."""


@command("status", example="dpnode ledger status --json")
def status(run: Run) -> None:
    """Height, state root, and how far everything was checked."""
    run.ask(LedgerStatus(), _status)


def _status(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Network", "network", shapes.party),
        ("Height", "height", shapes.count),
        ("History from block", "from", shapes.count),
        ("State root", "root", lambda root: root.hex() if isinstance(root, bytes) else str(root)),
        ("Last block", "block_ms", shapes.when),
        ("Entries", "entries", shapes.count),
        ("Members", "members", shapes.count),
        ("Pending", "pending", shapes.count),
        ("Signatures checked to", "checked_height", shapes.count),
        ("On disk", "database_bytes", shapes.size),
    )


@command("balance", example="dpnode ledger balance\ndpnode ledger balance founder")
@click.argument("member", required=False)
@click.option("--all", "everybody", is_flag=True, help="Every member.")
def balance(run: Run, member: str | None, everybody: bool) -> None:
    """What a member (you unless you name one) owns: free, and held for jobs."""
    run.ask(LedgerBalance(member=member, everybody=everybody), _balance)


def _balance(value: Fields) -> Iterator[Block]:
    rows = value.get("accounts", [])
    left = [Column(title="Free then", key="left", shape=shapes.amount, right=True)]
    yield Table(
        columns=(
            Column(title="Member", key="member", shape=shapes.party),
            Column(title="Free", key="free", shape=shapes.amount, right=True),
            Column(title="Held", key="held", shape=shapes.amount, right=True),
            *(left if any("left" in row for row in rows) else []),
            Column(title="Id", key="id", shape=shapes.ident),
        ),
        rows=rows,
        empty="Nothing is owned.",
    )
    for note in value.get("notes", []):
        yield Note(text=note)


@command("shares", example="dpnode ledger shares printer")
@click.argument("asset")
def shares(run: Run, asset: str) -> None:
    """Who owns which fraction of an asset."""
    run.ask(LedgerShares(asset=asset), owners)


def owners(value: Fields) -> Iterator[Block]:
    """An asset and its owners."""
    total = value.get("total", 0)
    yield facts(
        value,
        ("Asset", "label", str),
        ("Id", "asset", str),
        ("Kind", "kind", str),
        ("Units in all", "total", shapes.count),
    )
    yield Table(
        title="Owners",
        columns=(
            Column(title="Member", key="member", shape=shapes.party),
            Column(title="Units", key="units", shape=shapes.count, right=True),
            Column(title="Part", key="part", shape=shapes.share, right=True),
            Column(title="Held", key="held", shape=shapes.count, right=True),
        ),
        rows=[{**row, "part": {"units": row.get("units", 0), "total": total}} for row in value.get("owners", [])],
        empty="Nobody owns it.",
    )


@command(
    "journal", example="dpnode ledger journal --job job-k3q7m2aa\ndpnode ledger journal --family credit --limit 100"
)
@click.option("--job", help="Only this job's.")
@click.option("--member", help="Only what this member signed.")
@click.option("--family", help="Only these: job, credit, asset, share, member, motion.")
@click.option("--before", "before_height", type=click.IntRange(1), help="Only below this height.")
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=30, show_default=True)
def journal(
    run: Run, job: str | None, member: str | None, family: str | None, before_height: int | None, limit: int
) -> None:
    """Entries in ledger order, newest first."""
    run.ask(LedgerJournal(job=job, member=member, family=family, before_height=before_height, limit=limit), _journal)


def _journal(value: Fields) -> Iterator[Block]:
    yield Table(
        columns=(
            Column(title="Height", key="height", shape=shapes.count, right=True),
            Column(title="Time", key="time_ms", shape=shapes.when),
            Column(title="Entry", key="id", shape=shapes.ident),
            Column(title="By", key="by", shape=shapes.party),
            Column(title="Operation", key="operation", spare=1),
            Column(title="What", key="text"),
            Column(title="Outcome", key="outcome"),
        ),
        rows=value.get("entries", []),
        empty="No entries.",
    )
    if value.get("more"):
        yield Note(text="There are older ones: --before HEIGHT.")
    if value.get("from"):
        yield _history_from(value)


def _history_from(value: Fields) -> Note:
    return Note(
        text=f"This node began with a snapshot: it has the history from block {value['from']:,} on, "
        "what was before stands at other members."
    )


@command("lapsed", example="dpnode ledger lapsed\ndpnode ledger lapsed --json")
def lapsed(run: Run) -> None:
    """Entries of yours that never came into a block, and why: newest first, the last 64.

    Nothing of them counts: what they would have paid, awarded or moved is as it was. Give the command again where it
    is still wanted.
    """
    run.ask(LedgerLapsed(), _lapsed)


def _lapsed(value: Fields) -> Iterator[Block]:
    yield Table(
        columns=(
            Column(title="Ended", key="ended_ms", shape=shapes.when),
            Column(title="Entry", key="id", shape=shapes.ident),
            Column(title="Operation", key="operation", spare=1),
            Column(title="What", key="text"),
            Column(title="Valid until", key="until_ms", shape=shapes.when, spare=2),
            Column(title="Why", key="why"),
        ),
        rows=value.get("entries", []),
        empty="Every entry of yours that ended came into a block.",
    )


@command("show", example="dpnode ledger show ent-k3q7m2aa")
@click.argument("id")
def show(run: Run, id: str) -> None:  # noqa: A002 - the argument's name in the usage line
    """Whatever an id names: entry, block, member, asset, credit, job."""
    run.ask(LedgerShow(id=id), _shown)


def _shown(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Id", "id", str),
        ("Is", "kind", str),
        ("By", "by", shapes.party),
        ("Height", "height", shapes.count),
        ("Time", "time_ms", shapes.when),
        ("Outcome", "outcome", str),
        ("Binding", "binding", str),
    )
    for note in value.get("notes", []):
        yield Note(text=note)
    content = value.get("content", {})
    if content:
        yield Facts(title="Content", pairs=list(flat(content)))


def flat(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """A nested map as dotted names and texts: what no layout was written for is still shown whole."""
    for key, item in content.items():
        match item:
            case dict():
                yield from flat(item, f"{path}{key}.")
            case list() if any(isinstance(one, dict | list) for one in item):
                yield from flat({str(number): one for number, one in enumerate(item)}, f"{path}{key}.")
            case list():
                yield f"{path}{key}", ", ".join(map(_plain, item))
            case int() if not isinstance(item, bool) and (key in MOMENTS or key.endswith("_ms")):
                # Spans are at most ten years; 1980 is later than any of them.
                yield f"{path}{key.removesuffix('_ms')}", (shapes.when if item >= SPAN_MS_MAX else shapes.span)(item)
            case _:
                yield f"{path}{key}", _plain(item)


def _plain(item: object) -> str:
    return item.hex() if isinstance(item, bytes) else shapes.yes(item) if isinstance(item, bool) else str(item)


@command("blocks", example="dpnode ledger blocks --limit 10")
@click.option("--before", "before_height", type=click.IntRange(1), help="Only below this height.")
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=30, show_default=True)
def blocks(run: Run, before_height: int | None, limit: int) -> None:
    """Blocks, newest first."""
    run.ask(
        LedgerBlocks(before_height=before_height, limit=limit),
        lambda value: [
            Table(
                columns=(
                    Column(title="Height", key="height", shape=shapes.count, right=True),
                    Column(title="Time", key="time_ms", shape=shapes.when),
                    Column(title="Block", key="id", shape=shapes.ident),
                    Column(title="Entries", key="entries", shape=shapes.count, right=True),
                    Column(title="Leader", key="leader", shape=shapes.party),
                    Column(title="State root", key="root", shape=shapes.root, spare=1),
                ),
                rows=value.get("blocks", []),
                empty="No blocks after the charter.",
            )
        ],
    )


def _verified(value: Fields) -> Iterator[Block]:
    if not value.get("from"):
        yield Note(text="Everything fits: hashes, signatures, certificates, roots.")
        return
    yield Note(text="What is here fits: hashes, signatures, certificates, the root. No rule was run again.")
    yield _history_from(value)


@command("verify", example="dpnode ledger verify")
def verify(run: Run) -> None:
    """Replay everything from the charter; exit 8 and a sentence when something does not fit."""
    run.ask(
        LedgerVerify(),
        lambda value: [
            facts(
                value,
                ("Verified to", "height", shapes.count),
                ("Entries", "entries", shapes.count),
                ("State root", "root", lambda root: root.hex() if isinstance(root, bytes) else str(root)),
                ("Took", "took_ms", shapes.span),
            ),
            *_verified(value),
        ],
        within_s=VERIFY_WITHIN_S,
    )


@command("rebuild", example="dpnode ledger rebuild", writes=True)
def rebuild(run: Run) -> None:
    """Begin a damaged or lost ledger anew, with the node stopped: `dpnode up` then fetches it from the members.

    Keys, votes, offers and files stay; the damaged database is set aside. A witness votes again as soon as the ledger
    has caught up with its votes.
    """
    run.ask(LedgerRebuild(dry_run=run.dry_run), _rebuilt, within_s=VERIFY_WITHIN_S)


def _rebuilt(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Network", "network", shapes.party),
        ("Set aside as", "set_aside", str),
        ("Members' machines known", "machines", shapes.count),
        ("Own entries not final yet", "pending", shapes.count),
    )
    if not value.get("dry_run"):
        yield Note(text="now: dpnode up; the ledger is fetched from the members, `dpnode status` says how far it is")
    if not value["machines"]:
        yield Note(text="! no member's address is known any more: name one under [network] known_peers in config.toml")


@command(
    "export",
    example="dpnode ledger export ledger.jsonl\ndpnode ledger export books.beancount --form beancount",
    writes=True,
)
@click.argument("file", type=NEW_FILE)
@click.option("--form", type=click.Choice(["jsonl", "beancount"]), default="jsonl", show_default=True)
def export(run: Run, file: str, form: str) -> None:
    """Write the ledger to a new file."""
    run.ask(
        LedgerExport(path=file, form=form, dry_run=run.dry_run),
        lambda value: [
            facts(value, ("File", "path", str), ("Entries", "entries", shapes.count), ("Size", "bytes", shapes.size)),
            *([_history_from(value)] if value.get("from") else []),
        ],
        within_s=VERIFY_WITHIN_S,
    )


ledger_command = family(
    "ledger",
    "Read, verify and export the ledger.",
    status,
    balance,
    shares,
    journal,
    lapsed,
    show,
    blocks,
    verify,
    rebuild,
    export,
    prove_family,
    snapshot,
    check,
    evidence,
)
