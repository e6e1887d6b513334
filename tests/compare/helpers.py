# SPDX-License-Identifier: GPL-3.0-or-later
"""
FTP helpers, each set up on a lab's router as its own manual says. A helper is a context manager over a lab that was
made without the gateway:

    with Lab(mode="snat", gateway_rules=False, daemon=False) as lab, KernelHelper(lab):
        ...                                 # the client talks to lab.server_seen(4), port 21

Two kinds: those that read the packets of a connection that stays the client's, and proxies, which end it and open one
of their own (terminates).
"""

import contextlib
import os
import shutil
import subprocess

import rules
from gateway import Gateway, binary
from process import wait_until
from servers import is_listening, unpacked
from tap import Skip

CONTROL_PORT = 21


class Helper:
    """One helper on the router of a lab, from __enter__ to __exit__."""

    name = None
    title = None           # as the table of a comparison has it
    package = None         # of fetch-servers, where it is one
    terminates = False     # it is a proxy
    families = (4, 6)
    modes = ("routed", "snat", "dnat", "both", "masquerade")

    def __init__(self, lab):
        self.lab = lab

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def start(self):
        """Makes it work, and waits until it does."""

    def stop(self):
        """Processes and rules end with the lab; what else there is ends here."""

    def restart(self):
        """Kills its program, if it has one, and starts it again."""

    @classmethod
    def can_run(cls):
        """Has this host what it needs?"""
        return True

    def version(self):
        """What it calls itself."""
        return ""

    def installed(self):
        return unpacked(self.package)

    def package_version(self):
        with open(os.path.join(self.installed(), "version"), encoding="ascii") as file:
            return f"Debian {file.read().strip()}"

    def unload(self, *modules):
        """
        Takes modules out of the kernel, with the helpers that they have registered: the kernel's and conntrackd's go by
        one name, and whoever comes second is refused.
        """
        for family in self.families:
            self.lab.router.run([rules.iptables(family), "-w", "-t", "raw", "-F"])
            self.lab.router.run([rules.iptables(family), "-w", "-F"])
        self.lab.router.run(["conntrack", "-F"])
        for module in modules:
            if os.path.exists(f"/sys/module/{module}/refcnt"):
                wait_until(lambda name=module: subprocess.run(["modprobe", "-qr", name], check=False).returncode == 0,
                           f"the module {module} to go")

    @property
    def target(self):
        """Where clients connect to."""
        return self.lab.server_seen(4), CONTROL_PORT

    def admit_transparently(self):
        """From now on a client that dials the server's control port gets the helper."""

    def iptables(self, arguments, families=(4, 6)):
        for family in families:
            self.lab.router.run([rules.iptables(family), "-w", *arguments.split()])


class NoHelper(Helper):
    """Conntrack and NAT only."""

    name = "none"
    title = "no helper"


class KernelHelper(Helper):
    """nf_conntrack_ftp and, where NAT is, nf_nat_ftp; data connections are accepted as RELATED by this helper."""

    name = "kernel"
    title = "nf_conntrack_ftp"

    def start(self):
        for module in ("nf_conntrack_ftp", "nf_nat_ftp"):
            subprocess.run(["modprobe", "-q", module], check=False)  # where they are not built in
        for family in (4, 6):
            text = rules.iptables_kernel_helper([CONTROL_PORT])
            rules.load(self.lab.router, self.lab.path(f"helper-{family}"), text,
                       [f"{rules.iptables(family)}-restore", "--noflush"])

    def stop(self):
        self.unload("nf_nat_ftp", "nf_conntrack_ftp")

    def version(self):
        return f"Linux {os.uname().release}"


