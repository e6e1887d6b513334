#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
How fast control connections pass, and what one costs: this gateway beside plain NAT, programs that accept every queued
packet unread, and other FTP helpers (routers.py).

64 clients log in, offer a port, say QUIT, and begin again (load.c), through SNAT that makes host-ports longer, so each
session has a lookup, a pinhole that nobody uses, and an edit with a sequence adjustment. All stand side by side in one run
and take turns, and who goes first changes from round to round. Ratios are of the same round, because a shared machine has
fast and slow minutes.

  sessions   as many a second as can be; "busy us" is the processor time of the whole machine for one, peers and softirqs
             included, from what was idle: what the kernel accounts to tasks that sleep often is too little
  trips      one client's NOOP and PORT, in microseconds, alone; and while the others have half as many sessions a second as
             they could
  memory     of the router's processes, for a session that is idle
  transfer   megabytes a second of a data connection

"--kinds few,many trips" is about sessions that are open and idle: a hundred of them beside 20,000.

FTPALG_BEFORE, or --beside NAME=PROGRAM, names other builds of the gateway to stand beside. Exit status 1 if the median ratio
to that in FTPALG_BEFORE is below 0.97.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lab")]
# pylint: disable=wrong-import-position
import document
import routers
from gateway import binary
from process import wait_until
from tap import enter_lab

DEMANDED = 0.97
BASES = ("plain", "accept", "batched")


class Figures:
    """{router: {what: a figure of each round}}."""

    def __init__(self, names):
        self.seen = {name: {} for name in names}

    def add(self, name, figures):
        for what, value in figures.items():
            self.seen[name].setdefault(what, []).append(value)

    def median(self, name, what):
        values = self.seen[name].get(what)
        return statistics.median(values) if values else None

    def ratio(self, name, other, what):
        """Of rounds in which both took part."""
        pairs = list(zip(self.seen[name].get(what, []), self.seen.get(other, {}).get(what, [])))
        return statistics.median(own / base for own, base in pairs) if pairs else None

    def medians(self):
        return {name: {what: self.median(name, what) for what in seen} for name, seen in self.seen.items()}


def alternate(places, rounds, measure, figures, what):
    """Round 0 warms up and does not count."""
    for number in range(rounds + 1):
        shift = number % len(places)
        for router in places[shift:] + places[:shift]:
            seen = measure(router)
            if number:
                figures.add(router.name, seen)
        if number:
            print(f"{what} {number}  " + "  ".join(f"{router.name} {figures.seen[router.name][what][-1]:.0f}"
                                                    for router in places), flush=True)


def measure(places, figures, arguments):
    seconds, rounds = arguments.seconds, arguments.rounds
    if "sessions" in arguments.parts:
        alternate(places, rounds, lambda router: router.run_sessions(seconds), figures, "rate")
    if "trips" in arguments.parts:
        alternate(places, rounds, lambda router: router.run_trips(seconds / 2), figures, "noop_median")

        def loaded(router):
            rate = (figures.median(router.name, "rate") or 1000) / 2
            return {f"loaded_{name}": value for name, value in router.run_trips(seconds / 2, rate).items()}
        alternate(places, rounds, loaded, figures, "loaded_noop_median")
    for router in places:
        if "memory" in arguments.parts and router.processes():
            figures.add(router.name, router.run_hold())
    if "transfer" in arguments.parts:
        alternate(places, rounds, lambda router: router.run_transfer(arguments.size), figures, "throughput")


def count_calls(router, seconds):
    """{what: how often a session}, by perf(1), which slows all down."""
    log = router.lab.path("perf")
    perf = router.lab.router.spawn(["perf", "stat", "-x", ",", "-o", log, "-e", "raw_syscalls:sys_enter,context-switches",
                                    "-p", ",".join(map(str, router.processes()))])
    wait_until(lambda: os.path.exists(log), "perf")
    rate = router.run_sessions(seconds)["rate"]
    perf.stop(2)
    with open(log, encoding="ascii") as file:
        found = dict(reversed(line.split(",")[0:3:2]) for line in file if line.count(",") > 3)
    return {"calls": float(found["raw_syscalls:sys_enter"]) / (rate * seconds),
            "switches": float(found["context-switches"]) / (rate * seconds)}


