#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
tests/report/test_report.py: ftpalg report, on the page and on the terminal. Prints TAP.

Each case of pcaps/ and each capture made by others gives a page that is well-formed, self-contained and without a
password, whatever its peers said. The text of some is in tests/report/golden/NAME.txt; --golden writes that anew. Chromium
opens some of the pages (browser.mjs); its screenshots are in build/report/.

FTPALG names the program, FTPALG_SHARED_PCAPS a directory with captures made by others (../shared/pcaps unless set),
FTPALG_NODE the one where tests/report/fetch-packages has put the packages for the browser (build/node unless set).
"""

import json
import os
import pty
import re
import shutil
import subprocess
import sys

import captures
import page

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
# pylint: disable=wrong-import-position
from statements import Skip, check, run_statements

TOP = captures.TOP
GOLDEN = os.path.join(HERE, "golden")
FTPALG = os.environ.get("FTPALG", os.path.join(TOP, "build", "ftpalg"))
SHARED = os.environ.get("FTPALG_SHARED_PCAPS", os.path.join(TOP, "..", "shared", "pcaps"))
NODE = os.environ.get("FTPALG_NODE", os.path.join(TOP, "build", "node"))
SCREENSHOTS = os.path.join(TOP, "build", "report")
BROWSER_SECONDS = 600

# Case, locale, columns.
GOLDEN_TEXTS = [
    ("plain-session", "C.UTF-8", 100), ("snat-port-grows", "C.UTF-8", 110), ("a01-bounce-snat", "C", 90),
    ("dnat-227-grows", "C.UTF-8", 120), ("auth-tls-explicit", "C", 80), ("a24-http-after-greeting", "C.UTF-8", 80),
    ("a35-pipelined", "C", 100), ("a34-split-slowly", "C.UTF-8", 100), ("a54-log-injection", "C.UTF-8", 100),
    ("a80-mid-stream", "C", 100), ("missing-bytes", "C.UTF-8", 100), ("ipv6-eprt-nat", "C.UTF-8", 60),
]
# Passwords that are not also something else that was said.
SAID_IN_CLEAR = re.compile(rb"(?im)^(?:PASS|ACCT|ADAT)[ \t]+([^\r\n]{4,})\r?\n")
COMMON = {b"ftp@", b"anonymous", b"XXXX", b"test", b"guest"}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def run(arguments, stdin=None, environment=None):
    return subprocess.run([FTPALG, "report", *arguments], input=stdin, capture_output=True, check=False,
                          env={**os.environ, **(environment or {})})


def case_command(name):
    """The arguments of a case, without what is for replay only."""
    dialogue = captures.generate.read_case(name)
    return captures.generate.command(name, dialogue, None)[2:], dialogue.status


class Reported:
    """A capture, reported once for several statements."""

    def __init__(self, directory, name, arguments=(), capture=None, path=None):
        self.directory, self.name, self.arguments, self.capture = directory, name, list(arguments), capture
        self.path = path
        self.made = None

    def run(self):
        if self.made is None:
            if self.capture is not None:
                self.path = os.path.join(self.directory, f"{self.name}.pcap")
                with open(self.path, "wb") as file:
                    file.write(self.capture)
            self.page_path = os.path.join(self.directory, f"{self.name}.html")
            arguments = [*self.arguments, *([self.path] if self.path else [])]
            self.made = run(["-o", self.page_path, "--text", *arguments], environment={"LC_ALL": "C.UTF-8"})
            self.html = read(self.page_path).decode() if os.path.exists(self.page_path) else ""
            self.text = self.made.stdout.decode()
        return self

    def parsed(self):
        return page.Page(self.run().html)


def check_pages(reported, status, secrets=()):
    made = reported.run().made
    check(made.returncode == status, f"exit status {made.returncode}: {made.stderr.decode()}")
    parsed = reported.parsed()
    check(not parsed.wrong, "; ".join(parsed.wrong[:5]))
    for secret in secrets:
        check(secret not in reported.html and secret not in reported.text and secret not in made.stderr.decode(),
              f"{secret!r} can be read")
    for form in (parsed.text(), reported.text):
        check(not re.search(r"(?i)\bPASS +(?!\*\*\*\*|X+\b|Done)\S", form), "a PASS has an argument")
    check(all(ord(character) >= 32 or character == "\n" for character in reported.text), "a control character")
    check(all(ord(character) >= 32 or character in "\n\t" for character in reported.html), "a control character")
    check(not re.search("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", reported.html + reported.text), "it turns text")


def find_secrets(capture):
    return [secret.decode(errors="replace") for secret in set(SAID_IN_CLEAR.findall(capture)) if secret not in COMMON]


def check_case(reported, status):
    check_pages(reported, status, find_secrets(read(os.path.join(captures.generate.CASES, reported.name, "in.pcap"))))


def check_shared(directory, name):
    path = os.path.join(SHARED, f"{name}.pcap")
    if not os.path.exists(path):
        raise Skip(f"FTPALG_SHARED_PCAPS names no directory with {name}.pcap")
    check_pages(Reported(directory, name, path=path), 0, find_secrets(read(path)))


def golden_text(name, locale, columns):
    arguments, _ = case_command(name)
    return run(["--text", *arguments], environment={"LC_ALL": locale, "COLUMNS": str(columns)}).stdout


def check_golden(name, locale, columns):
    seen, expected = golden_text(name, locale, columns), read(os.path.join(GOLDEN, f"{name}.txt"))
    for number, (one, other) in enumerate(zip(expected.splitlines(), seen.splitlines()), 1):
        check(one == other, f"line {number}: expected\n{one.decode()}\nsaw\n{other.decode()}")
    check(seen == expected, "one has more lines than the other")
    widths = {len(line.decode()) for line in seen.splitlines() if "220 " in line.decode()}
    check(widths <= {columns}, f"lines are {widths} wide")


def check_hostile(reported):
    check_pages(reported, 0, ["secret-of-many"])
    text = reported.parsed().text()
    for words in captures.HOSTILE:
        check(words in text, f"{words!r} is not on the page as it was said")
        check(words in reported.text, f"{words!r} is not in the text as it was said")
    for words in ("\\xff\\xfe\\xc0\\xaf\\xed\\xa0\\x80", "\\xe2\\x80\\xaeevil\\xe2\\x81\\xa6x\\xd8\\x9c\\xe2\\x80\\xa8y",
                  "naïve — 漢字 🙂", "\\x1b[31mred\\x07", "a\\x00b</script>"):
        check(words in text, f"{words!r} is not on the page")
        check(words in reported.text, f"{words!r} is not in the text")


def check_secrets(directory):
    capture, secrets = captures.secrets()
    reported = Reported(directory, "secrets", capture=capture)
    check_pages(reported, 0, secrets)
    check("pass ****" in reported.text.lower() and "530 PASS **** is wrong" in reported.text, "nothing is masked")
    reported = Reported(directory, "adopted", capture=captures.adopted_password())
    check_pages(reported, 0, ["tail-of-a-secret"])
    configuration = os.path.join(directory, "tls.conf")
    with open(configuration, "w", encoding="ascii") as file:
        file.write("[policy]\ntls = require\n")
    reported = Reported(directory, "refused", ["-c", configuration], captures.refused_password())
    check_pages(reported, 0, ["refused-secret"])
    check("tls-required" in reported.text, f"it was not refused: {reported.text}")


def check_transfers(reported):
    check_pages(reported, 0)
    text = re.sub(r"\s+", " ", re.sub("[│•]", " ", reported.text))
    for words in ("RETR pub/archive.tar.gz: 123.4 kB to the client in 0.123 s (1.00 MB/s), complete; through pinhole 1",
                  "STOR up.bin: 5.00 kB to the server in 0.004 s (1.25 MB/s), complete; through pinhole 2",
                  "RETR cut: 2.50 kB to the client in 0.002 s (1.25 MB/s), cut by a reset; through pinhole 3",
                  "10 bytes to a third host in 0.000 s, complete; no pinhole was open for it",
                  "3 transfers, 130.9 kB of data, 1 refusal"):
        check(words in text, f"{words!r} is not in {text}")
    check('data-name="Data" data-value="123456"' in reported.html, "the page has another number of bytes")


def check_left_tls(directory):
    reported = Reported(directory, "left", captures.NAT, captures.left_tls())
    check_pages(reported, 0)
    text = re.sub(r"\s+", " ", re.sub("[│•]", " ", reported.text))
    for words in ("TLS, 202 bytes from the client and 307 bytes from the server", "PWD", "In clear again",
                  "PORT 10.0.0.5:50000 becomes 198.51.100.1:50000", '257 "/"', "221 bye"):
        check(words in text, f"{words!r} is not in {text}")
    check("PORT 1,2" not in text, "what is encrypted is taken for lines")


def check_limits(directory):
    reported = Reported(directory, "crowd", capture=captures.many(1003, []))
    check_pages(reported, 0)
    for form in (reported.parsed().text(), reported.text):
        check("3 more sessions are counted, but not shown" in form, "nothing says that sessions are missing")
    reported = Reported(directory, "chatter", capture=captures.many(1, ["C> NOOP⏎", "S> 200 ok⏎"] * 3000))
    check_pages(reported, 0)
    check("The ladder goes on" in reported.parsed().text() and "The ladder goes on" in reported.text,
          "nothing says that the ladder is cut")
    check(reported.text.count("NOOP") < 3000, "the ladder is not cut")


def check_truncated(directory):
    arguments, status = case_command("file-truncated")
    reported = Reported(directory, "truncated", arguments)
    check(status == 1, "the case is another one")
    check_pages(reported, 1)
    for form in (reported.parsed().text(), re.sub(r"\s+", " ", reported.text), reported.made.stderr.decode()):
        check("can't be read beyond its packet" in form, f"it does not say so: {form}")
    check("PORT 198,51,100,1,195,80" in reported.text, "what came before is not shown")


def check_without_ftp(directory):
    arguments, _ = case_command("no-ftp")
    reported = Reported(directory, "nothing", arguments)
    check_pages(reported, 1)
    for form in (reported.parsed().text(), reported.text):
        check("There is no control connection in this capture" in form, f"it does not say so: {form}")


def check_stdin(directory):
    path = os.path.join(captures.generate.CASES, "active-routed", "in.pcap")
    named = run(["-o", "-", path])
    piped = run(["-o", "-", "-"], read(path))
    check(named.returncode == piped.returncode == 0, piped.stderr.decode())
    check(piped.stdout.replace(b"standard input", b"in.pcap") == named.stdout, "another page than from the file")
    out = os.path.join(directory, "written.html")
    run(["-o", out, path])
    check(read(out) == named.stdout, "another page in a file than on standard output")


def check_same(directory):
    path = os.path.join(captures.generate.CASES, "snat-port-grows", "in.pcap")
    arguments = ["--nat", "10.0.0.5=198.51.100.1", "--cut", "5", "--reorder", "--seed", "7", path]
    pages = {run(["-o", "-", *arguments]).stdout for _ in range(3)}
    check(len(pages) == 1, "the same command gives different pages")
    texts = {run(["--text", *arguments[:2], path]).stdout.count(b"PORT 198,51,100,1"),
             run(["--text", *arguments]).stdout.count(b"PORT 198,51,100,1")}
    check(texts == {2}, f"cut anew it shows {texts} rewritten lines")
    del directory


def check_usage(directory):
    path = os.path.join(directory, "precious.pcap")
    shutil.copy(os.path.join(captures.generate.CASES, "active-routed", "in.pcap"), path)
    before = read(path)
    for arguments in ([], [path], ["-o", "x"], ["--text"], ["--text", "a", "b"], ["--text", "-o", "-", path],
                      ["-o", path, path], ["--text", "--nat", "1.2.3.4", path], ["--text", "--cut", "0", path], ["--unknown"]):
        result = run(arguments)
        check(result.returncode == 2 and result.stderr, f"{arguments}: exit status {result.returncode}")
    check(read(path) == before, "the capture was overwritten")
    for arguments in (["-o", os.path.join(directory, "none", "x.html"), path], ["--text", os.path.join(directory, "none")],
                      ["-o", "/dev/full", path]):
        result = run(arguments)
        check(result.returncode == 1 and result.stderr, f"{arguments}: exit status {result.returncode}")


def on_terminal(arguments, environment):
    """What the program writes to a terminal of 72 columns."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        subprocess.run(["stty", "cols", "72", "rows", "24"], stdin=follower, check=True)
        with subprocess.Popen([FTPALG, "report", *arguments], stdout=follower, stderr=subprocess.DEVNULL,
                              env={**os.environ, "TERM": "xterm", **environment}) as process:
            os.close(follower)
            written = b""
            try:
                while chunk := terminal.read(65536):
                    written += chunk
            except OSError:  # the other end is closed
                pass
            process.wait()
    return written.decode()