class FtpalgHelper(Helper):
    """This gateway, with the rules that it prints."""

    name = "ftpalg"
    title = "ftpalg"

    def __init__(self, lab, settings=None):
        super().__init__(lab)
        self.gateway = Gateway(lab.router, lab.directory, name="compared", settings=settings)

    def start(self):
        self.gateway.load_rules()
        admit = self.gateway.printed_rules("--forward")
        if rules.FLAVOUR == "nft":
            for line in admit.strip().splitlines():
                self.lab.router.run(["nft", "insert", "rule", "inet", "lab", "forward", *line.split()])
        else:
            rules.load(self.lab.router, self.lab.path("admit"), admit, ["sh", "-s"])
        self.gateway.start()

    def restart(self):
        self.gateway.kill()
        self.gateway.start()

    def stop(self):
        self.gateway.stop()

    def version(self):
        return subprocess.run([binary(), "version"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


class Conntrackd(Helper):
    """
    conntrackd's helper in user space. It needs nfnetlink_cthelper, looks for its plugin in one place only, and takes
    the name "ftp", so the kernel's helper must not have been loaded.
    """

    name = "conntrackd"
    title = "conntrackd"
    package = "conntrackd"
    families = (4,)
    modules = ("nfnetlink_cthelper", "nfnetlink_queue")
    plugins = "/usr/lib/x86_64-linux-gnu/conntrack-tools"

    @classmethod
    def can_run(cls):
        """Has this kernel what it needs?"""
        return all(subprocess.run(["modprobe", "-qn", module], check=False).returncode == 0 for module in cls.modules)

    def start(self):
        for module in self.modules:
            if subprocess.run(["modprobe", "-q", module], check=False).returncode != 0:
                raise Skip(f"this kernel has no module {module}")
        plugins = os.path.join(self.installed(), "root") + self.plugins
        if not os.path.exists(self.plugins):
            try:
                shutil.copytree(plugins, self.plugins)
            except OSError as error:
                raise Skip(f"conntrackd's plugins can't be put into {self.plugins}: {error.strerror}") from None
        with open(self.lab.path("conntrackd.conf"), "w", encoding="ascii") as file:
            file.write(f"""\
Helper {{
	Setup yes
	Type ftp inet tcp {{
		QueueNum 5
		QueueLen 10240
		Policy ftp {{
			ExpectMax 1
			ExpectTimeout 300
		}}
	}}
}}
General {{
	LogFile {self.lab.path("conntrackd.log")}
	LockFile {self.lab.path("conntrackd.lock")}
	UNIX {{
		Path {self.lab.path("conntrackd.ctl")}
	}}
}}
""")
        self.launch()
        self.iptables(f"-t raw -A PREROUTING -p tcp --dport {CONTROL_PORT} -j CT --helper ftp", self.families)
        self.iptables("-A FORWARD -p tcp --dport 1024:65535 -m helper --helper ftp -m conntrack --ctstate RELATED "
                      "-j ACCEPT", self.families)

    def launch(self):
        """Starts the daemon and waits until it has bound its queue."""
        program = os.path.join(self.installed(), "root/usr/sbin/conntrackd")
        self.process = self.lab.router.spawn([program, "-C", self.lab.path("conntrackd.conf")],
                                             environment={"LD_LIBRARY_PATH": os.path.join(self.installed(), "lib")})

        def ready():
            if not self.process.running():
                raise RuntimeError(f"conntrackd ended at once; it wrote:\n{self.process.output()}")
            queues = self.lab.router.run(["cat", "/proc/net/netfilter/nfnetlink_queue"], check=False).stdout
            return any(line.split()[0] == "5" for line in queues.splitlines())
        wait_until(ready, "conntrackd to bind its queue")

    def restart(self):
        self.process.kill()
        for name in ("conntrackd.lock", "conntrackd.ctl"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.lab.path(name))
        self.launch()

    def stop(self):
        self.process.stop()
        self.unload("nfnetlink_cthelper")

    def version(self):
        return self.package_version()


class Proxy(Helper):
    """
    A proxy on the router. Its input is open from both sides, and it may open what it wants: it is the proxy that
    decides.
    """

    terminates = True
    families = (4,)
    port = None

    def start(self):
        for device in ("inside", "outside"):
            self.iptables(f"-I INPUT -i {device} -p tcp --dport 1024:65535 -j ACCEPT", self.families)
        self.prepare()
        self.launch()

    def prepare(self):
        """Writes its configuration, and what rules it needs beyond those."""
        raise NotImplementedError

    def redirect(self):
        """From now on who dials the server gets the proxy."""
        self.iptables(f"-t nat -I PREROUTING -i inside -p tcp --dport {CONTROL_PORT} "
                      f"-j REDIRECT --to-ports {self.port}", self.families)

    def command(self):
        """What starts it, below the directory in which it was unpacked."""
        raise NotImplementedError

    def launch(self):
        """Starts it and waits until it listens."""
        program, *arguments = self.command()
        process = self.lab.router.spawn([os.path.join(self.installed(), "root", program), *arguments],
                                        environment={"LD_LIBRARY_PATH": os.path.join(self.installed(), "lib")})

        def ready():
            if not process.running():
                raise RuntimeError(f"{self.name} ended at once; it wrote:\n{process.output()}")
            return is_listening(self.lab.router, self.port)
        wait_until(ready, f"{self.name} to listen")
        self.process = process

    def restart(self):
        """With the sessions that its children have."""
        self.process.kill()
        self.launch()

    def version(self):
        return self.package_version()


class FtpProxy(Proxy):
    """SuSE's proxy-suite, Debian's package ftp-proxy, as a transparent proxy: connections to port 21 are redirected."""

    name = "ftp-proxy"
    title = "ftp-proxy"
    package = "ftp-proxy"
    port = 2121

    def prepare(self):
        self.redirect()
        with open(self.lab.path("ftp-proxy.conf"), "w", encoding="ascii") as file:
            file.write(f"""\
[-Global-]
ServerType standalone
Listen 0.0.0.0
Port {self.port}
AllowTransProxy yes
DestinationAddress {self.lab.addresses[4].server}
ForkLimit 100000
MaxClients 512
LogDestination {self.lab.path("ftp-proxy.log")}
PidFile {self.lab.path("ftp-proxy.pid")}
""")

    def command(self):
        return ["usr/sbin/ftp-proxy", "-n", "-d", "-f", self.lab.path("ftp-proxy.conf")]


class ModProxy(Proxy):
    """ProFTPD's mod_proxy as a reverse proxy in front of the one server: clients connect to the router."""

    name = "mod_proxy"
    title = "mod_proxy"
    package = "proftpd-core"
    port = 2222

    @property
    def target(self):
        return self.lab.addresses[4].inside_router, self.port

    def admit_transparently(self):
        self.redirect()

    def prepare(self):
        base = self.lab.path("mod_proxy")
        os.makedirs(f"{base}.tables", exist_ok=True)
        for name, line in (("passwd", f"ftp:x:65534:65534::{base}.tables:/bin/false\n"), ("group", "ftp:x:65534:\n")):
            with open(f"{base}.{name}", "w", encoding="ascii") as file:
                file.write(line)
            os.chmod(f"{base}.{name}", 0o600)
        with open(f"{base}.conf", "w", encoding="ascii") as file:
            file.write(f"""\
ModulePath {os.path.join(self.installed(), "root/usr/lib/proftpd")}
LoadModule mod_tls.c
LoadModule mod_proxy.c
ServerType standalone
ServerName lab
Port {self.port}
DefaultAddress {self.lab.addresses[4].inside_router}
SocketBindTight off
UseReverseDNS off
MaxInstances none
User root
Group root
AuthOrder mod_auth_file.c
AuthUserFile {base}.passwd
AuthGroupFile {base}.group
PidFile {base}.pid
ScoreboardFile {base}.scoreboard
DelayEngine off
WtmpLog off
TransferLog none
SystemLog {base}.log
ProxyEngine on
ProxySourceAddress {self.lab.addresses[4].outside_router}
ProxyTables {base}.tables
ProxyRole reverse
ProxyReverseServers ftp://{self.lab.addresses[4].server}:{CONTROL_PORT}
""")

    def command(self):
        return ["usr/sbin/proftpd", "--nodaemon", "--config", self.lab.path("mod_proxy.conf")]

    def version(self):
        listing = self.lab.router.run(
            [os.path.join(self.installed(), "root/usr/sbin/proftpd"), "--version"], check=False,
            env={**os.environ, "LD_LIBRARY_PATH": os.path.join(self.installed(), "lib")})
        return (listing.stdout + listing.stderr).strip().splitlines()[-1]


HELPERS = (NoHelper, KernelHelper, FtpProxy, ModProxy, Conntrackd, FtpalgHelper)
