"""The main job on the embedded defaults: real calls, a real deck, SQL, an explanation, an audit.

Enters: samples/calls and samples/tariffs/nodobo. Leaves: a lake in out/demo, and on stdout every command
with what it printed. Always holds: it stops with a non-zero exit at the first command that fails.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAKE = "out/demo"
REVENUE = """
SELECT zone, count(*) AS calls, sum(usage) AS seconds, sum(amount) AS amount, currency
FROM rated_usage WHERE amount > 0 GROUP BY ALL ORDER BY amount DESC LIMIT 8"""
DAYS = """
SELECT day, sum(events)::BIGINT AS events, sum(amount) AS amount, currency
FROM revenue_daily GROUP BY ALL ORDER BY events DESC LIMIT 5"""
DEAREST = "SELECT event_id FROM rated_usage WHERE unit = 's' ORDER BY amount DESC, event_id LIMIT 1"


def toll(*arguments: str, quiet: bool = False) -> str:
    """Run one ``toll`` command from the root of the repository; its output."""
    command = Path(sys.executable).parent / "toll"
    done = subprocess.run([str(command), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own command
    if not quiet:
        print(f"\n$ toll {shlex.join(arguments)}\n{done.stdout}", flush=True)
    if done.returncode:
        raise SystemExit(f"toll {arguments[0]} ended with {done.returncode}")
    return done.stdout


def main() -> None:
    """Show the whole path."""
    shutil.rmtree(ROOT / LAKE, ignore_errors=True)
    lake = ("--lake", LAKE)
    job = ("samples/calls", "--layout", "nodobo_calls", "--tariffs", "samples/tariffs/nodobo", *lake)
    toll("rate", *job)
    print("The same command again charges nothing twice:")
    toll("rate", *job)
    toll("sql", REVENUE.strip(), *lake)
    toll("sql", DAYS.strip(), *lake)
    toll("suspense", "list", *lake)
    event = toll("sql", DEAREST, "--csv", *lake, quiet=True).splitlines()[1]
    toll("explain", event, *lake)
    toll("audit", *lake)
    print(f'The lake is in {LAKE}: try `.venv/bin/toll sql "FROM rated_usage LIMIT 5" --lake {LAKE}`.')


if __name__ == "__main__":
    main()
