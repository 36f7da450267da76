"""`make prove-tools`: installs what `make prove` breaks things with, and shows that each works.

And the validators of others that verdicts are held against (tests/conformance/peers). Nothing else
needs these; this is the one command that wants root and apt.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FAKETIME = Path("faketime/libfaketime.so.1")
"""Below the system's folder of libraries."""
_DAY = 86_400
_PATIENCE = 120.0
_WAIT = 0.2
_FSYNC = """
import os, sys
sys.stdin.readline()
with open(sys.argv[1], "wb") as file:
    try:
        os.fsync(file.fileno())
    except OSError as error:
        print(error.errno, flush=True)
    else:
        print("saved", flush=True)
"""
_CLOCK = f"""
import asyncio, time
async def wait():
    began = time.monotonic()
    await asyncio.sleep({_WAIT})
    print(time.time(), time.monotonic() - began)
asyncio.run(wait())
"""
_HOLE = 4096
"""Hexadecimal digits kept for a signature in a PDF."""
_PAGE = b"""%%PDF-1.7
1 0 obj<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Annots[4 0 R]>>endobj
4 0 obj<</FT/Sig/T(proof)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R/V 5 0 R>>endobj
5 0 obj<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached
/ByteRange[0 %08d %08d %08d]/Contents"""
_END = b""">>endobj
trailer<</Root 1 0 R>>
%%EOF
"""


class Broken(Exception):  # noqa: N818 (not an error of this program: what it has found)
    """A tool is missing or does not do what it is for. Text: why."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing that the proofs need beside the project."""

    name: str
    package: str
    """Debian's."""
    show: Callable[[], None]
    """Uses it as the proof does; raises Broken."""


def _run(argv: Sequence[str | Path], **more: str) -> str:
    """Run to the end and return what was printed; raises Broken with what it said."""
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            env={**os.environ, **more},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Broken(str(error)) from error
    if done.returncode:
        raise Broken(f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def faketime_library() -> Path:
    """Return libfaketime, wherever this machine's architecture keeps it; raises Broken."""
    for found in sorted(Path("/usr/lib").glob(f"*/{FAKETIME}")):
        return found
    raise Broken(f"{FAKETIME} is not below /usr/lib")


def show_clock() -> None:
    """Put a Python a day ahead and a day back: its waits keep their length."""
    for sign in (1, -1):
        words = _run(
            [sys.executable, "-c", _CLOCK],
            LD_PRELOAD=str(faketime_library()),
            FAKETIME=f"{sign:+d}d",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        ).split()
        jumped, waited = float(words[0]) - time.time(), float(words[1])
        if abs(jumped - sign * _DAY) > _PATIENCE or not _WAIT / 2 < waited < _PATIENCE:
            raise Broken(
                f"{sign:+d} day became {jumped:+.0f} s, a wait of {_WAIT} s {waited:.1f} s"
            )


def show_disk_error() -> None:
    """Let a running process's fsync fail, from outside."""
    strace = shutil.which("strace")
    if strace is None:
        raise Broken("strace is not on PATH")
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", _FSYNC, f"{folder}/file"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
        subprocess.Popen(
            [strace, "-f", "-e", "inject=fsync:error=EIO", "-p", str(child.pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as tracer,
    ):
        said = "" if tracer.stderr is None else tracer.stderr.readline()
        answer, _ = child.communicate("go\n", timeout=_PATIENCE)
        with suppress(ProcessLookupError):
            tracer.terminate()
    if answer.strip() != "5":  # EIO
        raise Broken(f"fsync was to fail with EIO and said {answer.strip()!r} ({said.strip()})")


def show_small_disk() -> None:
    """Mount a disk of 1 MB, fill it, and make it larger."""
    with tempfile.TemporaryDirectory() as folder:
        _run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder])
        try:
            full = Path(folder) / "full"
            with suppress(OSError):
                full.write_bytes(bytes(2 << 20))
            if full.stat().st_size > 1 << 20:
                raise Broken("a disk of 1 MB took 2 MB")
            _run(["mount", "-o", "remount,size=4m", folder])
            full.write_bytes(bytes(2 << 20))
        finally:
            _run(["umount", folder])


def _sign(folder: Path, content: bytes) -> bytes:
    """Return OpenSSL's detached CMS over the content, by a key and `cert.pem` that it makes."""
    key, certificate, file = (folder / name for name in ("key.pem", "cert.pem", "content"))
    file.write_bytes(content)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key]
    _run(["openssl", "req", "-x509", *new, "-subj", "/CN=proof", "-out", certificate])
    how = ["-binary", "-outform", "DER", "-signer", certificate, "-inkey", key]
    _run(["openssl", "cms", "-sign", "-in", file, *how, "-out", folder / "cms"])
    return (folder / "cms").read_bytes()


