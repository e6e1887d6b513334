#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What make makes of a host that lacks something, and what make install brings: a program built on the library with nothing
but pkg-config, manuals that mandoc likes, one version everywhere, and nothing that uninstall leaves.

$BUILD is the build that is installed (build).
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

from statements import Skip, check, run_statements

BUILD = os.environ.get("BUILD", "build")
VERSION = re.search(r"^VERSION := (\S+)$", (TOP / "Makefile").read_text(), re.MULTILINE)[1]
DIALOGUE = """\
S: 220 ready
C: USER anonymous
S: 331 password
C: PASS me@
S: 230 welcome
C: PORT 10,0,0,5,195,149
S: 200 fine
C: PORT 192,0,2,1,0,25
S: 501 syntax
C: PASV
S: 227 Entering Passive Mode (203,0,113,9,156,65)
"""
JUDGED = """\
S: 220 ready
C: USER anonymous
S: 331 password
C: PASS me@
S: 230 welcome
C: PORT 10,0,0,5,195,149
  offer 10.0.0.5:50069, announced as 198.51.100.1:50069
  leaves as PORT 198,51,100,1,195,149
S: 200 fine
C: PORT 192,0,2,1,0,25
  refused, foreign-address: the offer names a host other than the peer that made it (FTP bounce)
  leaves as PORT XXXXXXXXXXXXXX
S: 501 syntax
C: PASV
S: 227 Entering Passive Mode (203,0,113,9,156,65)
  offer 203.0.113.9:40001, announced as 203.0.113.9:40001
"""


def run(*command, text=None, **environment):
    """Runs a command in the top directory; a failure of it is one of the statement."""
    done = attempt(*command, text=text, **environment)
    check(done.returncode == 0, f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def attempt(*command, text=None, **environment):
    return subprocess.run([str(word) for word in command], cwd=TOP, input=text, capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})


def make(*arguments, **environment):
    return attempt("make", "-s", f"BUILD={BUILD}", *arguments, **environment)


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def complaint(done):
    check(done.returncode != 0, "make went on without it")
    return next((line for line in done.stderr.splitlines() if "make setup" in line), f"no word of make setup:\n{done.stderr}")


def packages_named(text):
    return set(re.search(r"Debian has it in: ([^.]*(?:\.\S[^.]*)*)\. ", text + " ")[1].split())


class Missing:
    """A host that lacks something."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def all_libraries(self):
        named = packages_named(complaint(make("all", PKG_CONFIG_LIBDIR="/nonexistent", PKG_CONFIG_PATH="")))
        setup = re.findall(r"[\w.-]+", (TOP / "tests/tools/setup").read_text())
        check(len(named) >= 9, f"too few: {named}")
        check(not (foreign := [name for name in named if name not in setup]), f"make setup does not know {foreign}")

    def one_library(self):
        fake = script(self.directory / "one-missing", 'case "$*" in *libpcap*) exit 1;; esac\nexec pkg-config "$@"\n')
        said = complaint(make("all", f"PKG_CONFIG={fake}"))
        check(packages_named(said) == {"libpcap-dev"}, said)

    def cmocka(self):
        fake = script(self.directory / "no-cmocka", 'case "$*" in *cmocka*) exit 1;; esac\nexec pkg-config "$@"\n')
        said = complaint(make("unit-programs", f"PKG_CONFIG={fake}"))
        check(packages_named(said) == {"libcmocka-dev"}, said)
        check(make("-n", "all", f"PKG_CONFIG={fake}").returncode == 0, "the program itself needs no cmocka")

    def tools(self):
        said = complaint(make("all", "CC=/nonexistent/cc", "PKG_CONFIG=/nonexistent/pkg-config"))
        check(packages_named(said) == {"gcc", "pkgconf"}, said)

    def setup_goes_on(self):
        done = make("-n", "setup", CC="/nonexistent/cc", PKG_CONFIG_LIBDIR="/nonexistent", PKG_CONFIG_PATH="")
        check(done.returncode == 0, done.stderr)


class Flags:
    """What the compiler is asked for."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def compile_line(self, *arguments):
        done = attempt("make", "-n", "-B", f"BUILD={self.directory}/none", "V=1", *arguments)
        check(done.returncode == 0, done.stderr)
        return next(line for line in done.stdout.splitlines() if " -c -o " in line).split()

    def unknown_flag(self):
        fake = script(self.directory / "cc-other", 'case " $* " in *" -fcf-protection "*) exit 1;; esac\nexec cc "$@"\n')
        line = self.compile_line(f"CC={fake}")
        check("-fcf-protection" not in line, f"it is used all the same: {line}")
        check("-fstack-protector-strong" in line and "-fPIE" in line, f"the others have gone too: {line}")

    def same_on_this_host(self):
        flag, known = "-fstack-clash-protection", attempt("cc", "-Werror", "-fstack-clash-protection", "-S", "-o", "-",
                                                          "-x", "c", "/dev/null")
        check((flag in self.compile_line("CC=cc")) == (known.returncode == 0), "the compiler and make disagree")


