# SPDX-License-Identifier: GPL-3.0-or-later
"""
Real FTP servers, unpacked by fetch-servers and started in a namespace with a configuration of ours.

Both run as the user who started them: in a user namespace of an ordinary user there is no other user to become. Their
tree is a tmpfs directory whose "pub" can be written to. Users log in as anonymous.
"""

import grp
import os
import pwd
import subprocess

from gateway import TOP
from process import wait_until
from tap import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = os.environ.get("FTPALG_SERVERS", os.path.join(TOP, "build", "servers"))


def unpacked(package):
    """The directory of an unpacked server; fetches it where it is missing."""
    directory = os.path.join(SERVERS, package)
    if not os.path.exists(os.path.join(directory, "complete")):
        fetched = subprocess.run([os.path.join(HERE, "fetch-servers"), package], check=False, text=True,
                                 stderr=subprocess.PIPE, env={**os.environ, "FTPALG_SERVERS": SERVERS})
        if fetched.returncode != 0:
            raise Skip(f"{package} is not there and could not be fetched: {fetched.stderr.strip().splitlines()[-1]}")
        if not os.path.exists(os.path.join(directory, "complete")):
            raise Skip(f"{package} is not there and could not be fetched")
    return directory


def is_listening(namespace, port):
    return bool(namespace.output(["ss", "-Hltn", f"sport = :{port}"]).strip())


class Server:
    """A server in a namespace, listening on address and port from __enter__ to __exit__."""

    package = None

    def __init__(self, namespace, address, directory, port=21):
        self.namespace = namespace
        self.address = address
        self.port = port
        # No address in the name: a PWD answers with it, and tests look for addresses.
        self.root = os.path.join(directory, f"{self.package}-ipv{6 if ':' in address else 4}-{port}")
        self.public = os.path.join(self.root, "pub")
        self._process = None

    def __enter__(self):
        os.makedirs(self.public)
        os.chmod(self.public, 0o777)
        installed = unpacked(self.package)
        configuration = f"{self.root}.conf"
        with open(configuration, "w", encoding="ascii") as file:
            file.write(self._configuration(installed))
        self._process = self.namespace.spawn(self._command(os.path.join(installed, "root"), configuration),
                                             environment={"LD_LIBRARY_PATH": os.path.join(installed, "lib")})

        def ready():
            if not self._process.running():
                raise RuntimeError(f"{self.package} ended at once; it wrote:\n{self._process.output()}")
            return is_listening(self.namespace, self.port)
        wait_until(ready, f"{self.package} to listen")
        return self

    def __exit__(self, *exception):
        self._process.stop()

    def path(self, name):
        """Where a file that clients know as pub/NAME lies."""
        return os.path.join(self.public, name)

    def _configuration(self, installed):
        raise NotImplementedError

    def _command(self, root, configuration):
        raise NotImplementedError


class Vsftpd(Server):
    """
    vsftpd left alone takes any port from 1024 up for passive data connections, and once in a thousand one that the
    gateway's deny-ports names. This one takes the ports that the kernel itself would.
    """

    package = "vsftpd"

    def _configuration(self, installed):
        listen = "listen_ipv6" if ":" in self.address else "listen"
        address = "listen_address6" if ":" in self.address else "listen_address"
        empty = f"{self.root}.empty"
        os.makedirs(empty, exist_ok=True)
        settings = {
            listen: "YES", address: self.address, "listen_port": self.port, "background": "NO",
            "run_as_launching_user": "YES", "secure_chroot_dir": empty, "seccomp_sandbox": "NO", "isolate": "NO",
            "isolate_network": "NO", "anonymous_enable": "YES", "no_anon_password": "YES", "anon_root": self.root,
            "ftp_username": "nobody", "write_enable": "YES", "anon_upload_enable": "YES", "anon_umask": "022",
            "anon_world_readable_only": "NO", "connect_from_port_20": "YES", "pasv_min_port": "32768",
            "pasv_max_port": "60999", "xferlog_enable": "NO", "accept_timeout": "10", "connect_timeout": "10",
        }
        if "listen_ipv6" in settings:
            settings["listen"] = "NO"
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _command(self, root, configuration):
        return [os.path.join(root, "usr/sbin/vsftpd"), configuration]


