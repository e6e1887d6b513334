# SPDX-License-Identifier: GPL-3.0-or-later
"""What every page must be: well-formed, self-contained, and free of anything that a peer could have put there."""

import base64
import hashlib
import html.parser
import re

TAGS = set("html head meta title style body header main section footer h1 h2 h3 h4 p dl div dt dd ul ol li b span code a form "
           "label input output table thead tbody tr th td details summary button del ins svg line rect circle text "
           "script".split())
VOID = {"meta", "input"}
SHAPES = {"line", "rect", "circle"}
ATTRIBUTES = set("lang charset http-equiv content name class id href hidden for type autocomplete role scope colspan open "
                 "aria-labelledby aria-label aria-hidden data-sort data-name data-value data-session width height x y rx x1 "
                 "x2 y1 y2 cx cy r text-anchor".split())


class Page(html.parser.HTMLParser):
    """Parses a page and collects what is wrong with it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.wrong, self.open, self.ids, self.links = [], [], [], []
        self.blocks = {"style": [], "script": []}
        self.policy = ""
        self.words = []
        self.feed(text)
        self.close()
        if self.open:
            self.wrong.append(f"not closed: {self.open}")
        self.check_policy()
        for link in self.links:
            if not link.startswith("#") or link[1:] not in self.ids:
                self.wrong.append(f"a link to {link!r}")
        if len(set(self.ids)) != len(self.ids):
            self.wrong.append("an id is there twice")

    def handle_starttag(self, tag, attrs):
        if tag not in TAGS:
            self.wrong.append(f"the element {tag}")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.wrong.append(f"the attribute {name} of {tag}")
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]
        if tag in self.blocks:
            self.blocks[tag].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag not in SHAPES:
            self.wrong.append(f"the element {tag}, closed at once")
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} is closed and was not open")

    def handle_data(self, data):
        if self.open and self.open[-1] in self.blocks:
            self.blocks[self.open[-1]][-1] += data
        else:
            self.words.append(data)

    def handle_comment(self, data):
        self.wrong.append(f"a comment: {data!r}")

    def check_policy(self):
        if not self.policy.startswith("default-src 'none';"):
            self.wrong.append(f"the policy {self.policy!r}")
        for tag, contents in self.blocks.items():
            digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in contents]
            allowed = re.findall(rf"{tag}-src 'sha256-([^']+)'", self.policy)
            if digests != allowed or len(digests) != 1:
                self.wrong.append(f"{tag}: {digests}, and the policy allows {allowed}")

    def text(self):
        return "".join(self.words)
