"""How a command gets at the root key for one act: from the words, or from what is sealed in the home.

Secrets come from a file, from stdin (`-`), or are typed with the echo off; never from the command line itself, which
every user of the machine can read while the command runs.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import RootKeys, own_entropy, with_root
from dpnode.identity.seal import PASSPHRASE, sealed_root
from dpnode.paths import Home

SECRET_BYTES_MAX = 4_096
SECRET_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


def unlock_root(home: Home, *, words_file: str | None, passphrase_file: str | None) -> RootKeys:
    """The root keys of this home, asking on a terminal for what is missing.

    Errors:
        Problem: NOT_FOUND where there is no node; NEEDS_PERSON when something must be typed and nobody is there; else
            as `with_root`.
    """
    if not (home.keys / "identity").exists():
        raise Problem(FailKind.NOT_FOUND, f"there is no node in {home.root}: run 'dpnode init' first")
    if words_file is not None or sealed_root(home) is None:
        return with_root(home, words=read_words(words_file))
    return with_root(home, passphrase=given_passphrase(home, passphrase_file))


def unlock_entropy(home: Home, *, words_file: str | None, passphrase_file: str | None) -> bytes:
    """What the words stand for, 32 bytes, from which every root key follows; as `unlock_root`."""
    if words_file is not None or sealed_root(home) is None:
        return own_entropy(home, words=read_words(words_file))
    return own_entropy(home, passphrase=given_passphrase(home, passphrase_file))


def root_options(work: Callable[..., None]) -> Callable[..., None]:
    """`--words-file` and `--passphrase-file`, for what the root key must sign."""
    work = click.option("--words-file", type=SECRET_FILE, help="Your 24 words, once confirmed; - for stdin.")(work)
    return click.option("--passphrase-file", type=SECRET_FILE, help="What seals the root key.")(work)


def given_passphrase(home: Home, path: str | None) -> str | None:
    """The passphrase of the sealed root: from the file, typed, or None where none is needed."""
    if path is not None:
        return read_secret(Path(path), "passphrase")
    found = sealed_root(home)
    if found is None or found.under != PASSPHRASE or not sys.stdin.isatty():
        return None
    typed: str = click.prompt("Passphrase", hide_input=True, err=True)
    return typed


def read_words(path: str | None) -> str:
    """The text of the 24 words: from a file, from stdin (`-`), or typed."""
    if path is not None:
        return read_secret(Path(path), "list of words") if path != "-" else sys.stdin.read(SECRET_BYTES_MAX)
    if not sys.stdin.isatty():
        raise Problem(FailKind.NEEDS_PERSON, "the 24 words are needed: give them with --words-file")
    typed: str = click.prompt("Your 24 words", hide_input=True, err=True)
    return typed


def read_secret(path: Path, what: str) -> str:
    """The text of a secret's file without the line break at its end."""
    try:
        content = path.read_bytes()[: SECRET_BYTES_MAX + 1]
        text = content.decode("utf-8")
    except OSError as error:
        raise Problem(FailKind.FAILED, f"cannot read the {what} in {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Problem(FailKind.FAILED, f"the {what} in {path} is not UTF-8 text") from error
    if len(content) > SECRET_BYTES_MAX:
        raise Problem(FailKind.USAGE, f"the {what} in {path} is longer than {SECRET_BYTES_MAX} bytes")
    if not text.strip():
        raise Problem(FailKind.USAGE, f"the {what} in {path} is empty")
    return text.rstrip("\r\n")
