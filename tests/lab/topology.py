# SPDX-License-Identifier: GPL-3.0-or-later
"""
Hosts and addresses: a client, a router that does NAT, a server.

              inside net                              outside net
   client -------------------- router -------------------------------- server
     client        .1 "inside"        "outside" .1             server
                   client -> client_public    ("snat", in POSTROUTING on "outside")
                   client -> outside_router   ("masquerade", likewise)
                   server_public -> server    ("dnat", in PREROUTING on "inside")

With bystanders, each side is a bridge in a namespace of its own, and one more host hangs on it:

   client --- switch-in --- router --- switch-out --- server
   neighbour ---'                           '--- victim

A host gets routes only to what it may know: behind SNAT the server has no route to the client's own address, and with
DNAT the client has none to the server's. So an untranslated address that leaks can't work by accident.

The names of addresses say who uses them: `client` and `server` know themselves by these; `client_seen` is what the
server sees of the client, `server_seen` what the client sees of the server (struct nat_view has the same words).
"""

import dataclasses
import ipaddress

NAT_MODES = ("routed", "snat", "dnat", "both", "masquerade")


@dataclasses.dataclass(frozen=True)
class Addresses:
    """One family's addresses. All are text; the networks follow from prefix."""

    client: str
    second_client: str
    neighbour: str
    inside_router: str
    client_public: str
    server: str
    victim: str
    outside_router: str
    server_public: str
    prefix: int

    def network(self, address):
        return str(ipaddress.ip_interface(f"{address}/{self.prefix}").network)

    @property
    def host_prefix(self):
        return ipaddress.ip_address(self.client).max_prefixlen

    def client_seen(self, mode):
        if mode == "masquerade":
            return self.outside_router
        return self.client_public if mode in ("snat", "both") else self.client

    def server_seen(self, mode):
        return self.server_public if mode in ("dnat", "both") else self.server


# By what rewriting does to the length of an address. Public addresses are from the documentation networks; the last two
# plans are as a small site would have it.
ADDRESSES = {
    ("grow", 4): Addresses(client="10.7.1.2", second_client="10.7.1.3", neighbour="10.7.1.99", inside_router="10.7.1.1",
                           client_public="198.51.100.200", server="10.9.1.2", victim="10.9.1.99",
                           outside_router="10.9.1.1", server_public="203.0.113.200", prefix=24),
    ("shrink", 4): Addresses(client="192.168.107.102", second_client="192.168.107.103", neighbour="192.168.107.199",
                             inside_router="192.168.107.101", client_public="192.0.2.1", server="192.168.109.102",
                             victim="192.168.109.199", outside_router="192.168.109.101", server_public="192.0.2.9",
                             prefix=24),
    ("grow", 6): Addresses(client="fd07::2", second_client="fd07::3", neighbour="fd07::99", inside_router="fd07::1",
                           client_public="2001:db8:1111:2222:3333:4444:5555:6666", server="fd09::2",
                           victim="fd09::99", outside_router="fd09::1",
                           server_public="2001:db8:9999:2222:3333:4444:5555:6666", prefix=64),
    ("shrink", 6): Addresses(client="fd07:1111:2222:3333:4444:5555:6666:102",
                             second_client="fd07:1111:2222:3333:4444:5555:6666:103",
                             neighbour="fd07:1111:2222:3333:4444:5555:6666:199",
                             inside_router="fd07:1111:2222:3333:4444:5555:6666:101", client_public="2001:db8::1",
                             server="fd09:1111:2222:3333:4444:5555:6666:102",
                             victim="fd09:1111:2222:3333:4444:5555:6666:199",
                             outside_router="fd09:1111:2222:3333:4444:5555:6666:101", server_public="2001:db8::9",
                             prefix=64),
    ("site", 4): Addresses(client="192.168.1.2", second_client="192.168.1.3", neighbour="192.168.1.99",
                           inside_router="192.168.1.1", client_public="203.0.113.1", server="203.0.113.9",
                           victim="203.0.113.99", outside_router="203.0.113.1", server_public="203.0.113.1", prefix=24),
    ("site", 6): Addresses(client="fd00:1::2", second_client="fd00:1::3", neighbour="fd00:1::99",
                           inside_router="fd00:1::1", client_public="2001:db8::1", server="2001:db8::9",
                           victim="2001:db8::99", outside_router="2001:db8::1", server_public="2001:db8::1", prefix=64),
}


