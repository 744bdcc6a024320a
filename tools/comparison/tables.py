# SPDX-License-Identifier: Apache-2.0
"""Tables of texts, for terminals and as Markdown; numbers as people read them."""
import dataclasses


@dataclasses.dataclass
class Table:
    title: str
    columns: list
    rows: list
    note: str = ""

    def as_document(self):
        return dataclasses.asdict(self)


def number(value):
    """Three or four digits, as many as carry news."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100 or size == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.3f}"


def bytes_text(value):
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e4)):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'kB' else size):.1f} {unit}"
    return f"{value:.0f} B"


def as_text(table):
    lines = [[str(cell) for cell in row] for row in [table.columns, *table.rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    out = [table.title]
    if table.note:
        out.append(table.note)
    for i, line in enumerate(lines):
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        out.append("  ".join(cells).rstrip())
        if i == 0:
            out.append("  ".join("-" * width for width in widths))
    return "\n".join(out) + "\n"


def as_markdown(table):
    def row(cells):
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    out = [f"### {table.title}", ""]
    if table.note:
        out += [table.note, ""]
    out += [row(table.columns), row(["---"] + ["---:"] * (len(table.columns) - 1)), *map(row, table.rows)]
    return "\n".join(out) + "\n"
