"""`make demo`: one real export, end to end, then the application goes on serving. With `--once` it stops after the delivery.

Everything it keeps lies in `.demo/` at the project's root; delete that folder to begin anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from partner import PREFERRED_PORT, Partner

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"
PAQUEBOT = [sys.executable, "-m", "paquebot.cli.main"]
EXPORT = "desabonnements"


def main() -> int:
    """Returns 0 once the file was delivered (and, without `--once`, the application was stopped)."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell without job control starts us deaf to it
    once = "--once" in sys.argv[1:]
    partner = Partner(STATE / "partner")
    partner.prepare()
    environment = {**os.environ, **partner.environment(), "PAQUEBOT_HOME": str(STATE / "home")}
    server, port = partner.start()
    try:
        print(f"Partner's SFTP server: 127.0.0.1:{port}, host key {environment['PARTENAIRE_HOST_KEY']}")
        run(environment, "apply", str(project_file(port)))
        with serving(environment, once) as address:
            show(environment, partner)
            if address:
                print(f"\nPaquebot serves its pages on {address}; Ctrl-C stops it.", flush=True)
                wait_for_interrupt()
    finally:
        server.terminate()
        server.wait()
    return 0


def project_file(port: int) -> Path:
    """The demonstration project with the partner's port in it."""
    text = (ROOT / "demo" / "municipalites.yaml").read_text()
    text = text.replace(f"port: {PREFERRED_PORT}", f"port: {port}").replace("import: data/", f"import: {ROOT}/demo/data/")
    target = STATE / "municipalites.yaml"
    target.write_text(text)
    return target


def run(environment: Mapping[str, str], *arguments: str) -> None:
    """A `paquebot` command whose output is the demonstration's."""
    subprocess.run([*PAQUEBOT, *arguments], env=environment, check=True)


def show(environment: Mapping[str, str], partner: Partner) -> None:
    """Runs the export, tells what Paquebot says of it, and looks at the partner's side with other programs."""
    answer = subprocess.run(
        [*PAQUEBOT, "run", EXPORT, "--wait", "--json"], env=environment, check=False, stdout=subprocess.PIPE
    )
    document = json.loads(answer.stdout)
    if answer.returncode:
        raise SystemExit(json.dumps(document.get("error"), ensure_ascii=False, indent=2))
    print()
    run(environment, "show", str(document["id"]))
    file = partner.files / document["remote_path"].lstrip("/")
    arrived = hashlib.sha256(file.read_bytes()).hexdigest()
    print(f"\nOn the partner's side: {file.relative_to(ROOT)}")
    print(f"  sha256sum  {arrived} ({'the same' if arrived == document['sha256'] else 'DIFFERENT'})")
    print("  gpg --decrypt | gunzip | head -3:")
    for line in gzip.decompress(partner.decrypt(file)).decode().splitlines()[:3]:
        print(f"    {line}")


@contextmanager
def serving(environment: Mapping[str, str], once: bool) -> Iterator[str | None]:
    """The whole application, while the block runs; nothing with `--once`: the run then brings a worker of its own."""
    if once:
        yield None
        return
    port = free_port(8000)
    process = subprocess.Popen([*PAQUEBOT, "serve", "--port", str(port)], env=environment)
    try:
        wait_until_listening(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the application did not start")


def wait_for_interrupt() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        print()


def free_port(preferred: int) -> int:
    """`preferred` when nobody listens there."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
