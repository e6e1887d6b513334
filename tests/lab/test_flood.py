#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Thousands of control connections, half of them hostile, and one client that behaves: it notices next to nothing. And
what one source may use up, it uses up for itself only.

The figures are printed as TAP diagnostics.

What is measured is the gateway, not the generator of the flood. Clients, servers and gateway share the processors of
one machine, so the generator (tests/lab/flood.c) is bound in two ways: its processes run at the lowest priority and
make way at once for the others; and its rates (RATES) are fixed, together some 1,800 acts a second, each of which costs
two to five packets in the queue. A generator that sends as fast as it can would measure how a machine with two
processors forwards packets when it is short of processors. The measured client has a server of its own, so that no
flooded server is part of its latency; client, server and gateway run in the real-time class in both measurements where
this host allows that, so that what else the machine does is in neither.
"""

import contextlib
import functools
import os
import re
import resource
import statistics
import time

from gateway import binary
from lab import Lab
from process import children, wait_titled, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer, naive_endpoint, offer_line
from tap import Plan, Skip, check, check_equal

# Beside the gateway's program, in the same build directory.
FLOOD = os.path.join(os.path.dirname(binary()), "tests", "lab", "flood")
# A process inherits the class of who starts it, and in the real-time class nobody is nice.
LOWEST = ("chrt", "--other", "0", "nice", "-n", "19")

SESSIONS = 10000
# What half of the sessions do, in equal parts; the other half log in and say NOOP now and then.
HOSTILE = ("pasv", "slow", "held", "long", "mute")
# Acts a second of all sessions of a kind together. "slow" is one byte a second from each.
RATES = {"noop": 500, "pasv": 200, "slow": SESSIONS // 2 // len(HOSTILE), "held": 100, "long": 20, "mute": 0}
SOURCES = {"noop": 20, **{kind: 4 for kind in HOSTILE}}
FIRST_SOURCE = 100
FLOOD_SERVERS = 4
FIRST_FLOOD_SERVER = 10
MEMORY_KIB = 16384
SETTINGS = {"gateway": {"sessions": "16384", "memory": str(MEMORY_KIB), "source-pinholes": "100"}}

ROUNDS = 5
COMMANDS = 1000
DEMANDED = 2.0
# Besides what was taken at the start, libraries may buffer a message or a line of the log.
SLACK_KIB = 1024
# A sanitizer keeps freed memory in quarantine (256 MiB) and one byte for eight.
SANITIZER_SLACK_KIB = 320 * 1024


def note(text):
    print(f"# {text}", flush=True)


class Attack:
    """The processes of one kind of session."""

    def __init__(self, lab, kind, count, rate, source, sources, servers, first_server):
        self.kind, self.count = kind, count
        self.process = lab.client.spawn([*LOWEST, FLOOD, "attack", kind, count, rate, source, sources,
                                         first_server, servers, 21])

    def statistics(self):
        """What it reported last, as {name: number}."""
        reports = re.findall(r"open=.*\n", self.process.output())
        check(self.process.running(), f"the generator of {self.kind} ended: {self.process.output()[-500:]}")
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", reports[-1])} if reports else {}

    def is_ready(self):
        report = self.statistics()
        # A session that is ended for its over-long line, or ends itself, is being opened again most of the time.
        if self.kind in ("long", "churn"):
            return report.get("opened", 0) >= self.count
        return report.get("ready", 0) >= self.count


def ipv4(lab, network, number):
    """
    An address of the flood. It stays when the flood is over, because the kernel still has to end the connections of the
    processes that were ended.
    """
    return f"{getattr(lab.addresses[4], network).rpartition('.')[0]}.{number}"


@contextlib.contextmanager
def flood_servers(lab, count=FLOOD_SERVERS):
    """Servers that say little and do nothing; yields the address of the first."""
    processes = []
    for number in range(FIRST_FLOOD_SERVER, FIRST_FLOOD_SERVER + count):
        address = ipv4(lab, "server", number)
        lab.server.ip(f"address replace {address}/24 dev eth0")
        processes.append(lab.server.spawn([*LOWEST, FLOOD, "serve", address, 21]))
    try:
        for process in processes:
            process.wait_for_output("listening")
        yield ipv4(lab, "server", FIRST_FLOOD_SERVER)
    finally:
        for process in processes:
            process.stop()


def flood_expectations(lab):
    """Expectations for data connections from sources of the flood, whose sessions are passive."""
    return sum(1 for expectation in lab.expectations() if expectation.source != lab.addresses[4].client
               and expectation.destination != lab.client_seen(4))


@contextlib.contextmanager
def flooding(lab, kinds):
    """kinds: {kind: (count, rate, sources)}; yields the attacks once all their sessions are open."""
    attacks, source = [], FIRST_SOURCE
    with flood_servers(lab) as server:
        try:
            for kind, (count, rate, sources) in kinds.items():
                for number in range(source, source + sources):
                    lab.client.ip(f"address replace {ipv4(lab, 'client', number)}/24 dev eth0")
                first = ipv4(lab, "client", source)
                attacks.append(Attack(lab, kind, count, rate, first, sources, FLOOD_SERVERS, server))
                source += sources
            wait_until(lambda: all(attack.is_ready() for attack in attacks), "all sessions of the flood", timeout=60,
                       interval=0.2)
            yield attacks
        finally:
            for attack in attacks:
                attack.process.stop()
            # A reset that its receiver may not have obeyed ends a session after ten seconds of silence.
            wait_until(lambda: flood_expectations(lab) == 0, "the end of the flood's pinholes", timeout=20)


def worker_pid(gateway):
    """The process that holds the queue."""
    return wait_titled(gateway.process.pid, "ftpalg-worker")


def memory(pid):
    """KiB by name, as /proc/PID/status has them."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return {key: int(value) for key, value in re.findall(r"^(Vm\w+):\s*(\d+) kB$", file.read(), re.MULTILINE)}


