"""Where the processor time of a small export goes: the child that reads the lake, step by step, and the rest of the run.

.venv/bin/python bench/small.py [--times 10]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from paquebot.sources.lake import duck

STEPS = f"""
import time
laps, last = [], time.process_time()
def lap(name):
    global last
    now = time.process_time()
    laps.append((name, now - last))
    last = now
import duckdb
lap("import duckdb")
import pyarrow
lap("import pyarrow")
import paquebot.sources.lake.sandbox
lap("import the sandbox")
connection = duckdb.connect(config={{"threads": "2", "allow_unsigned_extensions": CHECKED}})
for name, file in {[(name, str(duck.extension_file(name))) for name in (duck.HTTPFS, duck.DUCKLAKE)]!r}:
    connection.execute(f"LOAD '{{file}}'")
    lap(f"load {{name}}")
print(";".join(f"{{name}}={{spent}}" for name, spent in laps))
"""


def main() -> int:
    """Prints medians, in seconds of processor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    times = parser.parse_args().times
    for checked in (True, False):
        print(f"the child that reads, signatures of extensions {'looked at' if checked else 'not looked at'}:")
        for name, spent in _steps(times, checked=checked).items():
            print(f"  {name:24} {spent:.3f} s")
    return 0


def _steps(times: int, *, checked: bool) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    program = STEPS.replace("CHECKED", repr("false" if checked else "true"))
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "steps.py")
        script.write_text(program)
        for _ in range(times):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            told = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, check=True).stdout
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            for part in told.strip().split(";"):
                name, _, spent = part.partition("=")
                found[name].append(float(spent))
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found["in all, with the start"].append(used)
            found["on the clock"].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in found.items()}


if __name__ == "__main__":
    sys.exit(main())
