# SPDX-License-Identifier: GPL-3.0-or-later
"""The section of doc/performance.md that the benchmark writes, and the chart in it, doc/performance.svg."""

import datetime
import os
import textwrap

from gateway import TOP

DOCUMENT = os.path.join(TOP, "doc", "performance.md")
CHART = os.path.join(TOP, "doc", "performance.svg")
BEGIN = "<!-- From here on written by tests/bench/bench.py --document. -->\n"
END = "<!-- To here. -->\n"

COLUMNS = {
    "rate": "sessions/s", "busy": "busy us", "packets": "packets", "noop_median": "NOOP us", "noop_99": "99th",
    "port_median": "PORT us", "port_99": "99th", "loaded_noop_median": "NOOP half", "loaded_noop_99": "99th",
    "loaded_port_median": "PORT half", "loaded_port_99": "99th", "memory": "memory", "throughput": "MB/s",
    "calls": "calls", "switches": "switches",
}
# What the document's table has of them: head, figure, the one that goes with it, digits.
HEADS = (
    ("sessions/s", "rate", None, 0), ("busy us", "busy", None, 0), ("NOOP us", "noop_median", "noop_99", 0),
    ("PORT us", "port_median", "port_99", 0), ("NOOP us at half load", "loaded_noop_median", "loaded_noop_99", 0),
    ("PORT us at half load", "loaded_port_median", "loaded_port_99", 0), ("kB a session", "memory", None, 1),
    ("MB/s", "throughput", None, 0),
)
SCALES = {"memory": 1e-3}
WIDTH, LABEL, BAR, LINE = 720, 170, 400, 26


def show(value, digits):
    """What was measured as next to nothing may be below it, and is 0."""
    return "" if value is None else f"{max(value, 0):,.{digits}f}"


def cell(figures, what, other, digits):
    value = figures.get(what)
    text = show(value * SCALES.get(what, 1) if value is not None else None, digits)
    if text and other and figures.get(other) is not None:
        text += f" / {show(figures[other], digits)}"
    return text


def table(found):
    names = list(found["figures"])
    bases = [name for name in ("plain", "accept", "batched") if name in names]
    heads = ["", *(head for head, *_ in HEADS), *(f"of {found['titles'][name]}" for name in bases)]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for name in names:
        ratios = [show(found["ratios"][name][base], 2) for base in bases]
        cells = [cell(found["figures"][name], *column) for _, *column in HEADS]
        lines.append(f"| {' | '.join([found['titles'][name], *cells, *ratios])} |")
    return "\n".join(lines) + "\n"


def bars(found, what, head, top, digits=0):
    """Lines of SVG, and where they end."""
    values = {name: figures.get(what) for name, figures in found["figures"].items() if figures.get(what) is not None}
    longest = max(values.values())
    lines = [f'<text x="0" y="{top + 16}" class="head">{head}</text>']
    top += LINE
    for name, value in values.items():
        width = max(1, round(value / longest * BAR))
        kind = "own" if found["titles"][name].startswith("ftpalg") else "other"
        lines.append(f'<text x="{LABEL - 8}" y="{top + 15}" class="label">{found["titles"][name]}</text>'
                     f'<rect x="{LABEL}" y="{top + 2}" width="{width}" height="18" class="{kind}"/>'
                     f'<text x="{LABEL + width + 6}" y="{top + 15}">{show(value, digits)}</text>')
        top += LINE
    return lines, top + LINE // 2


def chart(found):
    lines, top = [], 0
    for what, head in (("rate", "Sessions a second: more is better"),
                       ("noop_median", "A command and its reply, in microseconds: less is better"),
                       ("busy", "Processor time of all hosts for a session, in microseconds: less is better")):
        more, top = bars(found, what, head, top)
        lines += more
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
            'aria-label="Sessions a second, round trips and processor time">\n'
            "<style>text{font:13px sans-serif;fill:#222}.head{font-weight:bold}.label{text-anchor:end}"
            ".other{fill:#9aa7b5}.own{fill:#2f6f4f}svg{background:#fff}</style>\n" + "\n".join(lines) + "\n</svg>\n")


def section(found):
    day = datetime.date.today().isoformat()
    measured = (f"Linux {found['kernel']}, {found['processors']} processors for clients, router and server together, {day}, "
                f"medians of {found['rounds']} rounds; round trips are median / 99th of a hundred; ratios are medians of those "
                "of the same round.")
    return (textwrap.fill(measured, 120) + "\n\n![Sessions a second, round trips and processor time](performance.svg)\n\n" +
            table(found))


def write(found):
    with open(DOCUMENT, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    after = rest.split(END)[1]
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + section(found) + "\n" + END + after)
    with open(CHART, "w", encoding="utf-8") as file:
        file.write(chart(found))