def is_sanitized():
    with open(binary(), "rb") as file:
        return b"__asan_init" in file.read()


@contextlib.contextmanager
def real_time(gateway):
    """The processes of gateway or proxy, and this thread with all that it starts, before anything else on this machine."""
    def schedule(policy, priority):
        for process in (*(children(gateway.process.pid) or [gateway.process.pid]), 0):
            os.sched_setscheduler(process, policy, os.sched_param(priority))
    try:
        schedule(os.SCHED_RR, 1)
    except PermissionError:
        note("no real-time scheduling here; whatever else the machine does is part of the figures")
    try:
        yield
    finally:
        schedule(os.SCHED_OTHER, 0)


class Measured:
    """The client that behaves. Each of its commands is timed, from the first byte sent to the last of the reply."""

    def __init__(self, lab):
        self.client = ScriptedClient(lab.client, lab.server_seen(4))
        self.client.login()
        self.listener = self.client.listen()
        self.offer = offer_line(self.client.address, self.listener.getsockname()[1])

    def _timed(self, line):
        began = time.perf_counter()
        self.client.command(line, "200")
        return time.perf_counter() - began

    def round(self):
        """Nine commands that pass and one offer in ten, and now and then a whole transfer, which is not timed."""
        seconds = []
        for number in range(COMMANDS // 10):
            seconds += [self._timed(b"NOOP") for _ in range(9)]
            seconds.append(self._timed(self.offer))
            if number % 20 == 19:
                check_equal(self.client.list_active(), LISTING, "an active listing")
                check_equal(self.client.list_passive(), LISTING, "a passive listing")
            # Commands of a person or a program come one by one, and see the flood at many moments.
            time.sleep(0.005)
        return seconds

    def rounds(self):
        """
        (median, 99th percentile) of the best of some rounds, in seconds: whatever else the machine does can only make
        one slower, and what the gateway costs is in all of them.
        """
        figures = []
        for _ in range(ROUNDS):
            seconds = self.round()
            figures.append((statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]))
        return min(median for median, _ in figures), min(percentile for _, percentile in figures)

    def close(self):
        self.listener.close()
        self.client.__exit__()


