"""chart.py - the figures of the bench as bars, one SVG for light and dark."""
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP = 860, 330, 110, 16, 8
COLOURS = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.paper { fill: #ffffff }
.ours { fill: #0a7d5c } .limit { fill: #8c959f } .peer { fill: #b5601a }
.p0 { fill: #0a7d5c } .p1 { fill: #b5601a } .p2 { fill: #3767b1 }
.p3 { fill: #8250a6 }
.span { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .paper { fill: #0d1117 }
.ours { fill: #3fb68f } .limit { fill: #6e7681 } .peer { fill: #e09355 }
.p0 { fill: #3fb68f } .p1 { fill: #e09355 } .p2 { fill: #6c9bea }
.p3 { fill: #b78be0 }
.span { stroke: #e6edf3 }
}
"""

RATES = (
    ("path_per_s", "ours", "Sluice, file to master and models"),
    ("path_two_per_s", "ours", "the same, two consumers"),
    ("path_bare_per_s", "ours", "the same without models"),
    ("direct_per_s", "ours", "sluice load, no broker"),
    ("limit_per_s", "limit", "limit: COPY + upsert + models"),
    ("limit_bare_per_s", "limit", "limit without models"),
)
DELAYS = (
    ("latency_idle_p50_ms", "ours", "one small file, at rest: p50"),
    ("latency_idle_p99_ms", "ours", "p99"),
    ("latency_half_p50_ms", "ours", "at half load: p50"),
    ("latency_half_p99_ms", "ours", "p99"),
    ("latency_limit_ms", "limit", "limit: one row and one message"),
)
SHARES = ("producer", "broker", "consumer", "database")


def short(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


class Sheet:
    """Bars from above to below."""

    def __init__(self):
        self.parts, self.y = [], 14

    def text(self, x, words, kind="", anchor="start"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{self.y + 13:.1f}" text-anchor="{anchor}"'
            + (f' class="{kind}"' if kind else "") + f">{escape(words)}</text>")

    def title(self, words):
        self.text(14, words, "title")
        self.y += BAR + GAP

    def box(self, x, width, kind, hint=""):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{self.y}" width="{max(width, 1):.1f}" '
            f'height="{BAR}" class="{kind}"><title>{escape(hint)}</title></rect>')

    def bars(self, rows):
        """rows: label, class, figure."""
        most = max((figure["max"] for _, _, figure in rows), default=0)
        scale = (WIDTH - LEFT - RIGHT) / most if most > 0 else 0
        for label, kind, got in rows:
            self.text(LEFT - 8, label, anchor="end")
            self.box(LEFT, got["median"] * scale, kind,
                     f"{label}: {short(got['min'])} to {short(got['max'])}")
            middle = self.y + BAR / 2
            self.parts.append(
                f'<line class="span" x1="{LEFT + got["min"] * scale:.1f}" '
                f'x2="{LEFT + got["max"] * scale:.1f}" y1="{middle}" '
                f'y2="{middle}"/>')
            self.text(LEFT + got["max"] * scale + 8, short(got["median"]))
            self.y += BAR + GAP
        self.y += GAP * 2

    def stack(self, rows):
        """One bar of several; rows: label, figure."""
        whole = sum(figure["median"] for _, figure in rows)
        scale = (WIDTH - 28) / whole if whole > 0 else 0
        x = 14
        for at, (label, got) in enumerate(rows):
            self.box(x, got["median"] * scale, f"p{at}", label)
            x += got["median"] * scale
        self.y += BAR + 4
        for at, (label, got) in enumerate(rows):
            self.box(14 + at * 200, 12, f"p{at}")
            self.text(32 + at * 200, f"{label} {short(got['median'])}")
        self.y += BAR + GAP * 2

    def done(self):
        height = self.y + 6
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
                f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
                f'aria-label="What the bench has measured">\n'
                f"<style>{COLOURS}</style>\n"
                f'<rect class="paper" width="{WIDTH}" height="{height}"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def rows_of(data, wanted):
    return [(label, kind, data[key]) for key, kind, label in wanted
            if key in data]


def draw(data):
    sheet = Sheet()
    rates = rows_of(data, RATES)
    rates += [(f"{name} ({peer['shape']})", "peer", peer["per_s"])
              for name, peer in sorted(data["peers"].items(), key=lambda item:
                                       -item[1]["per_s"]["median"])]
    if rates:
        sheet.title("Records a second; the line is from the slowest round to "
                    "the fastest")
        sheet.bars(rates)
    delays = rows_of(data, DELAYS)
    if delays:
        sheet.title("Milliseconds until a dropped file is in the models")
        sheet.bars(delays)
    shares = [(name, data[name + "_cpu_s"]) for name in SHARES
              if name + "_cpu_s" in data]
    if shares:
        sheet.title("Microseconds of processor a record")
        sheet.stack(shares)
    return sheet.done()
