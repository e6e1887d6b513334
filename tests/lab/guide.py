# SPDX-License-Identifier: GPL-3.0-or-later
"""
A guide of doc/guides, walked: its commands are read from the document and run on hosts that stand as its drawing says, and
what they print must be what it says they print.

In blocks of ```console a line "HOST# COMMAND" or "HOST$ COMMAND" is a command, up to the end of its here-document where it
has one; other lines are its output, in which ... stands for anything. A block of ```console nft or ```console iptables is
for the firewall of that kind (rules.FLAVOUR) alone.
"""

import contextlib
import os
import re
import secrets
import shutil
import subprocess

import rules
from gateway import TOP, binary
from lab import WORK
from namespace import Namespace
from process import SLOWNESS, TimedOut, wait_until
from tap import Failed

GUIDES = os.path.join(TOP, "doc", "guides")
SHIMS = os.path.join(TOP, "tests", "lab", "guide_host")
# What happens is written by a process of its own.
LOOKS = ("journalctl", "ftpalg transfers", "ftpalg status", "ftpalg why", "ftpalg sessions")
# A host and a node are what guides call the router where it is one of Docker or of Kubernetes.
PROMPT = re.compile(r"(router|host|node|inside|outside|container|pod)[#$] (.*)")
ROUTERS = ("host", "node")


class Command:
    """One command of a guide, and the lines that it is to print."""

    def __init__(self, host, text, number):
        self.host, self.text, self.number, self.output = host, text, number, []

    def is_answered_by(self, said):
        wanted = [".*" if line == "..." else ".*".join(re.escape(part) for part in line.split("...")) for line in self.output]
        pattern = "".join(r"(?:.*\n)*" if line == ".*" else line + r"\n" for line in wanted)
        return re.fullmatch(pattern, said) is not None


def commands(name):
    """The commands of a guide for this kind of firewall, from the first to the last."""
    found, inside, until = [], False, None
    with open(os.path.join(GUIDES, f"{name}.md"), encoding="utf-8") as file:
        for number, line in enumerate(file.read().splitlines(), 1):
            prompt = PROMPT.fullmatch(line)
            if line.startswith("```"):
                kind = line[3:].split()
                inside = kind[:1] == ["console"] and kind[1:] in ([], [rules.FLAVOUR])
            elif until:
                found[-1].text += "\n" + line
                until = None if line == until else until
            elif inside and prompt:
                found.append(Command("router" if prompt[1] in ROUTERS else prompt[1], prompt[2], number))
                document = re.search(r"<<'(\w+)'$", line)
                until = document[1] if document else None
            elif inside:
                found[-1].output.append(line)
    return found


def address_interface(namespace, interface, addresses):
    for address in addresses.split():
        namespace.ip(f"address add {address} dev {interface}{' nodad' if ':' in address else ''}")
    namespace.ip(f"link set {interface} up")


class Site:
    """
    hosts: {name: (the router's interface, its address there, the host's address, more addresses of the host)}, all with
    their prefix; IPv6 may stand after IPv4. An interface "BRIDGE/PORT" is a port of a bridge. The router has files of its
    own under /etc, /run and /var/log, and the tools that a service manager would bring. """

    def __init__(self, hosts):
        self._prefix = f"fal-{secrets.token_hex(3)}"
        self.directory = os.path.join(WORK, self._prefix)
        self._status = 0
        self.home = os.path.join(self.directory, "home")  # of who sits at a host inside or outside
        for directory in ("etc", "home"):
            os.makedirs(os.path.join(self.directory, directory))
        self.hosts, self._bridges = {}, set()
        try:
            for name in ("router", *hosts):
                self.hosts[name] = Namespace(name, self._prefix, self.directory)
            for name, (interface, router, host, *more) in hosts.items():
                self._connect(name, interface, router, host, more)
            self._settle_router(hosts)
        except BaseException:
            self.close()
            raise

    def _connect(self, name, interface, router, host, more):
        there, here = self.hosts[name], self.hosts["router"]
        bridge, _, port = interface.rpartition("/")
        here.ip(f"link add {port} type veth peer name eth0 netns {there.full_name}")
        if bridge and bridge not in self._bridges:
            here.ip(f"link add {bridge} type bridge")
        if bridge:
            here.ip(f"link set {port} up master {bridge}")
        if bridge not in self._bridges:
            address_interface(here, bridge or port, router)
        self._bridges |= {bridge} - {""}
        for address in (host, *more):
            address_interface(there, "eth0", address)
        for address in router.split():
            there.ip(f"route add default via {address.split('/')[0]}")
        for address in more:
            here.ip(f"route add {address} via {host.split('/')[0]}")

    def _settle_router(self, hosts):
        """A mount namespace that lives as long as a process in it."""
        router = self.hosts["router"]
        router.sysctl("ipv4/ip_forward", 1)
        if any(":" in addresses for _, addresses, *_ in hosts.values()):
            router.sysctl("ipv6/conf/all/forwarding", 1)
        etc = os.path.join(self.directory, "etc")
        subprocess.run(["cp", "-a", "/etc/.", etc], check=True)
        shutil.rmtree(os.path.join(etc, "ftpalg"), ignore_errors=True)
        os.makedirs(os.path.join(etc, "ftpalg"))
        tools = os.path.join(self.directory, "bin")
        shutil.copytree(SHIMS, tools)
        with open(os.path.join(tools, "ftpalg"), "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec {binary()} "$@"\n')
        os.chmod(os.path.join(tools, "ftpalg"), 0o755)
        # Only the router's own directories of /run are hidden: the others hold the network namespaces.
        os.makedirs("/run/ftpalg-units", exist_ok=True)
        script = (f"mount --bind {etc} /etc && mount -t tmpfs none /run/ftpalg-units && mount -t tmpfs none /var/log"
                  " && echo settled && exec sleep infinity")
        self._keeper = router.spawn(["unshare", "--mount", "--propagation", "private", "sh", "-c", script])
        self._keeper.wait_for_output("settled")

    def run(self, command):
        """Runs one command of a guide. Returns what it printed."""
        namespace = self.hosts[command.host]
        enter, environment = [], dict(os.environ)
        if command.host == "router":
            enter = ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", "--"]
            environment["PATH"] = f"{self.directory}/bin:/usr/local/sbin:/usr/sbin:/sbin:{environment['PATH']}"
            environment.update(FTPALG_TOP=TOP, FTPALG_INSIDE=self.home)
        done = subprocess.run(namespace.command([*enter, "sh", "-c", f"(exit {self._status})\n{command.text}"]), check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=120 * SLOWNESS, env=environment, cwd=self.home)
        self._status = done.returncode
        return done.stdout

    def ask(self, command):
        """Runs a command, and one that looks at what has happened again until it has been written."""
        said = self.run(command)
        if command.text.startswith(LOOKS):
            with contextlib.suppress(TimedOut):
                wait_until(lambda: command.is_answered_by(self.run(command)), command.text)
            said = self.run(command)
        return said

    def walk(self, name):
        for command in commands(name):
            said = self.ask(command)
            if not command.is_answered_by(said):
                raise Failed(f"{name}.md, line {command.number}: {command.host}: {command.text}\nsays\n{said}instead of\n"
                             + "\n".join(command.output))

    def close(self):
        if "router" in self.hosts and hasattr(self, "_keeper"):
            self.run(Command("router", 'for file in /run/ftpalg-units/*.pid; do [ ! -f "$file" ] || kill "$(cat "$file")"; done', 0))
        for namespace in reversed(self.hosts.values()):
            namespace.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
