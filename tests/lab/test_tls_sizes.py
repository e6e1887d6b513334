#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Files through the proxy of the sizes at which something changes (a record of TLS, the buffers of a relay and of a pipe), all
in one session with a server that demands resumption; and clients in other languages, each of whose libraries has its own
ways to end a data connection.
"""

import ftplib
import hashlib
import io
import itertools
import os
import shutil
import ssl
import time

from clients import SECONDS
from tap import Plan, Skip, check, check_equal
from test_tls import Cell
from transfers import FULL

# Records have 16384 bytes at most, relays read 131072 at a time and gather 139264, pipes take 524288.
EDGES = (16384, 131072, 139264, 524288)
SIZES = sorted({0, 1, *(edge + more for edge in EDGES for more in ((-1, 0, 1) if FULL else (0, 1)))})
SERVERS = ("vsftpd", "ProFTPD", "Pure-FTPd")


class Client(ftplib.FTP_TLS):
    trust_server_pasv_ipv4_address = True

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            connection = self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
        return connection, size

    def received(self, command, rest=None):
        data = io.BytesIO()
        self.retrbinary(command, data.write, rest=rest)
        return data.getvalue()

    def listed(self, command):
        lines = []
        self.retrlines(command, lines.append)
        return "\n".join(lines)


def same(seen, expected, what):
    digests = [hashlib.sha256(data).hexdigest() for data in (seen, expected)]
    check_equal((len(seen), digests[0]), (len(expected), digests[1]), f"bytes and SHA-256 of {what}")


def stored(server, name):
    with open(server.path(name), "rb") as file:
        return file.read()


def one_size(client, server, name, size):
    content = os.urandom(size)
    client.storbinary(f"STOR {name}", io.BytesIO(content))
    same(stored(server, name), content, f"{name}, uploaded")
    same(client.received(f"RETR {name}"), content, f"{name}, downloaded")
    if size > 0:
        same(client.received(f"RETR {name}", rest=size - 1), content[size - 1:], f"the last byte of {name}")


def every_size(cell, family, passive, private):
    server = cell.servers[family, False]
    context = ssl.create_default_context(cafile=cell.proxy.local)
    with cell.lab.client.entered(), Client(context=context, timeout=SECONDS) as client:
        client.connect(cell.lab.addresses[family].server)
        client.login()
        client.prot_p() if private else (client.voidcmd("PBSZ 0"), client.prot_c())
        client.set_pasv(passive)
        client.cwd("pub")
        for size in SIZES:
            # Anonymous users overwrite nothing.
            name = f"{size}-{time.monotonic_ns()}"
            one_size(client, server, name, size)
        for command in ("LIST", "NLST"):
            check(name in client.listed(command), f"{command} does not list the file")
        client.quit()


PERL = """
use Net::FTP; my ($host, $ca, $source, $down, $empty) = @ARGV;
my $ftp = Net::FTP->new($host, SSL_ca_file => $ca, Passive => 1, Timeout => 60) or die $@;
sub need { $_[0] or die $_[1] . ": " . $ftp->message }
need($ftp->starttls, "AUTH"); need($ftp->login("anonymous", "lab@"), "login"); $ftp->binary; need($ftp->cwd("pub"), "CWD");
need($ftp->put($source, "file"), "STOR"); need($ftp->get("file", $down), "RETR");
need($ftp->put($empty, "empty"), "STOR of nothing"); need($ftp->get("empty", "$down.empty"), "RETR of nothing");
need(scalar(grep(/file/, $ftp->dir)), "LIST"); $ftp->quit;
"""

RUBY = """
require 'net/ftp'
host, ca, source, down, empty = ARGV
ftp = Net::FTP.new(host, ssl: { ca_file: ca, verify_mode: OpenSSL::SSL::VERIFY_PEER }, private_data_connection: true,
                   passive: true, username: 'anonymous', password: 'lab@')
ftp.chdir('pub')
ftp.putbinaryfile(source, 'file'); ftp.getbinaryfile('file', down)
ftp.putbinaryfile(empty, 'empty'); ftp.getbinaryfile('empty', down + '.empty')
abort 'LIST' unless ftp.list.any? { |line| line.include?('file') }
ftp.quit
"""

PHP = """
[, $host, , $source, $down, $empty] = $argv;
function need($what, $done) { if (!$done) { fwrite(STDERR, $what); exit(1); } }
$ftp = ftp_ssl_connect($host, 21, 60);
need('login', ftp_login($ftp, 'anonymous', 'lab@'));
ftp_pasv($ftp, true);
need('CWD', ftp_chdir($ftp, 'pub'));
need('STOR', ftp_put($ftp, 'file', $source)); need('RETR', ftp_get($ftp, $down, 'file'));
need('STOR of nothing', ftp_put($ftp, 'empty', $empty)); need('RETR of nothing', ftp_get($ftp, $down . '.empty', 'empty'));
need('LIST', preg_grep('/file/', ftp_nlist($ftp, '.')));
ftp_close($ftp);
"""

LANGUAGES = {"Net::FTP": ("perl", ("-MIO::Socket::SSL", "-e", PERL)), "Ruby": ("ruby", ("-ropenssl", "-e", RUBY, "--")),
             "PHP": ("php", ("-r", PHP, "--"))}


def other_language(cell, language):
    program, arguments = LANGUAGES[language]
    if not shutil.which(program) or (language == "Net::FTP" and cell.lab.client.run(
            [program, arguments[0], "-e", "1"], check=False).returncode != 0):
        raise Skip(f"{language} with TLS is not installed")
    server, down, empty = cell.servers[4, False], cell.lab.path(f"{program}.down"), cell.lab.path("nothing")
    with open(empty, "wb"):
        pass
    cell.lab.client.run([program, *arguments, cell.lab.addresses[4].server, cell.proxy.local, cell.source, down, empty],
                        timeout=2 * SECONDS)
    with open(cell.source, "rb") as file:
        content = file.read()
    same(stored(server, "file"), content, "the file, uploaded")
    same(stored(server, "empty"), b"", "nothing, uploaded")
    with open(down, "rb") as file:
        same(file.read(), content, "the file, downloaded")
    check_equal(os.path.getsize(f"{down}.empty"), 0, "bytes of nothing, downloaded")
    for name in ("file", "empty"):
        os.remove(server.path(name))


def main():
    plan = Plan(__doc__)
    for kind in SERVERS:
        cell = Cell(kind, families=(4, 6) if FULL else (4,))
        rows = ((4, True, True), (4, False, False))
        if FULL:
            rows = itertools.product(cell.families, (True, False), (True, False))
        for family, passive, private in rows:
            plan.add(f"{kind}: files of {len(SIZES)} sizes arrive whole, IPv{family}, {'passive' if passive else 'active'}, "
                     f"PROT {'P' if private else 'C'}", every_size, family, passive, private, fixture=cell)
        for language in LANGUAGES:
            plan.add(f"{kind}: {language} has its files whole", other_language, language, fixture=cell)
    plan.run()


if __name__ == "__main__":
    main()
