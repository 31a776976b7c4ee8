"""Invoices: what they say in both languages, that no text is taken for HTML or a formula, how PDFs look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pypdfium2
import pytest

from rating.billing.export import JSON, export, write_items
from rating.billing.html import html
from rating.billing.invoice import Invoice, invoice
from rating.billing.pdf import pdf
from rating.billing.shown import BillKey, numbered, shown
from rating.billing.words import words
from rating.lake import Lake, MemoryLake
from tests.rating.bills import again, billed, folder, landed, ordered, tried

D = Decimal
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "bill.schema.json"
NASTY = "<script>alert(1)</script> & Söhne"
PEOPLE = f"""customer,name,address1,language,tax_id
alice,{NASTY},"1 ""High"" Road",en,
long,{"Verwaltungsgesellschaft" * 9},{"Donaudampfschifffahrt " * 9},en,
wang,王小明,北京市朝阳区建国路88号,zh,91110105
"""
TOML = """
[issuer]
name = "Łódź Telecom"
[text.zh]
"zone.uk" = "英国"
"tax.vat" = "增值税"
"""
SEP = datetime(2026, 9, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Two runs; the second with a credit note for alice, a bill of many accounts, and nothing for wang."""
    services = "account,customer,cost_centre\n" + "".join(f"L{n:02},long,Centre {n % 3}\n" for n in range(40))
    customers = folder(tmp_path_factory.mktemp("c"), customers_csv=PEOPLE, services_csv=services, billing_toml=TOML)
    with MemoryLake() as opened:
        old = {"amount": "9.5", "start_utc": SEP}
        taxed = {"amount": "1234.56789", "tax_amount": D("246.913578"), "tax_code": "vat", "start_utc": SEP}
        landed(opened, "s", old, {**taxed, "account": "wang", "billed_usage": 4000})
        billed(opened, ordered(customers, "2026-09"))
        again(opened, "s", 1, 1, old, {"amount": "4.25"})
        evil = {"event": {"b_number": "=1+1", "a_number": "+447700900123"}, "amount": "0.5"}
        many = [{"account": f"L{n:02}", "zone": zone} for n in range(40) for zone in ("uk", "far")]
        landed(opened, "o", evil, *many, {"event": {"service": "data", "unit": "byte"}, "billed_usage": 3 << 20})
        billed(opened, ordered(customers))
        yield opened


def made(lake: Lake, run: int, customer: str, kind: str = "invoice") -> Invoice:
    where = {"run": run, "customer": customer, "kind": kind}
    sql = "SELECT bill_no FROM bill WHERE run = $run AND customer = $customer AND kind = $kind"
    return invoice(shown(lake, BillKey(run, lake.query(sql, where)["bill_no"][0].as_py())))


def summary(of: Invoice) -> list[tuple[str, ...]]:
    return [row.cells for row in of.summary.rows]


def test_an_english_invoice(lake: Lake) -> None:
    told = made(lake, 2, "alice")
    assert told.facts == (
        ("Number", "INV-2026-000003"), ("Date", "1 Nov 2026"), ("Payable by", "15 Nov 2026"),
        ("Billing period", "1 Oct 2026 to 31 Oct 2026"), ("Customer", "alice"),
    )  # fmt: skip
    assert summary(told) == [
        ("Usage", "£0.60"), ("Net total", "£0.60"), ("Total of this bill", "£0.60"), ("Previous balance", "£9.50"),
        ("Credit notes", "-£5.25"), ("Amount due", "£4.85"),
    ]  # fmt: skip
    assert [row.cells for row in told.blocks[0].rows] == [
        ("Data: uk", "1", "3 MiB", "£0.10"), ("Calls: uk", "1", "0:01:00", "£0.50"), ("Sum", "", "", "£0.60")
    ]  # fmt: skip


def test_a_credit_note_names_what_it_corrects(lake: Lake) -> None:
    told = made(lake, 2, "alice", "credit_note")
    assert (told.title, told.facts[:2]) == (
        "Credit note",
        (("Number", "CN-2026-000001"), ("Corrects", "INV-2026-000001")),
    )
    assert summary(told)[-1] == ("Total credited", "-£5.25")
    assert told.blocks[0].rows[0].cells == ("Calls: uk (correction)", "", "", "-£5.25")


