# SPDX-License-Identifier: GPL-3.0-or-later
"""
What is measured side by side: routers, each in a lab of its own, with the same server on one side and the same clients on
the other. Nothing on them but what the name says, and each set up as its own manual has it.
"""

import ipaddress
import os
import re
import subprocess
import sys

import rules
from gateway import READY, TOP, binary
from lab import Lab
from process import children, wait_until

sys.path.insert(0, os.path.join(TOP, "tests", "compare"))
import helpers  # pylint: disable=wrong-import-position

CLIENTS = 64
FIRST_CLIENT = "10.7.1.10"
PORT = 21
QUEUE = 21
PROGRAMS = os.path.join(os.path.dirname(binary()), "tests", "bench")
TICK = os.sysconf("SC_CLK_TCK")
# What a round has left in conntrack shall be no burden of the next one.
ENDS = ("fin_wait", "close_wait", "last_ack", "time_wait", "close")
PROXY_PORT = 2100
METRICS = "127.0.0.1:9921"


def resident(pid):
    """Bytes of a process, those shared with others divided among them."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024


def descendants(pid):
    found = [pid]
    for child in children(pid):
        found += descendants(child)
    return found


class Router:
    """NAT and nothing else. Those below add to it."""

    title = "plain NAT"
    active = False         # PORT works, so a transfer can be active
    held = 1000            # sessions of which the memory is measured
    clients = CLIENTS      # at a time
    least = 0              # seconds that a turn takes at least

    def __init__(self, stack, name):
        self.name = name
        self.lab = stack.enter_context(Lab(mode="snat", gateway_rules=False, forward_all=True, offloads=True))
        self.process = None
        first = FIRST_CLIENT.rpartition(".")
        for number in range(CLIENTS):
            self.lab.client.ip(f"address add {first[0]}.{int(first[2]) + number}/24 dev eth0")
        for state in ENDS:
            self.lab.router.sysctl(f"netfilter/nf_conntrack_tcp_timeout_{state}", 1)
        # A client's port comes again, translated, from another client, whose clock says something else: a server that still
        # remembers it would let the SYN wait a second for the next.
        self.lab.server.sysctl("ipv4/tcp_max_tw_buckets", 0)
        server = self.lab.server.spawn([os.path.join(PROGRAMS, "server"), self.lab.addresses[4].server, PORT])
        server.wait_for_output("listening")
        self.start(stack)

    def start(self, stack):
        """Adds what this one has."""

    @property
    def target(self):
        return self.lab.server_seen(4), PORT

    def processes(self):
        return descendants(self.process.pid) if self.process and self.process.running() else []

    def packets(self):
        """That the queue had so far."""
        with self.lab.router.entered(), open("/proc/thread-self/net/netfilter/nfnetlink_queue", encoding="ascii") as file:
            return sum(int(line.split()[7]) for line in file)

    @staticmethod
    def busy():
        """Seconds that the machine's processors were not idle."""
        with open("/proc/stat", encoding="ascii") as file:
            words = [int(word) for word in file.readline().split()[1:9]]
        return (sum(words) - words[3] - words[4]) / TICK

    def load(self, *words):
        return [os.path.join(PROGRAMS, "load"), *words]

    def ask(self, *words):
        """{what: number} that the clients tell."""
        said = self.lab.client.output(self.load(*words))
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", said)}

    def run_sessions(self, seconds):
        """As many as can be."""
        busy, packets = self.busy(), self.packets()
        counts = self.ask("sessions", FIRST_CLIENT, self.clients, *self.target, max(seconds, self.least), 0)
        busy = self.busy() - busy
        complete = counts["complete"]
        if counts["broken"] or not complete:
            raise RuntimeError(f"{self.name}: {counts}; {self.process.output()[-500:] if self.process else ''}")
        return {"rate": complete * 1e6 / counts["microseconds"], "busy": busy * 1e6 / complete,
                "packets": (self.packets() - packets) / complete}

    def run_trips(self, seconds, rate=0):
        """How long one client's commands take while others have rate sessions a second."""
        others = None
        if rate:
            others = self.lab.client.spawn(self.load("sessions", FIRST_CLIENT, self.clients, *self.target, seconds + 0.5, rate))
        seen = self.ask("trips", self.lab.addresses[4].client, *self.target, seconds)
        if others:
            others.wait()
        return {name: value for name, value in seen.items() if not name.endswith("trips")}

    def run_hold(self):
        """Bytes of memory a session."""
        before = sum(map(resident, self.processes()))
        holder = self.lab.client.spawn(self.load("hold", FIRST_CLIENT, self.clients, *self.target, self.held))
        holder.wait_for_output("held=", 60)
        after = sum(map(resident, self.processes()))
        holder.kill()
        return {"memory": (after - before) / self.held}

    def run_transfer(self, size):
        """Megabytes a second."""
        seen = self.ask("transfer", self.lab.addresses[4].client, *self.target, size,
                        "active" if self.active else "passive")
        if seen["bytes"] != size:
            raise RuntimeError(f"{self.name}: {seen['bytes']} bytes arrived")
        return {"throughput": seen["bytes"] / seen["microseconds"]}


class Accept(Router):
    """A queue program that reads nothing of the packets."""

    title = "accepts all"
    words = ()

    def start(self, stack):
        for packets in ("--dport", "--sport"):
            self.lab.router.run(["iptables", "-t", "mangle", "-A", "FORWARD", "-p", "tcp", packets, PORT,
                                 "-j", "NFQUEUE", "--queue-num", QUEUE])
        self.process = self.lab.router.spawn([os.path.join(PROGRAMS, "accept"), QUEUE, *self.words])
        self.process.wait_for_output("ready")