def connect(left, left_device, right, right_device, offloads, mtu):
    """A cable between two namespaces, both ends up."""
    left.ip(f"link add {left_device} type veth peer name {right_device} netns {right.full_name}")
    for host, device in ((left, left_device), (right, right_device)):
        host.ip(f"link set {device} mtu {mtu} up")
        if not offloads:
            # With transmit checksums off, the sender's kernel writes every checksum, so a capture shows real ones and
            # the receiver verifies them; segmentation offload goes with it, so packets are of the size of the cable.
            host.run(["ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off"])


def make_switch(switch, devices):
    """A bridge over devices. The bridge's packets are kept away from this namespace's own packet filter."""
    for name in ("iptables", "ip6tables"):
        try:
            switch.sysctl(f"bridge/bridge-nf-call-{name}", 0)
        except FileNotFoundError:
            pass  # a kernel without br_netfilter has nothing to keep away
    switch.ip("link add bridge type bridge forward_delay 0 mcast_snooping 0")
    for device in devices:
        switch.ip(f"link set {device} master bridge")
    switch.ip("link set bridge up")


def address_host(host, device, families, names):
    """
    Gives device the addresses that the names select; the first is the one that connections leave from. IPv6 without
    duplicate detection: usable at once.
    """
    for family, addresses in families.items():
        for number, name in enumerate(names):
            options = ""
            if family == 6:
                options = " nodad" if number == 0 else " nodad preferred_lft 0"
            host.ip(f"address add {getattr(addresses, name)}/{addresses.prefix} dev {device}{options}")


def route_host(host, families, gateway_name, targets):
    for addresses in families.values():
        for target in targets(addresses):
            host.ip(f"route add {target} via {getattr(addresses, gateway_name)}")


def build(make_namespace, families, mode, bystanders=False, offloads=False, mtu=1500):
    """
    Makes all namespaces with make_namespace(name), cables, addresses and routes. families: {4: Addresses, 6: ...}.
    Returns {name: Namespace}.
    """
    hosts = {name: make_namespace(name) for name in ("client", "router", "server")}
    if bystanders:
        hosts.update((name, make_namespace(name)) for name in ("switch-in", "switch-out", "neighbour", "victim"))
        connect(hosts["switch-in"], "to-router", hosts["router"], "inside", offloads, mtu)
        connect(hosts["switch-out"], "to-router", hosts["router"], "outside", offloads, mtu)
        for switch, names in (("switch-in", ("client", "neighbour")), ("switch-out", ("server", "victim"))):
            for name in names:
                connect(hosts[switch], f"to-{name}", hosts[name], "eth0", offloads, mtu)
            make_switch(hosts[switch], ["to-router", *(f"to-{name}" for name in names)])
        address_host(hosts["neighbour"], "eth0", families, ["neighbour"])
        address_host(hosts["victim"], "eth0", families, ["victim"])
    else:
        connect(hosts["client"], "eth0", hosts["router"], "inside", offloads, mtu)
        connect(hosts["server"], "eth0", hosts["router"], "outside", offloads, mtu)

    address_host(hosts["client"], "eth0", families, ["client", "second_client"])
    address_host(hosts["router"], "inside", families, ["inside_router"])
    address_host(hosts["router"], "outside", families, ["outside_router"])
    address_host(hosts["server"], "eth0", families, ["server"])

    def server_targets(addresses):
        if mode == "masquerade":
            return []  # the router's own address is on the server's network
        snat = mode in ("snat", "both")
        return [f"{addresses.client_public}/{addresses.host_prefix}" if snat else addresses.network(addresses.client)]

    def client_targets(addresses):
        dnat = mode in ("dnat", "both")
        return [f"{addresses.server_public}/{addresses.host_prefix}" if dnat else addresses.network(addresses.server)]

    for name in ("client", "neighbour"):
        if name in hosts:
            route_host(hosts[name], families, "inside_router", client_targets)
    for name in ("server", "victim"):
        if name in hosts:
            route_host(hosts[name], families, "outside_router", server_targets)
    hosts["router"].sysctl("ipv4/ip_forward", 1)
    hosts["router"].sysctl("ipv6/conf/all/forwarding", 1)
    return hosts