class Proftpd(Server):
    """ProFTPD, told to obey a PORT that names another host than the client (AllowForeignAddress)."""

    package = "proftpd-core"

    def _configuration(self, installed):
        users, groups = f"{self.root}.passwd", f"{self.root}.group"
        with open(users, "w", encoding="ascii") as file:
            file.write(f"ftp:x:{os.getuid()}:{os.getgid()}::{self.root}:/bin/false\n")
        with open(groups, "w", encoding="ascii") as file:
            file.write(f"ftp:x:{os.getgid()}:\n")
        for path in (users, groups):
            os.chmod(path, 0o600)  # ProFTPD reads no others
        return f"""\
ServerType standalone
ServerName lab
Port {self.port}
DefaultAddress {self.address}
SocketBindTight on
UseReverseDNS off
User {pwd.getpwuid(os.getuid()).pw_name}
Group {grp.getgrgid(os.getgid()).gr_name}
AuthOrder mod_auth_file.c
AuthUserFile {users}
AuthGroupFile {groups}
RequireValidShell off
RootLogin on
PidFile {self.root}.pid
ScoreboardFile {self.root}.scoreboard
DelayEngine off
WtmpLog off
TransferLog none
SystemLog none
AllowForeignAddress on
TimeoutLinger 1
<Anonymous {self.root}>
  User ftp
  Group ftp
  UserAlias anonymous ftp
  AnonRequirePassword off
  AllowOverwrite on
</Anonymous>
"""

    def _command(self, root, configuration):
        return [os.path.join(root, "usr/sbin/proftpd"), "--nodaemon", "--config", configuration]


class TlsVsftpd(Vsftpd):
    """vsftpd that demands resumption on data connections. certificate: paths of certificate and key."""

    def __init__(self, namespace, address, directory, certificate, port=21, implicit=False, settings=None):
        super().__init__(namespace, address, directory, port)
        self._certificate = certificate
        self._implicit = implicit
        self._settings = settings or {}
        self.log = f"{self.root}.log"

    def _configuration(self, installed):
        settings = {
            "ssl_enable": "YES", "rsa_cert_file": self._certificate[0], "rsa_private_key_file": self._certificate[1],
            "allow_anon_ssl": "YES", "force_local_data_ssl": "NO", "force_local_logins_ssl": "NO",
            "require_ssl_reuse": "YES", "ssl_ciphers": "HIGH", "debug_ssl": "YES", "log_ftp_protocol": "YES",
            "vsftpd_log_file": self.log, "implicit_ssl": "YES" if self._implicit else "NO",
            **self._settings,
        }
        text = super()._configuration(installed).replace("xferlog_enable=NO", "xferlog_enable=YES\nxferlog_std_format=NO")
        return text + "".join(f"{name}={value}\n" for name, value in settings.items())


class TlsProftpd(Proftpd):
    """ProFTPD with mod_tls as it comes: it demands resumption on data connections."""

    def __init__(self, namespace, address, directory, certificate, port=21, implicit=False, settings=""):
        super().__init__(namespace, address, directory, port)
        self._certificate = certificate
        self._implicit = implicit
        self._settings = settings
        self.log = f"{self.root}.tls.log"

    def _configuration(self, installed):
        options = "TLSOptions UseImplicitSSL\n" if self._implicit else ""
        return f"""\
ModulePath {os.path.join(installed, "root/usr/lib/proftpd")}
LoadModule mod_tls.c
TLSEngine on
TLSLog {self.log}
TLSProtocol TLSv1.2 TLSv1.3
TLSECCertificateFile {self._certificate[0]}
TLSECCertificateKeyFile {self._certificate[1]}
{options}{self._settings}
""" + super()._configuration(installed)


class TlsPureftpd(Server):
    """Pure-FTPd for anonymous users, who find themselves in its own directory."""

    package = "pure-ftpd"

    def __init__(self, namespace, address, directory, certificate, port=21):
        super().__init__(namespace, address, directory, port)
        self._certificate = certificate

    def _configuration(self, installed):
        joined = f"{self.root}.both.pem"
        with open(joined, "w", encoding="ascii") as out:
            os.chmod(joined, 0o600)
            for path in reversed(self._certificate):
                with open(path, encoding="ascii") as file:
                    out.write(file.read())
        return ""

    def _command(self, root, configuration):
        # The home of the user "ftp" is where anonymous users go; a mount namespace has a user database of our own.
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
                       f"ftp:x:65534:65534::{self.root}:/bin/false\n")
        daemon = [os.path.join(root, "usr/sbin/pure-ftpd"), "-S", f"{self.address},{self.port}", "-e", "-H", "-Y", "1",
                  "-2", f"{self.root}.both.pem"]
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/passwd && shift && exec "$@"', "sh",
                configuration, *daemon]