def print_table(places, figures):
    columns = [what for what in document.COLUMNS if any(what in figures.seen[router.name] for router in places)]
    bases = [name for name in (*BASES, "before") if name in figures.seen and "rate" in columns]
    print("\n" + " " * 12 + "".join(f"{document.COLUMNS[what]:>11}" for what in columns) +
          "".join(f"{'of ' + name:>11}" for name in bases))
    for router in places:
        cells = [figures.median(router.name, what) for what in columns]
        cells = [f"{'':>11}" if value is None else f"{value:11.1f}" for value in cells]
        ratios = [figures.ratio(router.name, name, "rate") for name in bases]
        print(f"{router.name:12}" + "".join(cells) + "".join(f"{ratio:11.3f}" for ratio in ratios))
    for what in ("noop_median", "port_median", "loaded_noop_median", "loaded_port_median"):
        for base in ("accept", "before", "few"):
            ratios = {router.name: figures.ratio(router.name, base, what) for router in places}
            if base in figures.seen and ratios[base]:
                print(f"{what} of {base}: " + "  ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", dest="rounds", type=int, default=5, help="rounds, 5 unless given")
    parser.add_argument("-t", dest="seconds", type=float, default=2, help="seconds for each turn, 2 unless given")
    parser.add_argument("-e", dest="events", action="store_true", help="this gateway writes events to a file")
    parser.add_argument("-s", dest="calls", action="store_true", help="count system calls and switches of this gateway")
    parser.add_argument("--size", type=int, default=500_000_000, help="bytes of a transfer")
    parser.add_argument("--set", dest="settings", metavar="KEY=VALUE", action="append", default=[],
                        help="of this gateway's configuration")
    parser.add_argument("--beside", metavar="NAME=PROGRAM", action="append", default=[], help="another gateway")
    parser.add_argument("--kinds", default=",".join(routers.KINDS), help="of routers, separated by commas")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--document", action="store_true", help="write them into doc/performance.md")
    parser.add_argument("parts", nargs="*", help="sessions, trips, memory, transfer; all unless given")
    arguments = parser.parse_args()
    arguments.parts = arguments.parts or ["sessions", "trips", "memory", "transfer"]
    for name in arguments.kinds.split(","):
        if name not in {**routers.KINDS, **routers.OTHERS}:
            parser.error(f"no router of this kind: {name}; there are {', '.join({**routers.KINDS, **routers.OTHERS})}")
    return arguments


def make_routers(stack, arguments):
    places = []
    for name in arguments.kinds.split(","):
        if name != "now":
            places.append({**routers.KINDS, **routers.OTHERS}[name](stack, name))
    others = dict(text.split("=", 1) for text in arguments.beside)
    if os.environ.get("FTPALG_BEFORE"):
        others["before"] = os.environ["FTPALG_BEFORE"]
    for name, program in others.items():
        places.append(routers.Gateway(stack, name, program, events=arguments.events))
    if "now" in arguments.kinds.split(","):
        places.append(routers.Gateway(stack, "now", binary(), arguments.settings, arguments.events))
    return places


def main():
    arguments = parse_arguments()
    enter_lab()
    with contextlib.ExitStack() as stack:
        places = make_routers(stack, arguments)
        figures = Figures(router.name for router in places)
        measure(places, figures, arguments)
        for router in places:
            if arguments.calls and shutil.which("perf") and isinstance(router, routers.Gateway):
                figures.add(router.name, count_calls(router, arguments.seconds))
        print_table(places, figures)
        found = {"kernel": os.uname().release.split("-")[0], "processors": os.cpu_count(), "rounds": arguments.rounds,
                 "titles": {router.name: router.title for router in places}, "figures": figures.medians(),
                 "ratios": {router.name: {base: figures.ratio(router.name, base, "rate") for base in figures.seen}
                            for router in places}}
    if arguments.json:
        with open(arguments.json, "w", encoding="ascii") as file:
            json.dump(found, file, indent=1)
    if arguments.document:
        document.write(found)
    ratio = figures.ratio("now", "before", "rate") if {"now", "before"} <= set(figures.seen) else None
    return 0 if ratio is None or ratio >= DEMANDED else 1


if __name__ == "__main__":
    sys.exit(main())