def well_behaved_client_works(lab):
    gateway, since = lab.gateway, lab.gateway.position()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < SESSIONS // 2 + 100:
        raise Skip(f"this host lets no process have {SESSIONS // 2 + 100} descriptors")
    kinds = {"noop": SESSIONS // 2, **{kind: SESSIONS // 2 // len(HOSTILE) for kind in HOSTILE}}
    kinds = {kind: (count, RATES[kind], SOURCES[kind]) for kind, count in kinds.items()}
    pid = worker_pid(gateway)
    idle = memory(pid)
    with real_time(gateway), ScriptedServer(lab.server, lab.addresses[4].server):
        measured = Measured(lab)
        unloaded = measured.rounds()
        began = time.monotonic()
        with flooding(lab, kinds) as attacks:
            opening = time.monotonic() - began
            before = [attack.statistics() for attack in attacks]
            began = time.monotonic()
            loaded = measured.rounds()
            newcomer = ScriptedClient(lab.client, lab.server_seen(4))
            newcomer.login()
            check_equal(newcomer.list_active(), LISTING, "the listing of a client that comes during the flood")
            newcomer.__exit__()
            wait_until(lambda: time.monotonic() > began + 3, "three seconds of flood")
            seconds = time.monotonic() - began
            after = [attack.statistics() for attack in attacks]
            flooded = memory(pid)
            expectations = flood_expectations(lab)
        measured.close()
    for attack, old, new in zip(attacks, before, after):
        note(f"{attack.kind}: {new['open']} open, {new['opened']} opened, {new['ended']} ended, "
             f"{(new['acted'] - old['acted']) / seconds:.0f} acts/s, {new['positive']} positive and {new['negative']} "
             "negative replies")
    note(f"{sum(new['open'] for new in after)} sessions, opened in {opening:.1f} s; {expectations} expectations")
    for name, (median, percentile) in (("unloaded", unloaded), ("flooded", loaded)):
        note(f"{name}: median {median * 1e6:.0f} us, 99th percentile {percentile * 1e6:.0f} us")
    note(f"resident: {idle['VmRSS']} KiB idle, {flooded['VmRSS']} KiB flooded (most: {flooded['VmHWM']}); "
         f"data: {idle['VmData']} KiB at the start, {flooded['VmData']} KiB flooded")

    check(sum(new["open"] for new in after) >= SESSIONS * 0.98, "the flood did not last")
    for attack, old, new in zip(attacks, before, after):
        rate = RATES[attack.kind] if attack.kind != "held" else 0
        acts = (new["acted"] - old["acted"]) / seconds
        check(acts >= rate / 2, f"{attack.kind} acted {acts:.0f} times a second instead of {rate}")
    refused = [event for event in gateway.events(since=since) if event["event"] in ("refuse", "anomaly")
               and event.get("client_ip") == lab.addresses[4].client]
    check_equal(refused, [], "what was refused to the client that behaves")
    check_equal(worker_pid(gateway), pid, "the process that holds the queue")
    check_memory(idle, flooded)
    ratio = loaded[1] / unloaded[1]
    check(ratio <= DEMANDED, f"the 99th percentile under the flood is {ratio:.2f} of the unloaded one")


def check_memory(idle, flooded):
    """All memory was taken at the start: the data segment does not grow; pool and table only become resident."""
    if is_sanitized():
        limit = idle["VmRSS"] + MEMORY_KIB + SANITIZER_SLACK_KIB
        check(flooded["VmHWM"] <= limit, f"{flooded['VmHWM']} KiB resident; the bound is {limit}")
        return
    grown = flooded["VmData"] - idle["VmData"]
    check(grown <= SLACK_KIB, f"the gateway took another {grown} KiB under the flood")


def session_is_refused(lab, source):
    """True if a new connection from source is reset before the greeting."""
    try:
        with ScriptedClient(lab.client, lab.server_seen(lab_family(source)), source=source) as client:
            client.login()
            return False
    except ConnectionError:
        return True


def lab_family(address):
    return 6 if ":" in address else 4


def sources(lab, family):
    """A greedy one and another. A source in IPv6 is a /64 network, so the other one is in a network of its own."""
    greedy = lab.addresses[family].client
    if family == 4:
        return greedy, lab.addresses[4].second_client
    other = "fd17::2"
    if other not in lab.client.output(["ip", "-6", "address"]):
        lab.client.ip(f"address add {other}/64 dev eth0 nodad preferred_lft 0")
        lab.router.ip("address add fd17::1/64 dev inside nodad")
        lab.server.ip(f"route add fd17::/64 via {lab.addresses[6].outside_router}")
    return greedy, other


def one_quota_of_sessions(lab, family):
    greedy, other = sources(lab, family)
    since = lab.gateway.position()
    with ScriptedServer(lab.server, lab.addresses[family].server), contextlib.ExitStack() as stack:
        opened = [stack.enter_context(ScriptedClient(lab.client, lab.server_seen(family), source=greedy))
                  for _ in range(QUOTA)]
        for client in opened:
            client.login()
        check(session_is_refused(lab, greedy), f"session {QUOTA + 1} of one source was let in")
        event = lab.gateway.wait_event("anomaly", since, reason="quota-sessions")
        check(event["client_ip"] == greedy, f"the event does not name the greedy source as the client: {event}")
        with ScriptedClient(lab.client, lab.server_seen(family), source=other) as client:
            client.login()
            check_equal(client.list_active(), LISTING, "the other source's listing")
        for client in opened:
            client.command(b"NOOP", "200")
        opened[0].command(b"QUIT", "221")
        opened[0].socket.close()
        wait_until(lambda: not session_is_refused(lab, greedy), "a session in place of one that ended")


def one_quota_of_pinholes(lab, family):
    greedy, other = sources(lab, family)
    since = lab.gateway.position()
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(ScriptedClient(lab.client, lab.server_seen(family), source=greedy))
                   for _ in range(QUOTA + 2)]
        replies = []
        for number, client in enumerate(clients):
            client.login()
            replies.append(client.command(offer_line(client.address, 41000 + number))[:1])
        check_equal(replies, [b"2"] * QUOTA + [b"5"] * 2, "replies to the greedy source's offers")
        check_equal(lab.gateway.wait_event("refuse", since)["reason"], "quota-pinholes", "the reason")
        check_equal(len(lab.expectations(family)), QUOTA, "expectations")
        with ScriptedClient(lab.client, lab.server_seen(family), source=other) as client:
            client.login()
            check_equal(client.list_active(), LISTING, "the other source's listing")
        offers = [line for session in server.sessions for line in session.lines if line[:4] in (b"PORT", b"EPRT")]
        endpoints = [naive_endpoint(*line.decode().split()) for line in offers]
        addresses = {endpoint[0] for endpoint in endpoints if endpoint}
        check(addresses <= {lab.client_seen(family), other}, f"addresses in offers at the server: {addresses}")
        clients[0].command(b"QUIT", "221")
        clients[0].socket.close()
        wait_until(lambda: len(lab.expectations(family)) < QUOTA, "the end of a pinhole with its session")
        clients[-1].command(offer_line(greedy, 41999), "2")


