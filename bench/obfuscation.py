"""What obfuscation costs: filter and two HMAC columns on 5 million rows against the same export without, in one run.

    .venv/bin/python bench/obfuscation.py [--rows 5000000] [--times 3]

Both go the whole road of `bench/run.py` (embedded database, gzip CSV, SFTP to a real OpenSSH server on loopback), each as a
process of its own, in turn, so that a busy moment meets both alike; the filter leaves half of the rows of either. The ratio is
that of the medians of their wall times, and may be at most 1.6: the program ends with 1 above it. Only a quiet machine measures
anything. Results are written to `bench/results/`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import run as whole

ROOT = Path(__file__).resolve().parent.parent
MOST = 1.6
KEY = "0123456789abcdef" * 4
HIDDEN = ("email", "text_0")


def main() -> int:
    """Prints a line per measurement and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from fixtures.sshd import openssh

    with tempfile.TemporaryDirectory(prefix="pqb", dir="/tmp") as folder, openssh() as server:
        os.environ["PAQUEBOT_HOME"] = str(Path(folder) / "h")
        whole.hold_database()
        whole.alone("import", whole.import_rows, Path(folder), chosen.rows)
        measured: dict[str, list[dict[str, float]]] = {"without": [], "with two HMAC": []}
        for _ in range(chosen.times):
            for name, fields in (("without", ()), ("with two HMAC", HIDDEN)):
                measured[name].append(whole.alone(name, export, chosen.rows, server, fields, watch=server))
    ratio = median(one["wall"] for one in measured["with two HMAC"]) / median(one["wall"] for one in measured["without"])
    print(f"with two HMAC columns / without: {ratio:.2f} (at most {MOST})")
    _keep({"rows": chosen.rows, "measured": measured, "ratio": ratio, "most": MOST})
    return int(ratio > MOST)


def export(rows: int, server: Any, fields: tuple[str, ...]) -> None:
    """The filtered export, with `fields` obfuscated by HMAC-SHA-256."""
    from paquebot.content.fields import Obfuscation
    from paquebot.content.obfuscation.hmac_sha256 import HmacSha256
    from paquebot.content.obfuscation.normalisation import Normalisation
    from paquebot.content.obfuscation.treatment import Hashed
    from paquebot.credentials import Secret
    from paquebot.criteria import Condition

    email = Hashed(Normalisation("email"))
    treatments = {name: email if name == "email" else Hashed() for name in fields}
    obfuscation = Obfuscation(HmacSha256, treatments, Secret(KEY)) if fields else None
    whole.export(rows, server, "none", obfuscation, Condition("number_0", "<", 50_000))


def _keep(results: dict[str, Any]) -> None:
    whole.RESULTS.mkdir(exist_ok=True)
    file = whole.RESULTS / f"obfuscation-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps({**results, "cores": whole.CORES}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
