# SPDX-License-Identifier: GPL-3.0-or-later
"""
The router's own packet filter and NAT, as its owner would have written them before the gateway came: everything is
dropped that is not expressly allowed, and new connections are allowed to control ports only. What belongs to the
gateway (carrier, queue, MSS clamp, RELATED accept) is not here: `ftpalg rules` prints it.

There are two flavours, iptables and nft; FTPALG_RULES chooses for all labs. The first is the default because nft's own
queue statement is missing from some kernels, where the iptables target works.
"""

import os

FLAVOUR = os.environ.get("FTPALG_RULES", "iptables")
ICMP = {4: "icmp", 6: "ipv6-icmp"}
INVALID = "lab-invalid"


def load(router, path, text, program):
    """Feeds text to program on the router, by way of a file that can be looked at."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with open(path, encoding="utf-8") as file:
        router.run(program, stdin=file)


def iptables(family):
    return "iptables" if family == 4 else "ip6tables"


def iptables_base(family, addresses, mode, control_ports, forward_all):
    """For iptables-restore or ip6tables-restore."""
    ports = "" if forward_all else f"-m multiport --dports {','.join(map(str, control_ports))} "
    nat = []
    if mode in ("snat", "both"):
        nat.append(f"-A POSTROUTING -o outside -s {addresses.network(addresses.client)} "
                   f"-j SNAT --to-source {addresses.client_public}")
    if mode == "masquerade":
        nat.append(f"-A POSTROUTING -o outside -s {addresses.network(addresses.client)} -j MASQUERADE")
    if mode in ("dnat", "both"):
        nat.append(f"-A PREROUTING -i inside -d {addresses.server_public} -j DNAT --to-destination {addresses.server}")
    return "\n".join([
        "*mangle",
        # No target: a counter of packets that conntrack could make no sense of.
        f"-A PREROUTING -m conntrack --ctstate INVALID -m comment --comment {INVALID}",
        "COMMIT",
        "*nat",
        *nat,
        "COMMIT",
        "*filter",
        ":INPUT DROP",
        ":FORWARD DROP",
        "-A INPUT -i lo -j ACCEPT",
        f"-A INPUT -p {ICMP[family]} -j ACCEPT",
        "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        "-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        f"-A FORWARD -p {ICMP[family]} -m conntrack --ctstate RELATED -j ACCEPT",
        f"-A FORWARD -i inside -o outside -p tcp {ports}-m conntrack --ctstate NEW -j ACCEPT",
        "COMMIT",
    ]) + "\n"


def iptables_kernel_helper(control_ports):
    """What stands in for the gateway's rules when the kernel's own FTP helper stands in for the gateway."""
    return "\n".join([
        "*raw",
        f"-A PREROUTING -p tcp -m multiport --dports {','.join(map(str, control_ports))} -j CT --helper ftp",
        "COMMIT",
        "*filter",
        "-A FORWARD -p tcp --dport 1024:65535 -m helper --helper ftp -m conntrack --ctstate RELATED -j ACCEPT",
        "COMMIT",
    ]) + "\n"


def nft_base(families, mode, control_ports, forward_all, admit):
    """For nft -f, both families at once. admit: lines for the forward chain, from the gateway or its stand-in."""
    ports = "" if forward_all else f"tcp dport {{ {', '.join(map(str, control_ports))} }} "
    snat, dnat = [], []
    for family, addresses in families.items():
        ip = "ip" if family == 4 else "ip6"
        if mode in ("snat", "both"):
            snat.append(f'oifname "outside" {ip} saddr {addresses.network(addresses.client)} '
                        f"snat {ip} to {addresses.client_public}")
        if mode == "masquerade":
            snat.append(f'oifname "outside" {ip} saddr {addresses.network(addresses.client)} masquerade')
        if mode in ("dnat", "both"):
            dnat.append(f'iifname "inside" {ip} daddr {addresses.server_public} dnat {ip} to {addresses.server}')
    return "\n".join([
        "table inet lab {",
        *(f"counter {INVALID}-{family} {{ }}" for family in families),
        "chain count { type filter hook prerouting priority mangle;",
        *(f"ct state invalid meta nfproto ipv{family} counter name {INVALID}-{family}" for family in families),
        "}",
        "chain translate_source { type nat hook postrouting priority srcnat;", *snat, "}",
        "chain translate_destination { type nat hook prerouting priority dstnat;", *dnat, "}",
        "chain input { type filter hook input priority filter; policy drop;",
        "iif lo accept",
        "meta l4proto { icmp, ipv6-icmp } accept",
        "ct state established,related accept",
        "}",
        "chain forward { type filter hook forward priority filter; policy drop;",
        admit,
        "ct state established accept",
        "meta l4proto { icmp, ipv6-icmp } ct state related accept",
        f'iifname "inside" oifname "outside" meta l4proto tcp {ports}ct state new accept',
        "}",
        "}",
    ]) + "\n"


def packets_after_queue(router, what):
    """
    Packets of control ports that came to the end of the printed rules: "passed" by the gateway, or "unpassed", which
    were neither that nor a SYN without data.
    """
    if FLAVOUR == "nft":
        words = router.output(["nft", "list", "counter", "inet", "ftpalg", what]).split()
        return int(words[words.index("packets") + 1])
    counts = [int(line.split()[0]) for family in (4, 6)
              for line in router.output([iptables(family), "-t", "security", "-vnxL", "FTPALG_JUDGED"]).splitlines()
              if f"/* {what} */" in line]
    if not counts:
        raise RuntimeError(f"the rules that count what is {what} are gone")
    return sum(counts)


def invalid_packets(router, family):
    """Packets so far that conntrack called INVALID."""
    if FLAVOUR == "nft":
        words = router.output(["nft", "list", "counter", "inet", "lab", f"{INVALID}-{family}"]).split()
        return int(words[words.index("packets") + 1])
    for line in router.output([iptables(family), "-t", "mangle", "-vnxL", "PREROUTING"]).splitlines():
        if INVALID in line:
            return int(line.split()[0])
    raise RuntimeError("the counter rule for INVALID packets is gone")
