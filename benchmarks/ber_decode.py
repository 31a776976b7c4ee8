"""Decoding 3GPP records: ours beside asn1tools and pycrate, and from a BER file to a committed lake.

Enters: a number of records. Leaves: Markdown lines. Always holds: what all three read of the same records is compared
before anything is timed, and the lake is held against the count of records; CPU time of one thread, best of rounds,
in which ours and asn1tools take turns.
Run: ``python -m benchmarks.ber_decode [RECORDS]``.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import asn1tools
import numpy as np
from pycrate_asn1dir.CDR import CSChargingDataTypes

from benchmarks.timing import ROOT, TOLL, Cost, run
from mediation.ber.columns import RECORD, resolved, wanted_value
from mediation.ber.format import Field, Format, Tags, Value, read_format
from mediation.ber.values import shown
from mediation.decode import decode
from mediation.frame import frame
from mediation.layout import Layout
from mediation.layout_file import read_layout
from mediation.normalise import normalise
from mediation.pickup import bind_header
from mediation.records import Chunk, Fields

SAMPLE = ROOT / "samples" / "3gpp" / "sigscale_cs_500.dat"
LAYOUT = "3gpp_cs_sigscale"
HEADER_BYTES, CDR_HEADER_BYTES = 54, 5
IMSI_DIGITS = CDR_HEADER_BYTES + 11
"""Where three octets of the subscriber's identity stand in a record, behind the record's tag and length."""
SLICE = 500
OURS = "Tollstream, frame and decode"
EXPLAINED = (
    "What each does with a record: Tollstream finds it in the file and makes the columns that the layout reads, named,",
    "as text (digits, times, numbers, hex). asn1tools and pycrate get records that are parted already and give every",
    "field that they know, octet strings as octets; in the row that says so, plain Python then makes of asn1tools'",
    "values the very columns and texts that Tollstream gives (all of them are compared before).\n",
)
ROUNDS = 7

MODULE = """
CDR DEFINITIONS IMPLICIT TAGS ::= BEGIN
Record ::= CHOICE { moCallRecord [0] MO, mtCallRecord [1] MT, moSMSRecord [6] SMS }
Part ::= SET { first [0] OCTET STRING OPTIONAL, second [1] OCTET STRING OPTIONAL, fourth [3] OCTET STRING OPTIONAL }
MO ::= SET {
  recordType [0] INTEGER OPTIONAL, servedIMSI [1] OCTET STRING OPTIONAL, servedIMEI [2] OCTET STRING OPTIONAL,
  servedMSISDN [3] OCTET STRING OPTIONAL, callingNumber [4] OCTET STRING OPTIONAL,
  calledNumber [5] OCTET STRING OPTIONAL, recordingEntity [9] OCTET STRING OPTIONAL, trunkOut [11] Part OPTIONAL,
  service [14] Part OPTIONAL, seizureTime [22] OCTET STRING OPTIONAL, answerTime [23] OCTET STRING OPTIONAL,
  releaseTime [24] OCTET STRING OPTIONAL, callDuration [25] INTEGER OPTIONAL, causeForTerm [30] INTEGER OPTIONAL,
  callReference [32] OCTET STRING OPTIONAL }
MT ::= SET {
  recordType [0] INTEGER OPTIONAL, servedIMSI [1] OCTET STRING OPTIONAL, servedIMEI [2] OCTET STRING OPTIONAL,
  servedMSISDN [3] OCTET STRING OPTIONAL, callingNumber [4] OCTET STRING OPTIONAL,
  recordingEntity [6] OCTET STRING OPTIONAL, trunkIn [7] Part OPTIONAL, service [11] Part OPTIONAL,
  seizureTime [19] OCTET STRING OPTIONAL, releaseTime [21] OCTET STRING OPTIONAL,
  callDuration [22] INTEGER OPTIONAL, causeForTerm [27] INTEGER OPTIONAL, callReference [29] OCTET STRING OPTIONAL }
