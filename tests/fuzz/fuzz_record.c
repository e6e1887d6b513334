/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who writes records may be a peer's, and what a peer does to a data connection the kernel tells: in whatever order both
 * come, what control makes of them is lines that can be read, and it never stops over one. Some of the bytes are records as
 * they are, the others choose the fields of one, so that any is there without any other.
 */
#include <stdlib.h>
#include <string.h>

#include "account/account.h"
#include "base/notice_json.h"
#include "base/utf8.h"
#include "control/answer.h"
#include "control/table.h"
#include "journal/sentence.h"
#include "record/record.h"

#define ROWS 8
#define LINE_SIZE 4096
#define STEPS_MAX 200
#define SECOND UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct desk {
	struct bytes rest;
	struct account *account;
	struct tables *tables;
	struct notice_memory memory;
	uint64_t now;
	uint8_t record[RECORD_MAX];
};

static uint8_t next_byte(struct desk *desk)
{
	if (desk->rest.length == 0)
		return 0;
	desk->rest.length--;
	return *desk->rest.data++;
}

static struct bytes next_bytes(struct desk *desk)
{
	const size_t wanted = next_byte(desk);
	const struct bytes bytes = { desk->rest.data, wanted < desk->rest.length ? wanted : desk->rest.length };

	desk->rest.data += bytes.length;
	desk->rest.length -= bytes.length;
	return bytes;
}

/* Few, so that facts and notices meet. */
static struct endpoint next_endpoint(struct desk *desk)
{
	const uint8_t chosen = next_byte(desk);
	struct endpoint endpoint = { .port = (uint16_t)(2000 + (chosen >> 2 & 1)) };

	endpoint.address.family = chosen & 0x80 ? FAMILY_NONE : chosen & 0x40 ? FAMILY_IPV6 : FAMILY_IPV4;
	endpoint.address.octets[0] = 10;
	endpoint.address.octets[3] = chosen & 3;
	return endpoint;
}

static struct nat_view next_view(struct desk *desk)
{
	return (struct nat_view){ next_endpoint(desk), next_endpoint(desk), next_endpoint(desk), next_endpoint(desk) };
}

/* Is a character a line end, or something that moves the cursor? */
static void demand_line(const char *text, size_t length)
{
	struct bytes rest = { (const uint8_t *)text, length };

	while (rest.length > 0) {
		uint32_t character = 0;
		const size_t taken = character_read(rest, &character);

		if (taken == 0 || !character_is_printable(character))
			abort();
		rest.data += taken;
		rest.length -= taken;
	}
}

static void demand_object(const char *line, size_t length)
{
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(object))
		abort();
	json_decref(object);
}

/* Whatever was told is an event, a sentence, and part of what can be asked. */
static void tell(void *context, const struct notice *notice, uint64_t time)
{
	const struct timespec moment = { .tv_sec = (time_t)(time / SECOND), .tv_nsec = (long)(time % SECOND * 1000) };
	struct desk *desk = context;
	char line[LINE_SIZE];
	char sentence[SENTENCE_MAX];
	size_t length;

	tables_take(desk->tables, notice, time);
	if (sentence_is_due(notice)) {
		sentence_format(notice, sentence);
		demand_line(sentence, strlen(sentence));
	}
	if (notice->type >= NOTICE_COUNT)
		return;
	length = notice_json_format(line, sizeof(line), notice, &moment, &desk->memory);
	if (length == 0 || line[length - 1] != '\n')
		abort();
	demand_line(line, length - 1);
	demand_object(line, length - 1);
}

static void ask(void *context, const struct tuple *original)
{
	(void)context;
	(void)original;
}

static void note_progress(void *context, uint64_t session, uint64_t bytes)
{
	struct desk *desk = context;

	tables_note_progress(desk->tables, session, bytes, desk->now);
}

static void take_record(struct desk *desk, struct bytes bytes)
{
	static struct record_notice record;
	const uint64_t time = desk->now + next_byte(desk);

	if (record_read(bytes, &record) && account_take_notice(desk->account, &record.notice, time, desk->now))
		tell(desk, &record.notice, time);
}

