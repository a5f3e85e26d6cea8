"""The partner of the demonstration: an SFTP server of its own, on loopback, with a password, a host key and an OpenPGP key."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import asyncssh

USERNAME = "paquebot"
PREFERRED_PORT = 2222


@dataclass(frozen=True)
class Partner:
    """What the partner keeps in `folder`; made on first use, so that a second demonstration meets the same partner."""

    folder: Path

    @property
    def files(self) -> Path:
        return self.folder / "files"

    @property
    def gnupg(self) -> Path:
        return self.folder / "gnupg"

    def prepare(self) -> None:
        (self.files / "entrant").mkdir(parents=True, exist_ok=True)
        self.gnupg.mkdir(mode=0o700, exist_ok=True)
        if not (self.folder / "host_key").exists():
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(self.folder / "host_key")
            (self.folder / "password").write_text(secrets.token_urlsafe(18))
        if not (self.folder / "partner.asc").exists():
            self._gpg("--passphrase", "", "--quick-gen-key", "partner@example.net", "rsa2048", "encr", "never")
            (self.folder / "partner.asc").write_bytes(self._gpg("--armor", "--export").stdout)

    def environment(self) -> dict[str, str]:
        """What the project file refers to with `env:`."""
        return {
            "PARTENAIRE_PASSWORD": (self.folder / "password").read_text(),
            "PARTENAIRE_HOST_KEY": asyncssh.read_private_key(self.folder / "host_key").get_fingerprint(),
            "PARTENAIRE_OPENPGP": (self.folder / "partner.asc").read_text(),
        }

    def decrypt(self, file: Path) -> bytes:
        """What the partner reads."""
        return self._gpg("--decrypt", str(file)).stdout

    def start(self) -> tuple[subprocess.Popen[bytes], int]:
        """The running server and its port, once it listens."""
        process = subprocess.Popen([sys.executable, __file__, str(self.folder), str(_port())], stdout=subprocess.PIPE)
        return process, int(process.stdout.readline() if process.stdout else b"")

    def _gpg(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = ["gpg", "--homedir", str(self.gnupg), "--batch", "--quiet", "--no-tty", *arguments]
        try:
            return subprocess.run(command, check=True, capture_output=True)
        finally:
            subprocess.run(["gpgconf", "--homedir", str(self.gnupg), "--kill", "gpg-agent"], check=False)


def _port() -> int:
    for wanted in (PREFERRED_PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("no free port on 127.0.0.1")


class _OneUser(asyncssh.SSHServer):
    def __init__(self, password: str) -> None:
        self._password = password

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USERNAME and secrets.compare_digest(password, self._password)


async def _serve(folder: Path, port: int) -> None:
    password, files = (folder / "password").read_text(), folder / "files"
    server = await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[str(folder / "host_key")],
        server_factory=lambda: _OneUser(password),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(files)),
        allow_scp=False,
    )
    print(port, flush=True)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()
    server.close()
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
