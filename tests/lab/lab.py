# SPDX-License-Identifier: GPL-3.0-or-later
"""
A lab: hosts (topology.py), the router's rules (rules.py) and the gateway (gateway.py), made and removed together.

    with Lab(mode="snat") as lab:
        with lab.client.entered(): ...                    # sockets of the client
        lab.gateway.wait_event("pinhole-open")

Programs that use it start with tap.enter_lab(), or are started by tests/lab/enter.
"""

import os
import secrets
import shutil

import conntrack
import gateway
import rules
import topology
from namespace import Namespace

WORK = "/run/lab"
# Slow machines (an emulated one) multiply every deadline and need smaller files.
MEGABYTES = int(os.environ.get("LAB_MEGABYTES", "50"))


class Lab:
    """
    mode: how the router translates (topology.NAT_MODES). lengths: "grow" or "shrink", what rewriting does to an
    address, or "site" (topology.ADDRESSES).
    settings: {section: {key: value}} of the gateway's configuration. bystanders: also a neighbour and a victim.
    offloads: leave the virtual cables' checksum and segmentation offloads on. daemon: start it; False: rules only.
    mtu: of the cables.
    gateway_rules: False for a router that never heard of the gateway. forward_all: the inside may open any connection.

    At the end of every lab whose gateway has rules, nothing of a control port may have left that the gateway did not
    pass. may_pass_by = True is for tests in which something does.
    """

    def __init__(self, mode="snat", lengths="grow", settings=None, bystanders=False, offloads=False, daemon=True,
                 gateway_rules=True, forward_all=False, mtu=1500):
        self.mode = mode
        self.addresses = {family: topology.ADDRESSES[lengths, family] for family in (4, 6)}
        self._settings = settings
        self._bystanders = bystanders
        self._offloads = offloads
        self._daemon = daemon
        self._gateway_rules = gateway_rules
        self._forward_all = forward_all
        self._mtu = mtu
        self._prefix = f"fal-{secrets.token_hex(3)}"
        self._namespaces = []
        self.directory = os.path.join(WORK, self._prefix)
        self.hosts = {}
        self.gateway = None
        self.may_pass_by = False

    def __enter__(self):
        os.makedirs(self.directory)
        try:
            self.hosts = topology.build(self._make_namespace, self.addresses, self.mode, self._bystanders,
                                        self._offloads, self._mtu)
            self._load_rules()
            return self
        except BaseException:
            self._close()
            raise

    def __exit__(self, *exception):
        try:
            if self.gateway.after_queue and exception[0] is None and not self.may_pass_by:
                self.gateway.check_invariant()
            if self.gateway.process and exception[0] is None:
                self.gateway.stop()
        finally:
            self._close()

    def _close(self):
        for namespace in self._namespaces:
            namespace.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _make_namespace(self, name):
        namespace = Namespace(name, self._prefix, self.directory)
        self._namespaces.append(namespace)
        # Without duplicate address detection an address is usable at once.
        for device in ("all", "default"):
            namespace.sysctl(f"ipv6/conf/{device}/accept_dad", 0)
        return namespace

    def _load_rules(self):
        self.gateway = gateway.Gateway(self.router, self.directory, settings=self._settings)
        wanted = self._gateway_rules and not gateway.is_stand_in()
        if rules.FLAVOUR == "nft":
            admit = self.gateway.printed_rules("--forward") if wanted else ""
            text = rules.nft_base(self.addresses, self.mode, self.gateway.control_ports, self._forward_all, admit)
            rules.load(self.router, self.path("rules"), text, ["nft", "-f", "-"])
        else:
            self._load_iptables(wanted)
        if wanted:
            self.gateway.load_rules()
            if self._daemon:
                self.gateway.start()

    def _load_iptables(self, wanted):
        ports = self.gateway.control_ports
        for family, addresses in self.addresses.items():
            text = rules.iptables_base(family, addresses, self.mode, ports, self._forward_all)
            if self._gateway_rules and gateway.binary() == "kernel":
                text += rules.iptables_kernel_helper(ports)
            program = [f"{rules.iptables(family)}-restore", "--noflush"]
            rules.load(self.router, self.path(f"rules-{family}"), text, program)
        if wanted:
            rules.load(self.router, self.path("rules-forward"), self.gateway.printed_rules("--forward"), ["sh", "-s"])

    def path(self, name):
        """A file of this lab, on a tmpfs."""
        return os.path.join(self.directory, name)

    @property
    def client(self):
        return self.hosts["client"]

    @property
    def router(self):
        return self.hosts["router"]

    @property
    def server(self):
        return self.hosts["server"]

    def server_seen(self, family):
        """The server's address as the client knows it."""
        return self.addresses[family].server_seen(self.mode)

    def client_seen(self, family):
        """The client's address as the server knows it."""
        return self.addresses[family].client_seen(self.mode)

    def expectations(self, family=4):
        return conntrack.expectations(self.router, family)

    def control_connections(self, family=4, port=21):
        return conntrack.connections(self.router, family, port)

    def invalid_packets(self, family=4):
        return rules.invalid_packets(self.router, family)
