#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
tests/metrics/test_metrics.py: the metrics are what OpenMetrics and the format before it allow; the manual has every family;
the alerts and the dashboard in contrib/grafana ask for no other; and the alerts fire when they should. Prints TAP.

What is read is what a unit test writes down (BUILD, or build/sanitize, has it). promtool judges too, where it is installed
or tests/metrics/fetch-promtool has brought it.
"""

import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
# pylint: disable=wrong-import-position
from statements import Skip, check, run_statements

TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "sanitize"))
WRITER = os.path.join(BUILD, "tests", "unit", "control", "test_metrics")
GRAFANA = os.path.join(TOP, "contrib", "grafana")
ALERTS = os.path.join(GRAFANA, "alerts.yml")
FAMILIES_DEMANDED = 41
PARTS = re.compile(r"_(?:bucket|sum|count)$")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([a-z_]+)="([^"\\\n]*)"\})? ([0-9.e+-]+)')
# Who says these: the program itself, or its configuration.
LABELS = {"version", "queue", "section", "family", "reason", "fate", "outcome", "sink", "verdict", "form", "verb", "leg", "le",
          "process"}


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


class Pages:
    """What was written down, by format."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "metrics")

    def text(self, kind):
        if not os.path.exists(WRITER):
            raise Skip(f"there is no {WRITER}")
        if not os.path.exists(f"{self.path}.{kind}"):
            result = subprocess.run([WRITER], env={**os.environ, "FTPALG_METRICS": self.path}, capture_output=True, check=False)
            check(result.returncode == 0, f"{WRITER} failed")
        return read(f"{self.path}.{kind}")

    def families(self):
        """The names of all samples, without what they are of a histogram."""
        return {PARTS.sub("", match[1]) for match in map(SAMPLE.fullmatch, self.text("openmetrics").splitlines()) if match}


def check_format(text, suffixed):
    """Comments come before samples, families stand together, each sample once; counters have their suffix where it
    belongs."""
    seen, samples, family, kind, helped = set(), set(), None, None, None
    for line in text.splitlines():
        words = line.split(" ", 3)
        if line.startswith("# HELP "):
            check(words[2] not in seen and len(words[3]) > 3, f"a family twice, or without help: {line}")
            seen.add(words[2])
            helped = words[2]
        elif line.startswith("# TYPE "):
            family, kind = words[2:]
            check(family == helped and kind in ("counter", "gauge", "histogram"), line)
            check((kind == "counter" and suffixed) == family.endswith("_total"), f"the suffix of {line}")
        elif line != "# EOF":
            match = SAMPLE.fullmatch(line)
            check(match, f"no sample: {line}")
            name = family + ("_total" if kind == "counter" and not suffixed else "")
            check((PARTS.sub("", match[1]) if kind == "histogram" else match[1]) == name, f"{match[1]} in the family {family}")
            check(match[2] is None or match[2] in LABELS, f"the label {match[2]}")
            check((match[1], match[3]) not in samples, f"twice: {line}")
            samples.add((match[1], match[3]))
    check(len(seen) >= FAMILIES_DEMANDED, f"{len(seen)} families")


def openmetrics_is_valid(pages):
    text = pages.text("openmetrics")
    check(text.endswith("\n# EOF\n") and text.count("# EOF") == 1, "its end")
    check_format(text, False)


def promtool():
    fetched = os.path.join(os.environ.get("PROMTOOL_DIRECTORY", os.path.join(TOP, "build", "promtool")), "usr", "bin")
    found = shutil.which("promtool", path=f"{fetched}:{os.environ['PATH']}")
    if not found:
        raise Skip("there is no promtool: tests/metrics/fetch-promtool")
    return found


def judge(*arguments, text=None):
    result = subprocess.run([promtool(), *arguments], input=text, text=True, capture_output=True, check=False)
    check(result.returncode == 0 and not result.stderr.strip(), f"{result.stdout}{result.stderr}")


