"""The `dpnode` command: finds the asked command without importing the others, and turns its end into an exit status.

0 done, 1 failed, 2 usage, 3 daemon down, 4 not found, 5 refused, 6 timed out, 7 needs a person, 8 verification
failed, 130 stopped with Ctrl-C. A home without keys is 4 and one without a network 5, whoever answers. Whatever goes
wrong is one sentence on stderr (one JSON object on stdout with `--json`), never a traceback: that goes to a file
beside the log.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from dpnode.cli.before import Before
from dpnode.errors import INTERRUPTED_EXIT_STATUS, FailKind, Problem
from dpnode.safe_text import safe

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("identity", "Make this node's keys and settings, or restore them from words."),
    "id": ("identity", "This node's identity: words, keys, machines."),
    "network": ("network", "Found, invite to, join or look at a network."),
    "up": ("node", "Start the daemon."),
    "down": ("node", "Stop the daemon."),
    "status": ("node", "How this node is."),
    "peers": ("node", "Whom this node is connected to."),
    "clock": ("node", "This machine's time, and whether a witness trusts it."),
    "cap": ("capability", "What this node can make: add, list, show, remove, import."),
    "directory": ("capability", "Search what the network can make."),
    "job": ("job", "Ask for work, award, deliver, receive, settle."),
    "inbox": ("inbox", "What waits for a person: list, show, approve, refuse."),
    "why": ("inbox", "Why a call, proposal or job was decided as it was."),
    "motion": ("motion", "Decide together who orders entries."),
    "witness": ("witness", "A witness's seat: list, accept, resign, rekey."),
    "ledger": ("ledger", "Read, verify and export the ledger."),
    "credit": ("holdings", "Open, issue, pay and redeem credits."),
    "asset": ("owning", "Register assets, look at them, decide about them together."),
    "share": ("owning", "Own together: list, transfer, offer, take, lend, bid."),
    "group": ("groups", "Own as one: found a group, join, agree."),
    "config": ("settings", "Check the settings file."),
}
"""Command -> its module in `dpnode.cli.commands`, and its line in the overview."""


class Overview(click.Group):
    """The top group: knows its commands by table, imports a module when one of its commands is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table: the order of a first day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; the attribute is the command's name with `_command` behind it."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dpnode.cli.commands.{COMMANDS[cmd_name][0]}")
        made: click.Command = getattr(module, f"{cmd_name}_command")
        return made

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a misspelt command is answered with the nearest right one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"no command {safe(args[0])!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"dpnode {version('dpnode')}")
        except PackageNotFoundError:
            click.echo("dpnode, not installed: run from its sources")
        ctx.exit()


@click.group(
    cls=Overview,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExample:\n  dpnode status\n  dpnode job call --design bracket.toml --part arm --quantity 4 --by 3d",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say which it is.")
@click.option("--home", metavar="DIR", help="The node's folder (else $DPNODE_HOME); may stand behind the command, too.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object; likewise.")
@click.pass_context
def cli(ctx: click.Context, home: str | None, as_json: bool) -> None:
    """A node of a Distributed Production Network."""
    ctx.obj = Before(home=home, as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        ended = cli.main(args=given, prog_name="dpnode", standalone_mode=False)
    except Problem as problem:
        return _tell(problem, given)
    except click.exceptions.NoArgsIsHelpError as overview:
        click.echo(overview.format_message(), err=True)
        return FailKind.USAGE.exit_status
    except click.ClickException as error:
        # format_message quotes the argument as it was given.
        context = error.ctx if isinstance(error, click.UsageError) else None
        hint = f" (see: {context.command_path} --help)" if context is not None else ""
        return _tell(Problem(FailKind.USAGE, error.format_message().rstrip(".") + hint), given)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nstopped", err=True)
        return INTERRUPTED_EXIT_STATUS
    except BrokenPipeError:
        # The reader of a pipe has seen enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FailKind.FAILED.exit_status
    except Exception as error:  # the edge of the owner's terminal: a sentence there, the traceback in a file
        return _tell(_unexpected(error, given), given)
    # What a command that left with a status of its own comes back with; else it returns nothing.
    return ended if isinstance(ended, int) else 0


def _tell(problem: Problem, given: Sequence[str]) -> int:
    if "--json" in given:
        from dpnode.cli.frame import as_json

        fields: dict[str, Any] = {
            "kind": problem.kind.value,
            "sentence": problem.sentence,
            "details": {
                key: value if isinstance(value, int | bytes) else str(value) for key, value in problem.details.items()
            },
        }
        click.echo(as_json({"error": fields}))
    else:
        from dpnode.safe_text import safe_lines

        for line in safe_lines(f"dpnode: {problem.sentence}", characters_max=2_000):
            click.echo(line, err=True)
        if problem.kind is FailKind.DAEMON_DOWN:
            click.echo("dpnode: start it with: dpnode up", err=True)
    return problem.kind.exit_status


def _unexpected(error: Exception, given: Sequence[str]) -> Problem:
    import traceback

    from dpnode.paths import find_home

    home = None
    for here, following in zip(given, [*given[1:], ""], strict=True):
        if here == "--home":
            home = following
        elif here.startswith("--home="):
            home = here.partition("=")[2]
    place = find_home(home).log / "command.log"
    try:
        # One file, replaced each time: a bound without rotation.
        place.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
        where = f"; the traceback is in {place}"
    except OSError:
        where = ""
    return Problem(FailKind.FAILED, f"this should not have happened: {type(error).__name__}: {error}{where}")


if __name__ == "__main__":
    sys.exit(main())
