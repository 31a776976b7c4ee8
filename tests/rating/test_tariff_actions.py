"""``toll tariff``: one command line a row, its exit code and what it tells last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rating.cli.main import main
from rating.lake import open_lake

SAMPLES = Path(__file__).parents[2] / "samples"
NODOBO, SYNTHETIC = SAMPLES / "tariffs" / "nodobo", SAMPLES / "tariffs" / "synthetic"
VERSION = "version"
AT = ["--at", "2026-03-02T10:00"]

# arguments, exit code, in the output
RUNS = [
    (["check", NODOBO], 0, "no errors, lints: shadowed 177"),
    (["check", NODOBO], 0, "... and 157 more of kind shadowed (--all prints them)"),
    (["check", NODOBO, "--strict"], 1, "no errors, lints: shadowed 177"),
    (["check", SYNTHETIC, *AT], 0, "sells at 0.09 per 60"),
    (["check", "{cheap}", "--against", SYNTHETIC, "--jump-percent", "40"], 0, "retail.toml:92: plan.payg: +442"),
    (["check", "{cheap}", "--against", SYNTHETIC, "--jump-percent", "80"], 0, "loss"),
    (["check", "{broken}"], 1, "a.toml:1: rate.r.price: is required [error]"),
    (["check", "{broken}"], 1, "3 errors; it cannot be used"),
    (["check", "{out}/absent"], 2, ""),
    (["check", NODOBO, "--jump-percent", "-1"], 2, ""),
    (["show", NODOBO], 0, "voice originated+terminated"),
    (["show", SYNTHETIC, "--plan", "payg"], 0, "service=sms direction=originated -> rate sms-abroad"),
    (["show", SYNTHETIC, "--plan", "payg", "--rates"], 0, "from 600 0.1 per 60, 60/60"),
    (["show", SYNTHETIC, "--plan", "payg", "--zones", *AT], 0, "uk-freephone"),
    (["show", SYNTHETIC, "--plan", "payg", "--sheet", "--csv", *AT], 0, "AFGHANISTAN - CDMA,+9375,voice originated,"),
    (["show", SYNTHETIC, "--number", "447512345678", "--plan", "consumer", *AT], 0, "peak   uk-mobile   +447"),
    (["show", SYNTHETIC, "--number", "999", "--service", "mms", "--plan", "arden_out"], 1, "nothing of that kind"),
    (["show", SYNTHETIC, "--number", "121", "--plan", "arden_out", *AT], 1, "nothing of that kind"),
    (["show", SYNTHETIC, "--fees", "--plan", "arden_out"], 1, "nothing of that kind"),
    (["show", SYNTHETIC, "--plan", "none"], 2, ""),
    (["show", SYNTHETIC, "--zones"], 2, ""),
    (["show", SYNTHETIC, "--at", "soon", "--number", "1"], 2, ""),
    (["diff", SYNTHETIC, SYNTHETIC], 0, "0 changes"),
    (["diff", SYNTHETIC, "{cheap}"], 0, "-50"),
    (["diff", NODOBO, SYNTHETIC], 0, "Other definitions"),
    (["diff", SYNTHETIC, "0123456789abcdef", "--lake", "{out}/absent"], 1, ""),
    (["diff", SYNTHETIC, "no such thing"], 2, ""),
    (["compile", NODOBO, "--to", "{out}"], 0, ".arrow"),
    (["export", NODOBO, "{out}/folder"], 0, "tariff.toml, sdf.csv, subscriptions.csv"),
    (["export", NODOBO, "{cheap}"], 1, ""),
]  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in ("cheap", "broken", "out")}
    for folder in made.values():
        folder.mkdir()
    for path in SYNTHETIC.iterdir():
        text = path.read_text("utf-8")
        (made["cheap"] / path.name).write_text(text.replace('price = "0.08"', 'price = "0.04"'), "utf-8")
    (made["broken"] / "a.toml").write_text('[rate.r]\ncurrency = "GBP"\n[plan.p]\ncurrency = 1\n')
    return made


@pytest.mark.parametrize(("arguments", "code", "told"), RUNS)
def test_run(
    arguments: list[object], code: int, told: str, folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [str(each).format(**folders) for each in arguments]
    try:
        ended = main(["tariff", *filled])
    except SystemExit as wrong_use:
        ended = int(wrong_use.code or 0)
    out, err = capsys.readouterr()
    assert ended == code, out + err
    assert told in out, out[-600:]
    assert bool(err) == (told == "" and code > 0) or code == 0, err


def test_problems_as_json(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tariff", "check", str(folders["broken"]), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["errors"]) == (None, 3)
    assert next(each for each in told["problems"] if each["severity"] == "error") == {
        "file": "a.toml",
        "line": 1,
        "key": "rate.r.price",
        "severity": "error",
        "code": "",
        "message": "is required",
    }


def test_a_compiled_file_and_a_version_of_the_lake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample, lake = SAMPLES / "calls" / "nodobo_calls_13035.csv", tmp_path / "lake"
    small = tmp_path / "small.csv"
    small.write_bytes(b"".join(sample.read_bytes().splitlines(keepends=True)[:50]))
    rated = ["rate", str(small), "--layout", "nodobo_calls", "--tariffs", str(NODOBO), "--lake", str(lake)]
    assert main(rated) == 0
    with open_lake(lake, read_only=True) as opened:
        version = str(opened.query("SELECT tariff_version FROM tariff_version")["tariff_version"][0])
    assert main(["tariff", "compile", str(NODOBO), "--to", str(tmp_path)]) == 0
    capsys.readouterr()
    for other in (version, str(tmp_path / f"{version}.arrow")):
        assert main(["tariff", "diff", str(NODOBO), other, "--lake", str(lake), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["old"], told["new"], told["changes"], told["compared"]) == (version, version, [], 27_527)