def manual_has_each(pages):
    manual = read("doc", "ftpalg.8")
    chapter = manual[manual.index("\n.Sh METRICS\n"):]
    chapter = chapter[:chapter.index("\n.Sh ", 5)]
    documented = set(re.findall(r"^\.It Cm (ftpalg_\w+)$", chapter, re.MULTILINE))
    check(pages.families() == documented, f"not in both: {pages.families() ^ documented}")


def check_asked(text, pages):
    asked = {PARTS.sub("", name) for name in re.findall(r"\bftpalg_\w+", text)}
    check(asked, "nothing is asked for")
    check(asked <= pages.families(), f"there is no {asked - pages.families()}")


def alerts_ask_for_what_there_is(pages):
    check_asked("\n".join(re.findall(r"^ +expr: (.*)$", read(ALERTS), re.MULTILINE)), pages)


def dashboard_asks_for_what_there_is(pages):
    dashboard = json.loads(read(GRAFANA, "dashboard.json"))
    check_asked(json.dumps(dashboard), pages)
    numbers = [panel["id"] for panel in dashboard["panels"]]
    check(len(set(numbers)) == len(numbers), "two panels have one number")
    for panel in dashboard["panels"]:
        check(panel["title"] and all(target["expr"] for target in panel["targets"]), f"an empty panel: {panel}")


def names_that_differ_lead_to_what_there_is(pages):
    chapter = read(GRAFANA, "README.md").partition("## Names that one may look for\n")[2]
    rows = re.findall(r"^\* `(ftpalg_\w+)`: see `(ftpalg_\w+)`", chapter, re.MULTILINE)
    check(len(rows) == chapter.count("\n* "), f"rows that can't be read: {rows}")
    for missing, there in rows:
        check(missing not in pages.families() and there in pages.families(), f"{missing} and {there}")


def queries_are_valid(directory):
    """Each query of the dashboard as a rule of its own, with the variables filled in."""
    dashboard = json.loads(read(GRAFANA, "dashboard.json"))
    queries = [target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
               for panel in dashboard["panels"] for target in panel["targets"]]
    path = os.path.join(directory, "queries.yml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "queries", "rules": [{"record": f"query_{number}", "expr": query}
                                                            for number, query in enumerate(queries)]}]}, file)
    judge("check", "rules", path)


def alerts_fire(directory):
    for path in (ALERTS, os.path.join(HERE, "alerts_test.yml")):
        shutil.copy(path, directory)
    judge("test", "rules", os.path.join(directory, "alerts_test.yml"))


def every_alert_is_tested():
    alerts = re.findall(r"alert: (\w+)", read(ALERTS))
    tested = re.findall(r'alertname="(\w+)"', read(HERE, "alerts_test.yml"))
    check(sorted(alerts) == sorted(tested), f"not in both: {set(alerts) ^ set(tested)}")


def statements(directory):
    pages = Pages(directory)
    yield "OpenMetrics: families stand together, each sample stands once, and labels are those that are known", \
        lambda: openmetrics_is_valid(pages)
    yield "the text format likewise", lambda: check_format(pages.text("text"), True)
    yield "promtool has nothing to say about the text format", lambda: judge("check", "metrics", text=pages.text("text"))
    yield "the manual has every family, and no other", lambda: manual_has_each(pages)
    yield "the alerts ask for what there is", lambda: alerts_ask_for_what_there_is(pages)
    yield "the dashboard asks for what there is", lambda: dashboard_asks_for_what_there_is(pages)
    yield "a name that one may look for and is not there leads to one that is", lambda: names_that_differ_lead_to_what_there_is(pages)
    yield "promtool can read the alerts", lambda: judge("check", "rules", ALERTS)
    yield "promtool can read the dashboard's queries", lambda: queries_are_valid(directory)
    yield "every alert is tested", every_alert_is_tested
    yield "none of the alerts fires while all is well, and each does when nothing is", lambda: alerts_fire(directory)


if __name__ == "__main__":
    sys.exit(run_statements(__doc__, statements))
