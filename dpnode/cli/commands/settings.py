"""`dpnode config`: say what is wrong with the settings file before a daemon stumbles over it."""

from pathlib import Path

import click

from dpnode.cli.blocks import Note
from dpnode.cli.frame import Run, command, family
from dpnode.errors import FailKind, Problem


@command("check", example="dpnode config check\ndpnode config check other.toml")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
def check(run: Run, file: str | None) -> None:
    """Read the settings as the daemon would; name every wrong key with the nearest right one.

    The policy's own file (policy.overrides) is read as well.
    """
    from config.parse import ConfigWrong, load
    from dpnode.assembly import read_policy

    path = Path(file) if file else run.home.config
    if not path.exists():
        raise Problem(FailKind.NOT_FOUND, f"there is no settings file {path}")
    try:
        settings = load(path)
    except ConfigWrong as wrong:
        raise Problem(FailKind.FAILED, "\n".join(wrong.problems), {"problems": len(wrong.problems)}) from wrong
    if settings.policy.overrides:
        policy = run.home.root / settings.policy.overrides
        if not policy.is_file():
            sentence = f"{path}: policy.overrides: there is no file {policy}"
            raise Problem(FailKind.FAILED, sentence, {"problems": 1})
        try:
            read_policy(settings, run.home.root)
        except Problem as problem:
            said = problem.sentence if str(policy) in problem.sentence else f"{policy}: {problem.sentence}"
            raise Problem(FailKind.FAILED, said, {"problems": 1}) from problem
    run.show({"file": str(path), "problems": 0}, lambda _: [Note(text=f"{path} is right.")])


config_command = family("config", "The settings file.", check)
