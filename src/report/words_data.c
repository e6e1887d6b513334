/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of data connections, of pinholes and of what was not read. */
#include <inttypes.h>
#include <string.h>

#include "ftpalg/address.h"
#include "report/words.h"

/* Which flow goes to the client: that of the peer that connects (0), or that of the one that listens. */
static int flow_to_client(const struct report_data *data)
{
	return data->offer->active ? 0 : 1;
}

static void describe_flows(const struct report_data *data, char *text)
{
	const struct report_flow *to_client = &data->flow[flow_to_client(data)];
	const struct report_flow *to_server = &data->flow[1 - flow_to_client(data)];
	const struct nat_view *view = &data->offer->session->view;
	const struct address *listener = &data->tuple.destination.address;
	const bool active = data->offer->active;
	/* The listener may be a third host, which the offer named. */
	const char *client = active && !address_equal(listener, &view->client.address) ? "a third host" : "the client";
	const char *server = !active && !address_equal(listener, &view->server.address) ? "a third host" : "the server";
	char number[REPORT_NUMBER_MAX];

	if (report_data_bytes(data) == 0)
		report_append(text, "no bytes");
	if (to_client->bytes > 0) {
		report_format_bytes(to_client->bytes, number);
		report_append(text, "%s to %s", number, client);
	}
	if (to_server->bytes > 0) {
		report_format_bytes(to_server->bytes, number);
		report_append(text, "%s%s to %s", to_client->bytes > 0 ? ", " : "", number, server);
	}
}

void report_describe_data(const struct report_data *data, struct report_phrase *phrase)
{
	const enum report_data_state state = report_judge_data(data);
	const struct report_transfer *transfer = data->transfer;
	char number[REPORT_NUMBER_MAX];

	memset(phrase, 0, sizeof(*phrase));
	phrase->tone = state == REPORT_DATA_COMPLETE ? REPORT_TONE_GOOD : REPORT_TONE_WARNING;
	if (!data->pinhole && !data->headless)
		phrase->tone = REPORT_TONE_BAD;
	snprintf(phrase->head, sizeof(phrase->head), "Data connection %u", data->number);
	if (transfer) {
		report_append(phrase->before, "%s%s", verb_name(transfer->verb), transfer->path.length > 0 ? " " : "");
		phrase->quoted = transfer->path;
		report_append(phrase->after, ": ");
	}
	describe_flows(data, phrase->after);
	report_format_seconds(report_data_duration(data), number);
	report_append(phrase->after, " in %s", number);
	if (report_data_bytes(data) > 0 && report_data_duration(data) > 0) {
		report_format_rate(report_data_bytes(data), report_data_duration(data), number);
		report_append(phrase->after, " (%s)", number);
	}
	report_append(phrase->after, ", %s", report_data_state_name(state));
	if (data->pinhole)
		report_append(phrase->after, "; through pinhole %u", data->pinhole->number);
	else if (data->headless)
		report_append(phrase->after, "; the capture doesn't have its beginning");
	else
		report_append(phrase->after, "; no pinhole was open for it, so a closed firewall would drop it");
}

void report_describe_passing(const struct report_row *row, struct report_phrase *phrase)
{
	char client[REPORT_NUMBER_MAX];
	char server[REPORT_NUMBER_MAX];

	memset(phrase, 0, sizeof(*phrase));
	phrase->tone = REPORT_TONE_WARNING;
	report_format_bytes(row->bytes[DIRECTION_ORIGINAL], client);
	report_format_bytes(row->bytes[DIRECTION_REPLY], server);
	if (row->kind == REPORT_ROW_OPAQUE) {
		snprintf(phrase->head, sizeof(phrase->head), "Encrypted from here on");
		report_append(phrase->after, "TLS, %s from the client and %s from the server; nothing of it is inspected, and"
		       " nothing opened for it", client, server);
	} else {
		snprintf(phrase->head, sizeof(phrase->head), "Bytes are missing in the capture");
		report_append(phrase->after, "what follows, %s from the client and %s from the server, passed without inspection",
		       client, server);
	}
}

void report_describe_pinhole(const struct report_pinhole *pinhole, uint64_t start, struct report_phrase *phrase)
{
	char opened[REPORT_NUMBER_MAX];
	char ended[REPORT_NUMBER_MAX];

	memset(phrase, 0, sizeof(*phrase));
	report_format_moment(pinhole->opened, start, opened);
	report_format_moment(pinhole->used_at ? pinhole->used_at : pinhole->closed, start, ended);
	if (pinhole->used) {
		phrase->tone = REPORT_TONE_GOOD;
		report_append(phrase->after, "opened at %s, used at %s", opened, ended);
	} else if (!pinhole->ended || pinhole->reason == REASON_SHUTDOWN) {
		phrase->tone = REPORT_TONE_PLAIN;
		report_append(phrase->after, "opened at %s, still open when the capture ends", opened);
	} else {
		phrase->tone = pinhole->reason == REASON_EXPIRED ? REPORT_TONE_WARNING : REPORT_TONE_PLAIN;
		report_append(phrase->after, "opened at %s, closed unused at %s: %s, %s", opened, ended,
		       reason_name(pinhole->reason), reason_meaning(pinhole->reason));
	}
}

bool report_describe_limit(const struct report *report, unsigned int limit, char text[REPORT_WORDS_MAX])
{
	const struct report_totals *totals = &report->totals;
	const struct {
		uint64_t count;
		const char *words;
	} limits[REPORT_LIMITS] = {
		{ totals->sessions - report->session_count, "more sessions are counted, but not shown." },
		{ totals->rows_left_out, "more lines and decisions are not shown: a report shows so many and no more." },
		{ totals->pinholes_left_out, "more pinholes are counted, but not shown." },
		{ totals->transfers_left_out, "more transfers are counted, but not shown." },
		{ totals->data_left_out, "more data connections are not shown." },
	};

	text[0] = '\0';
	if (limits[limit].count > 0)
		report_append(text, "%" PRIu64 " %s", limits[limit].count, limits[limit].words);
	return limits[limit].count > 0;
}