def check_terminal():
    arguments = ["--text", *captures.NAT, os.path.join(captures.generate.CASES, "a01-bounce-snat", "in.pcap")]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    coloured = on_terminal(arguments, {**environment, "LC_ALL": "C.UTF-8"})
    plain = on_terminal(arguments, {**environment, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"})
    check("\x1b[" in coloured, "no colour on a terminal")
    check("\x1b[" not in plain, "colour in spite of NO_COLOR")
    check(re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain, "colour changes more than colour")
    check({len(line) for line in plain.splitlines() if "│" in line} == {72}, "not the width of the terminal")
    check("\x1b" not in run(arguments).stdout.decode(), "colour in a file")
    ascii_only = run(arguments, environment={"LC_ALL": "C"}).stdout
    check(max(ascii_only) < 128 and b"|" in ascii_only, "more than ASCII in a locale that has no more")


def find_browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        raise Skip("chromium is not installed")
    if not shutil.which("node"):
        raise Skip("node is not installed")
    for package in ("playwright-core", "axe-core"):
        if not os.path.isdir(os.path.join(NODE, "node_modules", package)):
            raise Skip(f"{package} is not in {NODE}; tests/report/fetch-packages brings it")
    return chromium


class Browser:
    """Runs browser.mjs once and hands out what it found, by statement."""

    def __init__(self, reports):
        self.reports = reports
        self.results = None
        self.errors = ""

    def run(self):
        chromium = find_browser()
        if self.results is None:
            self.results = {}
            os.makedirs(SCREENSHOTS, exist_ok=True)
            pages = [f"{name}={reported.run().page_path}" for name, reported in self.reports.items()]
            made = subprocess.run(["node", os.path.join(HERE, "browser.mjs"), NODE, chromium, SCREENSHOTS, *pages],
                                  capture_output=True, timeout=BROWSER_SECONDS, check=False)
            for line in made.stdout.decode().splitlines():
                result = json.loads(line)
                self.results[result["name"]] = result
            self.errors = made.stderr.decode()
        return self.results

    def check(self, name):
        results = self.run()
        check(name in results, f"the browser came to no result: {self.errors[-2000:]}")
        check(results[name]["ok"], results[name].get("why", ""))

    def check_print(self, name):
        self.check(f"{name} prints")
        if not shutil.which("pdftotext"):
            raise Skip("pdftotext (poppler-utils) is not installed")
        path = os.path.join(SCREENSHOTS, f"{name}.pdf")
        printed = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, check=True).stdout.decode()
        printed, sessions = re.sub(r"\s", "", printed), self.reports[name].parsed().text().count("Ladder\n")
        last = re.findall(r"([0-9.]{8,})", self.reports[name].text)[-1]
        check(last in printed, f"the last row, {last}, is not printed")
        check(printed.count("gateway") >= sessions, "a ladder is not printed")

    def statements(self):
        for name in self.reports:
            for width in (390, 1440):
                for scheme in ("light", "dark"):
                    yield f"{name} is in order at {width} pixels, {scheme}"
        yield "the page says the same without a script"
        yield "everything can be reached and sorted with the keyboard"
        yield "sessions are found by what they say"
        yield "a link to a finding opens its ladder"


def statements(directory):
    for name in captures.generate.case_names():
        arguments, status = case_command(name)
        reported = Reported(directory, name, arguments)
        yield f"{name}: is a page and a text without a password", lambda r=reported, s=status: check_case(r, s)
    for name in sorted(file[:-5] for file in os.listdir(SHARED) if file.endswith(".pcap")) if os.path.isdir(SHARED) else ["all"]:
        yield f"captures of others: {name} is a page and a text without a password", lambda n=name: check_shared(directory, n)
    for name, locale, columns in GOLDEN_TEXTS:
        yield (f"{name}: is drawn as expected in {columns} columns of {locale}",
               lambda n=name, l=locale, c=columns: check_golden(n, l, c))
    hostile = Reported(directory, "hostile", capture=captures.hostile())
    transfers = Reported(directory, "transfers", captures.NAT, captures.transfers())
    many = Reported(directory, "many", captures.NAT, captures.merge_cases())
    yield "what peers say is shown and does nothing", lambda: check_hostile(hostile)
    yield "passwords never appear", lambda: check_secrets(directory)
    yield "transfers have their size, rate and end", lambda: check_transfers(transfers)
    yield "what is said in clear behind TLS is shown", lambda: check_left_tls(directory)
    yield "many sessions are one page", lambda: check_pages(many, 0)
    yield "a report says where it is cut", lambda: check_limits(directory)
    yield "a truncated capture is reported up to its last whole packet, and says so", lambda: check_truncated(directory)
    yield "a capture without FTP says so", lambda: check_without_ftp(directory)
    yield "a capture may come from standard input, and a page go to standard output", lambda: check_stdin(directory)
    yield "the same command gives the same bytes", lambda: check_same(directory)
    yield "a command line that makes no sense, and what can't be written, is named", lambda: check_usage(directory)
    yield "a terminal gives its width and gets colour, unless NO_COLOR is set", check_terminal
    browser = Browser({"transfers": transfers, "hostile": hostile, "many": many})
    for statement in browser.statements():
        yield statement, lambda s=statement: browser.check(s)
    for name in browser.reports:
        yield f"{name} prints, and nothing is cut", lambda n=name: browser.check_print(n)


def write_golden():
    os.makedirs(GOLDEN, exist_ok=True)
    for name, locale, columns in GOLDEN_TEXTS:
        with open(os.path.join(GOLDEN, f"{name}.txt"), "wb") as file:
            file.write(golden_text(name, locale, columns))


if __name__ == "__main__":
    sys.exit(run_statements(__doc__, statements, "writes the expected texts", write_golden))
