"""What every command has in common: its home, `--json`, `--dry-run`, an example, and how an answer ends it.

A command builds one question and says which blocks show the answer; `Run.ask` does the rest. A question that the
database alone can answer is given to `dpnode.offline` when no daemon runs, and stderr says so.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import click

from dpnode.cli.before import Before
from dpnode.cli.blocks import Block, Note, render
from dpnode.cli.progress import ProgressLine
from dpnode.control.answers import Answer, Done, Failed, Fields
from dpnode.control.questions.base import BadQuestion, Question
from dpnode.errors import FailKind, Problem
from dpnode.paths import Home, find_home

Layout: TypeAlias = Callable[[Fields], Iterable[Block]]
OnProgress: TypeAlias = Callable[[Fields], None]
FAMILY_EXAMPLES = 3


def _ran_out(value: Fields) -> FailKind | None:
    """A time-out where the wait was over before what was waited for came."""
    return FailKind.TIMED_OUT if value.get("timed_out") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command."""

    home: Home
    as_json: bool
    dry_run: bool = False

    def ask(
        self,
        question: Question,
        layout: Layout,
        *,
        within_s: float | None = None,
        on_progress: OnProgress | None = None,
        ends: Callable[[Fields], FailKind | None] = _ran_out,
    ) -> None:
        """Ask the daemon (or the database, where that suffices) and show the answer.

        Args:
            ends: what the answer, once shown, ends the command with; None for 0.

        Errors:
            Problem: the answer was a failure, or there was none.
        """
        value = self.value_of(question, within_s=within_s, on_progress=on_progress)
        self.show(value, layout)
        kind = None if value.get("dry_run") else ends(value)
        if kind is not None:
            raise click.exceptions.Exit(kind.exit_status)

    def value_of(
        self, question: Question, *, within_s: float | None = None, on_progress: OnProgress | None = None
    ) -> Fields:
        """The fields of the answer; raises `Problem` for a failure."""
        try:
            with ProgressLine() as line:
                answer = self._answer(question, within_s, on_progress or line.draw)
        except BadQuestion as error:
            raise Problem(FailKind.USAGE, str(error)) from error
        match answer:
            case Done():
                return answer.value
            case Failed():
                raise Problem(answer.kind, answer.sentence, answer.details)

    def show(self, value: Fields, layout: Layout) -> None:
        """Print an answer: one JSON object, or the blocks of `layout`."""
        if self.as_json:
            click.echo(as_json(value))
            return
        blocks = list(layout(value))
        if value.get("dry_run"):
            blocks.insert(0, Note(text="Dry run: nothing was changed. This would happen:"))
        render(blocks, sys.stdout)

    def _answer(self, question: Question, within_s: float | None, on_progress: OnProgress) -> Answer:
        from dpnode.control.client import ask

        try:
            return ask(self.home.socket, question, within_s=within_s, on_progress=on_progress)
        except Problem as problem:
            if problem.kind is not FailKind.DAEMON_DOWN:
                raise
            if not question.offline:
                if not (self.home.keys / "identity").exists():
                    sentence = f"there is no node in {self.home.root}: run 'dpnode init' first"
                    raise Problem(FailKind.NOT_FOUND, sentence) from problem
                raise
        from dpnode import offline

        if not self.as_json and sys.stderr.isatty():
            click.echo("(no daemon is running here: read from its database)", err=True)
        return offline.answer(question, self.home, on_progress)


class Words(click.Command):
    """A command that knows a number below zero from an option: "-5 EUR" is an amount, and a wrong one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; raises a usage error that names the word."""
        from dpnode.cli.arguments import below_zero

        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not below_zero(error.option_name):
                raise
            word = next((one for one in given if one.startswith(error.option_name)), error.option_name)
            sentence = f"{word!r} is below zero: an amount or a number given here is more than nothing"
            raise click.UsageError(sentence, ctx) from None


def as_json(value: Mapping[str, Any]) -> str:
    """One JSON object on one line; bytes in hexadecimal, everything outside printable ASCII escaped."""
    return json.dumps(value, ensure_ascii=True, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def command(
    name: str, *, example: str, writes: bool = False, hidden: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """Make `work(run, **arguments)` a command with `--home`, `--json` and, where it writes, `--dry-run`.

    Args:
        example: one command line per line, shown by `--help` and parsed by a test.
    """

    def decorate(work: Callable[..., None]) -> click.Command:
        @functools.wraps(work)
        def invoke(*, home: str | None, as_json: bool, dry_run: bool = False, **given: Any) -> None:
            before = click.get_current_context().find_object(Before) or Before()
            run = Run(home=find_home(home or before.home), as_json=as_json or before.as_json, dry_run=dry_run)
            work(run, **given)

        made: Callable[..., None] = invoke
        if writes:
            made = click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")(made)
        made = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")(made)
        made = click.option("--home", metavar="DIR", help="The node's folder (else $DPNODE_HOME).")(made)
        return click.command(
            name,
            cls=Words,
            # The whole first line: click would cut it at 45 characters in the family's overview.
            short_help=(work.__doc__ or "").partition("\n")[0],
            epilog=_epilog(example.strip().splitlines()),
            hidden=hidden,
            context_settings={"help_option_names": ["-h", "--help"]},
        )(made)

    return decorate


class Family(click.Group):
    """A group that lists its commands in the order they were given, which is the order they are used in."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of making."""
        return list(self.commands)


def family(name: str, about: str, *commands: click.Command) -> Family:
    """A group of commands under one name; its help shows how the first of them are used."""
    lines = [examples_of(one)[0] for one in commands[:FAMILY_EXAMPLES]]
    made = Family(name, help=about, epilog=_epilog(lines), context_settings={"help_option_names": ["-h", "--help"]})
    for one in commands:
        made.add_command(one)
    return made


def _epilog(lines: Iterable[str]) -> str:
    return "\b\nExample:\n" + "\n".join(f"  {line.strip()}" for line in lines)


def examples_of(made: click.Command) -> list[str]:
    """The example lines of a command."""
    return [line.strip() for line in (made.epilog or "").splitlines()[2:]]


def wait_option(work: Callable[..., None]) -> Callable[..., None]:
    """`--wait`: how long a write waits to become final."""
    from dpnode.cli.arguments import SPAN

    return click.option(
        "--wait",
        "wait_ms",
        type=SPAN,
        default=10_000,
        metavar="SPAN",
        help="Wait so long for it to be final (10s), else exit with 6; 0s: do not.",
    )(work)
