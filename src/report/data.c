/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Data connections, recognised by the endpoints that were announced, whether the gateway accepted them or not: one that goes
 * to a refused endpoint is what would have happened without the gateway, and belongs in the report.
 *
 * Bytes are counted by sequence numbers, so a retransmission counts once, and what the capture doesn't have of a packet
 * counts too.
 */
#include <string.h>

#include "ftpalg/address.h"
#include "report/model.h"

/* Offers of the same endpoint that are looked at, newest first. */
#define OFFERS_MAX 64
/* No receiver's window is larger: what lies further ahead is not part of the stream. */
#define GAP_MAX (UINT32_C(1) << 30)

static enum form find_form(enum direction direction, struct bytes line, struct bytes *text)
{
	struct command command;
	struct reply reply;

	if (direction == DIRECTION_REPLY) {
		parse_reply(line, &reply);
		*text = (struct bytes){ line.data + reply.text.offset, reply.text.length };
		if (reply.kind != REPLY_LAST)
			return FORM_NONE;
		return reply.code == 227 ? FORM_227
		     : reply.code == 228 ? FORM_228 : reply.code == 229 ? FORM_229 : FORM_NONE;
	}
	parse_command(line, &command);
	*text = (struct bytes){ line.data + command.argument.offset, command.argument.length };
	switch (command.verb) {
	case VERB_PORT:
	case VERB_SPOR:
		return FORM_PORT;
	case VERB_EPRT:
		return FORM_EPRT;
	case VERB_LPRT:
		return FORM_LPRT;
	default:
		return FORM_NONE;
	}
}

void report_add_offer(struct report *report, struct report_session *session, struct report_row *row, struct bytes line)
{
	struct hostport hostport;
	struct report_offer *offer;
	struct bytes text;
	enum form form;

	form = find_form(row->direction, line, &text);
	if (form == FORM_NONE || hostport_parse(form, text, &hostport) != REASON_NONE)
		return;
	offer = report_take(report, sizeof(*offer));
	if (!offer)
		return;
	offer->session = session;
	offer->active = form_is_active(form);
	offer->endpoint = hostport.endpoint;
	if (hostport.endpoint.address.family == FAMILY_NONE || address_is_unspecified(&hostport.endpoint.address))
		offer->endpoint.address = offer->active ? session->view.client.address : session->view.server.address;
	offer->chained = report->offers[report_bucket(&offer->endpoint)];
	report->offers[report_bucket(&offer->endpoint)] = offer;
	row->offer = offer;
}

/* Which peer was meant to connect to it? */
static const struct address *offer_source(const struct report_offer *offer)
{
	return offer->active ? &offer->session->view.server.address : &offer->session->view.client.address;
}

/* The newest offer of this endpoint, if there is one that is meant for source. */
static struct report_offer *find_offer(const struct report *report, const struct endpoint *endpoint,
				       const struct address *source)
{
	struct report_offer *any = NULL;
	unsigned int count = 0;

	for (struct report_offer *offer = report->offers[report_bucket(endpoint)]; offer && count < OFFERS_MAX;
	     offer = offer->chained, count++) {
		if (!endpoint_equal(&offer->endpoint, endpoint))
			continue;
		if (address_equal(offer_source(offer), source))
			return offer;
		if (!any)
			any = offer;
	}
	return any;
}

/* The same for both directions. */
static uint32_t find_bucket(const struct tuple *tuple)
{
	return (report_bucket(&tuple->source) + report_bucket(&tuple->destination)) % REPORT_BUCKETS;
}

static struct report_data *find_data(const struct report *report, const struct tuple *tuple, int *direction)
{
	const struct tuple reversed = tuple_reverse(tuple);

	for (struct report_data *data = report->datas[find_bucket(tuple)]; data; data = data->chained) {
		*direction = tuple_equal(&data->tuple, tuple) ? 0 : 1;
		if (*direction == 0 || tuple_equal(&data->tuple, &reversed))
			return data;
	}
	return NULL;
}

