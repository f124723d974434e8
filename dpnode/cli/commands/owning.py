"""`dpnode share` and `dpnode asset`: what is owned, lent and decided together; groups stand in `groups`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import AMOUNT, SPAN, UNITS, Units
from dpnode.cli.blocks import Block, Column, Note, Table, facts
from dpnode.cli.commands import holdings
from dpnode.cli.frame import Run, command, family, wait_option
from dpnode.control.answers import Fields
from dpnode.control.questions.motion import MOTION_LASTS_MS
from dpnode.control.questions.owning import (
    AssetDecide,
    ShareBid,
    ShareHistory,
    ShareLend,
    ShareList,
    ShareOffer,
    ShareReturn,
    ShareStatic,
    ShareTake,
    ShareWithdraw,
)

DECISIONS = ("operator", "repair", "terms", "uses", "sell", "partition")
_lasts = click.option("--lasts", "lasts_ms", type=SPAN, default=MOTION_LASTS_MS, metavar="SPAN", help="Until (14d).")
_as_group = click.option("--as", "group", metavar="GROUP", help="In the name of this group of yours.")
_note = click.option("--note", default="")


def written(value: Fields) -> Iterator[Block]:
    """What a write did, or in a dry run would do, with every account that it changes."""
    yield facts(
        value,
        ("Group", "group", shapes.party),
        ("Does", "does", str),
        ("About", "matter", str),
        ("Id", "id", shapes.ident),
        ("Name", "name", str),
        ("Asset", "asset", shapes.ident),
        ("Right", "right", str),
        ("Units", "units", shapes.count),
        ("Amount", "amount", shapes.amount),
        ("From", "from", shapes.party),
        ("To", "to", shapes.party),
        ("Until", "until_ms", shapes.when),
        ("Act", "act", shapes.ident),
        ("Agreed", "weight", shapes.count),
        ("Needed", "needed", shapes.count),
        ("Entry", "entry", shapes.ident),
        ("Binding", "binding", str),
        ("Height", "height", shapes.count),
    )
    if value.get("changes"):
        yield Table(
            title="Accounts",
            columns=(
                Column(title="Owner", key="owner", shape=shapes.party),
                Column(title="Free", key="free", shape=shapes.amount, right=True),
                Column(title="then", key="free_after", shape=shapes.amount, right=True),
                Column(title="Held", key="held", shape=shapes.amount, right=True),
                Column(title="then", key="held_after", shape=shapes.amount, right=True),
            ),
            rows=value["changes"],
            empty="",
        )
    for note in value.get("notes", []):
        yield Note(text=note)


# -- shares


@command("list", example='dpnode share list\ndpnode share list --of "Old mill" --json')
@click.option("--of", "owner", help="A member or group (yourself).")
def list_shares(run: Run, owner: str | None) -> None:
    """An owner's page: shares, what they give, what is lent and offered."""
    run.ask(ShareList(owner=owner), _page)


@command("history", example='dpnode share history\ndpnode share history --of "Old mill"')
@click.option("--of", "owner", help="A member or group (yourself).")
def history(run: Run, owner: str | None) -> None:
    """What you own since when, and what it has given you; goes through the whole ledger."""
    run.ask(ShareHistory(owner=owner), _history)


def _history(value: Fields) -> Iterator[Block]:
    yield facts(value, ("Owner", "owner", shapes.party))
    yield Table(
        columns=(
            Column(title="Asset", key="label"),
            Column(title="Id", key="asset", shape=shapes.ident),
            Column(title="Units", key="units", shape=shapes.count, right=True),
            Column(title="Since", key="since_ms", shape=shapes.when),
            Column(title="Until", key="until_ms", shape=shapes.when),
            Column(title="Has given", key="given", shape=shapes.price),
        ),
        rows=value.get("shares", []),
        empty="Never owned a part of anything.",
    )


