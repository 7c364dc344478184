"""page.py FILE - what a browser makes of a report's page, as lines; stops at
anything but the elements such a page consists of."""
import sys
from html.parser import HTMLParser

ALLOWED = set("""html head meta style title body h1 div table thead tbody tr th td
    figure figcaption svg line rect text circle polyline footer""".split())


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.path, self.cells, self.bars, self.marked = [], [], 0, 0

    def handle_starttag(self, tag, attrs):
        if tag not in ALLOWED or any(name.startswith("on") for name, _ in attrs):
            sys.exit("an element that must not be: %s %s" % (tag, attrs))
        if tag in ("meta", "line"):
            return
        self.path.append(tag)
        self.bars += tag == "rect"
        if tag in ("th", "td"):
            self.cells.append("")

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        if self.path.pop() != tag:
            sys.exit("%s ends what it did not begin" % tag)
        if tag == "tr" and "thead" in self.path:
            print("head:", *self.cells)
        elif tag == "tr":
            print("row:", "|".join(self.cells))
        if tag == "tr":
            self.cells = []

    def handle_data(self, data):
        if self.path[-1:] == ["title"] and "svg" not in self.path:
            print("title:", data)
        elif self.path[-1:] in (["th"], ["td"]):
            self.cells[-1] += data


page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
page.close()
print("bars:", page.bars)