static struct report_data *add_data(struct report *report, struct report_offer *offer, const struct tuple *tuple,
				    uint64_t time)
{
	struct report_session *session = offer->session;
	struct report_data *data = NULL;
	struct report_row *row;

	if (report->data_count < REPORT_DATA_MAX)
		data = report_take(report, sizeof(*data));
	if (!data)
		return NULL;
	report->data_count++;
	data->session = session;
	data->offer = offer;
	data->tuple = *tuple;
	data->number = ++session->data_count;
	data->start = time;
	data->chained = report->datas[find_bucket(tuple)];
	report->datas[find_bucket(tuple)] = data;
	if (session->last_data)
		session->last_data->next = data;
	else
		session->data = data;
	session->last_data = data;
	row = report_add_row(report, session, REPORT_ROW_DATA, time);
	if (row) {
		row->data = data;
		row->direction = offer->active ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	}
	return data;
}

static void use_pinhole(struct report_data *data, struct report_offer *offer)
{
	struct report_pinhole *pinhole = offer->pinhole;

	if (!pinhole || pinhole->ended || pinhole->used ||
	    !address_equal(offer_source(offer), &data->tuple.source.address))
		return;
	pinhole->used = true;
	pinhole->used_at = data->start;
	data->pinhole = pinhole;
}

/* The first packet of a connection that is not known: is it one to an endpoint that was announced? */
static struct report_data *begin_data(struct report *report, const struct packet *packet, uint64_t time, int *direction)
{
	const bool begins = (packet->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	struct tuple tuple = packet->tuple;
	struct report_offer *offer = find_offer(report, &tuple.destination, &tuple.source.address);
	struct report_data *data;

	*direction = 0;
	if (!offer && !begins) {
		*direction = 1;
		tuple = tuple_reverse(&tuple);
		offer = find_offer(report, &tuple.destination, &tuple.source.address);
	}
	if (!offer)
		return NULL;
	data = add_data(report, offer, &tuple, time);
	if (!data) {
		report->totals.data_left_out += begins ? 1 : 0;
		return NULL;
	}
	data->headless = !begins;
	data->answered = !begins;
	data->first = packet->seq;
	if (begins)
		use_pinhole(data, offer);
	return data;
}

static void count_payload(struct report *report, struct report_data *data, struct report_flow *flow,
			  const struct packet *packet, size_t length, uint64_t time)
{
	const uint32_t end = packet->seq + (uint32_t)length;
	const uint32_t fresh = end - flow->next;

	if (length == 0 || !seq_before(flow->next, end) || fresh > GAP_MAX)
		return;
	if (flow->bytes == 0)
		flow->first = time;
	flow->last = time;
	flow->bytes += fresh;
	flow->next = end;
	data->session->bytes += fresh;
	report->totals.bytes += fresh;
}

void report_take_data(struct report *report, const struct packet *packet, size_t length, uint64_t time)
{
	const bool begins = (packet->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	int direction;
	struct report_data *data = find_data(report, &packet->tuple, &direction);
	struct report_flow *flow;

	/* The ports are used again. */
	if (data && begins && data->first != packet->seq)
		data = NULL;
	if (!data)
		data = begin_data(report, packet, time, &direction);
	if (!data)
		return;
	flow = &data->flow[direction];
	if (!flow->seen)
		flow->next = packet->seq + ((packet->flags & TCP_SYN) != 0 ? 1 : 0);
	flow->seen = true;
	count_payload(report, data, flow, packet, length, time);
	if (direction == 1 && !(packet->flags & TCP_RST))
		data->answered = true;
	if (!data->flow[0].finished || !data->flow[1].finished)
		data->reset |= (packet->flags & TCP_RST) != 0;
	if (packet->flags & TCP_FIN)
		flow->finished = true;
	data->end = time;
}

struct report_data *report_claim_data(struct report_session *session, const struct report_transfer *transfer)
{
	struct report_data *data = session->last_data;

	if (!data || data->transfer)
		return NULL;
	data->transfer = transfer;
	return data;
}

enum report_data_state report_judge_data(const struct report_data *data)
{
	const int sender = data->flow[1].bytes > data->flow[0].bytes ? 1 : 0;
	const bool idle = data->flow[sender].bytes == 0;

	if (!data->answered)
		return REPORT_DATA_UNANSWERED;
	if (data->reset)
		return REPORT_DATA_RESET;
	if (data->flow[sender].finished || (idle && data->flow[1].finished))
		return REPORT_DATA_COMPLETE;
	return REPORT_DATA_OPEN;
}
