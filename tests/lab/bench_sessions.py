#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
How many sessions a second pass through the queue, and what one costs.

64 clients log in, offer a port, say QUIT, and begin again (sessions.c), through SNAT that makes host-ports longer, so each
session has a lookup, a pinhole that nobody uses, and an edit with a sequence adjustment. Side by side stand routers with
plain NAT, with this gateway, and with each that --beside or the environment's FTPALG_BEFORE names, each under the rules that
its own program prints; they take turns, and who goes first changes from round to round. The ratios are of the same round,
because a shared machine has fast and slow minutes.

Processor time is what the kernel accounts to a gateway's processes; "busy" is that of the whole machine, peers and
softirqs included. System calls, and times that the processes went to sleep or were made to wait, are counted in a round of
their own, in which perf(1) slows all down.

Exit status 1 if the median ratio to the gateway in FTPALG_BEFORE is below 0.97.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys

import rules
from gateway import READY, binary
from lab import Lab
from process import children, wait_until
from tap import enter_lab

DEMANDED = 0.97
CLIENTS = 64
FIRST_CLIENT = "10.7.1.10"
PROGRAMS = os.path.join(os.path.dirname(binary()), "tests", "lab")
TICK = os.sysconf("SC_CLK_TCK")
# What a round has left in conntrack shall be no burden of the next one.
ENDS = ("fin_wait", "close_wait", "last_ack", "time_wait", "close")


