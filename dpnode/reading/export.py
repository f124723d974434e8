"""Writes the whole ledger to a file: as JSON lines that a stranger can check, or as books for beancount.

The file appears whole or not at all: it is written under another name beside its place, synced, and then linked into
it, which fails where something stands there already.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dpnode.control.questions.ledger import LedgerExport
from dpnode.errors import FailKind, Problem
from dpnode.reading.beancount import books
from dpnode.reading.blocks import batches
from dpnode.reading.sentences import sentence
from dpnode.reading.source import Asks, Report, Source
from dpnode.shelf import KEPT_EPOCH_END
from dpnode.store import questions
from ledger.canonical import decode
from ledger.names import Kind, show_id

FORMS = ("jsonl", "beancount")


def export(source: Source, reading: Asks, question: LedgerExport, report: Report) -> dict[str, Any]:
    """Write the file; returns {"path", "entries", "bytes"}. Raises `Problem` (USAGE, REFUSED, FAILED)."""
    path = Path(question.path)
    if question.form not in FORMS:
        raise Problem(FailKind.USAGE, f"an export is {' or '.join(FORMS)}, not {question.form[:60]!r}")
    if not path.is_absolute():
        raise Problem(FailKind.USAGE, "the file's path must be absolute")
    if os.path.lexists(path):
        raise Problem(FailKind.REFUSED, f"{path} exists already; an export never overwrites")
    if not path.parent.is_dir():
        raise Problem(FailKind.FAILED, f"there is no folder {path.parent}")
    if question.form == "beancount" and source.begins > 1:
        raise Problem(
            FailKind.REFUSED, f"books need every entry there was{source.lacking}: ask another member for them"
        )
    value: dict[str, Any] = {"path": str(path), "entries": source.head.entries}
    if source.begins > 1:
        value["from"] = source.begins
    if question.dry_run:
        return {**value, "dry_run": True}
    lines = _json_lines(source, reading, report) if question.form == "jsonl" else books(source, reading, report)
    return {**value, "bytes": write_whole(path, lines)}


def write_whole(path: Path, lines: Iterator[str]) -> int:
    """Write lines to a new file, all or nothing; returns its size in bytes. Raises `Problem`."""
    return write_parts(path, (line.encode("utf-8") + b"\n" for line in lines))


def write_parts(path: Path, parts: Iterator[bytes]) -> int:
    """As `write_whole`, for bytes."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    size = 0
    try:
        try:
            with unfinished.open("xb") as file:
                for part in parts:
                    size += file.write(part)
                file.flush()
                os.fsync(file.fileno())
            _place(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise Problem(FailKind.FAILED, f"cannot write {path}: {error.strerror}") from error
    return size


def _place(unfinished: Path, path: Path) -> None:
    """Give the file its name, unless that is taken."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise Problem(FailKind.REFUSED, f"{path} exists already; dpnode never overwrites") from None
    except OSError:
        # A file system without hard links: the name was free a moment ago, and that is the best it offers.
        if os.path.lexists(path):
            raise Problem(FailKind.REFUSED, f"{path} exists already; dpnode never overwrites") from None
        unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _json_lines(source: Source, reading: Asks, report: Report) -> Iterator[str]:
    """One object per line: the charter, then each block and its entries; bytes as signed (SPEC O-10 to O-12)."""
    charter = source.charter
    founding = decode(source.meta["founding"])
    first: dict[str, Any] = {
        "is": "charter",
        "network": show_id(Kind.NETWORK, charter.network),
        "name": charter.name,
        "body": _base64(charter.body),
        "founding": [{"member": show_id(Kind.MEMBER, member), "signature": _base64(sig)} for member, sig in founding],
    }
    if source.begins > 1:
        first["from"] = source.begins
    yield _json(first)
    ends = {decode(end)["block"]: end for _, end in reading.ask(questions.kept(KEPT_EPOCH_END))}
    for batch in batches(reading, source.head.height, source.begins):
        for served, block in batch:
            header = block.header
            value: dict[str, Any] = {
                "is": "block",
                "height": header.height,
                "id": show_id(Kind.BLOCK, header.id),
                "time_ms": header.time_ms,
                "entries": len(block.entries),
                "header": _base64(header.body),
            }
            if served.certificate is not None:
                value["certificate"] = _base64(served.certificate)
            if header.body in ends:
                value["epoch_end"] = _base64(ends[header.body])
            yield _json(value)
            for entry, outcome in zip(block.entries, block.outcomes, strict=True):
                key = source.view.get(b"key/" + entry.key)
                author = None if key is None else key["member"]
                line: dict[str, Any] = {
                    "is": "entry",
                    "height": header.height,
                    "id": show_id(Kind.ENTRY, entry.id),
                    "operation": entry.name,
                    "outcome": outcome,
                    "says": sentence(source.view, entry.operation, author),
                    "body": _base64(entry.body),
                    "signature": _base64(entry.signature),
                }
                if author is not None:
                    line["by"] = show_id(Kind.MEMBER, author)
                yield _json(line)
        report({"text": "writing the ledger", "done": batch[-1][0].height, "of": source.head.height})


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
