/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/notice.h"

static const char *const names[] = {
#define NOTICE_NAME(identifier, name) name,
	NOTICE_TABLE(NOTICE_NAME)
#undef NOTICE_NAME
};

const char *notice_name(enum notice_type type)
{
	return (unsigned int)type < NOTICE_COUNT ? names[type] : "unknown";
}

static const char *const outcomes[] = {
#define TRANSFER_NAME(identifier, name) name,
	TRANSFER_TABLE(TRANSFER_NAME)
#undef TRANSFER_NAME
};

const char *transfer_outcome_name(enum transfer_outcome outcome)
{
	return (unsigned int)outcome < TRANSFER_OUTCOME_COUNT ? outcomes[outcome] : outcomes[TRANSFER_UNKNOWN];
}

const char *transfer_party_name(enum transfer_party party)
{
	static const char *const parties[] = { NULL, "client", "server" };

	return parties[party];
}

enum protection notice_relay_protection(const struct notice *notice)
{
	const struct notice_relay *relay = notice->relay;

	if (notice->reason != REASON_NONE && relay->to_server == 0 && relay->to_client == 0)
		return PROTECTION_UNKNOWN;
	return relay->client.tls && relay->server.tls ? PROTECTION_TLS : PROTECTION_CLEAR;
}