class AcceptBatched(Accept):
    title = "accepts all, batched"
    words = ("batched",)


class Gateway(Router):
    """ftpalg, or another program that can be run as it, under the rules that it prints."""

    title = "ftpalg"
    active = True

    def __init__(self, stack, name, program=None, settings=(), events=False):
        self.program, self.settings, self.events = program or binary(), settings, events
        super().__init__(stack, name)

    def configure(self):
        path = self.lab.path("bench.conf")
        with open(path, "w", encoding="ascii") as file:
            events = self.lab.path("events") if self.events else "none"
            file.write("\n".join(["[gateway]", f"queue = {QUEUE}", f"events = {events}", *self.settings]) + "\n")
        return path

    def start(self, stack):
        configuration = self.configure()
        loader = ["nft", "-f", "-"] if rules.FLAVOUR == "nft" else ["sh", "-s"]
        for options in ([], ["--forward"]):
            printed = subprocess.run([self.program, "rules", rules.FLAVOUR, "-c", configuration, *options], check=True,
                                     text=True, stdout=subprocess.PIPE).stdout
            if rules.FLAVOUR == "iptables" or not options:
                rules.load(self.lab.router, self.lab.path("bench.rules"), printed, loader)
        # Several gateways that all have the default names of their sockets; older ones have no keys to change them.
        self.process = self.lab.router.spawn(["unshare", "--mount", "sh", "-c", 'mkdir -p /run/ftpalg && '
                                              'mount -t tmpfs ftpalg-bench /run/ftpalg && exec "$@"', "sh", self.program, "run",
                                              "-c", configuration])
        self.process.wait_for_output(READY)


class Polling(Gateway):
    """Which is awake when an answer comes."""

    title = "ftpalg, busy-poll = 50"

    def __init__(self, stack, name):
        super().__init__(stack, name, settings=["busy-poll = 50"])


class Telling(Gateway):
    """Which tells all that it can, and is asked for its metrics every second."""

    title = "ftpalg, with events, xferlog and metrics"

    def __init__(self, stack, name):
        super().__init__(stack, name, events=True)

    def configure(self):
        self.settings = [f"xferlog = {self.lab.path('xferlog')}", f"metrics = {METRICS}"]
        return super().configure()

    def start(self, stack):
        super().start(stack)
        asking = self.lab.router.spawn(["sh", "-c", f"while curl -sf http://{METRICS}/metrics; do sleep 1; done >/dev/null"])
        stack.callback(asking.kill)


class Workers(Gateway):
    """Two of them, among which the rules divide the clients by their addresses."""

    title = "ftpalg, workers = 2"

    def __init__(self, stack, name):
        super().__init__(stack, name, settings=["workers = 2"])

    def start(self, stack):
        super().start(stack)
        wait_until(lambda: self.process.output().count(READY) == 2, "both workers")


class Holding(Gateway):
    """Which has sessions open, half of them at a second server: one process may not have so many descriptors."""

    def __init__(self, stack, name, count):
        self.count, self.title = count, f"ftpalg, {count:,} sessions open"
        super().__init__(stack, name)

    def start(self, stack):
        super().start(stack)
        first = self.lab.addresses[4].server
        second = str(ipaddress.ip_address(first) + 1)
        self.lab.server.ip(f"address add {second}/24 dev eth0")
        self.lab.server.spawn([os.path.join(PROGRAMS, "server"), second, PORT]).wait_for_output("listening")
        for server in (first, second):
            holder = self.lab.client.spawn(self.load("hold", FIRST_CLIENT, CLIENTS, server, PORT, self.count // 2))
            holder.wait_for_output("held=", 120)
            stack.callback(holder.kill)


class Helper(Router):
    """One of tests/compare/helpers.py."""

    active = True

    def __init__(self, stack, name, kind, **settings):
        self.kind, self.title = kind, kind.title
        for what, value in settings.items():
            setattr(self, what, value)
        self.helper = None
        super().__init__(stack, name)

    def start(self, stack):
        self.helper = stack.enter_context(self.kind(self.lab))
        self.process = getattr(self.helper, "process", None)

    @property
    def target(self):
        return self.helper.target


class GatewayProxy(Router):
    """ftpalg's proxy, which gets every control connection."""

    title = "ftpalg proxy"
    active = True

    def start(self, stack):
        from proxy import Proxy  # it makes an authority, which needs openssl(1)

        proxy = stack.enter_context(Proxy(self.lab, {"tls": "none", "implicit-ports": "none"}, gateway={"events": "none"}))
        self.process = proxy.process


KINDS = {
    "plain": Router,
    "accept": Accept,
    "batched": AcceptBatched,
    "kernel": lambda stack, name: Helper(stack, name, helpers.KernelHelper),
    "ftp-proxy": lambda stack, name: Helper(stack, name, helpers.FtpProxy, held=50),
    "mod_proxy": lambda stack, name: Helper(stack, name, helpers.ModProxy, held=20, clients=8, least=3),
    "proxy": GatewayProxy,
    "polling": Polling,
    "workers": Workers,
    "telling": Telling,
    "now": Gateway,
}

# Only where they are asked for.
OTHERS = {
    "few": lambda stack, name: Holding(stack, name, 100),
    "many": lambda stack, name: Holding(stack, name, 20000),
}
