"""An authority and what libvirt needs of it at both ends, in the files where `pkipath=` looks."""

import subprocess
from pathlib import Path


def make_authority(folder: Path) -> Path:
    folder.mkdir()
    _openssl("req", "-x509", "-subj", "/CN=authority", "-days", "2", *_new(folder / "cakey.pem", folder / "cacert.pem"))
    return folder


def issue(authority: Path, folder: Path, name: str) -> Path:
    """`name`: server or client. The server's is for 127.0.0.1."""
    folder.mkdir(exist_ok=True)
    request, extensions = folder / "request", folder / "extensions"
    _openssl("req", "-subj", f"/CN={name}", *_new(folder / f"{name}key.pem", request))
    extensions.write_text("subjectAltName=IP:127.0.0.1\nkeyUsage=digitalSignature,keyEncipherment\n")
    signed = ("-CA", str(authority / "cacert.pem"), "-CAkey", str(authority / "cakey.pem"), "-CAcreateserial")
    out = ("-out", str(folder / f"{name}cert.pem"), "-extfile", str(extensions), "-days", "2")
    _openssl("x509", "-req", "-in", str(request), *signed, *out)
    (folder / "cacert.pem").write_bytes((authority / "cacert.pem").read_bytes())
    return folder


def _new(key: Path, out: Path) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key), "-out", str(out))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
