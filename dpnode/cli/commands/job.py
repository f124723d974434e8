"""`dpnode job`: from the call to the receipt, and what to do when it goes wrong."""

import sys
from collections.abc import Sequence

import click

from dpnode.cli.arguments import AMOUNT, ASSIGNMENT, EXISTING_FILE, MOMENT, PERCENT, PLACE, SPAN
from dpnode.cli.blocks import Note, render
from dpnode.cli.commands.job_layouts import called, countered, job_line, jobs, one_job, written
from dpnode.cli.frame import OnProgress, Run, as_json, command, family, wait_option
from dpnode.control.answers import Fields
from dpnode.control.questions.job import (
    JobAward,
    JobCall,
    JobCancel,
    JobClaim,
    JobCounter,
    JobDeliver,
    JobDispute,
    JobFail,
    JobList,
    JobProgress,
    JobReceive,
    JobRule,
    JobShow,
    JobWatch,
)
from dpnode.errors import FailKind, Problem

PROPOSALS_MAX = 64
QUANTITY_MAX = 1_000_000

CALL_ENDS = {
    "collecting": FailKind.TIMED_OUT,
    "choosing": FailKind.NEEDS_PERSON,
    "awarding": FailKind.TIMED_OUT,
    "unanswered": FailKind.TIMED_OUT,
    "refused": FailKind.REFUSED,
    "lapsed": FailKind.TIMED_OUT,
    "withdrawn": FailKind.REFUSED,
}
"""Where a call that was waited for stands without an award -> how the command ends."""


@command(
    "call",
    example="""dpnode job call --design bracket.toml --part arm --quantity 4 --by 3d
    dpnode job call --function laser-cutting --param material=plywood --param thickness=4mm --by 1w --reply-by 60s""",
    writes=True,
)
@click.option("--design", type=EXISTING_FILE, help="A design manifest (Open Know-How).")
@click.option("--part", help="The part of it; not needed when it has one.")
@click.option("--function", help="Without a design, or against its word: how it is made.")
@click.option("--param", "parameters", multiple=True, type=ASSIGNMENT, help="A parameter, name=value; repeatable.")
@click.option("--quantity", type=click.IntRange(1, QUANTITY_MAX), default=1, show_default=True)
@click.option("--by", "deliver_by_ms", type=MOMENT, help="Needed by: 3d, 2026-05-01.")
@click.option("--reply-by", "reply_by_ms", type=MOMENT, help="Proposals until: 60s, 2h.")
@click.option("--place", type=PLACE, help="About where: latitude,longitude.")
@click.option("--asset", help="Make it on this asset.")
@click.option("--file", "files", multiple=True, type=EXISTING_FILE, help="A further file the provider needs.")
@click.option("--budget", multiple=True, type=AMOUNT, help='The most to pay: "20.00 EUR@founder".')
@click.option("--arbiter", "arbiters", multiple=True, help="Who decides disputes (the charter's).")
@click.option("--automatic/--ask-me", default=None, help="Whether the policy awards (as the settings say).")
@click.option(
    "--wait",
    "wait_ms",
    type=SPAN,
    default=0,
    metavar="SPAN",
    help="Stay until it is awarded; else exit with 5, 6 or 7.",
)
def call(
    run: Run,
    design: str | None,
    part: str | None,
    function: str | None,
    parameters: Sequence[tuple[str, str]],
    quantity: int,
    deliver_by_ms: int | None,
    reply_by_ms: int | None,
    place: str | None,
    asset: str | None,
    files: Sequence[str],
    budget: Sequence[str],
    arbiters: Sequence[str],
    automatic: bool | None,
    wait_ms: int,
) -> None:
    """Ask those who can make it for proposals.

    With --wait the command ends with 0 once a proposal is awarded, with 6 where nobody answered in time or the wait ran
    out, with 5 where all said no, and with 7 where a person has to choose. The call itself goes on.
    """
    if design is None and function is None:
        raise Problem(FailKind.USAGE, "give a --design, or a --function")
    if part is not None and design is None:
        raise Problem(FailKind.USAGE, "--part is for --design")
    question = JobCall(
        design=design,
        part=part,
        function=function,
        parameters=dict(parameters),
        quantity=quantity,
        deliver_by_ms=deliver_by_ms,
        reply_by_ms=reply_by_ms,
        place=place,
        asset=asset,
        files=tuple(files),
        budget=tuple(budget),
        arbiters=tuple(arbiters),
        automatic=automatic,
        wait_ms=wait_ms,
        dry_run=run.dry_run,
    )
    if not wait_ms:
        run.ask(question, called)
        return
    run.ask(question, called, on_progress=_teller(run), ends=lambda value: CALL_ENDS.get(value["state"]))