/* Of each field, whether it is there. */
static void take_notice(struct desk *desk)
{
	const uint16_t there = (uint16_t)(next_byte(desk) << 8 | next_byte(desk));
	const struct nat_view view = next_view(desk);
	const struct expectation expectation = {
		.source = next_endpoint(desk).address, .destination = next_endpoint(desk), .translated = there & 1,
		.nat_direction = there & 2 ? DIRECTION_REPLY : DIRECTION_ORIGINAL, .saved_port = 2000,
		.timeout = next_byte(desk),
	};
	const struct notice_tls details = { .name = there & 4 ? "name" : NULL, .names = &desk->rest,
					    .name_count = there & 4 ? 1 : 0 };
	const struct notice_relay relay = { .client = { .tls = there & 8 ? "TLSv1.3" : NULL, .details = &details } };
	const struct notice_transfer transfer = {
		.outcome = next_byte(desk) % TRANSFER_OUTCOME_COUNT, .by = next_byte(desk) % 3, .counted = there & 16,
		.bytes = there,
	};
	const struct notice notice = {
		.type = next_byte(desk) % (NOTICE_COUNT + 1), .reason = next_byte(desk) % REASON_COUNT,
		.session = next_byte(desk) % 4,
		.view = there & 32 ? &view : NULL, .direction = there & 64 ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
		.form = next_byte(desk) % (FORM_229 + 1), .verb = next_byte(desk) % VERB_COUNT,
		.offered = expectation.destination,
		.expectation = there & 128 ? &expectation : NULL, .text = next_bytes(desk), .rule = there & 256 ? "rule" : NULL,
		.code = (uint16_t)(next_byte(desk) * 4), .duration = next_byte(desk), .relay = there & 512 ? &relay : NULL,
		.transfer = there & 1024 ? &transfer : NULL, .adopted = there & 2048, .count = there & 4096 ? UINT64_MAX : 0,
	};

	take_record(desk, (struct bytes){ desk->record, record_write(&notice, desk->record) });
}

static void take_fact(struct desk *desk)
{
	const struct tuple tuple = { next_endpoint(desk), next_endpoint(desk) };
	struct fact fact = { .type = next_byte(desk) % FACT_TYPE_COUNT };

	if (fact.type == FACT_CALLED || fact.type == FACT_DELETED || fact.type == FACT_EXPECTED) {
		fact.expectation = (struct fact_expectation){ .expected = tuple };
		fact.expectation.master = (struct tuple){ next_endpoint(desk), next_endpoint(desk) };
	} else if (fact.type == FACT_MASTER_GONE) {
		fact.master = tuple;
	} else if (fact.type == FACT_SEGMENT) {
		fact.segment = (struct fact_segment){
			.tuple = tuple, .flags = next_byte(desk), .measured = next_byte(desk) & 1,
			.sequence = (uint32_t)next_byte(desk) << 24, .acknowledgement = (uint32_t)next_byte(desk) << 24,
			.length = next_byte(desk),
		};
	} else {
		fact.entry = (struct fact_entry){
			.id = next_byte(desk) % 4, .original = tuple, .state = next_byte(desk) % (FACT_STATE_RESET + 1),
			.offloaded = next_byte(desk) & 1, .counted = next_byte(desk) & 1,
			.bytes = { (uint64_t)next_byte(desk) << 56, (uint64_t)next_byte(desk) << 30 },
			.packets = { next_byte(desk), 1 }, .fresh = next_byte(desk) & 1,
		};
	}
	account_take_fact(desk->account, &fact, desk->now);
}

static void look(void *context, struct facts *facts)
{
	static const struct config config;

	(void)context;
	memset(facts, 0, sizeof(*facts));
	facts->config = &config;
	facts->config_path = "";
}

/* Each line of an answer is an object. */
static void ask_for(struct desk *desk, const char *request)
{
	const struct answer_source source = { .tables = desk->tables, .context = desk, .look = look };
	struct evbuffer *out = evbuffer_new();
	static struct answer answer;
	size_t length;
	char *line;

	answer_begin(&answer, &source, (struct bytes){ (const uint8_t *)request, strlen(request) }, false, desk->now);
	while (answer_go_on(&answer, &source, out, desk->now) == ANSWER_MORE)
		;
	for (line = evbuffer_readln(out, &length, EVBUFFER_EOL_LF); line;
	     line = evbuffer_readln(out, &length, EVBUFFER_EOL_LF)) {
		demand_line(line, length);
		demand_object(line, length);
		free(line);
	}
	evbuffer_free(out);
}

static void step(struct desk *desk)
{
	const uint8_t kind = next_byte(desk);

	desk->now += (uint64_t)(kind >> 3) * 100000;
	switch (kind & 7) {
	case 0:
		take_record(desk, next_bytes(desk));
		break;
	case 1:
	case 2:
		take_fact(desk);
		break;
	case 3:
		account_tick(desk->account, desk->now);
		break;
	default:
		take_notice(desk);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const requests[] = { "sessions state=closed", "sessions", "pinholes", "transfers", "why 1", "why 10.0.0.1",
						"watch" };
	static const struct table_limits limits = {
		.sessions = 3, .ended = 2, .ended_time = 10 * SECOND, .transfers = 4, .decisions = 16, .accounted = true,
	};
	struct desk *desk = calloc(1, sizeof(*desk));
	void *memory = calloc(1, account_size(ROWS));
	const struct account_ops ops = { .context = desk, .tell = tell, .ask = ask, .progress = note_progress };
	const uint8_t key[16] = { 0 };

	desk->rest = (struct bytes){ data, size };
	desk->now = UINT64_C(1795874553) * SECOND;
	desk->tables = tables_make(&limits);
	desk->account = account_open(memory, ROWS, key, &ops);
	for (int i = 0; i < STEPS_MAX && desk->rest.length > 0; i++)
		step(desk);
	account_finish(desk->account, desk->now);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		ask_for(desk, requests[i]);
	tables_free(desk->tables);
	free(memory);
	free(desk);
	return 0;
}
