#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The rules of firewall.nft in the words of iptables: IPv4 and IPv6 are routed and nothing is translated, FTP works by the gateway
# or not at all. Run it with sh; it replaces the filter table, and leaves raw and mangle to what ftpalg prints. Active mode is
# off for everybody (firewall.conf), so no server calls a client back.
set -eu

inside=lan0
outside=wan0
dmz=dmz0
config=${1:-/etc/ftpalg/ftpalg.conf}

# Both families load this: protocol of ICMP, and the drop box. Data connections are accepted by FTPALG_ACCEPT, which comes in
# below. The mark is that of what the gateway sends by itself.
filter() {
	cat <<EOF
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -p $1 -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -i $inside -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -p $1 -m conntrack --ctstate RELATED -j ACCEPT
-A FORWARD -i $inside -o $outside -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -i $inside -o $dmz -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -i $outside -o $dmz -d $2 -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A OUTPUT -m mark --mark 0x66747000 -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -p $1 -j ACCEPT
-A OUTPUT -p udp -m multiport --dports 53,123 -j ACCEPT
COMMIT
EOF
}

# Where the events go (firewall.conf).
install -d -m 750 /var/log/ftpalg
# What ftpalg says comes first, so that there is no moment in which FTP passes uninspected.
ftpalg rules iptables -c "$config" | sh
filter icmp 203.0.113.80 | iptables-restore -w
filter ipv6-icmp 2001:db8:203::80 | ip6tables-restore -w
ftpalg rules iptables --forward -c "$config" | sh