class Lint:
    """Which files are asked about: clang-tidy is one that always finds something, but for the first time."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory) / "lint"

    def result(self, text, answer="a finding", version="1"):
        (self.directory / "file.c").write_text(text)
        script(self.directory / "clang-tidy", f'[ "$1" != --version ] || exec echo {version}\nprintf "%s" "{answer}"\n')
        done = attempt("tests/tools/lint", self.directory / "file.c", LINT_MARKS=str(self.directory / "marks"),
                       PATH=f"{self.directory}:{os.environ['PATH']}")
        return next(line for line in done.stdout.splitlines() if "clang-tidy has nothing" in line).startswith("ok")

    def marks(self):
        self.directory.mkdir()
        text = "#define ONE 1\nint one(void);\nint one(void)\n{\n\treturn ONE; /* it is */\n}\n"
        check(not self.result(text) and not self.result(text), "a finding was forgotten")
        check(self.result(text, answer=""), "there is nothing to say")
        check(self.result(text), "it was asked again")
        for what, changed in (("comment", text.replace("it is", "NOLINT")), ("definition", text.replace("E 1", "E 2")),
                              ("place", "\n" + text)):
            check(not self.result(changed), f"a {what} changed and it was not asked")
        check(not self.result(text, version="2"), "another clang-tidy was not asked")


def compile_commands(directory):
    """In place, but what somebody's editor uses is put back."""
    path = TOP / "compile_commands.json"
    before = path.read_text() if path.exists() else None
    done = attempt("make", "-s", "-B", f"BUILD={directory}/none", path.name, "CC=cc")
    check(done.returncode == 0, done.stderr)
    entries = json.loads(path.read_text())
    path.unlink()
    if before is not None:
        path.write_text(before)
    files = {entry["file"] for entry in entries}
    wanted = {str(path.relative_to(TOP)) for path in (TOP / "src").rglob("*.c")}
    check(wanted <= files, f"missing: {wanted - files}")
    example = next(entry for entry in entries if entry["file"] == "src/cmd/main.c")
    run("/bin/sh", "-c", re.sub(r"-MMD .* (?=\S+$)", "-fsyntax-only ", example["command"]))


def one_make_at_a_time(directory):
    """What is built with is a program that wants to be alone for a while."""
    directory = pathlib.Path(directory)
    builder = script(directory / "builder", f"mkdir {directory}/busy || exit 1\nsleep 0.3\nrmdir {directory}/busy\n"
                                            f"echo >>{directory}/built\n")
    done = attempt("make", "-s", "-j4", f"BUILD={directory}/none", f"MAKE={builder}", "RUN=true", "check-pure", "check-unit",
                   "check-replay", "check-split")
    check(done.returncode == 0, done.stderr)
    check(len((directory / "built").read_text()) == 5, "not all was built")


