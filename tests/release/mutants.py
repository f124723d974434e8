"""Makes the mutants of a Python source: each the same text with one small mistake in it.

A mistake is a comparison, a boolean or an arithmetic operator that is another, a `not` that is missing, a whole number
one off, a truth that is its opposite, a value that is not returned, a statement that is not there. Left alone is what
no test can see: annotations, decorators, assertions, docstrings and what stands inside an f-string.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
}
COMPUTED: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.FloorDiv(),
    ast.FloorDiv: ast.Mult(),
    ast.Mod: ast.FloorDiv(),
    ast.LShift: ast.RShift(),
    ast.RShift: ast.LShift(),
    ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(),
}
REMOVED = (ast.AugAssign, ast.Raise, ast.Delete, ast.Continue, ast.Break)
"""Statements that can be missing without a name being unknown afterwards; of calls and assignments only some can."""
UNSEEN = ("annotation", "returns", "decorator_list")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mistake in one file."""

    line: int
    what: str
    """From what to what, for people."""
    source: str = ""
    """The whole text with the mistake in it."""


def mutants(source: str) -> list[Mutant]:
    """Every mutant of `source` that is still Python, in the order of its lines, none twice; raises `SyntaxError`."""
    lines = source.encode().splitlines(keepends=True)
    found = dict[str, Mutant]()
    for node, other in _changes(ast.parse(source)):
        was, now = ast.unparse(node), "pass" if other is None else ast.unparse(other)
        text = _spliced(lines, node, now)
        if _is_python(text):
            found.setdefault(text, Mutant(line=node.lineno, what=f"{_short(was)} -> {_short(now)}", source=text))
    return sorted(found.values(), key=lambda mutant: mutant.line)


Place = ast.stmt | ast.expr


def _changes(tree: ast.AST) -> Iterator[tuple[Place, Place | None]]:
    """A node, and what stands in its place; nothing where it is removed."""
    for name, value in ast.iter_fields(tree):
        if name in UNSEEN:
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or isinstance(node, ast.Assert | ast.JoinedStr) or _is_for_types(node):
                continue
            if isinstance(node, ast.stmt):
                yield from ((node, other) for other in _statement(node))
            elif isinstance(node, ast.expr):
                yield from ((node, other) for other in _expression(node))
            yield from _changes(node)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _statement(node: ast.stmt) -> Iterator[ast.stmt | None]:
    match node:
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            yield ast.Return(value=ast.Constant(None))
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Expr(value=value) if "assert_never" not in ast.unparse(value):
            yield None
        case ast.Assign(targets=targets) if all(isinstance(one, ast.Attribute | ast.Subscript) for one in targets):
            yield None
        case _ if isinstance(node, REMOVED):
            yield None


def _expression(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=right):
            for at, op in enumerate(ops):
                other = [*ops[:at], COMPARED[type(op)], *ops[at + 1 :]]
                yield ast.Compare(left=left, ops=other, comparators=right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(op=ast.Or() if isinstance(op, ast.And) else ast.And(), values=values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in COMPUTED:
            yield ast.BinOp(left=left, op=COMPUTED[type(op)], right=right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)


def _spliced(lines: list[bytes], node: Place, now: str) -> str:
    """The text with `now` where `node` stood, every other line where it was: columns count bytes."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    first, last = node.lineno - 1, node.end_lineno - 1
    kept = "\n" * (last - first)
    put = f"{now}{kept}" if isinstance(node, ast.stmt) else f"({now}{kept})"
    changed = lines[first][: node.col_offset] + put.encode() + lines[last][node.end_col_offset :]
    return b"".join((*lines[:first], changed, *lines[last + 1 :])).decode()


def _is_python(text: str) -> bool:
    try:
        compile(text, "<mutant>", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else line[:67] + "..."
