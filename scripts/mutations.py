"""Which mistakes are made: everything that is changed in a source, one change at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
SAME_AS_OPPOSITE = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
"""Of these the negation is what COMPARED makes anyway."""


@dataclass(frozen=True)
class Place:
    """Where a change is.

    Attributes:
        name: of the function or class, qualified; empty at the top of the module.
        on_import: it is executed when the module is imported, and not when a function is called.
        lines: of the statement, without the statements in it.
    """

    name: str = ""
    on_import: bool = True
    lines: range = range(0)


@dataclass(frozen=True)
class Mutant:
    """One change. `before` and `after` are the lines that it changes, in one."""

    file: str
    place: Place
    line: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> str:
        """What it is called in the list of survivors: it stays the same when lines are added elsewhere."""
        return f"{self.file.removeprefix('src/comporta/')} {self.place.name}: {self.before} → {self.after}"


def mutants_of(file: str, source: str) -> list[Mutant]:
    """All mutants of a file, from top to bottom."""
    encoded = source.encode()
    starts = [0]
    for line in encoded.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for place, node, replacement in _changes(ast.parse(source), Place()):
        first, end = starts[node.lineno - 1], starts[node.end_lineno or node.lineno]
        begin, rest = first + node.col_offset, starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        changed = encoded[first:begin] + replacement.encode() + encoded[rest:end]
        mutated = (encoded[:first] + changed + encoded[end:]).decode()
        found.append(Mutant(file, place, node.lineno, _one_line(encoded[first:end]), _one_line(changed), mutated))
    return found


def _one_line(text: bytes) -> str:
    return " ".join(text.decode().split())


Node = ast.expr | ast.stmt | ast.pattern


def _changes(node: ast.AST, place: Place) -> Iterator[tuple[Place, Node, str]]:
    """Where, what is replaced, and by what."""
    if isinstance(node, ast.stmt):
        place = replace(place, lines=_own_lines(node))
    if isinstance(node, ast.match_case):
        place = replace(place, lines=_lines(node.pattern))
    for changed, replacement in _replacements(node):
        yield place, changed, replacement
    for field, child in _children(node):
        inside = place
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and field == "body":
            inside = Place(f"{place.name}.{node.name}".lstrip("."), place.on_import and isinstance(node, ast.ClassDef))
        yield from _changes(child, inside)


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Without annotations, assertions, what is printed in an f-string, and what holds no behaviour of its own."""
    if isinstance(node, ast.JoinedStr | ast.Assert) or (isinstance(node, ast.keyword) and node.arg == "strict"):
        return
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list"} or (isinstance(node, ast.ClassDef) and field != "body"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield field, child


def _own_lines(statement: ast.stmt) -> range:
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if not body:
        return _lines(statement)
    first = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
    return range(statement.lineno, max(statement.lineno + 1, first.lineno))


def _lines(node: Node) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _replacements(node: ast.AST) -> Iterator[tuple[Node, str]]:
    """The mistakes that can be made at this node itself."""
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                yield node, _unparsed(node, ops=[*ops[:index], COMPARED[type(op)](), *ops[index + 1 :]])
        case ast.BinOp(op=ast.BitOr(), right=ast.Name(id=name)) if name[0].isupper():
            pass  # a union of types
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in CALCULATED:
            yield node, _unparsed(node, op=CALCULATED[type(op)]())
        case ast.BoolOp(op=op):
            yield node, _unparsed(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield node, ast.unparse(operand)
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value)):
            yield node, str(value + 1)
            yield node, str(value - 1)
        case ast.Constant(value=float(value)):
            yield from ((node, repr(other)) for other in ([value * 2, value / 2] if value else [1.0]))
        case ast.Call(func=ast.Name(id=name) as function) if name in CALLED:
            yield function, CALLED[name]
        case ast.MatchOr(patterns=patterns):
            for pattern in patterns:
                yield node, " | ".join(ast.unparse(other) for other in patterns if other is not pattern)
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield node, "return None"
        case ast.Continue():
            yield node, "break"
        case ast.Break():
            yield node, "continue"
    if _can_go(node):
        yield node, "pass"
    for test in _conditions(node):
        yield test, f"not ({ast.unparse(test)})"


def _unparsed(node: ast.AST, **changed: object) -> str:
    other = copy.copy(node)
    for field, value in changed.items():
        setattr(other, field, value)
    return ast.unparse(other)


def _can_go(node: ast.AST) -> TypeGuard[ast.stmt]:
    """A statement whose absence leaves a program that can run."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return False


def _conditions(node: ast.AST) -> list[ast.expr]:
    """What decides at this node, as far as its opposite is no other mutant."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            tests = [test]
        case ast.comprehension(ifs=ifs):
            tests = ifs
        case ast.match_case(guard=ast.expr() as guard):
            tests = [guard]
        case _:
            tests = []
    return [test for test in tests if not _has_opposite(test)]


def _has_opposite(test: ast.expr) -> bool:
    match test:
        case ast.UnaryOp(op=ast.Not()) | ast.Constant():
            return True
        case ast.Compare(ops=[op]):
            return isinstance(op, SAME_AS_OPPOSITE)
        case ast.Name(id=name):
            return name == "TYPE_CHECKING"
    return False