def _page(value: Fields) -> Iterator[Block]:
    yield facts(value, ("Owner", "owner", shapes.party))
    yield shares_table(value, "Owns nothing, and borrows nothing.")
    yield from _uses(value)
    if value.get("lendings"):
        yield Table(
            title="Lent and borrowed",
            columns=(
                Column(title="Id", key="id", shape=shapes.ident),
                Column(title="Asset", key="label"),
                Column(title="Right", key="right"),
                Column(title="Units", key="units", shape=shapes.count, right=True),
                Column(title="Of", key="lender", shape=shapes.party),
                Column(title="By", key="borrower", shape=shapes.party),
                Column(title="Until", key="until_ms", shape=shapes.when),
            ),
            rows=value["lendings"],
            empty="",
        )
    yield from offers_table(value)


def shares_table(value: Fields, empty: str) -> Block:
    """What an owner has a part of."""
    return Table(
        columns=(
            Column(title="Asset", key="label"),
            Column(title="Id", key="asset", shape=shapes.ident),
            Column(title="Units", key="units", shape=shapes.count, right=True),
            Column(title="Held", key="held", shape=shapes.count, right=True, spare=1),
            Column(title="Of", key="total", shape=shapes.count, right=True),
            Column(title="Output", key="output_units", shape=shapes.count, right=True),
            Column(title="Use", key="use_units", shape=shapes.count, right=True),
            Column(title="Given", key="output", shape=shapes.count, right=True, spare=1),
            Column(title="Static", key="static", shape=shapes.yes, spare=2),
            Column(title="Operator", key="operator", shape=shapes.party),
        ),
        rows=value.get("shares", []),
        empty=empty,
    )


def _uses(value: Fields) -> Iterator[Block]:
    for row in value.get("shares", []):
        for use in row["uses"]:
            yield Note(text=f"{row['label']}: {use}")


def offers_table(value: Fields) -> Iterator[Block]:
    """Offers and bids that stand, where there are any."""
    if value.get("offers"):
        yield Table(
            title="Offers that stand",
            columns=(
                Column(title="Id", key="id", shape=shapes.ident),
                Column(title="Asset", key="label"),
                Column(title="Units", key="units", shape=shapes.count, right=True),
                Column(title="Money", key="amount", shape=shapes.amount, right=True),
                Column(title="From", key="from", shape=shapes.party),
                Column(title="To", key="to", shape=shapes.party),
                Column(title="Until", key="until_ms", shape=shapes.when),
                Column(title="Note", key="note"),
            ),
            rows=value["offers"],
            empty="",
        )


def _count(run: Run, asset: str, units: Units) -> int:
    return units.count if units.basis_points is None else holdings.part_of_asset(run, asset, units.basis_points)


@command("offer", example='dpnode share offer printer "Old mill" 25% --lasts 30d', writes=True)
@click.argument("asset")
@click.argument("owner")
@click.argument("units", metavar="UNITS|PERCENT%", type=UNITS)
@_note
@_lasts
@_as_group
@wait_option
def offer(run: Run, asset: str, owner: str, units: Units, **given: Any) -> None:
    """Have units stand on the ledger for a member or group until they take them."""
    count = _count(run, asset, units)
    run.ask(ShareOffer(asset=asset, owner=owner, units=count, dry_run=run.dry_run, **given), written)


@command("take", example='dpnode share take ent-k3q7m2aa --as "Old mill"', writes=True)
@click.argument("id")
@_as_group
@wait_option
def take(run: Run, **given: Any) -> None:
    """Take units that stand for you, or for a group of yours."""
    run.ask(ShareTake(dry_run=run.dry_run, **given), written)


@command("bid", example='dpnode share bid printer "900.00 EUR@founder" --lasts 14d', writes=True)
@click.argument("asset")
@click.argument("amount", type=AMOUNT)
@_note
@_lasts
@_as_group
@wait_option
def bid(run: Run, **given: Any) -> None:
    """Have money stand for an asset as a whole: its co-owners may take it."""
    run.ask(ShareBid(dry_run=run.dry_run, **given), written)


