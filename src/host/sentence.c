/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs read logs too, to ban who is refused. So what a peer said comes last, after all that is known of it: whatever its
 * words are, they name no other peer.
 */
#include "host/sentence.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "ftpalg/address.h"

/* Of what a peer said. A whole host-port has room, and most paths. */
#define QUOTE_MAX 200

static bool reason_is_fault(enum reason reason)
{
	switch (reason) {
	case REASON_ADOPTION_FAILED:
	case REASON_UNREACHABLE:
	case REASON_HANDSHAKE:
	case REASON_BAD_CERTIFICATE:
	case REASON_MINT_REFUSED:
	case REASON_MINT_RATE:
	case REASON_CLIENT_CERTIFICATE:
	case REASON_NOT_RESUMED:
	case REASON_BARREN_RECORDS:
	case REASON_TRUNCATED:
	case REASON_CUT:
	case REASON_PEER:
	case REASON_SHARED_TUPLE:
	case REASON_NO_CARRIER:
	case REASON_NO_PORT:
	case REASON_EXPECT_TABLE_FULL:
	case REASON_KERNEL_REFUSED:
	case REASON_NO_RESIZE:
	case REASON_TABLE_FULL:
	case REASON_MEMORY_FULL:
	case REASON_QUOTA_SESSIONS:
	case REASON_QUOTA_PINHOLES:
	case REASON_QUOTA_RELAYS:
	case REASON_QUOTA_RATE:
	case REASON_QUOTA_BYTES:
		return true;
	default:
		return false;
	}
}

bool sentence_is_due(const struct notice *notice)
{
	return notice->type == NOTICE_REFUSE || reason_is_fault(notice->reason);
}

/* A text that grows to the end of its room and no further. */
struct sentence {
	char *text;
	size_t length;
};

__attribute__((format(printf, 2, 3)))
static void sentence_add(struct sentence *sentence, const char *format, ...)
{
	const size_t room = SENTENCE_MAX - sentence->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(sentence->text + sentence->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		sentence->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void sentence_add_quote(struct sentence *sentence, struct bytes text)
{
	const size_t end = sentence->length + QUOTE_MAX;

	sentence_add(sentence, ": \"");
	while (text.length && sentence->length < end) {
		char shown[ESCAPE_MAX];
		const size_t length = escape_take(&text, ESCAPE_UNICODE, shown);

		sentence_add(sentence, "%.*s", (int)length, shown);
	}
	sentence_add(sentence, text.length ? "...\"" : "\"");
}

/* The peer whose words or packet it was, and the other one, each as the client knows them. */
static void sentence_add_ends(struct sentence *sentence, const struct notice *notice)
{
	const bool from_client = notice->direction == DIRECTION_ORIGINAL;
	char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

	if (!notice->view)
		return;
	endpoint_format(&notice->view->client, client);
	endpoint_format(&notice->view->server_seen, server);
	sentence_add(sentence, ", %s %s to %s %s", from_client ? "client" : "server", from_client ? client : server,
		     from_client ? "server" : "client", from_client ? server : client);
}

void sentence_format(const struct notice *notice, char text[SENTENCE_MAX])
{
	struct sentence sentence = { .text = text };

	text[0] = '\0';
	if (notice->type == NOTICE_REFUSE)
		sentence_add(&sentence, "refused");
	else
		sentence_add(&sentence, "%s", notice_name(notice->type));
	sentence_add_ends(&sentence, notice);
	sentence_add(&sentence, ": %s (%s", reason_meaning(notice->reason), reason_name(notice->reason));
	if (notice->session)
		sentence_add(&sentence, ", session %" PRIu64, notice->session);
	if (notice->rule)
		sentence_add(&sentence, ", rule %s", notice->rule);
	sentence_add(&sentence, ")");
	if (notice->count > 1)
		sentence_add(&sentence, ", %" PRIu64 " times", notice->count);
	if (notice->text.length)
		sentence_add_quote(&sentence, notice->text);
}
