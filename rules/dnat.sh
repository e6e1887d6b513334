#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The rules of dnat.nft in the words of iptables: clients anywhere outside, one FTP server inside. Run it with sh; it replaces the
# filter and nat tables, and leaves raw and mangle to what ftpalg prints. Active mode is on: the server may call its clients back.
set -eu

inside=dmz0
outside=wan0
server=192.168.7.7
config=${1:-/etc/ftpalg/ftpalg.conf}

# Both families load this: protocol of ICMP, and what that family forwards. Data connections are accepted by FTPALG_ACCEPT, which
# comes in below. ssh is how you come to this host: let it be for those networks that you come from.
filter() {
	cat <<EOF
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -p $1 -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -p $1 -m conntrack --ctstate RELATED -j ACCEPT
$2
COMMIT
EOF
}

# Control connections, after their translation; and the server may ask for names and the time.
ipv4="-A FORWARD -i $outside -o $inside -d $server -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -i $inside -p udp -m multiport --dports 53,123 -m conntrack --ctstate NEW -j ACCEPT"

nat() {
	cat <<EOF
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i $outside -p tcp -m multiport --dports 21,2121 -j DNAT --to-destination $server:21
-A POSTROUTING -o $outside -j MASQUERADE
COMMIT
EOF
}

# Where the events go (dnat.conf).
install -d -m 750 /var/log/ftpalg
# What ftpalg says comes first, so that there is no moment in which FTP passes uninspected.
ftpalg rules iptables -c "$config" | sh
filter icmp "$ipv4" | iptables-restore -w
filter ipv6-icmp "" | ip6tables-restore -w
nat | iptables-restore -w
ftpalg rules iptables --forward -c "$config" | sh