@command("withdraw", example="dpnode share withdraw ent-k3q7m2aa", writes=True)
@click.argument("id")
@_as_group
@wait_option
def withdraw(run: Run, **given: Any) -> None:
    """Take back your standing offer or bid, or decline one to you."""
    run.ask(ShareWithdraw(dry_run=run.dry_run, **given), written)


@command("lend", example="dpnode share lend printer ben 10% --right use --for 4w", writes=True)
@click.argument("asset")
@click.argument("owner")
@click.argument("units", metavar="UNITS|PERCENT%", type=UNITS)
@click.option("--right", type=click.Choice(("output", "use")), required=True, help="What of the units is lent.")
@click.option("--for", "lasts_ms", type=SPAN, required=True, metavar="SPAN", help="How long, such as 4w.")
@_note
@_as_group
@wait_option
def lend(run: Run, asset: str, owner: str, units: Units, **given: Any) -> None:
    """Lend the output or use of units for a time; they come back by themselves."""
    count = _count(run, asset, units)
    run.ask(ShareLend(asset=asset, owner=owner, units=count, dry_run=run.dry_run, **given), written)


@command("return", example="dpnode share return ent-k3q7m2aa", writes=True)
@click.argument("id")
@_as_group
@wait_option
def give_back(run: Run, **given: Any) -> None:
    """Give back before its time what you borrowed."""
    run.ask(ShareReturn(dry_run=run.dry_run, **given), written)


@command("static", example="dpnode share static printer\ndpnode share static printer --off", writes=True)
@click.argument("asset")
@click.option("--off", is_flag=True, help="No longer.")
@_as_group
@wait_option
def static(run: Run, off: bool, **given: Any) -> None:
    """Say that no buy-out takes your units of an asset."""
    run.ask(ShareStatic(static=not off, dry_run=run.dry_run, **given), written)


share_command = family(
    "share",
    "Own together: what you own, transfer, offer, take, bid, lend.",
    list_shares,
    history,
    holdings.transfer,
    holdings.accept,
    offer,
    take,
    withdraw,
    lend,
    give_back,
    static,
    bid,
)


# -- co-owners


def _pairs(texts: Sequence[str]) -> Mapping[str, str]:
    return {kind.strip(): part for kind, _, part in (text.partition("=") for text in texts)}


@command(
    "decide",
    example="""dpnode asset decide printer operator
dpnode asset decide printer repair --what "a new belt" --cost "40.00 EUR@founder"
dpnode asset decide printer terms --need sell=75% --need repair=50%
dpnode asset decide printer uses --use "40 h machine time per 7d"
dpnode asset decide printer sell --bid ent-k3q7m2aa
dpnode asset decide land partition --part "east: Ada 500, Ben 500" --part "west: Ada 1000\"""",
    writes=True,
)
@click.argument("asset")
@click.argument("kind", type=click.Choice(DECISIONS))
@click.option("--what", default="", help="A repair: what is to be done.")
@click.option("--cost", type=AMOUNT, help="A repair: about how much.")
@click.option("--bid", help="A sale: the bid that is taken.")
@click.option("--need", "needs", multiple=True, metavar="KIND=PERCENT", help="Terms: more than so much, or 100%.")
@click.option("--use", "uses", multiple=True, help='Uses, such as "40 h machine time per 7d"; none takes all off.')
@click.option("--part", "parts", multiple=True, help='A part, such as "east: Ada 500, Ben 500".')
@click.option("--about", default="", help="Why, for those who vote.")
@_lasts
@_as_group
@wait_option
def decide(run: Run, needs: Sequence[str], uses: Sequence[str], parts: Sequence[str], **given: Any) -> None:
    """Put to the co-owners of an asset: who operates it, a repair, terms, uses, a sale, a partition."""
    lists: dict[str, Any] = {"needs": dict(_pairs(needs)), "uses": tuple(uses), "parts": tuple(parts)}
    run.ask(AssetDecide(dry_run=run.dry_run, **lists, **given), written)


asset_command = family(
    "asset",
    "Register assets, look at them, and decide about them together.",
    holdings.register,
    holdings.list_assets,
    holdings.show,
    decide,
)
