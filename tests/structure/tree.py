"""A source tree as the house rules see it: its files, parsed once."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CODE = ("services", "shared", "infra")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its path from the root, its lines and its syntax tree."""

    path: str
    lines: int
    body: ast.Module


@dataclass(frozen=True)
class Tree:
    """All text files below a root; what git ignores is left out when the root is a repository."""

    root: Path

    @cached_property
    def paths(self) -> list[str]:
        """Return the files that are, or could be, committed."""
        if not (self.root / ".git").exists():
            files = (file for file in self.root.rglob("*") if file.is_file())
            return sorted(file.relative_to(self.root).as_posix() for file in files)
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=self.root, check=True, capture_output=True)
        names = listed.stdout.decode().split("\0")
        return sorted({name for name in names if name and (self.root / name).is_file()})

    def text(self, path: str) -> str:
        """Return a file as text; what is not UTF-8 is replaced."""
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    @cached_property
    def python(self) -> list[Module]:
        """Return every Python file, parsed."""
        found: list[Module] = []
        for path in self.paths:
            if path.endswith(".py"):
                text = self.text(path)
                found.append(Module(path, len(text.splitlines()), ast.parse(text, path)))
        return found

    def modules(self, *folders: str) -> list[Module]:
        """Return the Python files below any of these folders."""
        return [module for module in self.python if module.path.split("/")[0] in folders]


def strings(body: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string but docstrings; f-strings with `{}` for values."""
    silent: set[int] = set()
    for node in ast.walk(body):
        if isinstance(node, ast.Expr):
            silent.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            silent.update(id(part) for part in node.values)
    for node in ast.walk(body):
        if id(node) in silent:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
            yield node.lineno, "".join(str(part) for part in parts)
