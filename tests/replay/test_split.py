#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
tests/replay/test_split.py [SCHEDULES]: the cases in pcaps/ and the captures of others, between two peers that cut them at
every byte, and then lose, repeat, reorder and cut them in SCHEDULES ways (40 unless given) with fixed seeds. What was
decided and what arrived must be the same each time (tests/replay/split.c). Prints TAP.

SPLIT names the program; FTPALG_SHARED_PCAPS a directory with captures made by others (../shared/pcaps unless set).
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SPLIT = os.environ.get("SPLIT", os.path.join(TOP, "build", "tests", "replay", "split"))
SHARED = os.environ.get("FTPALG_SHARED_PCAPS", os.path.join(TOP, "..", "shared", "pcaps"))
NOTHING_TO_DO = 77
DEMANDED = 10_000


def load_generate():
    loader = importlib.machinery.SourceFileLoader("generate", os.path.join(HERE, "generate"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


generate = load_generate()


def case_command(name, schedules):
    """The arguments of ftpalg replay that are the peers' business are the same here."""
    command = [SPLIT, "-s", schedules]
    configuration = os.path.join(generate.CASES, name, "ftpalg.conf")
    if os.path.exists(configuration):
        command += ["-c", configuration]
    arguments = iter(generate.read_case(name).arguments)
    for argument in arguments:
        if argument == "--checksums":
            command.append("-k")
        else:
            command += [{"--nat": "-n", "--port": "-p"}[argument], next(arguments)]
    return [*command, os.path.join(generate.CASES, name, "in.pcap")]


def main():
    schedules = sys.argv[1] if len(sys.argv) > 1 else "40"
    runs = [(name, case_command(name, schedules)) for name in generate.case_names()]
    if os.path.isdir(SHARED):
        runs += [(f"captures of others: {file[:-5]}", [SPLIT, "-s", schedules, os.path.join(SHARED, file)])
                 for file in sorted(os.listdir(SHARED)) if file.endswith(".pcap")]
    else:
        runs.append(("captures of others", None))
    print(f"1..{len(runs) + 1}", flush=True)
    conversations, failed = 0, 0
    for number, (name, command) in enumerate(runs, 1):
        statement = f"{number} - {name}: decisions and text do not depend on cuts, loss, repetition and order"
        if command is None:
            print(f"ok {statement} # SKIP FTPALG_SHARED_PCAPS names no directory of captures", flush=True)
            continue
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode == NOTHING_TO_DO:
            print(f"ok {statement} # SKIP nothing is said in it", flush=True)
            continue
        print(f"{'not ok' if result.returncode else 'ok'} {statement}", flush=True)
        if result.returncode:
            failed += 1
            for line in result.stderr.splitlines():
                print(f"# {line}", flush=True)
        conversations += int(result.stdout or 0)
    enough = conversations >= DEMANDED
    print(f"{'ok' if enough else 'not ok'} {len(runs) + 1} - there were at least {DEMANDED} conversations")
    print(f"# {conversations} conversations")
    return 1 if failed or not enough else 0


if __name__ == "__main__":
    sys.exit(main())