@command("list", example="dpnode job list\ndpnode job list --state delivered --all")
@click.option("--state", help="Only those in this state.")
@click.option("--all", "everybody", is_flag=True, help="Every member's, not only yours.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
def list_jobs(run: Run, state: str | None, everybody: bool, limit: int) -> None:
    """Jobs and open calls, newest first."""
    run.ask(JobList(state=state, everybody=everybody, limit=limit), jobs)


@command("show", example="dpnode job show job-k3q7m2aa")
@click.argument("id")
def show(run: Run, id: str) -> None:  # noqa: A002 - the argument's name in the usage line
    """One job or call: proposals, terms, files, journal."""
    run.ask(JobShow(id=id), one_job)


@command("watch", example="dpnode job watch job-k3q7m2aa --for 1h")
@click.argument("id")
@click.option("--for", "wait_ms", type=SPAN, default=24 * 3_600_000, metavar="SPAN", help="At most so long (24h).")
def watch(run: Run, id: str, wait_ms: int) -> None:  # noqa: A002
    """Report each change until the job has ended (exit status 6: it has not yet); with --json one object per line."""
    run.ask(JobWatch(id=id, wait_ms=wait_ms), one_job, on_progress=_teller(run))


@command("award", example="dpnode job award job-k3q7m2aa", writes=True)
@click.argument("proposals", nargs=-1, required=True)
@wait_option
def award(run: Run, proposals: Sequence[str], wait_ms: int) -> None:
    """Award a proposal; its price is held until the job ends. Several: all or none."""
    if len(proposals) > PROPOSALS_MAX:
        raise Problem(FailKind.USAGE, f"at most {PROPOSALS_MAX} proposals fit in one award")
    run.ask(JobAward(proposals=tuple(proposals), wait_ms=wait_ms, dry_run=run.dry_run), written)


@command(
    "counter",
    example="""dpnode job counter job-k3q7m2aa --price "8.00 EUR@founder"
    dpnode job counter call-k3q7m2aa --to printshop --by 5d""",
    writes=True,
)
@click.argument("id")
@click.option("--to", "member", help="Whom to ask, where a call is named instead of a proposal.")
@click.option("--price", type=AMOUNT, help="At most this for all of it.")
@click.option("--by", "deliver_by_ms", type=MOMENT, help="Needed by: 3d, 2026-05-01.")
@click.option("--quantity", type=click.IntRange(1, QUANTITY_MAX), help="So many instead.")
@wait_option
def counter(
    run: Run,
    id: str,  # noqa: A002
    member: str | None,
    price: str | None,
    deliver_by_ms: int | None,
    quantity: int | None,
    wait_ms: int,
) -> None:
    """Customer: ask a provider to propose differently, at most three times; its proposal stands meanwhile."""
    run.ask(
        JobCounter(
            id=id,
            member=member,
            price=price,
            deliver_by_ms=deliver_by_ms,
            quantity=quantity,
            wait_ms=wait_ms,
            dry_run=run.dry_run,
        ),
        countered,
    )


@command("progress", example='dpnode job progress job-k3q7m2aa --percent 40 --note "first plate printed"', writes=True)
@click.argument("id")
@click.option("--percent", type=click.IntRange(0, 100))
@click.option("--note", help="At most 280 bytes.")
@wait_option
def progress(run: Run, id: str, percent: int | None, note: str | None, wait_ms: int) -> None:  # noqa: A002
    """Provider: say how far it is."""
    run.ask(JobProgress(id=id, percent=percent, note=note, wait_ms=wait_ms, dry_run=run.dry_run), written)


@command("deliver", example="dpnode job deliver job-k3q7m2aa --quantity 4 --evidence photo.jpg", writes=True)
@click.argument("id")
@click.option("--quantity", type=click.IntRange(1, QUANTITY_MAX), help="How many (all that is outstanding).")
@click.option("--evidence", multiple=True, type=EXISTING_FILE, help="A photo or paper, named by its hash.")
@wait_option
def deliver(run: Run, id: str, quantity: int | None, evidence: Sequence[str], wait_ms: int) -> None:  # noqa: A002
    """Provider: say that so many were delivered."""
    run.ask(
        JobDeliver(id=id, quantity=quantity, evidence=tuple(evidence), wait_ms=wait_ms, dry_run=run.dry_run), written
    )


@command(
    "receive", example='dpnode job receive job-k3q7m2aa --accepted 3 --rejected 1 --quality "one warped"', writes=True
)
@click.argument("id")
@click.option("--accepted", type=click.IntRange(0, QUANTITY_MAX), help="How many (all that was delivered).")
@click.option("--rejected", type=click.IntRange(0, QUANTITY_MAX))
@click.option("--quality", help="In a few words.")
@click.option("--evidence", multiple=True, type=EXISTING_FILE, help="A photo or paper, named by its hash.")
@wait_option
def receive(
    run: Run,
    id: str,  # noqa: A002
    accepted: int | None,
    rejected: int | None,
    quality: str | None,
    evidence: Sequence[str],
    wait_ms: int,
) -> None:
    """Customer: receipt a delivery; what is accepted is paid at once."""
    run.ask(
        JobReceive(
            id=id,
            accepted=accepted,
            rejected=rejected,
            quality=quality,
            evidence=tuple(evidence),
            wait_ms=wait_ms,
            dry_run=run.dry_run,
        ),
        written,
    )


@command("claim", example="dpnode job claim job-k3q7m2aa", writes=True)
@click.argument("id")
@wait_option
def claim(run: Run, id: str, wait_ms: int) -> None:  # noqa: A002
    """Provider: be paid after the customer was silent through the inspection time."""
    run.ask(JobClaim(id=id, wait_ms=wait_ms, dry_run=run.dry_run), written)


@command("cancel", example="dpnode job cancel job-k3q7m2aa --dry-run", writes=True)
@click.argument("id")
@wait_option
def cancel(run: Run, id: str, wait_ms: int) -> None:  # noqa: A002
    """Customer: cancel with the fee of its stage (--dry-run tells it), or close an open call."""
    run.ask(JobCancel(id=id, wait_ms=wait_ms, dry_run=run.dry_run), written)


@command("fail", example='dpnode job fail job-k3q7m2aa --reason "printer broke"', writes=True)
@click.argument("id")
@click.option("--reason", required=True, help="In one sentence.")
@wait_option
def fail(run: Run, id: str, reason: str, wait_ms: int) -> None:  # noqa: A002
    """Provider: say that it cannot be done; the money goes back."""
    run.ask(JobFail(id=id, reason=reason, wait_ms=wait_ms, dry_run=run.dry_run), written)


@command(
    "dispute", example='dpnode job dispute job-k3q7m2aa --reason "two of four broke" --evidence photo.jpg', writes=True
)
@click.argument("id")
@click.option("--reason", required=True, help="In one sentence.")
@click.option("--evidence", multiple=True, type=EXISTING_FILE, help="A photo or paper, named by its hash.")
@wait_option
def dispute(run: Run, id: str, reason: str, evidence: Sequence[str], wait_ms: int) -> None:  # noqa: A002
    """Either: ask the arbiter; claims and payments wait."""
    run.ask(JobDispute(id=id, reason=reason, evidence=tuple(evidence), wait_ms=wait_ms, dry_run=run.dry_run), written)


@command("rule", example="dpnode job rule job-k3q7m2aa --provider 62.5%", writes=True)
@click.argument("id")
@click.option("--provider", "provider_bp", type=PERCENT, required=True, help="The provider's part of what is held.")
@wait_option
def rule(run: Run, id: str, provider_bp: int, wait_ms: int) -> None:  # noqa: A002
    """Arbiter: divide what is held between provider and customer."""
    run.ask(JobRule(id=id, provider_bp=provider_bp, wait_ms=wait_ms, dry_run=run.dry_run), written)


def _teller(run: Run) -> OnProgress:
    """Print each change as it comes: a line, or one JSON object per line."""

    def tell(value: Fields) -> None:
        if run.as_json:
            click.echo(as_json(value))
        else:
            render([Note(text=job_line(value))], sys.stdout)

    return tell


job_command = family(
    "job",
    "Ask for work, award, deliver, receive, settle.",
    call,
    list_jobs,
    show,
    watch,
    award,
    counter,
    progress,
    deliver,
    receive,
    claim,
    cancel,
    fail,
    dispute,
    rule,
)
