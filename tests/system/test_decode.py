"""``toll decode``: every way to show a file, how it ends, and what it says on the way."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.mediation import gsma
from tests.system.conftest import ROOT, Toll

CS = ROOT / "samples/3gpp/sigscale_cs_500.dat"
CHF = ROOT / "samples/3gpp/free5gc_chf_60.cdr"
TAP = ROOT / "samples/tap3/asn1c_5.ber"
CSV = ROOT / "tests/data/generic_csv/cut.csv"
TREE = """\
sigscale_cs_500.dat: Records of the circuit-switched domain: calls, messages, gateways, supplementary services \
(3gpp_cs, ts32297)
  told by: it begins with a TS 32.297 file header of 54 bytes; its first records are 18 moCallRecord, 9 mtCallRecord, \
8 moSMSRecord; 564 of its first 564 elements are what the format says
  rated with: --layout 3gpp_cs or 3gpp_cs_sigscale
header 1 at byte 0
  file
    fileLength: 51991
    headerLength: 54
    numberOfCdrs: 500
    fileSequenceNumber: 42
    highRelease: 18.1
    lowRelease: 18.1
    opened: 11-22 00:22 +0000
    lastCdrAppended: 11-22 00:22 +0000
    closureReason: 0
    closure: normal closure
    nodeAddress: ffffffff00000000000000000000ffffc0a8f434
    lostCdrs: 0
record 4 at byte 270: moCallRecord (cdrLength 113, release 18.1, dataRecordFormat BER, standard TS 32.250)
  recordType: 0 (moCallRecord)
  servedIMSI: 001001743939479
  servedIMEI: 011300006136841
  servedMSISDN: 923977
  callingNumber: 0305923977
  calledNumber: 0953962908
  recordingEntity: 6256117772
  mscOutgoingTKGP
    tkgpNumber: 48
  basicService
    teleservice: 11
  seizureTime: 261122001554+0000
  answerTime: 261122001832+0000
  releaseTime: 261122002258+0000
  callDuration: 266
  causeForTerm: 0 (normalRelease)
  callReference: ace7cfdf
