#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-test of tests/tools/run: small suites in, closing line, exit status and explanations out. Prints TAP."""

import os
import pathlib
import subprocess
import sys
import tempfile

RUN = pathlib.Path(__file__).resolve().parent / "run"
MARK = pathlib.Path(tempfile.gettempdir()) / f"ftpalg-test-run-{os.getpid()}"

TWO_FINE = "s=printf '1..2\\nok 1 - one\\nok 2 - two\\n'"
ONE_BAD = "s=printf '1..2\\nok 1 - one\\nnot ok 2 - two\\n# because\\n'; exit 1"


def late(alone, diagnostic="# LATE", count=1):
    """A suite in which count statements fail, with this diagnostic, and of which -k NAME does this instead."""
    results = "".join(f"echo not ok {number} - no {number}; echo {diagnostic!r}; " for number in range(1, count + 1))
    return f"""s=sh -c "[ $# = 0 ] || {{ echo 1..1; {alone}; exit; }}; echo 1..{count}; {results} exit 1" s""".replace("$", "\\$")


IN_TIME = "echo ok 1 - $2"

# Statement; arguments; closing line; exit status; what the output must contain.
CASES = (
    ("results that fit the plan pass", [TWO_FINE], "2 passed, 0 failed", 0, []),
    ("suites are added up", [TWO_FINE, "t=echo ok; echo 1..1"], "3 passed, 0 failed", 0, []),
    ("a suite with an & runs beside the others",
     [f"&s:9=until rm {MARK}; do sleep 0.1; done 2>&-; echo ok; echo 1..1",
      f"t:9=touch {MARK}; while [ -e {MARK} ]; do sleep 0.1; done; echo ok; echo 1..1"], "2 passed, 0 failed", 0, []),
    ("when the others fail, a suite beside them still ends",
     ["&s=sleep 1; echo ok; echo 1..1", ONE_BAD], "2 passed, 1 failed", 1, []),
    ("a failure of a suite beside the others counts", ["&" + ONE_BAD, TWO_FINE], "3 passed, 1 failed", 1, ["# because\n"]),
    ("suites with a + run beside each other",
     [f"+s:9=until rm {MARK}; do sleep 0.1; done 2>&-; echo ok; echo 1..1",
      f"+t:9=touch {MARK}; while [ -e {MARK} ]; do sleep 0.1; done; echo ok; echo 1..1"], "2 passed, 0 failed", 0, []),
    ("no more of them than may", ["-j", "1", f"+s=touch {MARK}; sleep 0.3; rm {MARK}; echo ok; echo 1..1",
                                  f"+t=test -e {MARK} && exit 1; echo ok; echo 1..1"], "2 passed, 0 failed", 0, []),
    ("and those without wait for them", [f"+s=touch {MARK}; sleep 0.3; rm {MARK}; echo ok; echo 1..1",
                                         f"t=test -e {MARK} && exit 1; echo ok; echo 1..1"], "2 passed, 0 failed", 0, []),
    ("a failure of one of them counts", ["+" + ONE_BAD, "+t=echo ok; echo 1..1"], "2 passed, 1 failed", 1, ["# because\n"]),
    ("what was late beside others and is in time alone passes, and is named",
     ["-a", "2", "+" + late(IN_TIME), TWO_FINE], "3 passed, 0 failed", 0, ["in time alone:\n  s: no 1\n"]),
    ("not where nobody asks for it", ["+" + late(IN_TIME), TWO_FINE], "2 passed, 1 failed", 1, ["not ok 1"]),
    ("not where it is late alone", ["-a", "2", "+" + late("echo not ok 1 - $2; echo '# LATE'"), TWO_FINE],
     "2 passed, 1 failed", 1, []),
    ("nor where it is so the second time",
     ["-a", "2", "+" + late(f"test -e {MARK} && rm {MARK} && echo not ok 1 - $2 || {{ touch {MARK}; {IN_TIME}; }}"), TWO_FINE],
     "2 passed, 1 failed", 1, []),
    ("nor where another statement is checked", ["-a", "2", "+" + late("echo ok 1 - yes"), TWO_FINE], "2 passed, 1 failed", 1, []),
    ("nor where it was alone at first", ["-a", "2", late(IN_TIME), TWO_FINE], "2 passed, 1 failed", 1, []),
    ("nor where it was wrong", ["-a", "2", "+" + late(IN_TIME, "# wrong"), TWO_FINE], "2 passed, 1 failed", 1, []),
    ("nor where many were late", ["-a", "2", "+" + late(IN_TIME, count=9), TWO_FINE], "2 passed, 9 failed", 1, ["too many"]),
    ("statements are listed in a file", ["-o", str(MARK), "s=printf '1..2\\nok 1 - two\\nok 2 - one\\n'"],
     "2 passed, 0 failed", 0, []),
    ("with their suites, and sorted",
     [f"t=printf 's: one\\ns: two\\n' | cmp - {MARK} && rm {MARK} && echo ok && echo 1..1"], "1 passed, 0 failed", 0, []),
    ("a plan may come last", ["s=echo ok 1; echo 1..1"], "1 passed, 0 failed", 0, []),
    ("several plans in one output are added up",
     ["s=printf '1..1\\nok 1\\n1..2\\nok 1\\nok 2\\n'"], "3 passed, 0 failed", 0, []),
    ("TAP on standard error counts", ["s=printf '1..1\\nok 1\\n' >&2"], "1 passed, 0 failed", 0, []),
    ("a last line without its end counts", ["s=printf '1..1\\nok 1'"], "1 passed, 0 failed", 0, []),
    ("a failure counts and is explained", [ONE_BAD], "1 passed, 1 failed", 1, ["not ok 2 - two\n", "# because\n"]),
    ("what a test prints explains its own failure",
     ["s=printf '1..2\\nfine\\nok 1\\nwrong\\nnot ok 2 - two\\n'; exit 1"], "1 passed, 1 failed", 1, ["wrong\n      not ok 2"]),
    ("a failure counts even where the suite exits 0", ["s=printf '1..1\\nnot ok 1\\n'"], "0 passed, 1 failed", 1, []),
    ("a failure does not hide the suites behind it", [ONE_BAD, TWO_FINE], "3 passed, 1 failed", 1, []),
    ("a suite that is killed fails, and its last lines are shown", ["s=printf '1..1\\nok 1\\nhelp\\n'; kill -9 $$"],
     "1 passed, 1 failed", 1, ["SIGKILL", "help\n"]),
    ("a suite without a plan fails", ["s=echo ok 1"], "1 passed, 1 failed", 1, ["no plan"]),
    ("a suite that says nothing fails", ["s=:"], "0 passed, 1 failed", 1, ["no plan"]),
    ("a command that does not exist fails", ["s=/nonexistent"], "0 passed, 1 failed", 1, ["no plan", "/nonexistent"]),
    ("fewer results than planned fail", ["s=echo 1..2; echo ok 1"], "1 passed, 1 failed", 1, ["planned 2"]),
    ("more results than planned fail", ["s=echo 1..1; echo ok 1; echo ok 2"], "2 passed, 1 failed", 1, ["planned 1"]),
    ("an exit status without a failed test fails",
     ["s=echo 1..1; echo ok; exit 3"], "1 passed, 1 failed", 1, ["status 3"]),
    ("Bail out! fails", ["s=echo 1..1; echo ok; echo 'Bail out! no disk'"], "1 passed, 1 failed", 1, ["no disk"]),
    ("a suite that does not end is ended", ["s:1=echo 1..1; sleep 60"], "0 passed, 1 failed", 1, ["after 1 s"]),
    ("a suite that closes its output and does not end is ended", ["s:1=echo 1..1; echo ok; exec >&- 2>&-; sleep 60"],
     "1 passed, 1 failed", 1, ["after 1 s"]),
    ("the common time limit holds", ["-l", "1", "s=echo 1..1; sleep 60"], "0 passed, 1 failed", 1, ["after 1 s"]),
    ("a process left behind fails", ["s=echo 1..1; echo ok; sleep 60 &"], "1 passed, 1 failed", 1, ["left a process"]),
    ("a skip is listed with its reason", [TWO_FINE, "t=printf '1..1\\nok 1 - three # SKIP no moon\\n'"],
     "2 passed, 0 failed, 1 skipped", 0, ["t: three: no moon"]),
    ("a skipped plan is one skip", [TWO_FINE, "t=echo '1..0 # SKIP no moon'"],
     "2 passed, 0 failed, 1 skipped", 0, ["no moon"]),
    ("exit status 77 without results is one skip", [TWO_FINE, "t=echo no moon; exit 77"],
     "2 passed, 0 failed, 1 skipped", 0, ["t: all of it: no moon"]),
    ("exit status 77 with results is a failure", ["s=echo 1..2; echo ok 1; exit 77"], "1 passed, 1 failed", 1, []),
    ("cmocka's skip is a skip", [TWO_FINE, "t=printf '1..1\\nno moon\\nnot ok 1 # SKIP three\\n'"],
     "2 passed, 0 failed, 1 skipped", 0, ["t: three: no moon"]),
    ("nothing but skips is a failure", ["s=echo '1..0 # SKIP no moon'"], "0 passed, 0 failed, 1 skipped", 1, []),
    ("an empty plan is a failure", [TWO_FINE, "t=echo 1..0"], "2 passed, 1 failed", 1, ["no tests"]),
    ("no suite at all is a failure", [], "0 passed, 0 failed", 1, []),
    ("the words ok and plan inside a line mean nothing", ["s=printf '1..1\\nok 1\\n# ok 2\\n 1..9\\nokay\\n'"],
     "1 passed, 0 failed", 0, []),
)


def failure(arguments, closing, status, contained):
    """What is wrong with a run, or None."""
    environment = {name: value for name, value in os.environ.items() if name != "V"}
    result = subprocess.run([RUN, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, env=environment, timeout=30, check=False)
    last = result.stdout.splitlines()[-1]
    if last != closing:
        return f"closed with {last!r} instead of {closing!r}"
    if result.returncode != status:
        return f"exit status {result.returncode} instead of {status}"
    missing = [text for text in contained if text not in result.stdout]
    return f"{missing} is missing from: {result.stdout!r}" if missing else None


def main():
    print(f"1..{len(CASES)}")
    failures = 0
    for number, (statement, *case) in enumerate(CASES, 1):
        wrong = failure(*case)
        failures += wrong is not None
        print(f"{'not ok' if wrong else 'ok'} {number} - {statement}")
        if wrong:
            print(f"# {wrong}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
