"""`dpnode credit`, and the plain commands of `dpnode asset` and `dpnode share`: money, things, fractions of things."""

from collections.abc import Iterator, Sequence

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import AMOUNT, EXISTING_FILE, PLACE, UNITS, UNITS_MAX, Units
from dpnode.cli.blocks import Block, Column, Note, Table, facts
from dpnode.cli.commands.ledger import owners
from dpnode.cli.frame import Run, command, family, wait_option
from dpnode.control.answers import Fields
from dpnode.control.questions.holdings import (
    AssetList,
    AssetRegister,
    AssetShow,
    CreditIssue,
    CreditOpen,
    CreditPay,
    CreditRedeem,
    ShareAccept,
    ShareTransfer,
)
from dpnode.errors import FailKind, Problem

DECIMALS_MAX = 9


def _written(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Credit", "credit", shapes.ident),
        ("Name", "symbol", str),
        ("Decimals", "decimals", str),
        ("Good for", "redeemable", str),
        ("Asset", "asset", shapes.ident),
        ("Name", "label", str),
        ("Kind", "kind", str),
        ("Offer", "offer", shapes.ident),
        ("Amount", "amount", shapes.amount),
        ("Units", "units", shapes.count),
        ("From", "from", shapes.party),
        ("To", "to", shapes.party),
        ("Left", "left", shapes.amount),
        ("Entry", "entry", shapes.ident),
        ("Binding", "binding", str),
        ("Height", "height", shapes.count),
    )
    for note in value.get("notes", []):
        yield Note(text=note)


@command(
    "open", example='dpnode credit open EUR --decimals 2 --redeemable "one euro in cash at the founder"', writes=True
)
@click.argument("symbol")
@click.option("--decimals", type=click.IntRange(0, DECIMALS_MAX), default=2, show_default=True)
@click.option("--redeemable", required=True, help="What you give for one, in one sentence.")
@wait_option
def open_credit(run: Run, symbol: str, decimals: int, redeemable: str, wait_ms: int) -> None:
    """Open a credit of your own."""
    question = CreditOpen(symbol=symbol, decimals=decimals, redeemable=redeemable, wait_ms=wait_ms, dry_run=run.dry_run)
    run.ask(question, _written)


@command("issue", example='dpnode credit issue "200.00 EUR" --to customer', writes=True)
@click.argument("amount", type=AMOUNT)
@click.option("--to", "member", help="To this member (yourself).")
@click.option("--note", default="")
@wait_option
def issue(run: Run, amount: str, member: str | None, note: str, wait_ms: int) -> None:
    """Make new units of your own credit."""
    run.ask(CreditIssue(amount=amount, member=member, note=note, wait_ms=wait_ms, dry_run=run.dry_run), _written)


@command("pay", example='dpnode credit pay printshop "12.50 EUR@founder" --note "filament"', writes=True)
@click.argument("member")
@click.argument("amount", type=AMOUNT)
@click.option("--note", default="")
@click.option("--as", "group", metavar="GROUP", help="In the name of this group of yours.")
@wait_option
def pay(run: Run, member: str, amount: str, note: str, group: str | None, wait_ms: int) -> None:
    """Pay a member or group."""
    question = CreditPay(member=member, amount=amount, note=note, group=group, wait_ms=wait_ms, dry_run=run.dry_run)
    run.ask(question, _written)


@command("redeem", example='dpnode credit redeem "50.00 EUR"', writes=True)
@click.argument("amount", type=AMOUNT)
@click.option("--note", default="")
@wait_option
def redeem(run: Run, amount: str, note: str, wait_ms: int) -> None:
    """Issuer: take units that came back to you out of the world."""
    run.ask(CreditRedeem(amount=amount, note=note, wait_ms=wait_ms, dry_run=run.dry_run), _written)


credit_command = family(
    "credit",
    'Open, issue, pay and redeem credits. An amount is written "12.50 EUR@founder": number, symbol, issuer.',
    open_credit,
    issue,
    pay,
    redeem,
)


@command(
    "register", example="dpnode asset register printer --kind 3d-printer --maker Prusa --serial 12345", writes=True
)
@click.argument("label")
@click.option("--kind", required=True, help="What sort of thing it is.")
@click.option("--maker", default="")
@click.option("--serial", default="")
@click.option("--units", type=click.IntRange(1, UNITS_MAX), default=1_000_000, show_default=True)
@click.option("--place", type=PLACE, help="About where: latitude,longitude.")
@click.option("--photo", "photos", multiple=True, type=EXISTING_FILE, help="Named by its hash.")
@click.option("--paper", "papers", multiple=True, type=EXISTING_FILE, help="Title evidence, named by its hash.")
@wait_option
def register(
    run: Run,
    label: str,
    kind: str,
    maker: str,
    serial: str,
    units: int,
    place: str | None,
    photos: Sequence[str],
    papers: Sequence[str],
    wait_ms: int,
) -> None:
    """Enter a thing into the ledger; all its units are yours at first."""
    run.ask(
        AssetRegister(
            label=label,
            kind=kind,
            maker=maker,
            serial=serial,
            units=units,
            place=place,
            photos=tuple(photos),
            papers=tuple(papers),
            wait_ms=wait_ms,
            dry_run=run.dry_run,
        ),
        _written,
    )


