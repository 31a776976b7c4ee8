"""TAP out: visitors' usage of a period, as one file or more for each home network that has any.

Enters: a lake, our network, a folder, a period, the instant at which files are made available. Leaves: files, and a
:class:`Sent`. Always holds: a charge goes out once; what cannot go stays in the view ``tap_unsent`` and is told with
its reason; plans that round to more decimals than the files have stop the run before any file is written, what else
does not fit before any file of that network is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from rating.lake import Lake
from rating.period import Period
from rating.roaming.batch import Envelope, notification, transfer
from rating.roaming.events import Billed
from rating.roaming.money import Money, money_of
from rating.roaming.operator import Operator
from rating.roaming.outbox import finish, locked, next_ordinal, send
from rating.stored import stored_catalogue
from rating.story import EPOCH
from tariffs.catalogue import Catalogue
from tariffs.partners import agreements

_VERSIONS: Final = "SELECT DISTINCT tariff_version FROM charge WHERE leg = 'roaming_out' ORDER BY tariff_version"
_LATEST: Final = "SELECT tariff_version FROM batch WHERE tariff_version <> '' ORDER BY batch_id DESC LIMIT 1"
_SPAN: Final = "start_utc >= greatest($start, $oldest) AND start_utc < least($end, $available)"
_FITS: Final = (
    "service IN ('voice', 'sms', 'data') AND (direction <> 'transit' OR service = 'data') AND amount >= 0 "
    "AND converted_amount >= 0 AND tax_amount >= 0 "
    "AND regexp_full_match(imsi, '[0-9]+') AND length(imsi) BETWEEN 6 AND 15"
)
"""What TAP events of ours tell: other services, and what a partial gives back, they do not."""
_HOME: Final = f"""
SELECT * FROM (
    SELECT s.*, n.tadig
    FROM (
        SELECT *, unnest([substr(imsi, 1, 6), substr(imsi, 1, 5)]) AS prefix
        FROM tap_unsent WHERE {_SPAN} AND {_FITS}
    ) s
    JOIN (VALUES {{networks}}) n(tariff_version, prefix, tadig, since, until)
    ON n.tariff_version = s.tariff_version AND n.prefix = s.prefix AND epoch_us(s.tariff_start_utc) >= n.since
        AND epoch_us(s.tariff_start_utc) < n.until
    QUALIFY row_number() OVER (PARTITION BY s.event_id ORDER BY length(s.prefix) DESC) = 1
)"""  # noqa: S608 (our own conditions)
"""Unsent charges with the network that they go to: that of the longest prefix of the IMSI."""
_PLANS: Final = f"SELECT DISTINCT tariff_version, plan FROM tap_unsent WHERE {_SPAN} AND {_FITS} ORDER BY ALL"  # noqa: S608
_TO: Final = "SELECT tadig, count(*) AS events FROM ({home}) GROUP BY tadig ORDER BY tadig"
_NEXT: Final = """
SELECT h.*, u.* EXCLUDE (event_id, start_utc, imsi, service, direction, network_element, usage, unit, raw), h.start_utc
FROM (FROM ({home}) WHERE tadig = $recipient ORDER BY start_utc, event_id LIMIT $most) h
JOIN usage u ON u.event_id = h.event_id AND u.start_utc = h.start_utc
ORDER BY h.start_utc, h.event_id"""
_LEFT: Final = f"""
SELECT
    account, CASE WHEN start_utc >= $available THEN 'it begins after the files are available'
        WHEN start_utc < $oldest THEN 'it is older than partners accept (max_age_days)'
        WHEN NOT ({_FITS}) THEN 'no TAP event of ours tells it' ELSE 'no network of a partner' END AS reason,
    service, direction, count(*) AS events
