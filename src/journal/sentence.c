/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs read logs too, to ban clients that are refused. So what a peer said comes last, after all that is known of it:
 * whatever its words are, they don't name another peer.
 */
#include "journal/sentence.h"

#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "base/phrase.h"
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

static void sentence_add_quote(struct phrase *sentence, struct bytes text)
{
	const size_t end = sentence->length + QUOTE_MAX;

	phrase_add(sentence, ": \"");
	while (text.length && sentence->length < end) {
		char shown[ESCAPE_MAX];
		const size_t length = escape_take(&text, ESCAPE_UNICODE, shown);

		phrase_add(sentence, "%.*s", (int)length, shown);
	}
	phrase_add(sentence, text.length ? "...\"" : "\"");
}

/* The peer whose words or packet it was, and the other one, each as the client knows them. */
static void sentence_add_ends(struct phrase *sentence, const struct notice *notice)
{
	const bool from_client = notice->direction == DIRECTION_ORIGINAL;
	char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

	if (!notice->view)
		return;
	endpoint_format(&notice->view->client, client);
	endpoint_format(&notice->view->server_seen, server);
	phrase_add(sentence, ", %s %s to %s %s", from_client ? "client" : "server", from_client ? client : server,
		     from_client ? "server" : "client", from_client ? server : client);
}

static void sentence_add_transfer(struct phrase *sentence, const struct notice *notice)
{
	const struct notice_transfer *end = notice->transfer;
	const char *party = end ? transfer_party_name(end->by) : NULL;

	phrase_add(sentence, ": %s", verb_name(notice->verb));
	if (end && end->outcome != TRANSFER_UNKNOWN)
		phrase_add(sentence, " %s%s%s", transfer_outcome_name(end->outcome), party ? ", by the " : "", party ? party : "");
	if (end && end->counted)
		phrase_add(sentence, ", %" PRIu64 " bytes", end->bytes);
	phrase_add(sentence, " in %" PRIu64 ".%03u s", notice->duration / 1000000, (unsigned int)(notice->duration % 1000000 / 1000));
	phrase_add(sentence, " (session %" PRIx64, notice->session);
	if (notice->code)
		phrase_add(sentence, ", reply %u", notice->code);
	phrase_add(sentence, ")");
	if (notice->file && notice->file->path.length)
		sentence_add_quote(sentence, notice->file->path);
	if (notice->file && notice->file->user.length) {
		phrase_add(sentence, " of user");
		sentence_add_quote(sentence, notice->file->user);
	}
}

void sentence_format(const struct notice *notice, char text[SENTENCE_MAX])
{
	struct phrase sentence = { .text = text, .size = SENTENCE_MAX };

	text[0] = '\0';
	if (notice->type == NOTICE_REFUSE)
		phrase_add(&sentence, "refused");
	else
		phrase_add(&sentence, "%s", notice_name(notice->type));
	sentence_add_ends(&sentence, notice);
	if (notice->type == NOTICE_TRANSFER && notice->reason == REASON_NONE) {
		sentence_add_transfer(&sentence, notice);
		return;
	}
	phrase_add(&sentence, ": %s (%s", reason_meaning(notice->reason), reason_name(notice->reason));
	if (notice->session)
		phrase_add(&sentence, ", session %" PRIx64, notice->session);
	if (notice->rule)
		phrase_add(&sentence, ", rule %s", notice->rule);
	phrase_add(&sentence, ")");
	if (notice->count > 1)
		phrase_add(&sentence, ", %" PRIu64 " times", notice->count);
	if (notice->text.length)
		sentence_add_quote(&sentence, notice->text);
}
