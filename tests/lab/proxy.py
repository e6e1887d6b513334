# SPDX-License-Identifier: GPL-3.0-or-later
"""
The TLS proxy under test on the lab's router: certificates for everybody, its configuration, its rules, its process.

The authority of the servers is not the proxy's: a client that trusts the one doesn't trust the other.
"""

import os
import re
import subprocess

import rules
from gateway import Gateway, binary
from process import titled

READY = "ftpalg: ready"
PORT = 2100


class Authority:
    """A certificate authority made with openssl(1), and certificates from it."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = name
        self.certificate = os.path.join(directory, f"{name}.pem")
        self.key = os.path.join(directory, f"{name}.key")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def issue(self, name, alternatives, days=30, rsa=False):
        """Returns the paths of a certificate and its key. days below 0: it has expired."""
        path = os.path.join(self.directory, name)
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self._openssl("req", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", f"{path}.key",
                      "-out", f"{path}.csr")
        with open(f"{path}.ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={alternatives}\n")
        self._openssl("x509", "-req", "-in", f"{path}.csr", "-CA", self.certificate, "-CAkey", self.key,
                      "-CAcreateserial", "-days", str(days), "-extfile", f"{path}.ext", "-out", f"{path}.pem")
        os.chmod(f"{path}.key", 0o600)
        return f"{path}.pem", f"{path}.key"


def without_sockets(configuration):
    """The same configuration for a second service: the one that serves has the sockets."""
    return re.sub("^(monitor|control) = .*$", r"\1 = none", configuration, flags=re.MULTILINE)


class Proxy(Gateway):
    """
    The proxy on a lab's router. options: what [proxy] has besides the port. Servers' certificates come from `servers`,
    clients are to trust `local`, which `ftpalg ca init` makes.
    """

    def __init__(self, lab, options=None, policy=None, gateway=None, sections=None):
        self.lab = lab
        self.ports = set()
        self.program = binary()
        directory = lab.directory
        self.servers = Authority(directory, "servers")
        self.local = os.path.join(directory, "local.pem")
        subprocess.run([binary(), "ca", "init", "--certificate", self.local, "--key", f"{directory}/local.key"],
                       check=True, stdout=subprocess.DEVNULL)
        section = {"port": PORT, "control-ports": "21", "implicit-ports": "990", "ca-certificate": self.local,
                   "ca-key": f"{directory}/local.key", "anchors": self.servers.certificate}
        if os.environ.get("FTPALG_LAB_UID", "0") != "0":
            section["user"] = "none"
        for key, value in (options or {}).items():
            section[key] = value
            if value is None:
                del section[key]
        for key in ("control-ports", "implicit-ports"):
            self.ports.update(port for port in str(section.get(key, "none")).replace(" ", "").split(",") if port.isdigit())
        super().__init__(lab.router, directory, name="proxy",
                         settings={"gateway": gateway or {}, "proxy": section, "policy": policy or {},
                                   **(sections or {})})

    def server_certificate(self, name="server", days=30, rsa=False, alternatives=None):
        addresses = ",".join(f"IP:{self.lab.addresses[family].server}" for family in (4, 6))
        return self.servers.issue(name, alternatives or f"{addresses},DNS:ftp.lab.test", days, rsa)

    def open_ports(self):
        """The operator lets the inside reach all ports of the proxy, as the lab's own rules do for the gateway's."""
        ports = sorted(self.ports - set(map(str, self.lab.gateway.control_ports)))
        if not ports:
            return
        if rules.FLAVOUR == "nft":
            self.router.run(["nft", "add", "rule", "inet", "lab", "forward", 'iifname "inside" oifname "outside" '
                             f"tcp dport {{ {', '.join(ports)} }} ct state new accept"])
        for program in ("iptables", "ip6tables") if rules.FLAVOUR == "iptables" else ():
            self.router.run([program, "-A", "FORWARD", "-i", "inside", "-o", "outside", "-p", "tcp", "-m", "multiport",
                             "--dports", ",".join(ports), "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT"])

    def load_proxy_rules(self):
        """Interception, policy route, and what the router's closed INPUT has to admit."""
        path = f"{self.configuration}.rules"
        if rules.FLAVOUR == "nft":
            rules.load(self.router, path, self.printed_rules("--proxy"), ["nft", "-f", "-"])
            rules.load(self.router, path, self.printed_rules(kind="route"), ["sh", "-s"])
            for line in self.printed_rules("--proxy", "--forward").splitlines():
                if not line.startswith("#"):
                    self.router.run(["nft", "insert", "rule", "inet", "lab", "input", line])
        else:
            for options in (["--proxy"], ["--proxy", "--forward"]):
                rules.load(self.router, path, self.printed_rules(*options), ["sh", "-s"])

    @property
    def pid(self):
        """The process that speaks to peers."""
        return titled(self.process.pid, "ftpalg-proxy")[-1]

    def __enter__(self):
        self.open_ports()
        self.load_proxy_rules()
        self.process = self.router.spawn([self.program, "proxy", "-c", self.configuration])
        self.process.wait_for_output(READY)
        return self

    def __exit__(self, *exception):
        if exception[0] is None:
            self.stop()
        else:
            print(f"# the proxy wrote: {self.process.output()[-3000:]!r}")
            self.process.stop()