def show_openssl() -> None:
    """Sign, verify, and be told of a content that is another's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _sign(folder, b"content")
        source = ["-inform", "DER", "-in", folder / "cms", "-binary", "-purpose", "any"]
        trust = ["-CAfile", folder / "cert.pem", "-out", folder / "out"]
        verify = ["openssl", "cms", "-verify", *source, *trust, "-content", folder / "content"]
        _run(verify)
        (folder / "content").write_bytes(b"another")
        try:
            _run(verify)
        except Broken:
            return
        raise Broken("openssl takes a signature over another content")


def show_pdfsig() -> None:
    """Let it judge a signed page, and the same page with a byte changed."""
    before = len(_PAGE % (0, 0, 0))
    after = before + _HOLE + 2
    head = _PAGE % (before, after, len(_END))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digits = _sign(folder, head + _END).hex().ljust(_HOLE, "0").encode()
        nss, file = f"sql:{folder}", folder / "signed.pdf"
        _run(["certutil", "-N", "--empty-password", "-d", nss])
        trust = ["-t", "CT,C,C", "-i", folder / "cert.pem"]
        _run(["certutil", "-A", "-d", nss, "-n", "proof", *trust])
        other = head.replace(b"(proof)", b"(proog)")
        for start, words in ((head, "Signature is Valid."), (other, "Digest Mismatch.")):
            file.write_bytes(start + b"<" + digits + b">" + _END)
            said = _run(["pdfsig", "-no-ocsp", "-nssdir", nss, file])
            if words not in said:
                raise Broken(f"pdfsig was to say {words!r} and said {said.strip()[-200:]!r}")


def show_nss() -> None:
    """Make a database of certificates and ask it for its revocation lists."""
    with tempfile.TemporaryDirectory() as folder:
        _run(["certutil", "-N", "--empty-password", "-d", f"sql:{folder}"])
        _run(["crlutil", "-L", "-d", f"sql:{folder}"])


TOOLS = (
    Tool("faketime", "faketime", show_clock),
    Tool("strace", "strace", show_disk_error),
    Tool("tmpfs", "mount", show_small_disk),
    Tool("openssl", "openssl", show_openssl),
    Tool("certutil", "libnss3-tools", show_nss),
    Tool("pdfsig", "poppler-utils", show_pdfsig),
)


def _works(tool: Tool) -> str:
    """Return why a tool does not do what it is for; empty: it does."""
    try:
        tool.show()
    except (Broken, OSError, ValueError) as why:
        return f"{why}"
    return ""


def install(packages: Sequence[str]) -> str:
    """Install Debian packages; return why that failed, or nothing."""
    if os.geteuid() != 0:
        return "installing needs root"
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        _run(["apt-get", "update", "-qq"], **quiet)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], **quiet)
    except Broken as why:
        return str(why)
    return ""


def look(tools: Sequence[Tool], get: Callable[[Sequence[str]], str] = install) -> int:
    """Print one line for each tool; return 1 if one does not work, also after an installation."""
    missing = {tool.name: why for tool in tools if (why := _works(tool))}
    if missing:
        packages = sorted({tool.package for tool in tools if tool.name in missing})
        print(f"installs {', '.join(packages)}", flush=True)
        if failed := get(packages):
            print(f"  {failed}", flush=True)
        missing = {tool.name: why for tool in tools if (why := _works(tool))}
    for tool in tools:
        why = missing.get(tool.name)
        print(f"{'×' if why else '√'} {tool.name:<10} {why or 'works'}", flush=True)
    return 1 if missing else 0


def main() -> int:
    """Look at all of them."""
    return look(TOOLS)


if __name__ == "__main__":
    sys.exit(main())
