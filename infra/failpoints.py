"""`python -m infra.failpoints`: lists where a service can be told to kill itself."""

import re

from infra.stack.folder import TREE

_REACH = re.compile(r"""\breach\(\s*["']([^"']+)["']\s*\)""")


def failpoints() -> list[tuple[str, str]]:
    """Return each fail point's name and the file and line where it stands."""
    found: list[tuple[str, str]] = []
    for file in sorted([*TREE.glob("services/**/*.py"), *TREE.glob("shared/**/*.py")]):
        text = file.read_text(encoding="utf-8")
        for match in _REACH.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((match[1], f"{file.relative_to(TREE)}:{line}"))
    return sorted(found)


def main() -> None:
    """Print them."""
    for name, place in failpoints():
        print(f"{name:<40} {place}")


if __name__ == "__main__":
    main()