def test_a_chinese_invoice(lake: Lake) -> None:
    told = made(lake, 1, "wang")
    assert (told.title, told.facts[1], told.facts[3]) == (
        "账单", ("开具日期", "2026年10月1日"), ("计费周期", "2026年9月1日至2026年9月30日")
    )  # fmt: skip
    assert summary(told) == [
        ("使用费", "£1,234.56789"), ("尾数调整", "£0.00211"), ("不含税合计", "£1,234.57"), ("增值税", "£246.91"),
        ("本期账单合计", "£1,481.48"), ("应付金额", "£1,481.48"),
    ]  # fmt: skip
    assert told.blocks[0].rows[0].cells == ("通话：英国", "1", "1:06:40", "£1,234.56789")  # noqa: RUF001 - Chinese


def test_a_draft_says_so_and_an_empty_bill_too(lake: Lake, tmp_path: Path) -> None:
    empty = made(lake, 2, "wang")
    assert (empty.blocks, empty.remarks) == ((), ("本期无费用。",))
    number = tried(lake, ordered(folder(tmp_path, customers_csv=PEOPLE), "2026-11"))
    draft = made(lake, number, "wang")
    assert draft.draft == words("zh", {})("draft")
    assert "编号" not in dict(draft.facts)


def test_both_languages_have_the_same_texts() -> None:
    english, chinese = words("en", {}).texts, words("zh", {}).texts
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert text.count("{") == chinese[key].count("{"), key


class Texts(HTMLParser):
    """The texts and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags |= {tag, *(name for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_escapes_and_refers_to_nothing(lake: Lake) -> None:
    page = html(made(lake, 2, "alice"))
    read = Texts(page)
    assert NASTY in read.texts
    assert not {"script", "src", "href", "onclick"} & read.tags
    assert all(row.cells[-1] in read.texts for row in made(lake, 2, "alice").summary.rows)


@pytest.mark.parametrize(
    ("run", "customer", "pages"), [(2, "alice", 1), (1, "wang", 1), (2, "wang", 1), (2, "long", 7)]
)
def test_pdfs_hold_every_text_and_stay_within_the_page(lake: Lake, run: int, customer: str, pages: int) -> None:
    told = made(lake, run, customer)
    content = pdf(told)
    assert content == pdf(told)
    opened = pypdfium2.PdfDocument(content)
    assert len(opened) == pages
    read = "".join(page.get_textpage().get_text_range() for page in opened)
    plain = "".join(read.split())
    for row in told.summary.rows:
        assert "".join(row.cells[-1].split()) in plain
    assert "".join(told.customer[0].split()) in plain
    for page in opened:
        pixels = page.render(scale=1).to_numpy()
        assert pixels[:, :40].min() == pixels[:, -40:].min() == 255, "something is in the margin"
        assert pixels.min() < 100


def test_a_list_of_calls_has_no_formula(lake: Lake) -> None:
    file = StringIO()
    assert write_items(lake, numbered(lake, "INV-2026-000003"), file) == 2
    lines = file.getvalue().splitlines()
    assert len(lines) == 3
    assert "+447700900123,'=1+1," in lines[2] + lines[1]


def test_an_export_is_as_its_schema_says(lake: Lake, tmp_path: Path) -> None:
    files = export(lake, 2, tmp_path)
    assert [file.name for file in files] == ["bill.parquet", "bill_line.parquet", "bill_payment.parquet", "bill.ndjson"]
    told = [json.loads(line) for line in (tmp_path / JSON).read_text("utf-8").splitlines()]
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    for bill in told:
        validator.validate(bill)
    assert [bill["corrects"] for bill in told] == ["INV-2026-000001", "", "", ""]
    assert sum(len(bill["line"]) for bill in told) == pq.read_table(tmp_path / "bill_line.parquet").num_rows
    for bill in told:
        assert sum(D(line["amount"]) + D(line["tax"]) for line in bill["line"]) == D(bill["total"])
    validator.validate(shown(lake, BillKey(2, 1)).to_json())