def one_quota_of_pinhole_rate(lab, family):
    """One a second, ten at once (ftpalg.conf(5)): the eleventh within a second is refused, to its own source only."""
    greedy, other = sources(lab, family)
    since = lab.gateway.position()
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family), source=greedy) as client:
        client.login()
        began = time.monotonic()
        replies = [client.command(offer_line(client.address, 42000 + number))[:1] for number in range(20)]
        allowed = 11 + int(time.monotonic() - began)
        check(10 <= replies.count(b"2") <= allowed, f"{replies.count(b'2')} offers were taken, replies {replies}")
        check_equal(lab.gateway.wait_event("refuse", since)["reason"], "quota-rate", "the reason")
        with ScriptedClient(lab.client, lab.server_seen(family), source=other) as neighbour:
            neighbour.login()
            check_equal(neighbour.list_active(), LISTING, "the other source's listing")
        wait_until(lambda: client.command(offer_line(client.address, 43000))[:1] == b"2", "an offer a second later",
                   interval=0.3)


def expectation_table_is_shared(lab):
    """
    A source that asks for pinholes from hundreds of sessions and uses none: the kernel's table (4,096 for everybody)
    holds no more than its quota of them, and another source's offers are taken all along.
    """
    count = 1000
    with ScriptedServer(lab.server, lab.addresses[4].server), \
            ScriptedClient(lab.client, lab.server_seen(4)) as client, \
            flooding(lab, {"pasv": (count, count, 1)}) as attacks:
        client.login()
        quota = int(SETTINGS["gateway"]["source-pinholes"])
        wait_until(lambda: flood_expectations(lab) >= quota, "the quota's worth of expectations")
        most = 0
        for _ in range(20):
            check_equal(client.list_active(), LISTING, "an active listing")
            check_equal(client.list_passive(), LISTING, "a passive listing")
            # The kernel lists its table bucket by bucket, so a pinhole may be there twice while it is replaced.
            most = max(most, min(flood_expectations(lab), flood_expectations(lab)))
            time.sleep(0.05)
        report = attacks[0].statistics()
    note(f"{count} sessions of one source, {report['positive']} PASV answered, {report['negative']} refused; "
         f"at most {most} expectations")
    check(most <= quota, f"{most} expectations, and one source may have {quota}")
    check(report["negative"] > 0, "nothing was refused to the flood")


QUOTA = 4


def main():
    plan = Plan(__doc__)
    flooded = functools.partial(Lab, mode="snat", settings=SETTINGS)
    plan.add(f"{SESSIONS} sessions, half of them hostile, cost a client that behaves nothing: no refusal, and twice "
             "its unloaded 99th percentile at most; memory stays at what was taken at the start",
             well_behaved_client_works, fixture=flooded)
    plan.add("unused pinholes of one source do not fill the kernel's table", expectation_table_is_shared,
             fixture=flooded)
    for key, words, function in (("source-sessions", "sessions", one_quota_of_sessions),
                                 ("source-pinholes", "pinholes", one_quota_of_pinholes)):
        lab = functools.partial(Lab, mode="snat", settings={"gateway": {key: str(QUOTA)}})
        for family in (4, 6):
            plan.add(f"a source at its quota of {words} costs another source none (IPv{family})", function, family,
                     fixture=lab)
    lab = functools.partial(Lab, mode="snat", settings={"gateway": {"source-pinhole-rate": "1"}})
    for family in (4, 6):
        plan.add(f"a source that asks too fast for pinholes costs another source none (IPv{family})",
                 one_quota_of_pinhole_rate, family, fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()
