/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A record is a row of fields, each a tag, a length and that many bytes. What is zero is left out. A tag that a reader does
 * not know is skipped. Types, reasons, verbs and forms are written as their names, because their numbers may be others in
 * the next version, when a proxy of the last version may still have sessions.
 *
 * There are two kinds of texts. What a peer said is any bytes, and is escaped where it is shown. The others (rules, ciphers)
 * are our own words, and are shown as they are; so a reader accepts none that could be anything else.
 */
#include "record/record.h"

#include <string.h>

/* Numbers of tags are not used again for something else. */
enum record_tag {
	TAG_TYPE = 1,
	TAG_REASON = 2,
	TAG_SESSION = 3,
	TAG_VIEW = 4,
	TAG_DIRECTION = 5,
	TAG_FORM = 6,
	TAG_VERB = 7,
	TAG_OFFERED = 8,
	TAG_ANNOUNCED = 9,
	TAG_EXPECTATION = 10,
	TAG_TEXT = 11,
	TAG_RULE = 12,
	TAG_CODE = 13,
	TAG_DURATION = 14,
	TAG_ADOPTED = 15,
	TAG_COUNT = 16,
	TAG_RELAY = 17,
	TAG_OUTCOME = 18,
	TAG_BY = 19,
	TAG_BYTES = 20,
	/* Those of the client's leg, and TAG_LEG later those of the server's. */
	TAG_TLS = 32,
	TAG_RESUMED = 33,
	TAG_DETAILS = 34,
	TAG_NAME = 35,
	TAG_CIPHER = 36,
	TAG_GROUP = 37,
	TAG_PROTOCOL = 38,
	TAG_FINGERPRINT = 39,
	TAG_NAMES = 40,
	TAG_LEG = 16,
};

#define TAG_SERVER_TLS (TAG_TLS + TAG_LEG)
#define TAG_SERVER_END (TAG_SERVER_TLS + TAG_LEG)

struct field {
	uint16_t tag;
	uint16_t length;
};

#define ENDPOINT_SIZE ((size_t)19) /* family, address, port */
#define VIEW_SIZE (4 * ENDPOINT_SIZE)
#define EXPECTATION_SIZE 44
#define RELAY_SIZE 17

/* Bytes that are being put together, or looked at. */
struct pen {
	uint8_t *data;
	size_t length;
};

/* The name of number in a field with this tag. NULL: it is too large. */
static const char *nth_name(unsigned int tag, unsigned int number)
{
	switch (tag) {
	case TAG_TYPE:
		/* A line that was said is for control alone, and is not an event. */
		return number == NOTICE_LINE ? "line" : number < NOTICE_COUNT ? notice_name((enum notice_type)number) : NULL;
	case TAG_REASON:
		return number < REASON_COUNT ? reason_name((enum reason)number) : NULL;
	case TAG_VERB:
		return number < VERB_COUNT ? verb_name((enum verb)number) : NULL;
	case TAG_OUTCOME:
		return number < TRANSFER_OUTCOME_COUNT ? transfer_outcome_name((enum transfer_outcome)number) : NULL;
	default:
		return number <= FORM_229 ? form_name((enum form)number) : NULL;
	}
}

static void put_bytes(struct pen *pen, unsigned int tag, const void *data, size_t length)
{
	const struct field field = { .tag = (uint16_t)tag, .length = (uint16_t)length };

	/* Everything fits, except names that no certificate has. */
	if (length > UINT16_MAX || sizeof(field) + length > RECORD_MAX - pen->length)
		return;
	memcpy(pen->data + pen->length, &field, sizeof(field));
	if (length > 0)
		memcpy(pen->data + pen->length + sizeof(field), data, length);
	pen->length += sizeof(field) + length;
}

static void put_number(struct pen *pen, unsigned int tag, uint64_t number)
{
	if (number != 0)
		put_bytes(pen, tag, &number, sizeof(number));
}

static void put_word(struct pen *pen, unsigned int tag, const char *word)
{
	if (word)
		put_bytes(pen, tag, word, strlen(word) + 1);
}

