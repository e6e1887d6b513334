# SPDX-License-Identifier: GPL-3.0-or-later
"""
Servers that only test_interop.py and test_pieces.py use, unpacked by fetch-servers as those of servers.py are.

Most of them know their users from /etc and become them. A mount namespace has an /etc of our own, with one user; that
wants root, so an ordinary user's lab has the others only.
"""

import os
import shutil

from servers import Proftpd, Server
from tap import Skip

USER = "lab"
USER_ID = 7777
PYTHON = "/usr/bin/python3"  # the one that Debian's modules are for

# What inetd does, for servers that are started once for each connection.
INETD = """
import os, socket, sys
address, program = sys.argv[1], sys.argv[2:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
listener = socket.create_server((address, 21), family=family, backlog=64)
children = 0
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        os.dup2(connection.fileno(), 0), os.dup2(connection.fileno(), 1)
        os.execv(program[0], program)
    children += 1
    connection.close()
    while children and os.waitpid(-1, os.WNOHANG)[0]:
        children -= 1
"""

PYFTPDLIB = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
root, address = sys.argv[1:]
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user("lab", "secret", root, perm="elradfmwMT")
FTPServer((address, 21), FTPHandler).serve_forever()
"""

# What crypt(3) makes of "secret". The old ftpd gets on only with a first module of PAM that asks as pam_ftp does.
HASH = "$6$interop$x6IMPaNg.wYf47ZC6VrhGKHL2a7TAYYUj.97SBKfqC2CuGYspHC/llsBbgXVGt.GlNNMaiFQr/tfrVCsfunv70"

ETC = {
    "passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n{user}:x:{id}:{id}::{root}:/bin/sh\n",
    "group": "root:x:0:\nnogroup:x:65534:\n{user}:x:{id}:\n",
    "shadow": "root:*:19000::::::\n{user}:{hash}:19000::::::\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\nprotocols: files\n",
    "hosts": "127.0.0.1 localhost\n",
    "shells": "/bin/sh\n",
    "pam.d/other": ("auth sufficient pam_ftp.so\nauth required pam_unix.so\naccount required pam_permit.so\n"
                    "session required pam_permit.so\n"),
}


class UserServer(Server):
    """Runs in an /etc of our own."""

    user, families = USER, (4, 6)

    def _configuration(self, installed):
        if os.environ.get("FTPALG_LAB_UID", "0") != "0":
            raise Skip(f"{self.package} must become its user, and this lab has no other than the one who started it")
        etc = f"{self.root}.etc"
        os.makedirs(os.path.join(etc, "pam.d"))
        for name, text in ETC.items():
            with open(os.path.join(etc, name), "w", encoding="ascii") as file:
                file.write(text.format(user=USER, id=USER_ID, root=self.root, hash=HASH))
        for name in ("services", "protocols", "ld.so.cache"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", etc)
        return ""

    def _command(self, root, configuration):
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh",
                f"{self.root}.etc", *self._daemon(root)]

    def _daemon(self, root):
        raise NotImplementedError


class Pureftpd(UserServer):
    package = "pure-ftpd"

    def _daemon(self, root):
        family = "-6" if ":" in self.address else "-4"
        return [os.path.join(root, "usr/sbin/pure-ftpd"), "-S", f"{self.address},{self.port}", "-l", "pam", "-A", "-H",
                "-u", "1", "-C", "50", "-g", f"{self.root}.pid", family]


class InetutilsFtpd(UserServer):
    package = "inetutils-ftpd"

    def _daemon(self, root):
        return [PYTHON, "-c", INETD, self.address, os.path.join(root, "usr/sbin/ftpd")]


class NetkitFtpd(UserServer):
    """The old ftpd of Linux, which knows neither EPSV nor EPRT."""

    package, families = "ftpd-ssl", (4,)

    def _daemon(self, root):
        return [PYTHON, "-c", INETD, self.address, os.path.join(root, "usr/sbin/in.ftpd")]


class Pyftpdlib(Server):
    package, user, families = "python3-pyftpdlib", USER, (4, 6)

    def _configuration(self, installed):
        return PYFTPDLIB

    def _command(self, root, configuration):
        modules = os.path.join(root, "usr/lib/python3/dist-packages")
        return ["env", f"PYTHONPATH={modules}", PYTHON, "-B", configuration, self.root, self.address]


class RestartingProftpd(Proftpd):
    """ProFTPD as servers.py has it, where files may also be continued."""

    user, families = "anonymous", (4, 6)

    def _configuration(self, installed):
        return super()._configuration(installed).replace(
            "  AllowOverwrite on\n", "  AllowOverwrite on\n  AllowStoreRestart on\n  AllowRetrieveRestart on\n")


SERVERS = {"Pure-FTPd": Pureftpd, "ProFTPD": RestartingProftpd, "pyftpdlib": Pyftpdlib, "inetutils-ftpd": InetutilsFtpd,
           "netkit-ftpd": NetkitFtpd}