def newest_change_is_this_version():
    newest = re.search(r"^## (\S+?),", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    check(newest == VERSION, f"CHANGELOG.md begins with {newest}, the Makefile says {VERSION}")


class Installed:
    """The tree that make install brings, below a directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self._root = self.directory / "root"

    @property
    def root(self):
        if not self._root.exists():
            done = make("install", f"DESTDIR={self._root}")
            check(done.returncode == 0, done.stderr)
        return self._root

    def install(self):
        for path in ("sbin/ftpalg", "lib/libftpalg.a", "lib/pkgconfig/ftpalg.pc", "share/man/man3/libftpalg.3",
                     "share/man/man8/ftpalg.8", "share/man/man5/ftpalg.conf.5", "share/doc/ftpalg/doc/example-embed.c",
                     "share/bash-completion/completions/ftpalg", "share/zsh/site-functions/_ftpalg"):
            check((self.root / "usr" / path).exists(), f"{path} is not there")
        installed = {path.name for path in (self.root / "usr/include/ftpalg").iterdir()}
        check(installed == {path.name for path in (TOP / "include/ftpalg").iterdir()}, f"not the headers: {installed}")

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, "ftpalg", PKG_CONFIG_PATH=str(self.root / "usr/lib/pkgconfig"),
                   PKG_CONFIG_SYSROOT_DIR=str(self.root)).split()

    def version(self):
        told = {"ftpalg --version": run(self.root / "usr/sbin/ftpalg", "--version").split()[-1],
                "ftpalg.pc": self.pkg_config("--modversion")[0]}
        for manual in (self.root / "usr/share/man").glob("*/*"):
            told[manual.name] = re.search(r"^\.Os ftpalg (.*)$", manual.read_text(), re.MULTILINE)[1]
        check(set(told.values()) == {VERSION}, f"not {VERSION}: {told}")

    def headers(self):
        """A header that needs another one first would stop the first program that includes it alone."""
        for header in sorted((self.root / "usr/include/ftpalg").iterdir()):
            source = self.directory / "alone.c"
            source.write_text(f"#include <ftpalg/{header.name}>\nextern int none;\n")
            run("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", source,
                *self.pkg_config("--cflags"))

    def example(self):
        """Copied out first: what it is compiled from is the installed tree and nothing else."""
        source = shutil.copy(self.root / "usr/share/doc/ftpalg/doc/example-embed.c", self.directory)
        check(len(pathlib.Path(source).read_text().splitlines()) < 100, "the example is no longer short")
        program = self.directory / "example-embed"
        run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", source, *self.pkg_config("--cflags", "--libs"), "-o", program)
        return program

    def example_judges(self):
        said = run(self.example(), text=DIALOGUE)
        check(said == JUDGED, f"it says\n{said}")
        said = run(self.directory / "example-embed", text="C: GET / HTTP/1.1\nC: USER anonymous\n")
        check(re.fullmatch(r"C: GET / HTTP/1.1\n(  .*\n)?  ends the connection, client-first: .*\n", said), f"it says\n{said}")

    def example_of_manual(self):
        manual = (TOP / "doc/libftpalg.3").read_text()
        shown = re.search(r"^\$ (printf .*) \| \./example-embed\n(.*?)^\.Ed", manual, re.MULTILINE | re.DOTALL)
        text = run("/bin/sh", "-c", shown[1].replace(r"\e", "\\"))
        said = run(self.example(), text=text)
        check(said == shown[2], f"it says\n{said}and the manual\n{shown[2]}")

    def uninstall(self):
        done = make("uninstall", f"DESTDIR={self.root}")
        check(done.returncode == 0, done.stderr)
        left = [str(path.relative_to(self.root)) for path in self.root.rglob("*")
                if not path.is_dir() or "ftpalg" in path.name]
        check(not left, f"left: {left}")


def manuals_are_correct():
    if not shutil.which("mandoc"):
        raise Skip("mandoc is not installed")
    run("mandoc", "-T", "lint", "-W", "warning", *sorted((TOP / "doc").glob("*.[358]")))
    # Style too, but for cross references, which are looked up on this host.
    done = attempt("mandoc", "-T", "lint", TOP / "doc/libftpalg.3")
    said = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
    check(not said, "\n".join(said))


class Upgrade:
    """Of the Debian package, by what its scripts do to whom they find."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory) / "package"

    def restarts_nothing(self):
        if not shutil.which("dh_installsystemd"):
            raise Skip("there is no dh_installsystemd")
        shutil.copytree(TOP / "debian", self.directory / "debian")
        (self.directory / "debian/ftpalg").mkdir()
        (self.directory / "debian/libftpalg-dev").mkdir()
        run("make", "-s", "-C", self.directory, "-f", "debian/rules", "override_dh_installsystemd")
        made = [path.read_text() for path in self.directory.rglob("*.service") if path.name.startswith(("p", "n"))]
        check(any("deb-systemd-invoke" in text for text in made), "debhelper made no script")
        check(not any("restart" in text for text in made), "\n".join(made))

    def replaces_the_program(self):
        """A program whose file is gone is asked to become the new one, and one that was just started is left alone."""
        program = self.directory / "program"
        self.directory.mkdir(exist_ok=True)
        for gone in (False, True):
            shutil.copy(shutil.which("sleep"), program)
            with subprocess.Popen([program, "10"]) as process:
                script(self.directory / "systemctl", f"[ \"$1\" = show ] && echo {process.pid}\n")
                if gone:
                    os.replace(shutil.copy(program, f"{program}.new"), program)
                run("sh", TOP / "debian/ftpalg.postinst", "configure", "0.1", PATH=f"{self.directory}:{os.environ['PATH']}")
                if not gone:
                    process.terminate()
                ended = process.wait()
                check(ended == -(signal.SIGUSR2 if gone else signal.SIGTERM), f"its file is gone: {gone}; it ended by {-ended}")


def statements(directory):
    missing, flags, installed = Missing(directory), Flags(directory), Installed(directory)
    yield "without the libraries, make names the packages, which make setup installs", missing.all_libraries
    yield "without one library, make names its package and no other", missing.one_library
    yield "without cmocka, only the unit tests are not built", missing.cmocka
    yield "without a compiler and pkg-config, make names both", missing.tools
    yield "make setup needs nothing of that", missing.setup_goes_on
    yield "a flag that the compiler does not have is left out, the others stay", flags.unknown_flag
    yield "and one that it has is used", flags.same_on_this_host
    yield "make install brings the program, the library, its headers and the manuals", installed.install
    yield "the program, the library and each manual have the version of the Makefile", installed.version
    yield "each header can be included alone", installed.headers
    yield "a program on top of the library, built with pkg-config alone, judges a dialogue", installed.example_judges
    yield "and prints what libftpalg(3) shows", installed.example_of_manual
    yield "make uninstall leaves nothing", installed.uninstall
    yield "lint asks about a file until there is nothing to say, and again when it changes", Lint(directory).marks
    yield "of several checks at a time, one builds after the other", lambda: one_make_at_a_time(directory)
    yield "CHANGELOG.md begins with this version", newest_change_is_this_version
    yield "make compile_commands.json says how each file is compiled", lambda: compile_commands(directory)
    yield "mandoc has nothing to say about the manuals", manuals_are_correct
    upgrade = Upgrade(directory)
    yield "an upgrade of the package restarts nothing", upgrade.restarts_nothing
    yield "and a program whose file is gone becomes the new one", upgrade.replaces_the_program


if __name__ == "__main__":
    sys.exit(run_statements(textwrap.dedent(__doc__), statements))
