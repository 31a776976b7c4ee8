"""The streaming service on the embedded broker: generated traffic rated live, and counts that balance.

Enters: nothing. Leaves: a lake in out/stream, and on stdout every command with what it printed. Always holds: it stops
with a non-zero exit at the first command that fails, and if the lake has another number of rated events than the
generator says.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from broker import create_topic, embedded_broker

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "stream"
RECORDS = 20_000
LONGEST_S = 240
"""The service rates them in a few seconds, but may have to compile its kernels first."""
LOOK = """
SELECT service, count(*) AS charges, sum(amount) AS amount, currency
FROM rated_usage GROUP BY ALL ORDER BY charges DESC"""


def shown(*arguments: str) -> list[str]:
    """The command ``toll`` with ``arguments``, after it is printed."""
    print(f"\n$ toll {shlex.join(arguments)}", flush=True)
    return [str(Path(sys.executable).parent / "toll"), *arguments]


def toll(*arguments: str) -> None:
    """Run one command; its output goes where ours goes."""
    ended = subprocess.run(shown(*arguments), cwd=ROOT, check=False).returncode  # noqa: S603 - our own command
    if ended:
        raise SystemExit(f"toll {arguments[0]} ended with {ended}")


def main() -> None:
    """Collect, rate, look, prove."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    generator = [sys.executable, "samples/generate.py", str(OUT / "spool"), "--records", str(RECORDS), "--files", "4"]
    subprocess.run(generator, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    lake = ("--lake", str((OUT / "lake").relative_to(ROOT)))
    with embedded_broker() as address:
        for topic, partitions in (("raw", 3), ("rated", 3), ("suspended", 1)):
            create_topic(address, topic, partitions)
        broker = ("--kafka", f"bootstrap.servers={address}")
        serve = ("stream", "--topic", "raw", "--layout", "generic_csv", "--tariffs", "out/stream/spool/tariffs", *lake)
        outputs = ("--rated-topic", "rated", "--suspense-topic", "suspended", "--http", "none")
        service = subprocess.Popen(  # noqa: S603 - our own command
            shown(*serve, *outputs, *broker, "--kafka", "session.timeout.ms=6000"), cwd=ROOT
        )
        try:
            files = [str(p.relative_to(ROOT)) for p in sorted((OUT / "spool").glob("*.csv"))]
            ledger = ("--ledger", "out/stream/collect.sqlite")
            collect = ("--topic", "raw", "--layout", "generic_csv", "--key", "a_number", *ledger)
            toll("collect", *files, *collect, *broker)
            wait_for_all(service)
            service.terminate()
            if service.wait(60):
                raise SystemExit(f"toll stream ended with {service.returncode}")
        finally:
            service.kill()
    toll("stream", "status", *lake)
    toll("sql", LOOK.strip(), *lake)
    toll("audit", *lake)
    balance()


def wait_for_all(service: subprocess.Popen[bytes]) -> None:
    """Wait until the messages of all records have landed, or ``service`` has ended."""
    from rating.lake import LakeError, open_lake

    landed, late = 0, time.monotonic() + LONGEST_S
    while landed < RECORDS and service.poll() is None and time.monotonic() < late:
        time.sleep(0.5)
        with suppress(LakeError), open_lake(OUT / "lake", read_only=True) as lake:
            landed = lake.query("SELECT coalesce(sum(messages), 0)::BIGINT AS n FROM intake")["n"][0].as_py()


def balance() -> None:
    """Compare the lake with what the generator says."""
    from rating.lake import open_lake

    truth = json.loads((OUT / "spool" / "truth.json").read_text("utf-8"))
    with open_lake(OUT / "lake", read_only=True) as lake:
        found = lake.query("SELECT count(*) AS events FROM usage")["events"][0].as_py()
    expected = truth["billable"]
    print(f"generated {expected:,} billable events, rated {found:,}: {'equal' if found == expected else 'DIFFERENT'}")
    if found != expected:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
