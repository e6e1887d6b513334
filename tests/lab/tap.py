# SPDX-License-Identifier: GPL-3.0-or-later
"""
Test programs: a list of statements, each with a function that fails by an exception; output in TAP.

A statement is checked by a function of any arguments. Whatever it raises becomes the diagnostic of a "not ok" line;
Skip becomes "ok ... # SKIP reason". Where nothing was wrong but what had to come had not come in time, the diagnostic
begins with "# LATE", and tests/tools/run may ask again. The exit status is 1 if any statement failed, and 77, with the
reason as the last line, where this host allows no lab at all (tests/lab/enter).
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import traceback


class Skip(Exception):
    """This statement can't be checked here; the text says why."""


class Failed(AssertionError):
    """A check did not hold. The message alone says what was seen, so no traceback is printed."""


class Late(Failed):
    """It took longer than it may."""


OVERDUE = (Late, TimeoutError, subprocess.TimeoutExpired)


def check(condition, message):
    if not condition:
        raise Failed(message)


def check_equal(seen, expected, what):
    check(seen == expected, f"{what}: expected {expected!r}, saw {seen!r}")


def check_in_time(seconds, bound, what):
    if seconds >= bound:
        raise Late(f"{what} took {seconds:.3f} s, and {bound:g} s are allowed")


def enter_lab():
    """Starts this program again inside tests/lab/enter, unless it is inside."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    if os.environ.get("FTPALG_LAB") == "inside":
        return
    enter = os.path.join(os.path.dirname(os.path.abspath(__file__)), "enter")
    sys.stdout.flush()
    os.execv(enter, [enter, sys.executable, "-B", os.path.abspath(sys.argv[0]), *sys.argv[1:]])


class Fixture:
    """
    What several statements share: made when the first of them needs it, closed when the last has been checked. What
    can't be made is not tried again.
    """

    def __init__(self, make):
        self.make = make
        self._manager = None
        self._value = None
        self._error = None

    def value(self):
        if isinstance(self._error, Skip):
            raise self._error
        if self._error:
            kind = Late if isinstance(self._error, OVERDUE) else Failed
            raise kind(f"as the statement before: {str(self._error).splitlines()[0]}")
        if self._manager is None:
            manager = self.make()
            try:
                self._value = manager.__enter__()
            except Exception as error:
                self._error = error
                raise
            self._manager = manager
        return self._value

    def close(self):
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.__exit__(None, None, None)


class Plan:
    """The statements of one test program, in order."""

    def __init__(self, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("-k", dest="filters", action="append", metavar="TEXT", default=[],
                            help="only statements that contain TEXT; several: all of them")
        parser.add_argument("-l", dest="list", action="store_true", help="list the statements")
        parser.add_argument("-v", dest="verbose", action="store_true", help="run times")
        self.arguments = parser.parse_args()
        self._statements = []
        self._failures = 0

    def add(self, statement, function, *arguments, fixture=None):
        """
        fixture: a callable that makes a context manager, whose value is then the first argument of function. Statements
        that follow each other and name the same callable share what it made.
        """
        if all(text in statement for text in self.arguments.filters):
            self._statements.append((statement, function, arguments, fixture))

    def run(self):
        """Checks all, prints TAP, and ends the program."""
        if self.arguments.list:
            print("\n".join(statement for statement, *_ in self._statements))
            sys.exit(0)
        enter_lab()
        print(f"1..{len(self._statements)}", flush=True)
        fixture = Fixture(None)
        try:
            for number, (statement, function, arguments, make) in enumerate(self._statements, 1):
                if make is not fixture.make:
                    self._close(fixture)
                    fixture = Fixture(make)
                self._check(number, statement, function, arguments, fixture)
        finally:
            self._close(fixture)
        sys.exit(1 if self._failures else 0)

    def _check(self, number, statement, function, arguments, fixture):
        began = time.monotonic()
        result, error = "ok", None
        try:
            function(*((fixture.value(),) if fixture.make else ()), *arguments)
        except Skip as reason:  # raised by a fixture, it holds for all statements that share it
            statement = f"{statement} # SKIP {reason}"
        except Exception as caught:  # any other exception is this statement's failure, not the program's end
            result, error = "not ok", caught
        lines = [f"{result} {number} - {statement}"]
        if self.arguments.verbose:
            lines.append(f"# {time.monotonic() - began:.1f} s")
        if error is not None:
            lines += self._explain(error)
        # At once: a thread's traceback in between would part a result from its diagnostic.
        print("\n".join(lines), flush=True)

    def _close(self, fixture):
        """A fixture that ends badly spoils the whole run: the exit status says so, and a diagnostic line says why."""
        try:
            fixture.close()
        except Exception as error:  # the statements that come have fixtures of their own
            print("\n".join(self._explain(error)), flush=True)

    def _explain(self, error):
        """The lines of a diagnostic."""
        self._failures += 1
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames[1:]]
        kind = "" if isinstance(error, Failed) else f"{type(error).__name__}: "
        late = ["LATE"] if isinstance(error, OVERDUE) else []
        return [f"# {line}" for line in (*late, *f"{kind}{error}".splitlines(), f"at {', '.join(where)}")]
