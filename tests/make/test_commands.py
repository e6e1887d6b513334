#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What is typed: every command is in the manual, with the options that its help names and no others; help answers wherever
it is asked for; and bash and zsh complete what there is.

$BUILD is the build that is asked (build).
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

PROGRAM = TOP / os.environ.get("BUILD", "build") / "ftpalg"
MANUAL = (TOP / "doc/ftpalg.8").read_text()


def ftpalg(*words, status=0):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False, timeout=20)
    check(done.returncode == status, f"ftpalg {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def commands():
    return re.findall(r"^  (\S+) {2,}\S", ftpalg("help"), re.MULTILINE)


def section(title):
    return re.search(rf"^\.S[hs] {title}\n(.*?)^\.Sh ", MANUAL, re.MULTILINE | re.DOTALL)[1]


def options_in_help(command):
    """Those of the list of items, where each item begins in the third column."""
    found = set()
    for item in re.findall(r"^  (-\S.*?)(?: {2,}|$)", ftpalg(command, "--help"), re.MULTILINE):
        found |= set(re.findall(r"(?:^|, )(--?[\w-]+)", item))
    return found


def options_in_synopsis(command):
    found = set()
    for entry in section("SYNOPSIS").split("\n.Nm\n"):
        if re.match(rf"(\.Nm\n)?\.Cm {command}\b", entry):
            found |= {"--" + name for name in re.findall(r"\bFl Fl ([\w-]+)", entry)}
            found |= {"-" + letter for letters in re.findall(r"(?<!Fl )\bFl (?!Fl )(\w+)", entry) for letter in letters}
    return found


def every_command_has_an_entry():
    entries = re.findall(r"^\.It Cm (\w+)", section("Commands"), re.MULTILINE)
    check(set(entries) == set(commands()), f"the manual has {sorted(entries)}, the program {sorted(commands())}")
    check(len(entries) == len(set(entries)), f"one is there twice: {entries}")


def synopsis_and_help_agree():
    for command in commands():
        helped, manual = options_in_help(command), options_in_synopsis(command)
        check(re.search(rf"^\.Cm {command}\b", section("SYNOPSIS"), re.MULTILINE), f"{command} is not in the synopsis")
        check(helped == manual, f"{command}: --help only {sorted(helped - manual)}, manual only {sorted(manual - helped)}")


def options_are_described():
    """Beyond the synopsis, each is spoken of somewhere."""
    rest = MANUAL.replace(section("SYNOPSIS"), "")
    for command in commands():
        for option in options_in_help(command):
            word = f"Fl Fl {option[2:]}" if option.startswith("--") else f"Fl {option[1:]}"
            check(re.search(rf"\b{re.escape(word)}(?![\w-])", rest), f"{command} {option} is described nowhere")


def help_answers():
    for command in commands():
        said = ftpalg("help", command)
        check(said.startswith(f"usage: ftpalg {command}"), said)
        check(said == ftpalg(command, "--help") == ftpalg(command, "-h"), f"{command} says something else with --help or -h")
        check(all(len(line) <= 79 for line in said.splitlines()[1:]), f"too wide for a terminal:\n{said}")
    check(ftpalg("rules", "nft", "-h") == ftpalg("help", "rules"), "-h at the end of a line")
    check(ftpalg("--help") == ftpalg("-h") == ftpalg("help"), "-h, --help and help differ")
    check(all(len(line) <= 79 for line in ftpalg("help").splitlines()), f"too wide for a terminal:\n{ftpalg('help')}")


def version_names_what_is_there():
    said = ftpalg("version")
    check(said.startswith(ftpalg("--version")), said)
    for name in ("OpenSSL 3.", "libmnl 1.", "libpcap 1.", "nf_conntrack_sane ", "nfnetlink_queue "):
        check(name in said, f"there is no {name!r}:\n{said}")


def candidates(*words):
    return {line.split("\t")[0] for line in ftpalg("help", "--completion", *words).splitlines()}


def completion_is_the_table():
    check(candidates("") == set(commands()), candidates(""))
    for command in commands():
        missing = options_in_help(command) - candidates(command, "-")
        check(not missing, f"{command}: no completion of {missing}")
    check(candidates("rules", "") == {"nft", "iptables", "route"}, candidates("rules", ""))
    check(candidates("replay", "") == {":files"} == candidates("replay", "-c", ""), candidates("replay", ""))
    check(candidates("probe", "--token", "") == set(), candidates("probe", "--token", ""))
    check(candidates("nonsense", "") == set(), candidates("nonsense", ""))
    check("version" in candidates("help", ""), candidates("help", ""))
    check("--forward" in candidates("rules", "--help", "--f") and candidates("rules", "-h") >= {"-4", "-6"}, "it is no question")


class Shell:
    """bash, with the completion that is installed, at the end of a line."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def bash(self, line):
        words = line.split(" ")
        script = (f"source {TOP}/src/cmd/completion/ftpalg.bash; COMP_WORDS=({' '.join(word or repr('') for word in words)}); "
                  f"COMP_CWORD={len(words) - 1}; _ftpalg; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", script], cwd=self.directory, capture_output=True, text=True, check=False,
                              timeout=20, env={**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"})
        check(not done.stderr, done.stderr)
        return {word for word in done.stdout.splitlines() if word}

    def bash_completes(self):
        (self.directory / "a capture.pcap").write_text("")
        check(self.bash("ftpalg ru") == {"run", "rules"}, self.bash("ftpalg ru"))
        check(self.bash("ftpalg rules n") == {"nft"}, self.bash("ftpalg rules n"))
        check(self.bash("ftpalg rules nft --f") == {"--forward"}, self.bash("ftpalg rules nft --f"))
        check("a capture.pcap" in self.bash("ftpalg replay a"), self.bash("ftpalg replay a"))
        check(self.bash("ftpalg nonsense ") == set(), self.bash("ftpalg nonsense "))
        check(self.bash("/nonexistent/ftpalg r") == set(), "a program that is not there")

    def zsh(self, line):
        """What is given to zsh's own functions, which know nothing outside of a line that is edited."""
        words = " ".join(word or "''" for word in line.split(" "))
        script = ("_files() { print :files }; _describe() { print -l ${(P)3} }; "
                  f"words=({words}); CURRENT=$#words; source {TOP}/src/cmd/completion/_ftpalg")
        done = subprocess.run(["zsh", "-f", "-c", f"complete() {{ {script} }}; complete"], capture_output=True, text=True,
                              check=False, timeout=20, env={**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"})
        check(not done.stderr, done.stderr)
        return {candidate.split(":")[0] or candidate for candidate in done.stdout.splitlines()}

    def zsh_completes(self):
        if not shutil.which("zsh"):
            raise Skip("zsh is not installed")
        check(set(commands()) == self.zsh("ftpalg "), self.zsh("ftpalg "))
        check(self.zsh("ftpalg rules ") == {"nft", "iptables", "route"}, self.zsh("ftpalg rules "))
        check("--forward" in self.zsh("ftpalg rules nft -"), self.zsh("ftpalg rules nft -"))
        check(self.zsh("ftpalg replay ") == {":files"}, self.zsh("ftpalg replay "))
        check(self.zsh("ftpalg nonsense ") == set(), self.zsh("ftpalg nonsense "))


def statements(directory):
    yield "every command has one entry in the manual", every_command_has_an_entry
    yield "the manual's synopsis and --help have the same options", synopsis_and_help_agree
    yield "every option is described", options_are_described
    yield "help answers to help, --help and -h, in 79 columns", help_answers
    yield "version names the libraries and what the kernel has", version_names_what_is_there
    yield "what is completed is what the table has", completion_is_the_table
    shell = Shell(directory)
    yield "bash completes commands, words, options and files", shell.bash_completes
    yield "zsh is given the same", shell.zsh_completes


if __name__ == "__main__":
    sys.exit(run_statements(textwrap.dedent(__doc__), statements))
