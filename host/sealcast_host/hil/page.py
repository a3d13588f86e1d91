"""The report as one HTML page: a table of all checks, bars of timings and heap as inline SVG. Nothing is loaded
from anywhere."""

from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#223}
h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25em .6em;border-bottom:1px solid #dde;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}code{font:12px/1.3 ui-monospace,monospace;word-break:break-all}
.passed{color:#176b34}.failed,.lost{color:#b3201b;font-weight:600}.not-run{color:#777}
svg text{font:12px system-ui,sans-serif;fill:#223}
"""
_BAR, _LABEL, _WIDTH = 22, 240, 900
_COLOURS = {
    "primitives": "#4a7bb5",
    "pieces": "#5fa8b8",
    "zpinc": "#3f9a76",
    "group": "#7f9a3f",
    "live": "#c28a2c",
    "timing": "#8a6bb5",
}


def page(made: dict[str, Any]) -> str:
    """made: the JSON document (report.document)."""
    board = made["board"]
    facts = "".join(f"<tr><th>{escape(str(k))}</th><td>{escape(str(v))}</td></tr>" for k, v in board.items())
    unit = made["timings"]["unit"]
    counts = made["counts"]
    parts = [
        f"<h1>Sealcast on {escape(str(board.get('machine', made['target'])))}</h1>",
        f"<p>Target <b>{escape(made['target'])}</b>: <span class='{made['verdict']}'>{made['verdict']}</span>"
        f"{': ' + escape(made['why']) if made['why'] else ''}; {counts['passed']} checks passed, {counts['failed']} "
        "failed, "
        f"{counts['not_run']} not run, {counts['comparisons']:,} comparisons; {made['seconds']} s, seed "
        f"{made['seed']}.</p>",
        f"<h2>The board</h2><table>{facts}</table>",
    ]
    if made["timings"]["values"]:
        parts.append(f"<h2>Time an operation takes ({unit})</h2>{bars(made['timings']['values'], '#8a6bb5')}")
    if made["heap"]:
        parts.append(f"<h2>Heap (bytes)</h2>{bars(made['heap'], '#4a7bb5')}")
    if made["live"]:
        rows = "".join(f"<tr><th>{escape(str(k))}</th><td>{escape(str(v))}</td></tr>" for k, v in made["live"].items())
        parts.append(f"<h2>In a live group</h2><table>{rows}</table>")
    parts.append(f"<h2>How long the checks took</h2>{timeline(made['checks'])}")
    parts.append(f"<h2>Checks</h2>{_table(made['checks'])}")
    title = f"sealcast hil: {escape(made['target'])}"
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title><style>{_STYLE}</style>"
    return head + "\n".join(parts) + "</html>\n"


def bars(values: dict[str, float], colour: str) -> str:
    """A bar for each figure, with its number."""
    most = max([*values.values(), 1])
    out = []
    for i, (name, value) in enumerate(values.items()):
        y, width = i * _BAR, max(1.0, (_WIDTH - _LABEL - 120) * value / most)
        out.append(f"<text x='{_LABEL - 8}' y='{y + 15}' text-anchor='end'>{escape(name)}</text>")
        out.append(f"<rect x='{_LABEL}' y='{y + 4}' width='{width:.1f}' height='{_BAR - 8}' fill='{colour}'/>")
        out.append(f"<text x='{_LABEL + width + 6:.1f}' y='{y + 15}'>{value:,.0f}</text>")
    return f"<svg viewBox='0 0 {_WIDTH} {len(values) * _BAR}' width='100%' role='img'>{''.join(out)}</svg>"


def timeline(checks: list[dict[str, Any]]) -> str:
    """All checks on one line, as wide as they took long, coloured by part."""
    total = sum(check["seconds"] for check in checks) or 1.0
    at, out = 0.0, []
    for check in checks:
        width = _WIDTH * check["seconds"] / total
        colour = "#b3201b" if check["verdict"] == "failed" else _COLOURS.get(check["part"], "#999")
        title = f"<title>{escape(check['part'])}: {escape(check['name'])} ({check['seconds']:.2f} s)</title>"
        place = f"x='{at:.2f}' y='0' width='{width:.2f}' height='26'"
        out.append(f"<rect {place} fill='{colour}' stroke='#fff' stroke-width='.5'>{title}</rect>")
        at += width
    legend = "".join(
        f"<rect x='{i * 130}' y='36' width='12' height='12' fill='{colour}'/><text x='{i * 130 + 18}' "
        f"y='46'>{name}</text>"
        for i, (name, colour) in enumerate(_COLOURS.items())
    )
    return f"<svg viewBox='0 0 {_WIDTH} 54' width='100%' role='img'>{''.join(out)}{legend}</svg>"


def _table(checks: list[dict[str, Any]]) -> str:
    head = (
        "<tr><th>part</th><th>check</th><th>source or PROTOCOL.md</th><th>verdict</th><th>compared</th><th>s</th></tr>"
    )
    return f"<table>{head}{''.join(map(_row, checks))}</table>"


def _row(check: dict[str, Any]) -> str:
    verdict = check["verdict"]
    detail = check["detail"] or check["why"]
    more = f"<br><small>{escape(detail)}</small>" if detail else ""
    if check["expected"] or check["found"]:
        more += f"<br>expected <code>{escape(check['expected'])}</code><br>found <code>{escape(check['found'])}</code>"
    cells = f"<td>{escape(check['part'])}</td><td>{escape(check['name'])}{more}</td><td>{escape(check['section'])}</td>"
    cells += f"<td class='{verdict.replace(' ', '-')}'>{verdict}</td>"
    cells += f"<td class='n'>{check['count']}</td><td class='n'>{check['seconds']:.2f}</td>"
    return f"<tr>{cells}</tr>"
