"""A certificate authority of the tests' own, by openssl: private registries have one."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


class Authority:
    """Issues certificates into its folder; ``certificate`` is what those who trust it are given."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate, self._key = folder / "ca.crt", folder / "ca.key"
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"),
            *("-subj", "/CN=an authority of tests", "-addext", "keyUsage=critical,keyCertSign"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issued(self, name: str, address: str = "127.0.0.1", *, days: int = 30) -> tuple[Path, Path]:
        """Return (certificate, key) for an IP address. ``days``: how long it is valid; less than 0 is over."""
        certificate, key, wish = (self.folder / f"{name}.{kind}" for kind in ("crt", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:{address}\n")
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", str(key), "-out", str(wish)),
        )
        self._openssl(
            *("x509", "-req", "-in", str(wish), "-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-extfile", str(extensions), "-days", str(days), "-out", str(certificate)),
        )
        return certificate, key

    @staticmethod
    def _openssl(*words: str) -> None:
        done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def served_with(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """Return what a server needs to show this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context
