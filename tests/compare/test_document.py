#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
doc/comparison.md, as it is committed, is about the scenarios and effects that there are, and about every helper. If
not: make compare. Prints TAP.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(TOP, "tests", "lab")]
# pylint: disable=wrong-import-position
import document
import effects
import helpers
from gateway import binary


def text():
    with open(os.path.join(TOP, "doc", "comparison.md"), encoding="utf-8") as file:
        return file.read()


def check_scenarios():
    command = [binary(), "probe", "--list", "client"]
    listed = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    names = {line.split()[0] for line in listed.splitlines() if line.strip()}
    written = set(document.scenario_names(text()))
    return names == written, f"not in the table: {sorted(names - written)}; no more: {sorted(written - names)}"


def check_effects():
    missing = [title for _, title, _ in effects.WORKS + effects.GUARDS if f"| {title} |" not in text()]
    return not missing, f"not in the table: {missing}"


def check_helpers():
    missing = [kind.title for kind in helpers.HELPERS if f"\n| {kind.title} |" not in text()]
    return not missing, f"not in the table: {missing}"


def check_readme():
    """README.md shows some of its rows, under its heading."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        heading, rule, *lines = file.read().partition("|  | no helper |")[2].splitlines()
    rows = lines[:lines.index("")]
    missing = [row for row in (f"|  | no helper |{heading}", rule, *rows) if f"\n{row}\n" not in text()]
    return len(rows) >= 5 and not missing, f"{len(rows)} rows in README.md, of which these are not here: {missing}"


def main():
    statements = (("it has exactly the scenarios that the probe has", check_scenarios),
                  ("it has every effect", check_effects), ("it has every helper", check_helpers),
                  ("README.md shows rows of it as they are", check_readme))
    failed = 0
    print(f"1..{len(statements)}")
    for number, (statement, function) in enumerate(statements, 1):
        good, why = function()
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - doc/comparison.md: {statement}")
        if not good:
            print(f"# {why}\n# run: make compare")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