FROM tap_unsent WHERE start_utc >= $start AND start_utc < $end GROUP BY ALL ORDER BY ALL"""  # noqa: S608 (our own)
_COVERED: Final = "SELECT DISTINCT recipient FROM tap_file WHERE until_utc >= $until"
_SENT: Final = "FROM tap_file WHERE batch_id > $after ORDER BY recipient, sequence_no"
_LAST: Final = "SELECT coalesce(max(batch_id), 0) AS last FROM tap_file"


@dataclass(frozen=True, slots=True)
class Sent:
    """The rows of ``tap_file`` that a run added, names that it gave to files of one that crashed, what it left."""

    files: pa.Table
    finished: list[str]
    left: pa.Table


Watch = Callable[[int, int], None]
"""Is told how many events have gone out, of how many."""


def tap_out(
    lake: Lake,
    operator: Operator,
    folder: Path,
    period: Period,
    available: datetime,
    *,
    notify: bool = False,
    watch: Watch = lambda _done, _of: None,
) -> Sent:
    """Write the files of ``period`` into ``folder``; ``notify``: also to networks that there is nothing for.

    An event that began more than the operator's ``max_age_days`` before ``available`` stays.

    Raises:
        TapOutError: charges, tariff or our network do not fit TAP files; what was sent before stays sent.

    """
    oldest = available - timedelta(days=operator.max_age_days) if operator.max_age_days else EPOCH
    span = {"start": period.start_utc, "end": period.end_utc, "available": available, "oldest": oldest}
    until = min(period.end_utc, available)
    with locked(folder):
        finished = finish(lake, folder)
        before = lake.query(_LAST)["last"][0].as_py()
        versions = lake.query(_VERSIONS)["tariff_version"].to_pylist()
        catalogues = {version: stored_catalogue(lake, version) for version in versions}
        _transfer(lake, operator, folder, catalogues, span, until, watch)
        if notify:
            _notify(lake, operator, folder, available, until)
    return Sent(lake.query(_SENT, {"after": before}), finished, lake.query(_LEFT, span))


def _transfer(
    lake: Lake,
    operator: Operator,
    folder: Path,
    catalogues: dict[str, Catalogue],
    span: dict[str, datetime],
    until: datetime,
    watch: Watch,
) -> None:
    """Files of at most so many events each, network by network, until nothing of the span waits."""
    networks = ", ".join(_networks(catalogues))
    if not networks:
        return
    home = _HOME.format(networks=networks)
    moneys = {version: money_of(catalogue, operator) for version, catalogue in catalogues.items()}
    for plan in lake.query(_PLANS, span).to_pylist():
        moneys[plan["tariff_version"]].check(plan["plan"])
    waiting = {row["tadig"]: row["events"] for row in lake.query(_TO.format(home=home), span).to_pylist()}
    done, of = 0, sum(waiting.values())
    for recipient in waiting:
        values = {**span, "recipient": recipient, "most": operator.most_events}
        while rows := lake.query(_NEXT.format(home=home), values).to_pylist():
            envelope = Envelope(operator, recipient, next_ordinal(lake, recipient), span["available"], until)
            written = transfer(envelope, (_billed(row, moneys[row["tariff_version"]]) for row in rows))
            send(lake, folder, envelope, written, [row["event_id"] for row in rows])
            done += len(rows)
            watch(done, of)


def _networks(catalogues: dict[str, Catalogue]) -> Iterator[str]:
    """The prefixes of partners' IMSIs in each tariff, as rows of SQL."""
    for version, catalogue in catalogues.items():
        for each in agreements(catalogue):
            if not each.inward:
                yield f"('{version}', '{each.network}', '{each.tadig}', {each.valid_from}, {each.valid_to})"


def _billed(row: dict[str, Any], money: Money) -> Billed:
    due = money.due(row)
    start_us = (row["tariff_start_utc"] - EPOCH) // timedelta(microseconds=1)
    percent = money.percent(due.tax_code) if due.tax_code else ""
    return Billed(row, due, money.rate(start_us), percent)


def _notify(lake: Lake, operator: Operator, folder: Path, available: datetime, until: datetime) -> None:
    """A notification to each partner of the latest tariff whom no file has told about the time before ``until``."""
    told = set(lake.query(_COVERED, {"until": until})["recipient"].to_pylist())
    last_us = (until - EPOCH) // timedelta(microseconds=1) - 1
    for version in lake.query(_LATEST)["tariff_version"].to_pylist():
        partners = agreements(stored_catalogue(lake, version))
        agreed = {p.tadig for p in partners if not p.inward and p.valid_from <= last_us < p.valid_to}
        for recipient in sorted(agreed - told):
            envelope = Envelope(operator, recipient, next_ordinal(lake, recipient), available, until)
            send(lake, folder, envelope, notification(envelope), [])