@command("list", example="dpnode asset list --all")
@click.option("--all", "everybody", is_flag=True, help="Every member's, not only yours.")
def list_assets(run: Run, everybody: bool) -> None:
    """Assets you own a part of."""
    run.ask(
        AssetList(everybody=everybody),
        lambda value: [
            Table(
                columns=(
                    Column(title="Asset", key="label"),
                    Column(title="Id", key="id", shape=shapes.ident),
                    Column(title="Kind", key="kind"),
                    Column(title="Operator", key="operator", shape=shapes.party),
                    Column(title="Yours", key="units", shape=shapes.count, right=True),
                    Column(title="Of", key="total", shape=shapes.count, right=True),
                    Column(title="Title", key="title", spare=1),
                ),
                rows=value.get("assets", []),
                empty="No assets: dpnode asset register.",
            )
        ],
    )


@command("show", example="dpnode asset show printer")
@click.argument("id")
def show(run: Run, id: str) -> None:  # noqa: A002 - the argument's name in the usage line
    """One asset, with its owners."""
    run.ask(AssetShow(id=id), _asset)


def _asset(value: Fields) -> Iterator[Block]:
    yield from owners(value)
    yield facts(
        value,
        ("Maker", "maker", str),
        ("Serial", "serial", str),
        ("Operator", "operator", shapes.party),
        ("Registered by", "registered_by", shapes.party),
        ("Since", "since_ms", shapes.when),
        ("Title", "title", str),
        ("Place", "place", str),
        ("Static owners", "static", _parties),
        ("To use", "uses", "; ".join),
        ("Decisions need", "terms", _terms),
        ("Repair agreed", "repair_ms", shapes.when),
        ("Sold whole", "sold_ms", shapes.when),
        ("Divided", "ended_ms", shapes.when),
        ("Into", "parts", shapes.listed),
        ("Part of", "whole", shapes.ident),
    )
    for bid in value.get("bids", []):
        yield Note(text=f"{shapes.party(bid['from'])} bids {shapes.amount(bid['amount'])} for all of it: {bid['id']}")


def _parties(value: Sequence[Fields]) -> str:
    return ", ".join(shapes.party(one) for one in value)


def _terms(value: Fields) -> str:
    return ", ".join(f"{kind} {needed}" for kind, needed in value.items())


@command(
    "transfer",
    example="dpnode share transfer printer customer 250000\ndpnode share transfer printer customer 25%",
    writes=True,
)
@click.argument("asset")
@click.argument("member")
@click.argument("units", metavar="UNITS|PERCENT%", type=UNITS)
@click.option("--note", default="")
@wait_option
def transfer(run: Run, asset: str, member: str, units: Units, note: str, wait_ms: int) -> None:
    """Offer units of an asset to a member, who accepts them with 'share accept'."""
    count = units.count if units.basis_points is None else part_of_asset(run, asset, units.basis_points)
    question = ShareTransfer(asset=asset, member=member, units=count, note=note, wait_ms=wait_ms, dry_run=run.dry_run)
    run.ask(question, _written)


def part_of_asset(run: Run, asset: str, basis_points: int) -> int:
    """So many basis points of all units of an asset; raises `Problem` where that is no whole number of them."""
    total = int(run.value_of(AssetShow(id=asset))["total"])
    units, rest = divmod(total * basis_points, 10_000)
    if rest or not units:
        raise Problem(FailKind.USAGE, f"that part of {total:,} units is no whole number of them: name the units")
    return units


@command("accept", example="dpnode share accept\ndpnode share accept hash-k3q7m2aa", writes=True)
@click.argument("id", required=False)
@wait_option
def accept(run: Run, id: str | None, wait_ms: int) -> None:  # noqa: A002
    """Accept offered units; without an id, list what is offered to you."""
    run.ask(ShareAccept(id=id, wait_ms=wait_ms, dry_run=run.dry_run), _offered if id is None else _written)


def _offered(value: Fields) -> Iterator[Block]:
    yield Table(
        columns=(
            Column(title="Offer", key="id", shape=shapes.ident),
            Column(title="Asset", key="label"),
            Column(title="Units", key="units", shape=shapes.count, right=True),
            Column(title="From", key="from", shape=shapes.party),
            Column(title="Note", key="note"),
        ),
        rows=value.get("offers", []),
        empty="No shares are offered to you.",
    )