static void pack_bytes(struct pen *pen, const void *data, size_t length)
{
	memcpy(pen->data + pen->length, data, length);
	pen->length += length;
}

static void pack_address(struct pen *pen, const struct address *address)
{
	pack_bytes(pen, &address->family, sizeof(address->family));
	pack_bytes(pen, address->octets, sizeof(address->octets));
}

static void pack_endpoint(struct pen *pen, const struct endpoint *endpoint)
{
	pack_address(pen, &endpoint->address);
	pack_bytes(pen, &endpoint->port, sizeof(endpoint->port));
}

static void put_endpoint(struct pen *pen, unsigned int tag, const struct endpoint *endpoint)
{
	uint8_t data[ENDPOINT_SIZE];
	struct pen packed = { .data = data };

	if (endpoint->address.family == FAMILY_NONE && endpoint->port == 0)
		return;
	pack_endpoint(&packed, endpoint);
	put_bytes(pen, tag, data, sizeof(data));
}

static void put_view(struct pen *pen, const struct nat_view *view)
{
	uint8_t data[VIEW_SIZE];
	struct pen packed = { .data = data };

	pack_endpoint(&packed, &view->client);
	pack_endpoint(&packed, &view->server_seen);
	pack_endpoint(&packed, &view->server);
	pack_endpoint(&packed, &view->client_seen);
	put_bytes(pen, TAG_VIEW, data, sizeof(data));
}

static void put_expectation(struct pen *pen, const struct expectation *expectation)
{
	const uint8_t flags[2] = { expectation->translated, (uint8_t)expectation->nat_direction };
	uint8_t data[EXPECTATION_SIZE];
	struct pen packed = { .data = data };

	pack_address(&packed, &expectation->source);
	pack_endpoint(&packed, &expectation->destination);
	pack_bytes(&packed, flags, sizeof(flags));
	pack_bytes(&packed, &expectation->saved_port, sizeof(expectation->saved_port));
	pack_bytes(&packed, &expectation->timeout, sizeof(expectation->timeout));
	put_bytes(pen, TAG_EXPECTATION, data, sizeof(data));
}

static void put_transfer(struct pen *pen, const struct notice_transfer *transfer)
{
	put_word(pen, TAG_OUTCOME, nth_name(TAG_OUTCOME, transfer->outcome));
	put_number(pen, TAG_BY, transfer->by);
	if (transfer->counted)
		put_bytes(pen, TAG_BYTES, &transfer->bytes, sizeof(transfer->bytes));
}

static void put_leg(struct pen *pen, unsigned int side, const struct notice_leg *leg)
{
	const struct notice_tls *details = leg->details;

	put_word(pen, side + TAG_TLS, leg->tls);
	put_number(pen, side + TAG_RESUMED, leg->resumed);
	if (!details)
		return;
	put_number(pen, side + TAG_DETAILS, 1);
	put_word(pen, side + TAG_NAME, details->name);
	put_word(pen, side + TAG_CIPHER, details->cipher);
	put_word(pen, side + TAG_GROUP, details->group);
	put_word(pen, side + TAG_PROTOCOL, details->protocol);
	put_word(pen, side + TAG_FINGERPRINT, details->fingerprint);
	for (size_t i = 0; i < details->name_count && i < RECORD_NAMES_MAX; i++)
		put_bytes(pen, side + TAG_NAMES, details->names[i].data, details->names[i].length);
}

static void put_relay(struct pen *pen, const struct notice_relay *relay)
{
	const uint8_t by = (uint8_t)relay->by;
	uint8_t data[RELAY_SIZE];
	struct pen packed = { .data = data };

	pack_bytes(&packed, &relay->to_server, sizeof(relay->to_server));
	pack_bytes(&packed, &relay->to_client, sizeof(relay->to_client));
	pack_bytes(&packed, &by, sizeof(by));
	put_bytes(pen, TAG_RELAY, data, sizeof(data));
	put_leg(pen, 0, &relay->client);
	put_leg(pen, TAG_LEG, &relay->server);
}

