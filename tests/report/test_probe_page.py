#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The results of ftpalg probe as people read them: both ends on this host, with no firewall between them, which is exposed to
all there is. The page in chromium too, where it is installed.

$FTPALG is the program (build/ftpalg).
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

from statements import Skip, check, run_statements

PROGRAM = os.environ.get("FTPALG", str(TOP / "build/ftpalg"))
PORTS = ("--port", "52021", "--link", "52120", "--token", "secret")
VERDICTS = ("exposed", "broken", "fail", "pass", "skipped")


class Results:
    """One run of the scenarios about bounces and TLS."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.page = self.directory / "probe.html"
        self._table = None

    @property
    def table(self):
        if self._table is None:
            with subprocess.Popen([PROGRAM, "probe", "server", *PORTS, "127.0.0.1"], stderr=subprocess.PIPE, text=True) as server:
                try:
                    check("ready" in server.stderr.readline(), "the server's end is not ready")
                    self._table = "".join(self.run(text) for text in ("bounce", "tls"))
                finally:
                    server.terminate()
        return self._table

    def run(self, text):
        done = subprocess.run([PROGRAM, "probe", "client", *PORTS, "-k", text, "--html", self.page.with_name(f"{text}.html"),
                               "127.0.0.1"], capture_output=True, text=True, check=False, timeout=120)
        check(done.returncode == 1, f"status {done.returncode}: {done.stderr}")
        return done.stdout

    def text(self, name="bounce"):
        check(self.table, "nothing was found")
        return (self.directory / f"{name}.html").read_text()

    def worst_first(self):
        for name, found in (("the table", re.findall(r"^(\w+) +[a-z]+-\S+ ", self.table.split("seconds\n")[0], re.MULTILINE)),
                            ("the page", re.findall(r'data-verdict="(\w+)"', self.text()))):
            ranks = [VERDICTS.index(verdict) for verdict in found]
            check(len(set(ranks)) > 1 and ranks == sorted(ranks), f"{name}: {found}")

    def words(self):
        for text in (self.table, self.text(), self.text("tls")):
            check(not re.search(r"\bA\d\d\b|against line", text), "a number that says nothing to who reads it")
        check("found        the offer reaches the server\n      wanted       the client is refused\n      why          " in self.table,
              self.table[:2000])

    def topics(self):
        check(re.search(r"^topic +exposed  broken  fail  pass  skipped$", self.table, re.MULTILINE), self.table[-2000:])
        check(re.search(r"^bounce +[1-9]\d* .*  offers of another host$", self.table, re.MULTILINE), self.table[-2000:])
        check('<tr data-topic="bounce">' in self.text(), "the page has no summary")

    def browser(self, fragment):
        """The names of the scenarios that the page shows."""
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if not chromium:
            raise Skip("chromium is not installed")
        check(self.text(), "no page")
        done = subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                               f"--user-data-dir={self.directory}/chromium", f"file://{self.directory}/bounce.html{fragment}"],
                              capture_output=True, text=True, check=False, timeout=120,
                              env={**os.environ, "HOME": str(self.directory)})
        runs = re.findall(r'<details class="run"([^>]*)><summary><span[^>]*>\w+</span><code>([^<]*)</code>', done.stdout)
        check(runs and '<form id="filter">' in done.stdout, f"the script did not run:\n{done.stdout[:500]}{done.stderr[-500:]}")
        return [name for attributes, name in runs if "hidden" not in attributes], len(runs)

    def filter(self):
        shown, count = self.browser("")
        check(len(shown) == count > 10, f"{len(shown)} of {count} without a filter")
        shown, _ = self.browser("#cut%20within%20the%20verb")
        check(shown == ["bounce-in-verb"], f"shown: {shown}")

    def without_script(self):
        text = self.text()
        rest = re.sub(r'<form id="filter" hidden>|<script>.*', "", text, flags=re.S)
        check('<form id="filter" hidden>' in text and 'hidden' not in rest.split("<body>")[1],
              "something is hidden from who has no script")
        check("://" not in text and "default-src 'none'" in text, "the page can load something")


def statements(directory):
    results = Results(directory)
    yield "what is worst comes first, in the table and on the page", results.worst_first
    yield "words say what was found, what was wanted and why", results.words
    yield "a summary has each topic", results.topics
    yield "the page's filter leaves what has all words", results.filter
    yield "without its script the page shows everything, and it loads nothing", results.without_script


if __name__ == "__main__":
    sys.exit(run_statements(textwrap.dedent(__doc__), statements))
