"""What goes wrong around a start, in two sentences: what it is, and the way out."""


class Trouble(Exception):  # noqa: N818 (it is told, not debugged)
    """A part cannot start. Text: what is wrong; `way_out`: what the reader can do."""

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(what)
        self.what = what
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.what}\n  → {self.way_out}"
