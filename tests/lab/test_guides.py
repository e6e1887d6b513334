#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The guides, word for word: each command of doc/guides/*.md on hosts as it draws them, with a real server and a real client,
and what it says they print.
"""

import contextlib
import os
import shutil

import tap
from guide import GUIDES, Site
from process import wait_until
from proxy import Authority
from servers import TlsVsftpd, Vsftpd, is_listening
from tap import Plan, Skip, check_equal


def plain(site, host, address):
    return Vsftpd(site.hosts[host], address, os.path.join(site.directory, host))


class DualVsftpd(Vsftpd):
    """vsftpd for both families, as Debian configures it. With listen_address6=:: it binds what stood in its memory."""

    def _configuration(self, installed):
        return super()._configuration(installed).replace("listen_address6=::\n", "")


def dual(site, host, address):
    return DualVsftpd(site.hosts[host], address, os.path.join(site.directory, host))


def partner(site, host, address):
    """A server whose certificate is from an authority that the router has been given."""
    authority = Authority(site.directory, "partners")
    shutil.copy(authority.certificate, os.path.join(site.directory, "etc", "ftpalg"))
    return TlsVsftpd(site.hosts[host], address, os.path.join(site.directory, host),
                     authority.issue("partner", "DNS:partner.example"))


def needs_ufw(_site):
    if not shutil.which("ufw", path="/usr/sbin"):
        raise Skip("ufw is not here; make setup installs it")


def one_to_one(site):
    """The cloud's NAT, in front of the world: 10.0.0.2 is 198.51.100.1 there, in both directions."""
    world = site.hosts["outside"]
    world.ip("route replace 10.0.0.0/24 dev eth0 src 203.0.113.9")
    nat = ["iptables", "-t", "nat", "-A"]
    world.run([*nat, "OUTPUT", "-d", "198.51.100.1", "-j", "DNAT", "--to-destination", "10.0.0.2"])
    world.run([*nat, "INPUT", "-s", "10.0.0.2", "-j", "SNAT", "--to-source", "198.51.100.1"])


def unpublished(site):
    """What the servers' hosts have beside FTP, and nobody was told of."""
    for host in site.hosts.values():
        if host.name.startswith("server"):
            host.spawn(["python3", "-m", "http.server", "--directory", site.home, "8080"])
            wait_until(lambda there=host: is_listening(there, 8080), f"{host.name} to listen on port 8080")


DOCKER0 = "172.17.0.1/16 fd00:d0c::1/64"
CNI0 = "10.244.1.1/24"

# Of each guide: its hosts; those of them that are servers, with the address that they listen on and what they are; and what
# else is there.
SITES = {
    "home-router": (
        {"inside": ("lan0", "192.168.1.1/24", "192.168.1.10/24"),
         "outside": ("wan0", "198.51.100.1/24", "198.51.100.254/24", "203.0.113.9/32")},
        {"outside": ("203.0.113.9", plain)}),
    "server-behind-dnat": (
        {"dmz": ("dmz0", "192.168.7.1/24", "192.168.7.7/24"),
         "outside": ("wan0", "198.51.100.1/24", "198.51.100.254/24", "203.0.113.9/32")},
        {"dmz": ("192.168.7.7", plain)}),
    "routed-firewall": (
        {"inside": ("lan0", "192.0.2.1/26", "192.0.2.10/26"), "dmz": ("dmz0", "192.0.2.65/26", "192.0.2.80/26"),
         "outside": ("wan0", "198.51.100.1/24", "198.51.100.254/24", "203.0.113.9/32")},
        {"outside": ("203.0.113.9", plain), "dmz": ("192.0.2.80", plain)}),
    "company-authority": (
        {"inside": ("lan0", "10.20.0.1/16", "10.20.0.10/16"),
         "outside": ("wan0", "198.51.100.1/24", "198.51.100.254/24", "203.0.113.9/32")},
        {"outside": ("203.0.113.9", partner)}),
    "beside-ufw": (
        {"inside": ("lan0", "192.168.1.1/24", "192.168.1.10/24"),
         "outside": ("wan0", "198.51.100.1/24", "198.51.100.254/24", "203.0.113.9/32")},
        {"outside": ("203.0.113.9", plain)}, needs_ufw),
    "cloud": (
        {"inside": ("lan0", "10.0.1.1/24", "10.0.1.10/24"), "dmz": ("dmz0", "10.0.7.1/24", "10.0.7.7/24"),
         "outside": ("wan0", "10.0.0.2/24", "10.0.0.254/24", "203.0.113.9/32")},
        {"outside": ("203.0.113.9", plain), "dmz": ("10.0.7.7", plain)}, one_to_one),
    "docker": (
        {"server": ("docker0/veth1", DOCKER0, "172.17.0.2/16 fd00:d0c::2/64"),
         "container": ("docker0/veth2", DOCKER0, "172.17.0.3/16 fd00:d0c::3/64"),
         "inside": ("lan0", "192.168.1.1/24", "192.168.1.10/24"),
         "outside": ("wan0", "198.51.100.1/24 2001:db8:1::1/64", "198.51.100.254/24 2001:db8:1::fe/64", "203.0.113.9/32")},
        {"server": ("::", dual), "outside": ("203.0.113.9", plain)}, unpublished),
    "kubernetes": (
        {"server1": ("cni0/veth1", CNI0, "10.244.1.7/24"), "server2": ("cni0/veth2", CNI0, "10.244.1.8/24"),
         "pod": ("cni0/veth3", CNI0, "10.244.1.20/24"),
         "outside": ("wan0", "198.51.100.1/24", "198.51.100.254/24", "203.0.113.9/32")},
        {"server1": ("10.244.1.7", plain), "server2": ("10.244.1.8", plain)}, unpublished),
}


def guide_holds(name):
    hosts, servers, *more = SITES[name]
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(Site(hosts))
        for host, (address, make) in servers.items():
            server = stack.enter_context(make(site, host, address))
            with open(server.path("hello.txt"), "w", encoding="ascii") as file:
                file.write("hello\n")
        for prepare in more:
            prepare(site)
        site.walk(name)


def every_guide_is_walked():
    # test_failover.py has two routers, tests/make/test_nspawn.py a system with firewalld.
    written = {name[:-len(".md")] for name in os.listdir(GUIDES)} - {"fail-over", "beside-firewalld"}
    check_equal(written - set(SITES), set(), "guides that nobody walks")


def main():
    plan = Plan(__doc__)
    plan.add("every guide is walked", every_guide_is_walked)
    for name in SITES:
        plan.add(f"{name}: its commands do what it says", guide_holds, name)
    plan.run()


if __name__ == "__main__":
    tap.enter_lab()
    main()