class Router:
    """One lab, and in it a gateway, or none."""

    def __init__(self, stack, name, program, events):
        self.name, self.program = name, program
        self.lab = stack.enter_context(Lab(mode="snat", gateway_rules=False, forward_all=True, offloads=True))
        self.daemon = None
        first = FIRST_CLIENT.rpartition(".")
        for number in range(CLIENTS):
            self.lab.client.ip(f"address add {first[0]}.{int(first[2]) + number}/24 dev eth0")
        for state in ENDS:
            self.lab.router.sysctl(f"netfilter/nf_conntrack_tcp_timeout_{state}", 1)
        if program:
            self._start(events)
        server = self.lab.server.spawn([os.path.join(PROGRAMS, "flood"), "serve", self.lab.addresses[4].server, 21])
        server.wait_for_output("listening")

    def _start(self, events):
        configuration = self.lab.path("bench.conf")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"[gateway]\nqueue = 21\nevents = {self.lab.path('events') if events else 'none'}\n")
        printed = subprocess.run([self.program, "rules", rules.FLAVOUR, "-c", configuration], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        loader = ["nft", "-f", "-"] if rules.FLAVOUR == "nft" else ["sh", "-s"]
        rules.load(self.lab.router, self.lab.path("bench.rules"), printed, loader)
        self.daemon = self.lab.router.spawn([self.program, "run", "-c", configuration])
        self.daemon.wait_for_output(READY)

    def processes(self):
        return [self.daemon.pid, *children(self.daemon.pid)] if self.daemon else []

    def _processor_time(self):
        """Seconds of all the gateway's processes, and of the machine."""
        own = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                own += sum(int(word) for word in file.read().rpartition(")")[2].split()[11:13])
        with open("/proc/stat", encoding="ascii") as file:
            words = [int(word) for word in file.readline().split()[1:9]]
        return own / TICK, (sum(words) - words[3] - words[4]) / TICK

    def _packets(self):
        """Packets that the queue had so far."""
        if not self.daemon:
            return 0
        with self.lab.router.entered(), open("/proc/thread-self/net/netfilter/nfnetlink_queue", encoding="ascii") as file:
            return int(file.read().split()[7])

    def run(self, seconds):
        """One round: {what: figure}."""
        own, busy = self._processor_time()
        packets = self._packets()
        said = self.lab.client.output([os.path.join(PROGRAMS, "sessions"), FIRST_CLIENT, CLIENTS,
                                       self.lab.server_seen(4), 21, seconds])
        counts = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", said)}
        if counts["broken"] or not counts["complete"]:
            raise RuntimeError(f"{self.name}: {said}")
        own_after, busy_after = self._processor_time()
        sessions = counts["complete"]
        return {"sessions": sessions, "rate": sessions * 1e6 / counts["microseconds"],
                "own": (own_after - own) * 1e6 / sessions, "busy": (busy_after - busy) * 1e6 / sessions,
                "packets": (self._packets() - packets) / sessions}

    def count(self, seconds):
        """{what: how often a session}, by perf(1)."""
        log = self.lab.path("perf")
        events = "raw_syscalls:sys_enter,context-switches,task-clock"
        perf = self.lab.router.spawn(["perf", "stat", "-x", ",", "-o", log, "-e", events,
                                      "-p", ",".join(map(str, self.processes()))])
        wait_until(lambda: os.path.exists(log), "perf")
        sessions = self.run(seconds)["sessions"]
        perf.stop(2)
        with open(log, encoding="ascii") as file:
            found = dict(reversed(line.split(",")[0:3:2]) for line in file if line.count(",") > 3)
        return {"system calls": float(found["raw_syscalls:sys_enter"]) / sessions,
                "switches": float(found["context-switches"]) / sessions,
                "task-clock": float(found["task-clock"]) * 1000 / sessions}


def print_counts(routers, seconds):
    if not shutil.which("perf"):
        print("perf(1) is not installed: no system calls")
        return
    for router in routers:
        if router.daemon:
            counts = router.count(seconds)
            print(f"{router.name:12} a session: " + ", ".join(f"{value:.1f} {what}" for what, value in counts.items()))


def print_medians(routers, rounds):
    def median(name, what):
        return statistics.median(figures[name][what] for figures in rounds)

    print(f"\n{'':12} sessions/s   own us   busy us   packets " + " ".join(f"{'of ' + router.name:>12}" for router in routers))
    for router in routers:
        ratios = [statistics.median(figures[router.name]["rate"] / figures[other.name]["rate"] for figures in rounds)
                  for other in routers]
        print(f"{router.name:12} {median(router.name, 'rate'):10.0f} {median(router.name, 'own'):8.1f}"
              f" {median(router.name, 'busy'):9.1f} {median(router.name, 'packets'):9.2f} "
              + " ".join(f"{ratio:12.3f}" for ratio in ratios), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", dest="rounds", type=int, default=7, help="rounds, 7 unless given")
    parser.add_argument("-t", dest="seconds", type=float, default=3, help="seconds for each turn, 3 unless given")
    parser.add_argument("-e", dest="events", action="store_true", help="write events to a file")
    parser.add_argument("-s", dest="counts", action="store_true", help="count system calls and switches")
    parser.add_argument("--beside", metavar="NAME=PROGRAM", action="append", default=[], help="another gateway")
    parser.add_argument("--only", action="store_true", help="no plain NAT")
    arguments = parser.parse_args()
    enter_lab()
    programs = {} if arguments.only else {"plain": None}
    if os.environ.get("FTPALG_BEFORE"):
        programs["before"] = os.environ["FTPALG_BEFORE"]
    programs.update(text.split("=", 1) for text in arguments.beside)
    programs["now"] = binary()
    rounds = []
    with contextlib.ExitStack() as stack:
        routers = [Router(stack, name, program, arguments.events) for name, program in programs.items()]
        # Round 0 warms up and does not count.
        for number in range(arguments.rounds + 1):
            shift = number % len(routers)
            figures = {router.name: router.run(arguments.seconds) for router in routers[shift:] + routers[:shift]}
            if number:
                rounds.append(figures)
                print(f"{number:3}  " + "  ".join(f"{name} {figures[name]['rate']:.0f}" for name in programs), flush=True)
        print_medians(routers, rounds)
        if arguments.counts:
            print_counts(routers, arguments.seconds)
    if "before" not in programs:
        return 0
    ratio = statistics.median(figures["now"]["rate"] / figures["before"]["rate"] for figures in rounds)
    print(f"ratio {ratio:.3f} of what it was before, demanded {DEMANDED}")
    return 0 if ratio >= DEMANDED else 1


if __name__ == "__main__":
    sys.exit(main())
