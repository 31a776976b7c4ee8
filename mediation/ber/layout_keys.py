"""The keys by which a layout reads an ASN.1 format: ``[framing]``, ``[columns]``, ``[tables]``, ``[tags]``.

Enters: the parsed tables of a layout. Leaves: a :class:`~mediation.ber.columns.Source`, and problems noted in the keys.
Always holds: every path names what the format has, so that a misspelt field is an error of the layout.
"""

from __future__ import annotations

from collections.abc import Iterator

from mediation.ber.columns import (
    RECORD,
    FileControls,
    HeaderTable,
    Path,
    Repeat,
    Source,
    SourceColumn,
    by_name,
    parse_path,
    resolved,
)
from mediation.ber.format import CONTAINERS, Field, Format, FormatError, Value, amended, read_format, shipped
from mediation.ber.plan import plan
from mediation.keys import Keys

_PREFIX_BYTES = (1, 2, 4)


def ber_source(layout: Keys, framing: Keys) -> Source | None:
    """The source that the keys of a ``layout`` and of its ``framing`` declare; None, and problems, if there is none."""
    columns, tables, tags = layout.section("columns"), layout.section("tables"), layout.section("tags")
    name = framing.text("format")
    try:
        format_ = amended(read_format(name), tags.table, tags)
    except FormatError as fault:
        framing.wrong("format", f"one of {', '.join(shipped())} ({fault})")
        return None
    container = framing.choice("container", CONTAINERS, format_.container)
    source = Source(
        format=format_,
        container=container,
        list_path=_list_path(framing, format_) if container == "nested" else (),
        prefix_bytes=framing.whole("prefix_bytes", 2) if container == "prefixed" else 0,
        columns=tuple(_columns(columns, format_)),
        controls=_controls(layout.section("controls"), format_, container),
        tables=tuple(_table(tables.section(name), name, format_) for name in sorted(tables.table)),
    )
    if container == "prefixed" and source.prefix_bytes not in _PREFIX_BYTES:
        framing.wrong("prefix_bytes", "1, 2 or 4")
    _check_tables(columns, source)
    return source


def unknown_columns(source: Source, names: tuple[str, ...]) -> Iterator[str]:
    """Those of ``names`` that are neither declared columns nor paths of the format."""
    for name in names:
        column = source.column(name)
        if not column.header and not all(is_path(source.format, path) for path in column.paths):
            yield name


def is_path(format_: Format, path: Path) -> bool:
    """Whether records of ``format_`` may have ``path``."""
    return path[0].name == RECORD or next(iter(resolved(format_, path)), None) is not None


def _controls(keys: Keys, format_: Format, container: str) -> FileControls:
    """The paths of ``[controls]``; what the header of TS 32.297 says need not be named."""
    if container == "ts32297" and not keys.table:
        number, node, records = (parse_path(f"file.{n}") for n in ("fileSequenceNumber", "nodeAddress", "numberOfCdrs"))
        return FileControls(number, (node,), records)
    controls = FileControls(
        sequence=_path(keys, "sequence") if "sequence" in keys.table else (),
        stream=tuple(_readable(keys, "stream", text) for text in keys.texts("stream", ())),
        records=_path(keys, "records") if "records" in keys.table else (),
    )
    for key, path in (
        ("sequence", controls.sequence),
        *(("stream", p) for p in controls.stream),
        ("records", controls.records),
    ):
        if path and _in_header(format_, path) is None:
            keys.wrong(key, f"a path of {format_.name} from the file's first element on")
    keys.finish()
    return controls


def _columns(keys: Keys, format_: Format) -> Iterator[SourceColumn]:
    sections = {name: keys.section(name) for name in sorted(keys.table)}  # one order, whatever the file's
    done: dict[str, SourceColumn] = {}
    for name, section in sorted(sections.items(), key=lambda item: "like" in item[1].table):
        done[name] = _column(section, name, done, format_)
    yield from done.values()


def _column(keys: Keys, name: str, done: dict[str, SourceColumn], format_: Format) -> SourceColumn:
    """A column: its own paths, or those of another one that it is ``like``."""
    like = keys.text("like", "")
    if like and like not in done:
        keys.wrong("like", f"the name of a column that has paths of its own, not {like!r}")
    paths = done[like].paths if like in done else tuple(_paths(keys, format_))
    header = _path(keys, "header") if "header" in keys.table else ()
    if not header and not paths:
        keys.wrong("path", "a path, or several")
    if header and not _in_header(format_, header):
        keys.wrong("header", f"a path of {format_.name} from the file's first element on")
    repeat = Repeat(keys.choice("repeat", tuple(Repeat), Repeat.FIRST))
    if repeat is Repeat.SUM and not all(_is_integer(format_, path) for path in paths):
        keys.wrong("repeat", "something else than sum: a path leads to what is no integer")
    column = SourceColumn(name, paths, repeat, keys.text("table", ""), header)
    keys.finish()
    return column


def _is_integer(format_: Format, path: Path) -> bool:
    return all(chain[-1][1].value is Value.INTEGER for chain in resolved(format_, path))


def _paths(keys: Keys, format_: Format) -> Iterator[Path]:
    for text in keys.texts("path", ()):
        try:
            path = parse_path(text)
            plan(format_, [SourceColumn("", (path,))])
        except ValueError as fault:
            keys.wrong("path", f"{fault}, in {text!r}" if repr(text) not in str(fault) else str(fault))
            continue
        yield path


def _path(keys: Keys, key: str) -> Path:
    return _readable(keys, key, keys.text(key))


def _readable(keys: Keys, key: str, text: str) -> Path:
    try:
        return parse_path(text)
    except ValueError as fault:
        keys.wrong(key, str(fault))
        return ()


def _list_path(framing: Keys, format_: Format) -> Path:
    """Where the records of a nested container stand: as the layout says, or as is usual for the format."""
    if "list" in framing.table:
        return _path(framing, "list")
    return parse_path(format_.list) if format_.list else ()


def _table(keys: Keys, name: str, format_: Format) -> HeaderTable:
    table = HeaderTable(name, _path(keys, "path"), keys.text("key"), keys.text("value"))
    rows = _in_header(format_, table.path)
    if rows is None:
        keys.wrong("path", f"a path of {format_.name} from the file's first element on")
    else:
        for key, wanted in (("key", table.key), ("value", table.value)):
            if by_name(format_, rows, wanted) is None:
                keys.wrong(key, f"a field of {rows.name}, not {wanted!r}")
    keys.finish()
    return table


def _in_header(format_: Format, path: Path) -> Field | None:
    """What ``path`` leads to from the first element of a file on; ``file`` is the header of TS 32.297."""
    fields = {f.name: f for f in (*format_.records.values(), *format_.tags.values())}
    here = fields.get(path[0].name) if path else None
    if path and path[0].name == "file":
        return Field("file")
    for step in path[1:]:
        found = by_name(format_, here, step.name) if here else None
        here = found[1] if found else None
    return here


def _check_tables(keys: Keys, source: Source) -> None:
    names = {table.name for table in source.tables}
    for column in source.columns:
        if column.table and column.table not in names:
            keys.wrong(
                f"{column.name}.table", f"one of {', '.join(sorted(names)) or 'the tables, of which there are none'}"
            )