size_t record_write(const struct notice *notice, uint8_t buffer[RECORD_MAX])
{
	struct pen pen = { .data = buffer };

	put_word(&pen, TAG_TYPE, nth_name(TAG_TYPE, notice->type));
	if (notice->reason != REASON_NONE)
		put_word(&pen, TAG_REASON, nth_name(TAG_REASON, notice->reason));
	put_number(&pen, TAG_SESSION, notice->session);
	if (notice->view)
		put_view(&pen, notice->view);
	put_number(&pen, TAG_DIRECTION, notice->direction);
	if (notice->form != FORM_NONE)
		put_word(&pen, TAG_FORM, nth_name(TAG_FORM, notice->form));
	if (notice->verb != VERB_UNKNOWN)
		put_word(&pen, TAG_VERB, nth_name(TAG_VERB, notice->verb));
	put_endpoint(&pen, TAG_OFFERED, &notice->offered);
	put_endpoint(&pen, TAG_ANNOUNCED, &notice->announced);
	if (notice->expectation)
		put_expectation(&pen, notice->expectation);
	if (notice->text.length > 0)
		put_bytes(&pen, TAG_TEXT, notice->text.data, notice->text.length);
	put_word(&pen, TAG_RULE, notice->rule);
	put_number(&pen, TAG_CODE, notice->code);
	put_number(&pen, TAG_DURATION, notice->duration);
	put_number(&pen, TAG_ADOPTED, notice->adopted);
	put_number(&pen, TAG_COUNT, notice->count);
	if (notice->relay)
		put_relay(&pen, notice->relay);
	if (notice->transfer)
		put_transfer(&pen, notice->transfer);
	return pen.length;
}

static bool take_number(struct bytes value, uint64_t maximum, uint64_t *number)
{
	if (value.length != sizeof(*number))
		return false;
	memcpy(number, value.data, sizeof(*number));
	return *number <= maximum;
}

static bool take_flag(struct bytes value, bool *flag)
{
	uint64_t number;
	const bool good = take_number(value, 1, &number);

	*flag = good && number == 1;
	return good;
}

/* A word that can be shown as it is, in JSON too. */
static bool take_word(struct bytes value, const char **word)
{
	for (size_t i = 0; i + 1 < value.length; i++)
		if (value.data[i] < ' ' || value.data[i] > '~' || value.data[i] == '"' || value.data[i] == '\\')
			return false;
	if (value.length == 0 || value.data[value.length - 1] != '\0')
		return false;
	*word = (const char *)value.data;
	return true;
}

static bool is_named(unsigned int tag, struct bytes value, unsigned int number)
{
	const char *name = nth_name(tag, number);

	return name && value.length == strlen(name) + 1 && memcmp(value.data, name, value.length) == 0;
}

static bool take_named(unsigned int tag, struct bytes value, unsigned int *last, unsigned int *number)
{
	bool found = is_named(tag, value, *last);

	for (unsigned int i = 0; !found && nth_name(tag, i); i++) {
		found = is_named(tag, value, i);
		*last = i;
	}
	*number = *last;
	return found;
}

static void unpack_bytes(struct bytes *packed, void *data, size_t length)
{
	memcpy(data, packed->data, length);
	packed->data += length;
	packed->length -= length;
}

static bool unpack_address(struct bytes *packed, struct address *address)
{
	unpack_bytes(packed, &address->family, sizeof(address->family));
	unpack_bytes(packed, address->octets, sizeof(address->octets));
	return address->family == FAMILY_NONE || address->family == FAMILY_IPV4 || address->family == FAMILY_IPV6;
}

static bool unpack_endpoint(struct bytes *packed, struct endpoint *endpoint)
{
	const bool good = unpack_address(packed, &endpoint->address);

	unpack_bytes(packed, &endpoint->port, sizeof(endpoint->port));
	return good;
}

static bool take_endpoint(struct bytes value, struct endpoint *endpoint)
{
	return value.length == ENDPOINT_SIZE && unpack_endpoint(&value, endpoint);
}

