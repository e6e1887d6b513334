#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The rule sets of rules/, loaded as they are with the configurations beside them: files come through as these say, the
router's own filter lets ssh in, and the directories that they use are made.
"""

import contextlib
import os
import socket

import rules
import tap
from gateway import TOP
from guide import Command, Site
from process import wait_until
from servers import Vsftpd
from tap import Plan, check, check_equal

WORLD = ("wan0", "192.0.2.1/24", "192.0.2.254/24", "192.0.2.9/32")
# Of each example: its hosts, the servers; who fetches from where, whether active mode works for him; and where ssh comes
# from.
EXAMPLES = {
    "masquerade": ({"inside": ("lan0", "192.168.1.1/24", "192.168.1.10/24"), "outside": WORLD},
                   {"outside": "192.0.2.9"}, [("inside", "192.0.2.9", False)], ("inside", "192.168.1.1")),
    "dnat": ({"dmz": ("dmz0", "192.168.7.1/24", "192.168.7.7/24"),
              "outside": ("wan0", "198.51.100.1/24", "198.51.100.254/24", "192.0.2.9/32")},
             {"dmz": "192.168.7.7"}, [("outside", "198.51.100.1", True), ("outside", "198.51.100.1:2121", True)],
             ("outside", "198.51.100.1")),
    "firewall": ({"inside": ("lan0", "198.51.100.1/24", "198.51.100.10/24"), "dmz": ("dmz0", "203.0.113.65/26", "203.0.113.80/26"),
                  "outside": WORLD},
                 {"outside": "192.0.2.9"}, [("inside", "192.0.2.9", False)], ("inside", "198.51.100.1")),
}


def load(site, name):
    """As rules/README.md says, where it is nft, and by the script beside it where it is not."""
    example = os.path.join(TOP, "rules", name)
    script = f"mkdir -p /var/log/ftpalg && nft -f {example}.nft" if rules.FLAVOUR == "nft" else f"sh {example}.sh"
    said = site.run(Command("router", f"cp {example}.conf /etc/ftpalg/ftpalg.conf && {script} && systemctl enable --now ftpalg && "
                            "echo loaded", 0))
    check(said.endswith("loaded\n"), said)


def fetch(site, host, address, options):
    return site.run(Command(host, f"curl -sS --max-time 10 {options} ftp://{address}/pub/hello.txt", 0))


def ssh_answers(site, host, address):
    with site.hosts["router"].entered(), socket.create_server((address, 22)), site.hosts[host].entered():
        with contextlib.closing(socket.create_connection((address, 22), 10)):
            pass


def example_works(name):
    hosts, servers, transfers, ssh = EXAMPLES[name]
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(Site(hosts))
        for host, address in servers.items():
            server = stack.enter_context(Vsftpd(site.hosts[host], address, os.path.join(site.directory, host)))
            with open(server.path("hello.txt"), "w", encoding="ascii") as file:
                file.write("hello\n")
        load(site, name)
        for host, address, active in transfers:
            check_equal(fetch(site, host, address, ""), "hello\n", f"a file in passive mode from {address}")
            said = fetch(site, host, address, "-P -")
            check_equal(said == "hello\n", active, f"a file in active mode from {address}, which says {said!r}: it comes")
        ssh_answers(site, *ssh)
        written = Command("router", "grep -c session-open /var/log/ftpalg/events.json", 0)
        wait_until(lambda: int(site.run(written)) >= 2 * len(transfers), "the events of all sessions in their file")


def main():
    plan = Plan(__doc__)
    for name in EXAMPLES:
        plan.add(f"{name}: files come as its configuration says, and ssh to the router", example_works, name)
    plan.run()


if __name__ == "__main__":
    tap.enter_lab()
    main()
