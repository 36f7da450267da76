"""A DER structure as a tree that can be changed and written again, lengths and all (X.690)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.conformance.der import elements, inside, tlv

_CONSTRUCTED = 0x20


@dataclass(slots=True)
class Node:
    """One element: its parts, or its content when it has none."""

    tag: int
    body: bytes = b""
    parts: list["Node"] | None = None
    raw: bytes | None = field(default=None)
    """What is written instead, whatever stands in the element."""

    def der(self) -> bytes:
        """Write the element."""
        if self.raw is not None:
            return self.raw
        if self.parts is None:
            return tlv(self.tag, self.body)
        return tlv(self.tag, *(one.der() for one in self.parts))

    def at(self, *path: int) -> "Node":
        """Return the element at a path of places. Raises IndexError."""
        node = self
        for place in path:
            node = (node.parts or [])[place]
        return node


def parse(der: bytes) -> Node:
    """Read one element with all below it. Raises IndexError, ValueError."""
    found = elements(der)
    if len(found) != 1 or len(found[0]) != len(der):
        raise ValueError("not one element")
    return _node(found[0])


def _node(der: bytes) -> Node:
    tag, body = der[0], inside(der)
    if not tag & _CONSTRUCTED:
        return Node(tag, body)
    return Node(tag, parts=[_node(one) for one in elements(body)])


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Yield every place below an element: the one that holds it, and its number there."""
    for place, one in enumerate(node.parts or []):
        yield node, place
        yield from walk(one)


def leaf(der: bytes) -> Node:
    """Return an element that is written as it is given."""
    return Node(der[0] if der else 0, raw=der)


# Where things stand in a CMS signature (RFC 5652): ContentInfo, [0], SignedData.
SIGNED_DATA = (1, 0)


def signed_data(root: Node) -> Node:
    """Return SignedData."""
    return root.at(*SIGNED_DATA)


def tagged(node: Node, tag: int) -> Node | None:
    """Return the first part with this tag."""
    return next((one for one in node.parts or [] if one.tag == tag), None)


def signer_info(root: Node) -> Node:
    """Return the only SignerInfo. Raises IndexError."""
    return (signed_data(root).parts or [])[-1].at(0)
