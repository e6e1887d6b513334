/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/words.h"

#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "base/phrase.h"
#include "ftpalg/address.h"

size_t words_escape(struct bytes bytes, char *text, size_t size)
{
	size_t at = 0;

	while (bytes.length > 0) {
		char shown[ESCAPE_MAX];
		const size_t length = escape_take(&bytes, ESCAPE_UNICODE, shown);

		if (length >= size - at)
			break;
		memcpy(text + at, shown, length);
		at += length;
	}
	text[at] = '\0';
	return at;
}

static void add_said(struct phrase *words, const struct decision *decision)
{
	const struct bytes said = { decision->words, decision->words_length };
	char text[DECISION_WORDS_MAX * ESCAPE_MAX + 1];

	words_escape(said, text, sizeof(text));
	phrase_add(words, "%s%s", text, decision->cut ? "..." : "");
}

static void add_endpoint(struct phrase *words, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	endpoint_format(endpoint, text);
	phrase_add(words, "%s", text);
}

static void add_address(struct phrase *words, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(address, text);
	phrase_add(words, "%s", text);
}

static void add_open(struct phrase *words, const struct session_row *row)
{
	const struct nat_view *view = &row->view;

	phrase_add(words, "control connection ");
	add_endpoint(words, &view->client);
	phrase_add(words, " -> ");
	add_endpoint(words, &view->server_seen);
	if (!endpoint_equal(&view->client, &view->client_seen)) {
		phrase_add(words, ", the client seen as ");
		add_endpoint(words, &view->client_seen);
	}
	if (!endpoint_equal(&view->server, &view->server_seen)) {
		phrase_add(words, ", the server is ");
		add_endpoint(words, &view->server);
	}
	if (row->adopted)
		phrase_add(words, ", under way already");
}

/* The offer as a peer would write it, whatever this one wrote. */
static void add_offer(struct phrase *words, enum form form, const struct endpoint *endpoint)
{
	const bool active = form_is_active(form);
	uint8_t tuple[HOSTPORT_TEXT_MAX];
	const size_t length = hostport_format(form, '|', endpoint, tuple);

	phrase_add(words, active ? "%s %.*s" : "%s (%.*s)", form_name(form), (int)length, (const char *)tuple);
}

static void add_offers(struct phrase *words, const struct decision *decision)
{
	phrase_add(words, form_is_active(decision->form) ? "C> " : "S> ");
	add_offer(words, decision->form, &decision->first);
	if (decision->kind == DECISION_REWRITE) {
		phrase_add(words, ", left as ");
		add_offer(words, decision->form, &decision->second);
	}
}

static void add_way(struct phrase *words, const struct decision *decision)
{
	add_address(words, &decision->from);
	phrase_add(words, " -> ");
	add_endpoint(words, &decision->first);
}

static void add_pinhole(struct phrase *words, const struct decision *decision)
{
	phrase_add(words, decision->type == NOTICE_PINHOLE_OPEN ? "pinhole: " : "pinhole closed: ");
	add_way(words, decision);
	if (decision->type == NOTICE_PINHOLE_OPEN)
		phrase_add(words, ", for %u s", decision->seconds);
	else
		phrase_add(words, ": %s (%s)", reason_meaning(decision->reason), reason_name(decision->reason));
}

static void add_reason(struct phrase *words, const char *what, const struct decision *decision)
{
	phrase_add(words, "%s%s: %s", what, reason_name(decision->reason), reason_meaning(decision->reason));
	if (decision->words_length == 0)
		return;
	phrase_add(words, ": \"");
	add_said(words, decision);
	phrase_add(words, "\"");
}

static void add_data(struct phrase *words, const struct decision *decision)
{
	const bool active = form_is_active(decision->form);

	if (decision->type == NOTICE_PINHOLE_USED) {
		phrase_add(words, "the data connection was made: ");
		add_way(words, decision);
		return;
	}
	if (decision->type == NOTICE_PINHOLE_CLOSE && decision->reason == REASON_DELETED_HERE) {
		phrase_add(words, "the pinhole ");
		add_endpoint(words, &decision->first);
		phrase_add(words, " WAS DELETED FROM THIS HOST'S CONNTRACK before anybody came");
		return;
	}
	if (decision->type == NOTICE_PINHOLE_CLOSE) {
		add_address(words, &decision->from);
		phrase_add(words, " came to the pinhole ");
		add_endpoint(words, &decision->first);
		if (decision->reason == REASON_FILTERED_HERE)
			phrase_add(words, ", and THIS HOST'S OWN FILTER DROPPED IT");
		else
			phrase_add(words, ", and the %s %s", active ? "client" : "server",
			    decision->reason == REASON_NO_ANSWER ? "did not answer" : "refused it (RST)");
		return;
	}
	phrase_add(words, "the proxy relayed");
	if (decision->bytes != UINT64_MAX)
		phrase_add(words, " %" PRIu64 " bytes", decision->bytes);
	if (decision->reason != REASON_NONE)
		phrase_add(words, ", and %s: %s", reason_name(decision->reason), reason_meaning(decision->reason));
}

static void add_transfer(struct phrase *words, const struct decision *decision)
{
	static const char *const by[] = { "", " by the client", " by the server" };

	phrase_add(words, "%s ", verb_name(decision->verb));
	add_said(words, decision);
	phrase_add(words, ": %s%s", transfer_outcome_name(decision->outcome), by[decision->by]);
	if (decision->bytes != UINT64_MAX)
		phrase_add(words, ", %" PRIu64 " bytes", decision->bytes);
	if (decision->code != 0)
		phrase_add(words, ", reply %u", decision->code);
}

static void add_tls(struct phrase *words, const struct decision *decision)
{
	phrase_add(words, decision->type == NOTICE_MINT ? "certificate asked for: " : "TLS: ");
	add_said(words, decision);
}

void words_format(const struct decision *decision, const struct session_row *row, char text[WORDS_MAX])
{
	struct phrase words = { .text = text, .size = WORDS_MAX };

	text[0] = '\0';
	switch (decision->kind) {
	case DECISION_OPEN:
		add_open(&words, row);
		break;
	case DECISION_LOGIN:
		phrase_add(&words, "logged in: ");
		add_said(&words, decision);
		break;
	case DECISION_TLS:
		add_tls(&words, decision);
		break;
	case DECISION_LINE:
	case DECISION_REWRITE:
		if (decision->type == NOTICE_OFFER) {
			add_offers(&words, decision);
			break;
		}
		phrase_add(&words, decision->direction == DIRECTION_ORIGINAL ? "C> " : "S> ");
		add_said(&words, decision);
		break;
	case DECISION_PINHOLE:
		add_pinhole(&words, decision);
		break;
	case DECISION_DATA:
		add_data(&words, decision);
		break;
	case DECISION_REFUSE:
		add_reason(&words, "refused: ", decision);
		break;
	case DECISION_TRANSFER:
		add_transfer(&words, decision);
		break;
	case DECISION_CLOSE:
		add_reason(&words, "closed: ", decision);
		break;
	case DECISION_ANOMALY:
	case DECISION_KIND_COUNT:
		add_reason(&words, "", decision);
		break;
	}
}

const char *words_advice(const struct decision *decision)
{
	const bool failed = decision->kind == DECISION_DATA && decision->type == NOTICE_PINHOLE_CLOSE;

	if (decision->kind != DECISION_REFUSE && decision->kind != DECISION_ANOMALY && !failed)
		return NULL;
	return decision->reason == REASON_NONE ? NULL : verdict_cause_of(decision->reason).mend;
}