"""


def test_a_tree(toll: Toll) -> None:
    done = toll("decode", CS, "--skip", 2, "--records", 1)
    assert (done.code, done.out, done.err) == (0, TREE, "")


def test_json_lines(toll: Toll) -> None:
    done = toll("decode", CS, "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert done.err.startswith("sigscale_cs_500.dat: Records of the circuit-switched domain")
    assert [row["part"] for row in rows] == ["header", *["record"] * 500]
    assert sum(row["record"] == "moCallRecord" for row in rows[1:]) == 250


def test_several_files_name_themselves(toll: Toll, tmp_path: Path) -> None:
    packed = tmp_path / "chf.cdr.gz"
    packed.write_bytes(gzip.compress(CHF.read_bytes()))
    rows = [json.loads(line) for line in toll("decode", packed, TAP, "--json").out.splitlines()]
    assert {row["file"]: row["part"] for row in rows} == {"chf.cdr.gz": "record", "asn1c_5.ber": "trailer"}
    assert len(rows) == 61 + 7


def test_a_table(toll: Toll) -> None:
    done = toll("decode", CS, "--table", "--records", 2)
    lines = [line.split() for line in done.out.splitlines() if line.startswith((" record_no", " 2 ", " 3 "))]
    assert lines[0][:4] == ["record_no", "offset_bytes", "record", "recordType"]
    assert [line[:4] for line in lines[1:]] == [["2", "54", "mtCallRecord", "1"], ["3", "152", "moCallRecord", "0"]]
    assert toll("decode", CS, "--table").out.endswith("There are more records than these 100: --records N shows N.\n")


def test_parquet(toll: Toll, tmp_path: Path) -> None:
    done = toll("decode", CS, "--parquet", tmp_path / "cs.parquet")
    assert (done.code, done.out.splitlines()[-1]) == (
        0,
        f"  500 records in 25 columns written to {tmp_path / 'cs.parquet'}",
    )
    assert pq.read_table(tmp_path / "cs.parquet")["callDuration"].null_count == 125
    assert toll("decode", CS, CHF, "--parquet", tmp_path / "all").code == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [f"{f.name}.parquet" for f in (CHF, CS)]


def test_parquet_that_cannot_be_written(toll: Toll, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = toll("decode", CS, "--parquet", tmp_path / "file" / "out.parquet")
    assert (done.code, "cannot be written" in done.err) == (1, True)


def test_raw_elements(toll: Toll) -> None:
    done = toll("decode", TAP, "--raw")
    lines = done.out.splitlines()
    assert lines[1:4] == [
        "         0  [a1] transferBatch (368)",
        "         4    [a4] batchControlInfo (121)",
        "         6      [a196] sender (5): 57 45 52 46 44",
    ]
    assert (done.code, len(lines)) == (0, 67)


def test_raw_elements_end_with_the_fault(toll: Toll, tmp_path: Path) -> None:
    path = tmp_path / "cut.ber"
    path.write_bytes(TAP.read_bytes()[:250])
    done = toll("decode", path, "--raw")
    assert done.code == 1
    assert done.out.splitlines()[-1] == "       249  fault: the file ends inside the element: 5f"


ENDS = [
    # arguments, code, what stderr says
    ([CSV], 1, "cut.csv: 1 undecodable"),
    ([CSV, "--json"], 1, "cut.csv: 1 undecodable"),
    ([CSV, "--table"], 1, "cut.csv: 1 undecodable"),
    ([ROOT / "LICENSE"], 2, "text that none of the layouts"),
    ([ROOT / "LICENSE", CS, "--records", 0], 2, "text that none of the layouts"),
    ([CS, "--format", "3gpp_ps"], 2, "no file of 3gpp_ps"),
    ([CS, "--format", "nobodys"], 2, "--format nobodys: expected one of 3gpp_chf, 3gpp_cs"),
    ([CS, "--container", "box"], 2, "--container box: expected one of bare, nested, prefixed, ts32297"),
    ([CS, "--layout", "nobodys"], 2, "no layout 'nobodys'"),
    ([CS, "--layout", "gsma_tap"], 1, "not a file of layout gsma_tap"),
    ([CS, "--raw", "--layout", "generic_csv"], 2, "layout generic_csv reads text"),
    ([CS, "--raw", "--records", "1"], 2, "--raw shows elements, not records"),
    ([CS, "--json", "--table"], 2, "not allowed with argument"),
    ([CS, "--records", "-1"], 2, "expected a whole number, not '-1'"),
    (["no_such_file"], 1, "no such file or folder"),
    ([], 2, "the following arguments are required: FILE"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), ENDS)
def test_how_it_ends(toll: Toll, arguments: list[object], code: int, says: str) -> None:
    done = toll("decode", *arguments)
    assert done.code == code
    assert says in done.err


def test_no_control_character_reaches_the_terminal(toll: Toll, tmp_path: Path) -> None:
    path = tmp_path / "names.ber"
    text = b"\x1b[31m\n"
    path.write_bytes(b"".join(b"\xb4\x0a\x80\x01\x14\x96" + bytes([len(text) - 1]) + text[:-1] for _ in range(3)))
    done = toll("decode", path, "--format", "3gpp_ps", "--container", "bare")
    assert "\x1b" not in done.out
    assert "nodeID: \\x1b[31m" in done.out


def test_a_reader_that_stops_early_is_no_fault() -> None:
    command = [sys.executable, "-m", "rating.cli.main", "decode", str(CS), "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout
        assert started.stderr
        started.stdout.readline()
        started.stdout.close()
        said = started.stderr.read().decode()
        started.wait(60)
    assert "Traceback" not in said
    assert "Exception" not in said


ALL = [*gsma.FILES, *(f"3gpp/free5gc_unittest_vector{n}.ts32297" for n in (0, 1))] + [
    f"ber_edge/libxfsx_{name}.ber"
    for name in ("block_test0", "deep_invalid", "length_overflow", "skip_test", "two-root", "zero_test0")
]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("how", ["--json", "--table", "--raw"])
def test_every_real_file_is_shown_or_refused(toll: Toll, tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / Path(name).name
    path.write_bytes(gsma.content(name))
    done = toll("decode", path, how)
    assert done.code in {0, 1, 2}
    assert done.code == 0 or path.name in done.err or "fault: " in done.out
