"""YAML into a plain tree, event by event: scalars as the text that was written, duplicate keys told, no alias bomb.

Why events and not the package's constructor: it would turn `1.10` into a float and `no` into False, build shared
objects for aliases without counting them, and stop at a duplicate key. Depth and the number of values are bounded
while reading, so a hostile file is refused before it costs memory. An alias costs as many values as what it stands
for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from protocol.exchange.bounds import DEPTH_MAX, KEY_CHARS_MAX, NODES_MAX
from protocol.exchange.findings import Findings
from protocol.exchange.nodes import Tree
from protocol.exchange.text import clean_line, show

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_NO_KEY = "\0"
"""A table that waits for its next key; no YAML key can hold this sign."""


class _Refused(ValueError):
    """This YAML file is not read further; the text is the sentence for its owner."""


@dataclass(slots=True)
class _Open:
    """A table or list that is being read."""

    node: dict[str, Tree] | list[Tree]
    anchor: str | None
    first: int
    """How many values had been counted when it was opened."""
    key: str = _NO_KEY


def read_yaml(text: str, findings: Findings) -> Tree:
    """The first document's tree; None with an ERROR among the findings when it cannot be read."""
    try:
        return _Builder(findings).build(YAML(typ="safe", pure=True).parse(text))
    except _Refused as refusal:
        findings.error("", str(refusal))
    except ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1 if isinstance(fault.position, int) else 1
        findings.error("", f"is broken YAML at line {line}: a sign that YAML does not allow")
    except MarkedYAMLError as fault:
        findings.error("", _sentence(fault))
    except (YAMLError, ValueError, OverflowError) as fault:  # a bad escape or version number reaches us as it is
        findings.error("", f"is broken YAML: {clean_line(str(fault), 80)}")
    return None


def _sentence(fault: MarkedYAMLError) -> str:
    mark = fault.problem_mark or fault.context_mark
    what = clean_line(str(fault.problem or fault.context or "it cannot be read"), 120)
    hint = "; YAML is indented with spaces, never with tabs" if r"\t" in what else ""
    return f"is broken YAML at line {mark.line + 1}: {what}{hint}" if mark else f"is broken YAML: {what}"


class _Builder:
    __slots__ = ("_anchored", "_count", "_findings", "_open", "_root")

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Tree, int]] = {}
        self._count = 0
        self._root: Tree = None

    def build(self, events: Iterator[Event]) -> Tree:
        documents = 0
        for event in events:
            match event:
                case DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._findings.warn("", "holds several YAML documents; only the first is read")
                        break
                case AliasEvent():
                    self._alias(event)
                case ScalarEvent():
                    self._scalar(event)
                case MappingStartEvent() | SequenceStartEvent():
                    self._start(event)
                case MappingEndEvent() | SequenceEndEvent():
                    self._end()
                case _:
                    pass
        return self._root

    def _scalar(self, event: ScalarEvent) -> None:
        value = str(event.value)
        plain_nothing = event.style is None and value in _NOTHING
        if self._waits_for_key():
            self._take_key(value)
            return
        self._put(None if plain_nothing else value, self._anchor(event), 1)

    def _start(self, event: CollectionStartEvent) -> None:
        if self._waits_for_key():
            raise _Refused(f"is not read: a key at line {event.start_mark.line + 1} is a table or a list")
        if len(self._open) >= DEPTH_MAX:
            raise _Refused(f"is nested more than {DEPTH_MAX} levels deep")
        node: dict[str, Tree] | list[Tree] = {} if isinstance(event, MappingStartEvent) else []
        self._open.append(_Open(node=node, anchor=self._anchor(event), first=self._count))

    def _end(self) -> None:
        done = self._open.pop()
        self._put(done.node, done.anchor, 1, held=self._count - done.first + 1)

    def _alias(self, event: AliasEvent) -> None:
        name = str(event.anchor)
        if self._waits_for_key():
            raise _Refused(f"is not read: the alias {show(name)} stands where a key belongs")
        if name not in self._anchored:
            raise _Refused(f"is not read: the alias {show(name)} stands for nothing, or for itself")
        node, size = self._anchored[name]
        self._put(node, None, size)

    def _put(self, node: Tree, anchor: str | None, cost: int, held: int = 1) -> None:
        self._count += cost
        if self._count > NODES_MAX:
            raise _Refused(f"holds more than {NODES_MAX} values, aliases counted")
        if anchor is not None:
            self._anchored[anchor] = (node, max(cost, held))
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent.node, list):
            parent.node.append(node)
            return
        if parent.key in parent.node:
            self._findings.warn(clean_line(parent.key, KEY_CHARS_MAX), "stands there twice; the first one counts")
        else:
            parent.node[parent.key] = node
        parent.key = _NO_KEY

    def _waits_for_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node, dict) and self._open[-1].key == _NO_KEY

    def _take_key(self, key: str) -> None:
        self._open[-1].key = key.replace(_NO_KEY, "")

    @staticmethod
    def _anchor(event: NodeEvent) -> str | None:
        return None if event.anchor is None else str(event.anchor)