static bool take_view(struct bytes value, struct record_notice *record)
{
	record->notice.view = &record->view;
	return value.length == VIEW_SIZE && unpack_endpoint(&value, &record->view.client) &&
	       unpack_endpoint(&value, &record->view.server_seen) && unpack_endpoint(&value, &record->view.server) &&
	       unpack_endpoint(&value, &record->view.client_seen);
}

static bool take_expectation(struct bytes value, struct record_notice *record)
{
	struct expectation *expectation = &record->expectation;
	uint8_t flags[2];

	if (value.length != EXPECTATION_SIZE || !unpack_address(&value, &expectation->source) ||
	    !unpack_endpoint(&value, &expectation->destination))
		return false;
	unpack_bytes(&value, flags, sizeof(flags));
	unpack_bytes(&value, &expectation->saved_port, sizeof(expectation->saved_port));
	unpack_bytes(&value, &expectation->timeout, sizeof(expectation->timeout));
	expectation->translated = flags[0] == 1;
	expectation->nat_direction = flags[1] == DIRECTION_REPLY ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	record->notice.expectation = expectation;
	return flags[0] <= 1 && flags[1] <= DIRECTION_REPLY;
}

static bool take_relay(struct bytes value, struct record_notice *record)
{
	uint8_t by;

	if (value.length != RELAY_SIZE)
		return false;
	unpack_bytes(&value, &record->relay.to_server, sizeof(record->relay.to_server));
	unpack_bytes(&value, &record->relay.to_client, sizeof(record->relay.to_client));
	unpack_bytes(&value, &by, sizeof(by));
	record->relay.by = (enum transfer_party)by;
	record->notice.relay = &record->relay;
	return by <= TRANSFER_BY_SERVER;
}

static bool take_transfer(unsigned int tag, struct bytes value, struct record_notice *record)
{
	struct notice_transfer *transfer = &record->transfer;
	unsigned int named = 0;
	uint64_t number = 0;
	bool good;

	record->notice.transfer = transfer;
	switch (tag) {
	case TAG_OUTCOME:
		good = take_named(tag, value, &record->last[4], &named);
		transfer->outcome = (enum transfer_outcome)named;
		return good;
	case TAG_BY:
		good = take_number(value, TRANSFER_BY_SERVER, &number);
		transfer->by = (enum transfer_party)number;
		return good;
	default:
		transfer->counted = true;
		return take_number(value, UINT64_MAX, &transfer->bytes);
	}
}

/* value lives as long as the notice. */
static bool take_name(struct bytes value, struct record_notice *record, unsigned int side)
{
	struct notice_tls *details = &record->details[side];

	if (details->name_count == RECORD_NAMES_MAX)
		return false;
	details->names = record->names[side];
	record->names[side][details->name_count++] = value;
	return true;
}

static bool take_leg(unsigned int tag, struct bytes value, struct record_notice *record)
{
	const unsigned int side = tag >= TAG_SERVER_TLS ? 1 : 0;
	struct notice_leg *leg = side ? &record->relay.server : &record->relay.client;
	struct notice_tls *details = &record->details[side];
	bool flag;

	switch (tag - side * TAG_LEG) {
	case TAG_TLS:
		return take_word(value, &leg->tls);
	case TAG_RESUMED:
		return take_flag(value, &leg->resumed);
	case TAG_DETAILS:
		leg->details = details;
		return take_flag(value, &flag);
	case TAG_NAME:
		return take_word(value, &details->name);
	case TAG_CIPHER:
		return take_word(value, &details->cipher);
	case TAG_GROUP:
		return take_word(value, &details->group);
	case TAG_PROTOCOL:
		return take_word(value, &details->protocol);
	case TAG_FINGERPRINT:
		return take_word(value, &details->fingerprint);
	case TAG_NAMES:
		return take_name(value, record, side);
	default:
		return true;
	}
}

