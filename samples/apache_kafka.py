"""A real Apache Kafka of one node, for as long as a command runs.

Enters: the jars that ``make kafka`` fetched, and a command. Leaves: the command's exit code; it finds the broker by
its environment: ``KAFKA_BOOTSTRAP`` in the clear, ``KAFKA_SSL`` and ``KAFKA_SASL_SSL`` encrypted, ``KAFKA_TLS`` the
folder of certificates, ``KAFKA_PASSWORD`` that of the user ``toll``. Always holds: it listens on the loopback only, on
free ports; its logs, certificates and secrets are made for the run in a folder that goes with it.

``python samples/apache_kafka.py pytest tests/streaming``
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from samples.broker import free_port

JARS = Path(__file__).resolve().parent.parent / ".kafka" / "libs"
READY_S = 60
CLUSTER = "dG9sbHN0cmVhbS1rYWZrYQ"
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SSL://127.0.0.1:{ssl},SASL_SSL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
group.min.session.timeout.ms=1000
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
log.retention.check.interval.ms=1000
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
AUTHORITY = """
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem
for name in broker client; do
    openssl req -newkey rsa:2048 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
    printf subjectAltName=IP:127.0.0.1 > san
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out $name.crt
    cat $name.key $name.crt ca.pem > $name.pem
done
"""


def java(*arguments: str) -> list[str]:
    """The command that runs one of Kafka's classes."""
    return ["java", "-Xmx512m", "-cp", f"{JARS}/*", *arguments]


def prepared(folder: Path, ports: Mapping[str, int], password: str) -> list[str]:
    """Make certificates, the user and the log folder; the broker's command."""
    shell = ["sh", "-ec", AUTHORITY]
    subprocess.run(shell, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own commands
    settings = folder / "server.properties"
    settings.write_text(PROPERTIES.format(folder=folder, **ports))
    user = f"SCRAM-SHA-512=[name=toll,password={password}]"
    make = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings), "--add-scram", user]
    subprocess.run(java(*make), check=True, capture_output=True)  # noqa: S603 - our own command
    return java("kafka.Kafka", str(settings))


@contextmanager
def apache_kafka() -> Iterator[dict[str, str]]:
    """Start the broker; gives the environment by which it is found."""
    if not any(JARS.glob("kafka-server-*.jar")):
        raise SystemExit(f"no Kafka in {JARS}: make kafka")
    ports = {name: free_port() for name in ("plain", "ssl", "sasl", "controller")}
    password = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="kafka-") as place:
        folder = Path(place)
        with (folder / "told").open("w+") as told:
            command = prepared(folder, ports, password)
            broker = subprocess.Popen(command, stdout=told, stderr=told)  # noqa: S603 - our own command
            try:
                wait_for(broker, ports["plain"], folder / "told")
                names = {"KAFKA_BOOTSTRAP": "plain", "KAFKA_SSL": "ssl", "KAFKA_SASL_SSL": "sasl"}
                found = {name: f"127.0.0.1:{ports[port]}" for name, port in names.items()}
                yield found | {"KAFKA_TLS": place, "KAFKA_PASSWORD": password}
            finally:
                broker.kill()
                broker.wait()


def wait_for(broker: subprocess.Popen[bytes], port: int, told: Path) -> None:
    """Wait until the broker at ``port`` answers; what it ``told`` is shown if it ends before."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    late = time.monotonic() + READY_S
    while time.monotonic() < late and broker.poll() is None:
        with suppress(KafkaException):
            client.list_topics(timeout=1)
            return
    raise SystemExit(f"Kafka did not start within {READY_S} s:\n{told.read_text()[-2_000:]}")


def main(command: list[str]) -> int:
    """Run ``command`` beside the broker; its exit code."""
    with apache_kafka() as found:
        return subprocess.run(command, env=os.environ | found, check=False).returncode  # noqa: S603 - the given command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
