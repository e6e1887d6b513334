# SPDX-License-Identifier: GPL-3.0-or-later
"""
Two routers that take each other's place: keepalived moves the addresses, conntrackd carries connections over, ftpalg runs
on both. Their configuration is that of contrib/ha, with the lab's addresses.

                    r1 --- sync0 --- r2
                   / .251           / .252
   client --- switch-in         switch-out --- server
                   \\ .1 of whoever is master, inside and outside
"""

import os
import re
import secrets
import shutil

import conntrack
import gateway
import rules
import topology
from gateway import TOP, Gateway
from lab import WORK
from namespace import Namespace
from process import wait_until
from servers import unpacked

HA = os.path.join(TOP, "contrib", "ha")
SYNC = {"r1": "10.99.0.1", "r2": "10.99.0.2"}
HOST = {"r1": "251", "r2": "252"}


def read(name):
    with open(os.path.join(HA, name), encoding="ascii") as file:
        return file.read()


class Router:
    """One of the two, with its three daemons."""

    def __init__(self, name, lab):
        self.name = name
        self.lab = lab
        self.namespace = lab.hosts[name]
        self.gateway = Gateway(self.namespace, lab.directory, name)
        self.daemons = {}

    def path(self, name):
        return self.lab.path(f"{self.name}-{name}")

    def load_rules(self):
        """The owner's, as in any lab, with what the two say to each other let in."""
        for family, addresses in self.lab.addresses.items():
            text = rules.iptables_base(family, addresses, "snat", [21], False)
            more = "".join(f"-A INPUT {what} -j ACCEPT\n" for what in ("-p 112", "-i sync0"))
            text = text.replace("-A FORWARD", more + "-A FORWARD", 1)
            rules.load(self.namespace, self.path(f"rules-{family}"), text, [f"{rules.iptables(family)}-restore", "--noflush"])
        rules.load(self.namespace, self.path("forward"), self.gateway.printed_rules("--forward", kind="iptables"), ["sh", "-s"])
        rules.load(self.namespace, self.path("gateway"), self.gateway.printed_rules(kind="iptables"), ["sh", "-s"])

    def configure(self):
        other = SYNC["r2" if self.name == "r1" else "r1"]
        text = read("conntrackd.conf")
        text = re.sub(r"(\tIPv4_address )10\.99\.0\.1(\n\t\tIPv4_Dest\S+ )10\.99\.0\.2", rf"\g<1>{SYNC[self.name]}\g<2>{other}", text)
        for name, file in (("LogFile", "conntrackd.log"), ("LockFile", "ct.lock"), ("Path", "ct.ctl")):
            text = re.sub(rf"(\t{name}) \S+", rf"\1 {self.path(file)}", text)
        self.write("conntrackd.conf", text)
        self.write("notify", re.sub(r"ftpalg (takeover)", rf"{gateway.binary()} \1 -c {self.gateway.configuration}",
                                    read("ftpalg-notify")).replace("| logger -t ftpalg-notify", f">>{self.path('notify.log')}")
                   .replace("conntrackd -n", f"conntrackd -C {self.path('conntrackd.conf')} -n"), 0o755)
        text = read("keepalived.conf").replace("\tenable_script_security\n", "").replace("/etc/keepalived/ftpalg-notify",
                                                                                         self.path("notify"))
        for old, new in (("router_id r1", f"router_id {self.name}"), ("192.168.1.1/24", "10.7.1.1/24"),
                         ("fd00:1::1/64", "fd07::1/64"), ("203.0.113.1/24", "10.9.1.1/24"), ("2001:db8::1/64", "fd09::1/64")):
            text = text.replace(old, new)
        self.write("keepalived.conf", text)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def spawn(self, package, *options):
        installed = unpacked(package)
        # The notify script finds conntrackd by its PATH, and the libraries of both here.
        environment = {"LD_LIBRARY_PATH": os.path.join(installed, "lib")}
        program = os.path.join(installed, "root", "usr", "sbin", package)
        self.daemons[package] = self.namespace.spawn([program, *options], environment=environment)

    def start_conntrackd(self):
        self.spawn("conntrackd", "-C", self.path("conntrackd.conf"))
        wait_until(lambda: os.path.exists(self.path("ct.ctl")), "conntrackd")

    def start_keepalived(self):
        self.spawn("keepalived", "-P", "-n", "-l", "-D", "-f", self.path("keepalived.conf"), "-p", self.path("k.pid"),
                   "-r", self.path("v.pid"))

    def start(self):
        self.gateway.start()
        self.start_conntrackd()
        self.start_keepalived()

    def is_master(self):
        return " 10.7.1.1/24" in self.namespace.output(["ip", "-4", "address", "show", "dev", "inside"]) and \
            " 10.9.1.1/24" in self.namespace.output(["ip", "-4", "address", "show", "dev", "outside"])

    def die(self):
        """As a router does whose power fails: nothing says goodbye."""
        for device in ("inside", "outside", "sync0"):
            self.namespace.ip(f"link set {device} down")
        for daemon in self.daemons.values():
            daemon.kill()
        self.gateway.kill()

    def boot(self):
        """What it knew is gone; its rules come with the first of its programs."""
        self.namespace.run(["conntrack", "-F"])
        for device, number in (("inside", 7), ("outside", 9)):
            self.namespace.ip(f"address flush dev {device}")
            self.lab.address(self, device, number)
        for device in ("inside", "outside", "sync0"):
            self.namespace.ip(f"link set {device} up")
        for name in ("ct.lock", "ct.ctl", "k.pid", "v.pid"):
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))
        self.lab.address(self, "inside", 7, again=True)
        self.start()

    def step_down(self):
        """It stays master no longer, and lives on: keepalived alone is ended, as for an upgrade."""
        self.daemons["keepalived"].stop()

    def notified(self):
        try:
            with open(self.path("notify.log"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def expectations(self, family):
        return conntrack.expectations(self.namespace, family)

    def connections(self, family, port=None):
        return conntrack.connections(self.namespace, family, port)


class Twins:
    """The whole lab, made and removed together. client and server are namespaces, as in Lab."""

    def __init__(self):
        self.addresses = {family: topology.ADDRESSES["grow", family] for family in (4, 6)}
        self._prefix = f"fal-{secrets.token_hex(3)}"
        self.directory = os.path.join(WORK, self._prefix)
        self.hosts = {}
        self.routers = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def __enter__(self):
        for package in ("conntrackd", "keepalived"):
            unpacked(package)
        os.makedirs(self.directory)
        try:
            self._build()
            for router in self.routers:
                router.load_rules()
                router.configure()
                router.start()
            self.master()
            return self
        except BaseException:
            self._close()
            raise

    def __exit__(self, *exception):
        try:
            if exception[0] is None:
                for router in self.routers:
                    router.gateway.stop()
        finally:
            self._close()

    def _close(self):
        for namespace in self.hosts.values():
            namespace.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _build(self):
        for name in ("client", "server", "switch-in", "switch-out", "r1", "r2"):
            self.hosts[name] = Namespace(name, self._prefix, self.directory)
            for device in ("all", "default"):
                self.hosts[name].sysctl(f"ipv6/conf/{device}/accept_dad", 0)
        self.routers = [Router(name, self) for name in ("r1", "r2")]
        for switch, host, device in (("switch-in", "client", "inside"), ("switch-out", "server", "outside")):
            topology.connect(self.hosts[switch], f"to-{host}", self.hosts[host], "eth0", False, 1500)
            for router in self.routers:
                topology.connect(self.hosts[switch], f"to-{router.name}", router.namespace, device, False, 1500)
            topology.make_switch(self.hosts[switch], [f"to-{name}" for name in (host, "r1", "r2")])
            topology.address_host(self.hosts[host], "eth0", self.addresses, [host])
        topology.connect(self.hosts["r1"], "sync0", self.hosts["r2"], "sync0", False, 1500)
        topology.route_host(self.hosts["client"], self.addresses, "inside_router", lambda one: [one.network(one.server)])
        topology.route_host(self.hosts["server"], self.addresses, "outside_router",
                            lambda one: [f"{one.client_public}/{one.host_prefix}"])
        for router in self.routers:
            router.namespace.ip(f"address add {SYNC[router.name]}/24 dev sync0")
            for device, number in (("inside", 7), ("outside", 9)):
                self.address(router, device, number)
            router.namespace.sysctl("ipv4/ip_forward", 1)
            router.namespace.sysctl("ipv6/conf/all/forwarding", 1)

    def address(self, router, device, number, again=False):
        """The router's own addresses. IPv6 has gone with the link."""
        own = HOST[router.name]
        if not again:
            router.namespace.ip(f"address add 10.{number}.1.{own}/24 dev {device}")
        for name, network in (("inside", "fd07"), ("outside", "fd09")):
            if name == device or again:
                router.namespace.ip(f"address replace {network}::{own}/64 dev {name} nodad")

    @property
    def client(self):
        return self.hosts["client"]

    @property
    def server(self):
        return self.hosts["server"]

    def master(self):
        """Whoever is, once it is one of them alone."""
        def find():
            masters = [router for router in self.routers if router.is_master()]
            return masters[0] if len(masters) == 1 else None
        return wait_until(find, "a master", 20)

    def other(self, router):
        return self.routers[1 - self.routers.index(router)]
