# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of a test program that needs no lab: its statements are functions, and it prints TAP."""

import argparse
import tempfile


class Skip(Exception):
    """Can't be checked here; the text says why."""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def judge(function):
    """What TAP says of a statement: the result, a note behind it, and why."""
    try:
        function()
    except Skip as reason:
        return "ok", f" # SKIP {reason}", ""
    except Exception as error:  # pylint: disable=broad-except # whatever it is, this statement has failed
        return "not ok", "", f"{'' if isinstance(error, AssertionError) else type(error).__name__ + ': '}{error}"
    return "ok", "", ""


def run_statements(doc, statements, golden="", write_golden=None):
    """
    The main function: statements(directory) yields a text and a function for each, and write_golden, if there is any,
    writes what --golden is said to write. Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", dest="text", default="", help="only statements that contain TEXT")
    parser.add_argument("-x", dest="without", metavar="TEXT", help="none that contain TEXT")
    if write_golden:
        parser.add_argument("--golden", action="store_true", help=golden)
    arguments = parser.parse_args()
    if write_golden and arguments.golden:
        write_golden()
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        chosen = [(text, function) for text, function in statements(directory)
                  if arguments.text in text and not (arguments.without and arguments.without in text)]
        print(f"1..{len(chosen)}", flush=True)
        for number, (text, function) in enumerate(chosen, 1):
            result, note, why = judge(function)
            failed += result != "ok"
            print(f"{result} {number} - {text}{note}", flush=True)
            for line in why.splitlines():
                print(f"# {line}", flush=True)
    return 1 if failed else 0