static bool take_field(unsigned int tag, struct bytes value, struct record_notice *record)
{
	struct notice *notice = &record->notice;
	unsigned int named = 0;
	uint64_t number = 0;
	bool good;

	switch (tag) {
	case TAG_REASON:
		good = take_named(tag, value, &record->last[1], &named);
		notice->reason = (enum reason)named;
		return good;
	case TAG_FORM:
		good = take_named(tag, value, &record->last[2], &named);
		notice->form = (enum form)named;
		return good;
	case TAG_VERB:
		good = take_named(tag, value, &record->last[3], &named);
		notice->verb = (enum verb)named;
		return good;
	case TAG_SESSION:
		return take_number(value, UINT64_MAX, &notice->session);
	case TAG_VIEW:
		return take_view(value, record);
	case TAG_DIRECTION:
		good = take_number(value, DIRECTION_REPLY, &number);
		notice->direction = number == DIRECTION_REPLY ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
		return good;
	case TAG_OFFERED:
		return take_endpoint(value, &notice->offered);
	case TAG_ANNOUNCED:
		return take_endpoint(value, &notice->announced);
	case TAG_EXPECTATION:
		return take_expectation(value, record);
	case TAG_TEXT:
		notice->text = value;
		return true;
	case TAG_RULE:
		return take_word(value, &notice->rule);
	case TAG_CODE:
		good = take_number(value, UINT16_MAX, &number);
		notice->code = (uint16_t)number;
		return good;
	case TAG_DURATION:
		return take_number(value, UINT64_MAX, &notice->duration);
	case TAG_ADOPTED:
		return take_flag(value, &notice->adopted);
	case TAG_COUNT:
		return take_number(value, UINT64_MAX, &notice->count);
	case TAG_RELAY:
		return take_relay(value, record);
	case TAG_OUTCOME:
	case TAG_BY:
	case TAG_BYTES:
		return take_transfer(tag, value, record);
	default:
		return tag < TAG_TLS || tag >= TAG_SERVER_END || take_leg(tag, value, record);
	}
}

/* The next field. False: there is none, or these are not fields. */
static bool next_field(struct bytes *rest, unsigned int *tag, struct bytes *value)
{
	struct field field;

	if (rest->length < sizeof(field))
		return false;
	memcpy(&field, rest->data, sizeof(field));
	if (field.length > rest->length - sizeof(field))
		return false;
	*tag = field.tag;
	*value = (struct bytes){ rest->data + sizeof(field), field.length };
	rest->data += sizeof(field) + field.length;
	rest->length -= sizeof(field) + field.length;
	return true;
}

static bool is_of_pinhole(enum notice_type type)
{
	return type == NOTICE_PINHOLE_OPEN || type == NOTICE_PINHOLE_USED || type == NOTICE_PINHOLE_CLOSE;
}

/* Does it have the pointers that readers follow without a look? */
static bool has_its_parts(const struct notice *notice)
{
	if (is_of_pinhole(notice->type))
		return notice->session != 0 && notice->view && notice->expectation;
	return notice->type != NOTICE_LINE || notice->text.length > 0;
}

/* Parts that notices of this type don't have would be reported with it, and some members of two parts have one name. */
static void leave_foreign_parts(struct notice *notice)
{
	if (!is_of_pinhole(notice->type) && notice->type != NOTICE_RELAY)
		notice->expectation = NULL;
	if (notice->type != NOTICE_TRANSFER)
		notice->transfer = NULL;
	if (notice->type != NOTICE_RELAY && notice->type != NOTICE_TLS && notice->type != NOTICE_ANOMALY)
		notice->relay = NULL;
}

bool record_read(struct bytes bytes, struct record_notice *record)
{
	unsigned int tag, type;
	struct bytes value;

	memset(record, 0, offsetof(struct record_notice, last));
	/* Its type comes first. */
	if (!next_field(&bytes, &tag, &value) || tag != TAG_TYPE || !take_named(tag, value, &record->last[0], &type))
		return false;
	record->notice.type = (enum notice_type)type;
	while (next_field(&bytes, &tag, &value))
		if (!take_field(tag, value, record))
			return false;
	leave_foreign_parts(&record->notice);
	return bytes.length == 0 && has_its_parts(&record->notice);
}
