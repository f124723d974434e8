"""`dpnode inbox` and `dpnode why`: what waits for a person, and how a policy came to its answer."""

from collections.abc import Iterator, Sequence

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import AMOUNT
from dpnode.cli.before import Before
from dpnode.cli.blocks import Block, Column, Note, Table, facts
from dpnode.cli.commands.job_layouts import one_job, proposals_table, written
from dpnode.cli.frame import Family, Run, command, wait_option
from dpnode.control.answers import Fields
from dpnode.control.questions.job import InboxApprove, InboxList, InboxRefuse, InboxShow, Why


@click.group(
    "inbox",
    cls=Family,
    invoke_without_command=True,
    epilog="\b\nExample:\n  dpnode inbox\n  dpnode inbox show call-k3q7m2aa\n  dpnode inbox approve call-k3q7m2aa",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")
@click.option("--home", metavar="DIR", help="The node's folder (else $DPNODE_HOME).")
@click.pass_context
def inbox_command(ctx: click.Context, as_json: bool, home: str | None) -> None:
    """What waits for a person; without a command, the list."""
    before = ctx.find_object(Before) or Before()
    ctx.obj = Before(home=home or before.home, as_json=as_json or before.as_json)
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_inbox, home=home, as_json=as_json)


@command("list", example="dpnode inbox\ndpnode inbox list --json")
def list_inbox(run: Run) -> None:
    """What waits, most urgent first."""
    run.ask(
        InboxList(),
        lambda value: [
            Table(
                columns=(
                    Column(title="Id", key="id", shape=shapes.ident),
                    Column(title="What", key="kind", spare=1),
                    Column(title="From", key="from", shape=shapes.party),
                    Column(title="About", key="title"),
                    Column(title="Price", key="price", shape=shapes.price, right=True),
                    Column(title="Time left", key="left_ms", shape=shapes.span, right=True),
                ),
                rows=value.get("items", []),
                empty="Nothing waits for you.",
            )
        ],
    )


@command("show", example="dpnode inbox show call-k3q7m2aa")
@click.argument("id")
def show(run: Run, id: str) -> None:  # noqa: A002 - the argument's name in the usage line
    """One matter, in full."""
    run.ask(InboxShow(id=id), lambda value: (_matter if "kind" in value else one_job)(value))


def _matter(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Id", "id", str),
        ("What", "kind", str),
        ("From", "from", shapes.party),
        ("About", "title", str),
        ("Function", "function_name", str),
        ("Parameters", "parameters", lambda given: "\n".join(f"{key}: {text}" for key, text in given.items())),
        ("Quantity", "quantity", shapes.count),
        ("Asked for", "wished", str),
        ("Price", "price", shapes.price),
        ("Needed by", "deliver_by_ms", shapes.when),
        ("Time left", "left_ms", shapes.span),
    )
    yield from _steps(value)
    if value.get("sum"):
        yield _sum(value)
    if value.get("proposals"):
        yield proposals_table(value)
    if not value.get("steps") and value.get("notes"):
        # The rules and the price are told above; without them these lines are all there is.
        yield Note(text="\n".join(value["notes"]))


@command(
    "approve",
    example='dpnode inbox approve call-k3q7m2aa\ndpnode inbox approve call-k3q7m2aa --price "9.00 EUR@founder"',
    writes=True,
)
@click.argument("id")
@click.option("--price", multiple=True, type=AMOUNT, help="Ask this instead of what was reckoned; repeatable.")
@wait_option
def approve(run: Run, id: str, price: Sequence[str], wait_ms: int) -> None:  # noqa: A002
    """Let it go ahead."""
    run.ask(InboxApprove(id=id, price=tuple(price), wait_ms=wait_ms, dry_run=run.dry_run), written)


@command("refuse", example='dpnode inbox refuse call-k3q7m2aa --reason "no time"', writes=True)
@click.argument("id")
@click.option("--reason", default="", help="The other side reads it.")
def refuse(run: Run, id: str, reason: str) -> None:  # noqa: A002
    """Turn it down."""
    run.ask(InboxRefuse(id=id, reason=reason, dry_run=run.dry_run), written)


for made in (list_inbox, show, approve, refuse):
    inbox_command.add_command(made)


@command("why", example="dpnode why call-k3q7m2aa")
@click.argument("id")
def why_command(run: Run, id: str) -> None:  # noqa: A002
    """Why a call was proposed for or refused, a proposal won or lost, and how its price came about."""
    run.ask(Why(id=id), _why)


def _why(value: Fields) -> Iterator[Block]:
    yield facts(value, ("About", "id", str), ("Decision", "decision", str), ("Reason", "reason", str))
    yield from _steps(value)
    if value.get("sum"):
        yield _sum(value)
    if value.get("ranking"):
        yield Table(
            title="The ranking",
            columns=(
                Column(title="Place", key="rank", shape=shapes.count, right=True),
                Column(title="Proposal", key="proposal"),
                Column(title="Provider", key="provider", shape=shapes.party),
                Column(title="Price", key="price", shape=shapes.price, right=True),
                Column(title="Why", key="text"),
            ),
            rows=value["ranking"],
        )
    for note in value.get("notes", []):
        yield Note(text=note)


def _sum(value: Fields) -> Table:
    return Table(
        title="The price",
        columns=(
            Column(title="For", key="what"),
            Column(title="Amount", key="amount", right=True),
        ),
        rows=value["sum"],
    )


def _steps(value: Fields) -> Iterator[Block]:
    if value.get("steps"):
        yield Table(
            title="Rule by rule",
            columns=(
                Column(title="Rule", key="rule"),
                Column(title="Says", key="verdict"),
                Column(title="Reason", key="sentence"),
                Column(title="Detail", key="detail"),
            ),
            rows=value["steps"],
        )