SMS ::= SET {
  recordType [0] INTEGER OPTIONAL, servedIMSI [1] OCTET STRING OPTIONAL, servedIMEI [2] OCTET STRING OPTIONAL,
  servedMSISDN [3] OCTET STRING OPTIONAL, serviceCentre [5] OCTET STRING OPTIONAL,
  recordingEntity [6] OCTET STRING OPTIONAL, messageReference [8] OCTET STRING OPTIONAL,
  originationTime [9] OCTET STRING OPTIONAL, smsResult [10] Part OPTIONAL,
  destinationNumber [12] OCTET STRING OPTIONAL }
END
"""
"""The tags of the sample, for a decoder that needs them declared."""
BASIC = {Value.INTEGER: "INTEGER", Value.BOOLEAN: "BOOLEAN", Value.NULL: "NULL"}
CLASSES = ("UNIVERSAL ", "APPLICATION ", "", "PRIVATE ")
COMPARED = {
    "servedIMSI": ("servedIMSI", Value.TBCD),
    "recordingEntity": ("recordingEntity", Value.ISDN),
    "callDuration": ("callDuration", None),
    "cause": ("causeForTerm", None),
    "reference": ("callReference", Value.OCTETS),
}
TARIFF = """
[tariff]
zone = "UTC"
[rate.call]
currency = "EUR"
price = "0.10"
per = 60
increment = 1
[rate.message]
currency = "EUR"
price = "0.05"
[plan.all]
currency = "EUR"
[[plan.all.rule]]
service = "voice"
rate = "call"
[[plan.all.rule]]
service = "sms"
rate = "message"
"""


def sample_records() -> list[bytes]:
    """The records of the sample, each with its header."""
    content, at, records = SAMPLE.read_bytes(), HEADER_BYTES, []
    while at < len(content):
        stop = at + CDR_HEADER_BYTES + int.from_bytes(content[at : at + 2], "big")
        records.append(content[at:stop])
        at = stop
    return records


def repeated(records: int) -> bytes:
    """The sample over and over, with other digits of the subscriber's identity each time, so that all events differ."""
    sample = sample_records()
    body = np.frombuffer(b"".join(sample), np.uint8)
    begins = np.cumsum([0, *(len(r) for r in sample[:-1])]) + IMSI_DIGITS
    parts = [np.frombuffer(SAMPLE.read_bytes()[:HEADER_BYTES], np.uint8)]
    for copy in range(-(-records // len(sample))):
        part = body.copy()
        for octet, digits in enumerate(f"{copy:06}"[i : i + 2] for i in (0, 2, 4)):
            part[begins + octet] = int(digits, 16)
        parts.append(part)
    content = bytearray(np.concatenate(parts))
    content[0:4] = len(content).to_bytes(4, "big")
    content[18:22] = (len(sample) * (len(parts) - 1)).to_bytes(4, "big")
    return bytes(content)


def module_of(format_: Format) -> str:
    """The field tables of ``format_`` as a module: what we know of the records, known to another decoder."""

    def type_of(field: Field) -> str:
        return "SEQUENCE OF " * field.depth + (f"T-{field.of}" if field.of else BASIC.get(field.value, "OCTET STRING"))

    def fields(tags: Tags, ending: str) -> str:
        typed = ((key, named(field), type_of(field)) for key, field in tags.items())
        return ", ".join(f"{name} [{CLASSES[key & 3]}{key >> 2}] {type_}{ending}" for key, name, type_ in typed)

    types = [f"T-{name} ::= SET {{ {fields(tags, ' OPTIONAL')} }}" for name, tags in format_.types.items()]
    types += [f"T-{name} ::= CHOICE {{ {fields(tags, '')} }}" for name, tags in format_.choices.items()]
    records = f"Record ::= CHOICE {{ {fields(format_.records, '')} }}"
    return "\n".join(["CDR DEFINITIONS IMPLICIT TAGS ::= BEGIN", records, *types, "END"])


def ours(content: bytes, layout: Layout) -> Fields:
    """Frame and decode ``content`` into the columns that ``layout`` reads."""
    text = np.frombuffer(content, np.uint8)
    records, _ = frame(Chunk("file:here", 0, 1, text, last=True), layout)
    return decode(records, layout)[0]


def by_asn1tools(decoder: Any, records: list[bytes]) -> list[dict[str, Any]]:  # noqa: ANN401 - it is untyped
    """Every record by asn1tools."""
    return [decoder.decode("Record", record[CDR_HEADER_BYTES:])[1] for record in records]


def _digits(octets: bytes) -> str:
    return "".join([_DIGITS[octet] for octet in octets])


def _address(octets: bytes) -> str:
    return ("+" if octets[0] >> 4 & 7 == 1 else "") + _digits(octets[1:])


def _moment(octets: bytes) -> str:
    text = octets.hex()
    return f"{text[:12]}{chr(octets[6])}{text[14:]}"


_DIGITS = ["".join("0123456789*#abc"[n] for n in (o & 15, o >> 4) if n < 15) for o in range(256)]
_TEXTS: dict[Value, Callable[[Any], str]] = {
    Value.INTEGER: str,
    Value.TBCD: _digits,
    Value.ISDN: _address,
    Value.TIMESTAMP: _moment,
    Value.OCTETS: bytes.hex,
    Value.NULL: lambda _: "true",
    Value.TEXT: bytes.decode,
}
"""How values become the texts that our columns hold, in plain Python."""

Ways = dict[str, list[tuple[str, list[tuple[list[str], Callable[[Any], str]]]]]]
"""By record: each column, and the paths to it with what makes a text of its value."""


def ways_of(layout: Layout) -> Ways:
    """Where each column of ``layout`` stands in what asn1tools gives, record by record."""
    source = layout.framing.ber
    assert source is not None  # noqa: S101 - the benchmark's own layout
    ways: Ways = {named(field): [] for field in source.format.records.values()}
    for column in (source.column(name) for name in layout.source_columns() if name != RECORD):
        found: dict[str, list[tuple[list[str], Callable[[Any], str]]]] = {}
        for path in column.paths:
            for chain in resolved(source.format, path):
                names, kind = [named(field) for _, field in chain], wanted_value(chain[-1][1])
                found.setdefault(names[0], []).append((names[1:], _TEXTS.get(kind, bytes.hex)))
        for record, paths in found.items():
            ways[record].append((column.name, paths))
    return ways


def named(field: Field) -> str:
    """What the module of :func:`module_of` calls ``field``."""
    return field.name[0].lower() + field.name[1:]


def reached(value: Any, names: list[str]) -> Any:  # noqa: ANN401 - whatever the decoder gives
    """What stands at ``names`` in ``value``; None where nothing does."""
    for name in names:
        if isinstance(value, list):
            value = value[0]
        if isinstance(value, tuple):
            value = dict([value])
        value = value.get(name)
        if value is None:
            return None
    return value


def named_by_asn1tools(decoder: Any, records: list[bytes], ways: Ways) -> list[dict[str, str]]:  # noqa: ANN401
    """Every record by asn1tools, as the columns that ours gives: names and texts."""
    rows = []
    for record in records:
        kind, value = decoder.decode("Record", record[CDR_HEADER_BYTES:])
        row = {RECORD: kind}
        for column, paths in ways[kind]:
            for names, text in paths:
                found = reached(value, names)
                if found is not None:
                    row[column] = text(found)
                    break
        rows.append(row)
    return rows


def check_all(fields: Fields, theirs: list[dict[str, str]]) -> None:
    """Ours and ``theirs`` agree in every column of every row."""
    for row, record in enumerate(theirs):
        ours_ = {name: fields.value(name, row) for name in fields.names}
        if ours_ != {name: record.get(name, "") for name in fields.names}:
            raise RuntimeError(f"record {row}: {ours_}, not {record}")


def by_pycrate(records: list[bytes]) -> list[dict[str, Any]]:
    """Every record by pycrate."""
    decoder, values = CSChargingDataTypes.CSRecord, []
    for record in records:
        decoder.from_ber(record[CDR_HEADER_BYTES:])
        values.append(decoder.get_val()[1])
    return values


def check(fields: Fields, theirs: list[dict[str, Any]], rows: list[int]) -> None:
    """Ours and ``theirs`` agree in ``rows``."""
    for row, record in zip(rows, theirs, strict=True):
        for column, (name, kind) in COMPARED.items():
            if name in record and column in fields.names:
                value = record[name]
                expected = shown(kind, value) if kind else str(value)
                if fields.value(column, row) != expected:
                    raise RuntimeError(f"record {row}, {name}: {fields.value(column, row)}, not {expected}")


def least(works: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """The least CPU time of this thread that each of ``works`` took, in rounds of all of them."""
    found = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            began = time.thread_time()
            work()
            found[name] = min(found[name], time.thread_time() - began)
    return found


def rated(content: bytes, fields: Fields, layout: Layout, folder: Path) -> Cost:
    """One whole ``toll rate`` process into a fresh lake, with a subscription for every served number."""
    usage = normalise(fields, layout)[0]
    columns = [usage[name].to_pylist() for name in ("direction", "a_number", "b_number")]
    served = {b if direction == "terminated" else a for direction, a, b in zip(*columns, strict=True)}
    tariffs = folder / "tariffs"
    tariffs.mkdir()
    (tariffs / "tariff.toml").write_text(TARIFF, "utf-8")
    rows = [f"number,{number},{number},all,,," for number in sorted(served)]
    (tariffs / "subscriptions.csv").write_text("\n".join(["kind,key,account,plan,valid_from,valid_to,segment", *rows]))
    (folder / "records.dat").write_bytes(content)
    arguments = [str(folder / "records.dat"), "--layout", LAYOUT, "--tariffs", str(tariffs)]
    costs = []
    for _ in range(2):  # the first also warms the kernels' cache
        shutil.rmtree(folder / "lake", ignore_errors=True)
        costs.append(run([TOLL, "rate", *arguments, "--lake", str(folder / "lake"), "--json"]))
    total = json.loads(costs[-1].output)["total"]
    if not total["balanced"] or total["dispositions"]["rated"] != usage.num_rows:
        raise RuntimeError(f"the run does not account for every record: {total}")
    return costs[-1]


def table(records: int = 500_000) -> Iterator[str]:
    """The benchmark as Markdown."""
    content = repeated(records)
    layout = bind_header(read_layout(LAYOUT), content, str(SAMPLE))
    sample = sample_records()[:SLICE]
    complete = [n for n, record in enumerate(sample) if record[CDR_HEADER_BYTES] != 0xA6]
    calls = [sample[n] for n in complete]  # pycrate refuses messages that lack a class mark
    tables = asn1tools.compile_string(module_of(read_format("3gpp_cs")), "ber")
    tags = asn1tools.compile_string(MODULE, "ber")
    ways, fields = ways_of(layout), ours(SAMPLE.read_bytes(), layout)
    for decoder in (tables, tags):
        check(fields, by_asn1tools(decoder, sample), list(range(len(sample))))
    check_all(fields, named_by_asn1tools(tables, sample, ways))
    check(fields, by_pycrate(calls), complete)

    fields = ours(content, layout)
    count = len(fields.records)
    counts = {OURS: count, "asn1tools, the same field tables, its values named and as text": len(sample)}
    counts |= {"asn1tools, the same field tables": len(sample), "asn1tools, the tags of the sample alone": len(sample)}
    works: list[Callable[[], object]] = [partial(ours, content, layout)]
    works += [partial(named_by_asn1tools, tables, sample, ways)]
    works += [partial(by_asn1tools, tables, sample), partial(by_asn1tools, tags, sample)]
    costs = least(dict(zip(counts, works, strict=True)))
    counts |= {"pycrate": len(calls)}
    costs |= least({"pycrate": partial(by_pycrate, calls)}, 1)
    each = costs[OURS] / count
    yield f"{count:,} records, {len(content) / 1e6:,.0f} MB of TS 32.297; {len(fields.names)} columns of each.\n"
    yield from EXPLAINED
    yield "| CPU time of one thread | records | records/s | times as slow |"
    yield "| --- | ---: | ---: | ---: |"
    for name, seconds in costs.items():
        rate = counts[name] / seconds
        yield f"| {name} | {counts[name]:,} | {rate:,.0f} | {1 / (rate * each):,.0f} |"
    with tempfile.TemporaryDirectory() as folder:
        whole = rated(content, fields, layout, Path(folder))
    yield f"\nFrom the file to a committed lake (`toll rate`, whole process): {whole.cpu_s:.2f} s of CPU time,"
    yield f"{whole.wall_s:.2f} s, **{count / whole.wall_s:,.0f} records/s**, peak {whole.peak_mb:,.0f} MB."


if __name__ == "__main__":
    print("\n".join(table(*(int(a) for a in sys.argv[1:]))))
