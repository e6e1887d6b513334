/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who caused each refusal and fault, and what mends it. What ends a session in the usual way needs no mending. */
#include "control/words.h"

#define OFFER_MEND "the program that made the offer writes it wrongly: update it, or have the client use the other mode"
#define HOSTILE_MEND "nothing, if it was an attack; if the peer is yours, it does not speak FTP as it should: update it"
#define LINE_MEND "look at what the peer sent; if it is yours, update it"
#define QUOTA_MEND "if the source is known to be honest, raise its limit (the source-* keys of [gateway] and [proxy])"
#define LIMIT_MEND "raise the limit in [gateway] (sessions, memory, unacknowledged), or see who uses it up"
#define PACKET_MEND "nothing, as long as it is rare: the sender repeats what it sent"
#define TLS_MEND "try the server with another client of FTPS, and see the log of the proxy"
#define END_MEND "nothing"
#define RULE_MEND "if it is to be allowed, change the rule of the policy that decided"

static const struct verdict_cause causes[REASON_COUNT] = {
	[REASON_NONE] = { FAULT_NOBODY, END_MEND },
	[REASON_MALFORMED] = { FAULT_OFFERER, OFFER_MEND },
	[REASON_OVERFLOW] = { FAULT_OFFERER, OFFER_MEND },
	[REASON_AMBIGUOUS] = { FAULT_OFFERER, OFFER_MEND },
	[REASON_FAMILY_MISMATCH] = { FAULT_OFFERER, OFFER_MEND },
	[REASON_FOREIGN_ADDRESS] = { FAULT_OFFERER, "if the peer is honest, it is behind another NAT and says its inner address: have the"
				     " client use passive mode or EPSV, give a server of yours its public address, or allow third"
				     " parties that you know with \"fxp\"" },
	[REASON_MARTIAN_ADDRESS] = { FAULT_OFFERER, "the peer takes itself for another host: bind it to the address by which it is reached" },
	[REASON_PORT_ZERO] = { FAULT_OFFERER, OFFER_MEND },
	[REASON_LOW_PORT] = { FAULT_OFFERER, "configure the peer to use ports from 1024 on, or lower \"port-min\" in the rule" },
	[REASON_DENIED_PORT] = { FAULT_OFFERER, "the next attempt will have another port; if the peer always uses this one, take it out of"
				 " \"deny-ports\" or \"deny-passive-ports\"" },
	[REASON_ACTIVE_DENIED] = { FAULT_POLICY, "set the client to passive mode, or \"active = yes\" in the rule" },
	[REASON_PASSIVE_DENIED] = { FAULT_POLICY, "set the client to active mode, or \"passive = yes\" in the rule" },
	[REASON_VERB_DENIED] = { FAULT_POLICY, "if it is to be allowed, see \"deny-verbs\" and \"unknown-verbs\" of the rule" },
	[REASON_UPLOAD_DENIED] = { FAULT_POLICY, "if it is to be allowed, set \"upload = yes\" in the rule" },
	[REASON_DOWNLOAD_DENIED] = { FAULT_POLICY, "if it is to be allowed, set \"download = yes\" in the rule" },
	[REASON_TLS_DENIED] = { FAULT_POLICY, "have the client speak FTP without TLS, or see \"tls\" of the rule" },
	[REASON_TLS_REQUIRED] = { FAULT_CLIENT, "set the client to FTP with explicit TLS, or see \"tls\" of the rule" },
	[REASON_NOT_LOGGED_IN] = { FAULT_OFFERER, "log in first; for servers that ask for no login set \"login-required = no\" in a rule" },
	[REASON_EPSV_ALL] = { FAULT_CLIENT, "the client promised EPSV and did otherwise: update it, or turn EPSV ALL off in it" },
	[REASON_UNSOLICITED] = { FAULT_SERVER, HOSTILE_MEND },
	[REASON_CLIENT_FIRST] = { FAULT_CLIENT, HOSTILE_MEND },
	[REASON_NOT_FTP] = { FAULT_CLIENT, "another protocol was spoken to this port: leave the port out of \"control-ports\" if that is right" },
	[REASON_ODD_VERB] = { FAULT_CLIENT, HOSTILE_MEND },
	[REASON_CONTROL_BYTE] = { FAULT_OFFERER, HOSTILE_MEND },
	[REASON_LINE_TOO_LONG] = { FAULT_OFFERER, "raise \"line-length\" if such lines are honest" },
	[REASON_HIDDEN_LINE] = { FAULT_OFFERER, HOSTILE_MEND },
	[REASON_RAW_NAMES] = { FAULT_CLIENT, "have the client list with LIST, or with STAT and no options" },
	[REASON_TORN_REPLY] = { FAULT_SERVER, "rename the file or directory that has a line end in its name; connect again" },
	[REASON_PIPELINE_FULL] = { FAULT_CLIENT, LINE_MEND },
	[REASON_BEHIND_AUTH] = { FAULT_OFFERER, HOSTILE_MEND },
	[REASON_BEHIND_REIN] = { FAULT_OFFERER, HOSTILE_MEND },
	[REASON_NOT_TLS] = { FAULT_OFFERER, HOSTILE_MEND },
	[REASON_SPLIT_REFUSED] = { FAULT_OFFERER, LINE_MEND },
	[REASON_ADOPTION_FAILED] = { FAULT_NOBODY, "connect again: the session was older than the gateway" },
	[REASON_UNREACHABLE] = { FAULT_SERVER, "see that the server runs and can be reached from this host" },
	[REASON_HANDSHAKE] = { FAULT_SERVER, TLS_MEND },
	[REASON_BAD_CERTIFICATE] = { FAULT_SERVER, "renew the server's certificate, add its authority to \"anchors\", or set"
				     " \"bad-certificate = untrusted\"" },
	[REASON_MINT_REFUSED] = { FAULT_HOST, "\"ftpalg check\" tells what is wrong with the authority" },
	[REASON_MINT_RATE] = { FAULT_LIMIT, "raise \"mint-rate\" if so many servers are honest" },
	[REASON_CLIENT_CERTIFICATE] = { FAULT_NOBODY, "connect again, where \"client-certificates = bypass\" holds; or put the server into"
					" \"bypass\"" },
	[REASON_BYPASSED] = { FAULT_POLICY, "a session that is passed on unopened has no data connections through a closed firewall: take the"
			      " server out of \"bypass\", or open its ports" },
	[REASON_NOT_RESUMED] = { FAULT_CLIENT, "update the client, or set \"resumption = allow\"" },
	[REASON_BARREN_RECORDS] = { FAULT_OFFERER, HOSTILE_MEND },
	[REASON_TRUNCATED] = { FAULT_NETWORK, "repeat the transfer; if the peer always ends so, see \"close-notify\"" },
	[REASON_NO_CLOSE_NOTIFY] = { FAULT_NOBODY, "nothing, where the peer is known to end so; else see \"close-notify\"" },
	[REASON_CUT] = { FAULT_NETWORK, "repeat the transfer" },
	[REASON_PEER] = { FAULT_NETWORK, HOSTILE_MEND },
	[REASON_TIMEOUT] = { FAULT_NETWORK, "see whether the peer is alive, and what filters are in between" },
	[REASON_NO_CONNECTION] = { FAULT_HOST, "connect again: conntrack was flushed, or packets come another way than they leave" },
	[REASON_LOOKUP_BUSY] = { FAULT_NOBODY, PACKET_MEND },
	[REASON_SHARED_TUPLE] = { FAULT_HOST, "connect again, or give the DNAT rules different servers" },
	[REASON_NO_CARRIER] = { FAULT_HOST, "load the rules that \"ftpalg rules\" prints; connections from before have to be made again" },
	[REASON_NO_PORT] = { FAULT_HOST, "translate clients to more than one address" },
	[REASON_EXPECT_TABLE_FULL] = { FAULT_HOST, "raise the sysctl net.netfilter.nf_conntrack_expect_max" },
	[REASON_KERNEL_REFUSED] = { FAULT_HOST, "\"ftpalg check\" tells what the kernel lacks" },
	[REASON_NO_RESIZE] = { FAULT_HOST, "connect again: the connection was made before the rules were loaded, or is not translated" },
	[REASON_TABLE_FULL] = { FAULT_LIMIT, LIMIT_MEND },
	[REASON_HANDSHAKES_FULL] = { FAULT_LIMIT, LIMIT_MEND },
	[REASON_MEMORY_FULL] = { FAULT_LIMIT, LIMIT_MEND },
	[REASON_UNACKNOWLEDGED] = { FAULT_LIMIT, LIMIT_MEND },
	[REASON_WINDOW_FULL] = { FAULT_LIMIT, LIMIT_MEND },
	[REASON_EDITS_FULL] = { FAULT_LIMIT, PACKET_MEND },
	[REASON_QUOTA_SESSIONS] = { FAULT_LIMIT, QUOTA_MEND },
	[REASON_QUOTA_PINHOLES] = { FAULT_LIMIT, QUOTA_MEND },
	[REASON_QUOTA_RELAYS] = { FAULT_LIMIT, QUOTA_MEND },
	[REASON_QUOTA_RATE] = { FAULT_LIMIT, QUOTA_MEND },
	[REASON_QUOTA_BYTES] = { FAULT_LIMIT, QUOTA_MEND },
	[REASON_SHORT_PACKET] = { FAULT_NETWORK, PACKET_MEND },
	[REASON_LONG_PACKET] = { FAULT_NETWORK, "lower \"mss\"" },
	[REASON_NOT_TCP] = { FAULT_HOST, "load the rules that \"ftpalg rules\" prints" },
	[REASON_FRAGMENT] = { FAULT_NETWORK, PACKET_MEND },
	[REASON_BAD_CHECKSUM] = { FAULT_NETWORK, PACKET_MEND },
	[REASON_ADOPTING] = { FAULT_NOBODY, PACKET_MEND },
	[REASON_OUT_OF_ORDER] = { FAULT_NETWORK, PACKET_MEND },
	[REASON_WRONG_WAY] = { FAULT_NETWORK, "nothing, if it was forged; if packets take two ways, set \"reverse-path = no\"" },
	[REASON_OUT_OF_WINDOW] = { FAULT_NETWORK, PACKET_MEND },
	[REASON_CARRIER_TRIGGER] = { FAULT_CLIENT, HOSTILE_MEND },
	[REASON_HELD] = { FAULT_NOBODY, PACKET_MEND },
	[REASON_OLD] = { FAULT_NOBODY, PACKET_MEND },
	[REASON_USED] = { FAULT_NOBODY, END_MEND },
	[REASON_SUPERSEDED] = { FAULT_NOBODY, END_MEND },
	[REASON_SERVER_REFUSED] = { FAULT_SERVER, "see what the server answered, and its log" },
	[REASON_TRANSFER_ENDED] = { FAULT_NOBODY, END_MEND },
	[REASON_CONNECTION_ENDED] = { FAULT_NOBODY, END_MEND },
	[REASON_RESET] = { FAULT_NOBODY, "see the log of the peer that reset it" },
	[REASON_EXPIRED] = { FAULT_NETWORK, "see why the peer did not connect: its own firewall, or a router in between" },
	[REASON_GONE] = { FAULT_NOBODY, END_MEND },
	[REASON_FILTERED_HERE] = { FAULT_HOST, "put what \"ftpalg rules nft --forward\" or \"ftpalg rules iptables --forward\" prints in"
				   " front of what drops in your forward chain" },
	[REASON_DELETED_HERE] = { FAULT_HOST, "see who runs \"conntrack -F\" or \"conntrack -D\", which firewall flushes when it is loaded, or"
				  " whether the uplink's address changed; the client has to connect again" },
	[REASON_REFUSED_BY_PEER] = { FAULT_NOBODY, "see whether the program there listens on the port that it announced, and its firewall" },
	[REASON_NO_ANSWER] = { FAULT_NOBODY, "see the firewall of who was called, and whether the route to it leads there" },
	[REASON_LINE_TIMEOUT] = { FAULT_OFFERER, "see why the peer did not finish its line; raise \"line-timeout\" if it is slow" },
	[REASON_IDLE] = { FAULT_NOBODY, "raise \"idle-timeout\", or have the client send NOOP" },
	[REASON_DRAINED] = { FAULT_NOBODY, "raise \"drain-time\"" },
	[REASON_UNUSABLE] = { FAULT_POLICY, "mend the file and reload" },
	[REASON_SHUTDOWN] = { FAULT_NOBODY, END_MEND },
};

struct verdict_cause verdict_cause_of(enum reason reason)
{
	const struct verdict_cause unknown = { FAULT_NOBODY, END_MEND };

	return (unsigned int)reason < REASON_COUNT && causes[reason].mend ? causes[reason] : unknown;
}
