"""What is read of X.509 outside of the workers: only our own, and what a worker has read before."""

import ast
from collections.abc import Iterator
from pathlib import Path

HOME = Path(__file__).parents[2] / "services" / "signing"
_READS = (
    "load_der_",
    "load_pem_",
    "load_key_and_certificates",
    "Certificate.load",
    "ContentInfo.load",
    "PdfFileReader",
)
_OF_WORKERS = ("validation/", "reading.py", "worker.py", "prepare.py", "look.py")
_OUTSIDE = {
    "keys.KeyFiles.unlock": "own keys, which an administrator has laid there",
    "keys.Authorities.__init__": "own certificates and key, before anything is served",
    "keys.Authorities.issuing_list": "the list that this service has signed",
    "keys.Authorities._list_in_folder": "the same, before its signature is looked at",
    "recover._require_registered": "the same",
    "recover._take_list": "the same",
    "certificate.binds": "registered: a worker has read it",
    "certificate.authority_key": "listed, of the PKI folder, or in a worker",
    "export._objection": "listed: a worker has read it, two clients have agreed on it",
    "export._key_of": "the same; the certificate in an export's header is compared, not read",
    "api.trusted._authority": "the same",
    "fetch._request": "registered, and listed",
    "stamp.words": "registered",
    "cms._signer": "registered: whose key is kept here",
    "alone._listed": "`lienthong verify`, a command: no service, and no worker",
    "alone._answer": "the same",
    "alone.certificate": "the same",
    "alone._only": "the same",
}
"""Where the service, or its command, reads such bytes itself, and why it may."""


def _places(path: Path) -> Iterator[str]:
    module = ".".join(path.relative_to(HOME).with_suffix("").parts)

    def within(node: ast.AST, names: tuple[str, ...]) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            inner = (*names, child.name) if named else names
            if isinstance(child, ast.Attribute | ast.Name):
                said = ast.unparse(child)
                if any(one in said for one in _READS):
                    yield ".".join((module, *inner))
            yield from within(child, inner)

    yield from within(ast.parse(path.read_text(encoding="utf-8")), ())


def test_the_service_reads_only_what_is_its_own_or_was_read_by_a_worker() -> None:
    found = {
        place
        for path in sorted(HOME.rglob("*.py"))
        if not str(path.relative_to(HOME)).startswith(_OF_WORKERS)
        for place in _places(path)
    }
    assert sorted(found ^ _OUTSIDE.keys()) == []
