/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CHECK_FORWARD_H
#define CHECK_FORWARD_H

#include <stdbool.h>
#include <stddef.h>

/* What happens to the data connections of one family in the forward chains. */
enum forward_verdict {
	FORWARD_ADMITS,      /* no chain drops them */
	FORWARD_ADMITS_SOME, /* one drops all but those of some interfaces or addresses */
	FORWARD_DROPS,       /* one drops all */
};

struct forward_finding {
	enum forward_verdict verdict;
	/* the one that drops, as the operator would name it: "inet filter forward"; "" for FORWARD_ADMITS */
	char chain[160];
};

/*
 * Reads what "nft list ruleset" printed, or iptables-save, and says what the forward chains that it has do with a
 * connection that conntrack expected. Worse findings replace what *finding holds, which the caller has set to zero.
 * ipv6 says which family is asked for. translated: iptables-save speaks for the tables "ip filter" and "ip6 filter", so
 * nft's listing of their chain FORWARD is passed over. Without memory nothing is found.
 */
void forward_read_nft(const char *text, bool ipv6, bool translated, struct forward_finding *finding);
void forward_read_iptables(const char *text, struct forward_finding *finding);

#endif
