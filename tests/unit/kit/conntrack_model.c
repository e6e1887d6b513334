/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conntrack_model.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "netfilter/conntrack.h"
#include "unit.h"

/* net/netfilter/nf_internals.h */
#define FILTER_SOURCE_ADDRESS (1U << 0)
#define FILTER_SOURCE_PORT    (1U << 4)

struct request {
	const struct nlmsghdr *header;
	const struct nlattr *parts[CTA_MAX + 1];
};

struct model_entry *conntrack_model_add(struct conntrack_model *model, const struct nat_view *view)
{
	struct model_entry *entry = &model->entries[model->entry_count++];

	assert_true(model->entry_count <= MODEL_ROWS);
	*entry = (struct model_entry){
		.original = { view->client, view->server_seen },
		.reply = { view->server, view->client_seen },
		.status = IPS_CONFIRMED | IPS_HELPER,
		.state = TCP_CONNTRACK_ESTABLISHED,
		.helper = "sane",
		.extended = true,
	};
	if (!endpoint_equal(&view->client, &view->client_seen))
		entry->status |= IPS_SRC_NAT;
	if (!endpoint_equal(&view->server, &view->server_seen))
		entry->status |= IPS_DST_NAT;
	return entry;
}

void conntrack_model_fail(struct conntrack_model *model, unsigned int after, unsigned int count, int error)
{
	model->fault_at = model->asked + after + 1;
	model->fault_to = model->asked + after + count;
	model->fault = error;
}

static struct nlmsghdr *begin_answer(struct conntrack_model *model, uint16_t type, const struct nlmsghdr *request)
{
	struct model_answer *answer = &model->answers[model->answer_count++];
	struct nlmsghdr *header;

	assert_true(model->answer_count <= MODEL_ANSWERS);
	header = mnl_nlmsg_put_header(answer->message.bytes);
	header->nlmsg_type = type;
	header->nlmsg_seq = request->nlmsg_seq;
	return header;
}

static void end_answer(struct conntrack_model *model)
{
	struct model_answer *answer = &model->answers[model->answer_count - 1];

	answer->length = answer->message.header.nlmsg_len;
}

static void answer_number(struct conntrack_model *model, uint16_t type, const struct nlmsghdr *request, int32_t number)
{
	struct nlmsghdr *header = begin_answer(model, type, request);

	memcpy(mnl_nlmsg_put_extra_header(header, sizeof(number)), &number, sizeof(number));
	end_answer(model);
}

static void put_tcp(struct nlmsghdr *answer, const struct model_entry *entry)
{
	struct nlattr *outer = mnl_attr_nest_start(answer, CTA_PROTOINFO);
	struct nlattr *inner = mnl_attr_nest_start(answer, CTA_PROTOINFO_TCP);

	mnl_attr_put_u8(answer, CTA_PROTOINFO_TCP_STATE, entry->state);
	for (uint16_t i = 0; i < 2; i++) {
		const struct nf_ct_tcp_flags flags = { .flags = entry->liberal[i] ? IP_CT_TCP_FLAG_BE_LIBERAL : 0 };

		mnl_attr_put(answer, (uint16_t)(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL + i), sizeof(flags), &flags);
	}
	mnl_attr_nest_end(answer, inner);
	mnl_attr_nest_end(answer, outer);
}

static void put_seqadj(struct nlmsghdr *answer, uint16_t attribute, const struct seqadj *seqadj)
{
	struct nlattr *nest = mnl_attr_nest_start(answer, attribute);

	mnl_attr_put_u32(answer, CTA_SEQADJ_CORRECTION_POS, htonl(seqadj->position));
	mnl_attr_put_u32(answer, CTA_SEQADJ_OFFSET_BEFORE, htonl((uint32_t)seqadj->before));
	mnl_attr_put_u32(answer, CTA_SEQADJ_OFFSET_AFTER, htonl((uint32_t)seqadj->after));
	mnl_attr_nest_end(answer, nest);
}

static void answer_entry(struct conntrack_model *model, const struct nlmsghdr *request, const struct model_entry *entry)
{
	struct nlmsghdr *answer = begin_answer(model, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, request);
	struct nlattr *nest;

	model->told++;
	mnl_nlmsg_put_extra_header(answer, sizeof(struct nfgenmsg));
	conntrack_put_tuple(answer, CTA_TUPLE_ORIG, &entry->original);
	if (!entry->odd)
		conntrack_put_tuple(answer, CTA_TUPLE_REPLY, &entry->reply);
	conntrack_put_zone(answer, CTA_ZONE, entry->zone);
	mnl_attr_put_u32(answer, CTA_STATUS, htonl(entry->status));
	put_tcp(answer, entry);
	if (entry->helper) {
		nest = mnl_attr_nest_start(answer, CTA_HELP);
		mnl_attr_put_strz(answer, CTA_HELP_NAME, entry->helper);
		mnl_attr_nest_end(answer, nest);
	}
	put_seqadj(answer, CTA_SEQ_ADJ_ORIG, &entry->seqadj[0]);
	put_seqadj(answer, CTA_SEQ_ADJ_REPLY, &entry->seqadj[1]);
	end_answer(model);
}

static uint16_t zone_of(const struct nlattr *attribute)
{
	return attribute ? ntohs(mnl_attr_get_u16(attribute)) : 0;
}

/* The kernel finds an entry by either of its tuples. */
static struct model_entry *find_entry(struct conntrack_model *model, const struct nlattr *attribute, uint16_t zone)
{
	struct tuple tuple;

	assert_true(conntrack_get_tuple(attribute, &tuple));
	for (size_t i = 0; i < model->entry_count; i++) {
		struct model_entry *entry = &model->entries[i];

		if (entry->zone == zone && (tuple_equal(&entry->original, &tuple) || tuple_equal(&entry->reply, &tuple)))
			return entry;
	}
	return NULL;
}

/* ctnetlink_filter_match_tuple(), which has IPv6 addresses the wrong way round. */
static bool tuple_passes(const struct nlattr *attribute, uint32_t flags, const struct tuple *tuple)
{
	struct tuple wanted;

	assert_true(conntrack_get_tuple(attribute, &wanted));
	if (wanted.source.address.family != tuple->source.address.family)
		return false;
	if (flags & FILTER_SOURCE_ADDRESS && address_equal(&wanted.source.address, &tuple->source.address) ==
						     (wanted.source.address.family == FAMILY_IPV6))
		return false;
	return !(flags & FILTER_SOURCE_PORT) || wanted.source.port == tuple->source.port;
}

static bool entry_passes(const struct request *request, const struct model_entry *entry)
{
	const struct nlattr *const *parts = request->parts;
	const struct nlattr *flags[CTA_FILTER_MAX + 1];

	if (parts[CTA_STATUS_MASK] && (entry->status & ntohl(mnl_attr_get_u32(parts[CTA_STATUS_MASK]))) !=
					      ntohl(mnl_attr_get_u32(parts[CTA_STATUS])))
		return false;
	if (!parts[CTA_FILTER])
		return true;
	netlink_index_nested(parts[CTA_FILTER], flags, CTA_FILTER_MAX);
	return tuple_passes(parts[CTA_TUPLE_ORIG], mnl_attr_get_u32(flags[CTA_FILTER_ORIG_FLAGS]), &entry->original) &&
	       tuple_passes(parts[CTA_TUPLE_REPLY], mnl_attr_get_u32(flags[CTA_FILTER_REPLY_FLAGS]), &entry->reply);
}

/* As a kernel that knows no filter by zone. */
static void dump_entries(struct conntrack_model *model, const struct request *request)
{
	model->dumps++;
	for (size_t i = 0; i < model->entry_count; i++)
		if (entry_passes(request, &model->entries[i]))
			answer_entry(model, request->header, &model->entries[i]);
	answer_number(model, NLMSG_DONE, request->header, 0);
}

static void take_seqadj(const struct nlattr *attribute, struct seqadj *seqadj)
{
	const struct nlattr *parts[CTA_SEQADJ_MAX + 1];

	if (!attribute)
		return;
	netlink_index_nested(attribute, parts, CTA_SEQADJ_MAX);
	seqadj->position = ntohl(mnl_attr_get_u32(parts[CTA_SEQADJ_CORRECTION_POS]));
	seqadj->before = (int32_t)ntohl(mnl_attr_get_u32(parts[CTA_SEQADJ_OFFSET_BEFORE]));
	seqadj->after = (int32_t)ntohl(mnl_attr_get_u32(parts[CTA_SEQADJ_OFFSET_AFTER]));
}

static void take_liberal(const struct nlattr *attribute, struct model_entry *entry)
{
	const struct nlattr *parts[CTA_PROTOINFO_MAX + 1];
	const struct nlattr *tcp[CTA_PROTOINFO_TCP_MAX + 1];

	if (!attribute || entry->stiff)
		return;
	netlink_index_nested(attribute, parts, CTA_PROTOINFO_MAX);
	netlink_index_nested(parts[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX);
	for (unsigned int i = 0; i < 2; i++) {
		const struct nf_ct_tcp_flags *flags = mnl_attr_get_payload(tcp[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL + i]);

		entry->liberal[i] = flags->flags & flags->mask & IP_CT_TCP_FLAG_BE_LIBERAL;
	}
}

static int change_entry(struct conntrack_model *model, const struct request *request)
{
	struct model_entry *entry = find_entry(model, request->parts[CTA_TUPLE_ORIG], zone_of(request->parts[CTA_ZONE]));

	if (!entry)
		return -ENOENT;
	if (request->parts[CTA_TIMEOUT])
		entry->timeout = ntohl(mnl_attr_get_u32(request->parts[CTA_TIMEOUT]));
	take_liberal(request->parts[CTA_PROTOINFO], entry);
	if (entry->extended) {
		take_seqadj(request->parts[CTA_SEQ_ADJ_ORIG], &entry->seqadj[0]);
		take_seqadj(request->parts[CTA_SEQ_ADJ_REPLY], &entry->seqadj[1]);
	}
	return 0;
}

static struct endpoint take_translation(const struct nlattr *attribute, uint16_t ports[2])
{
	const struct nlattr *nat[CTA_NAT_MAX + 1];
	const struct nlattr *protocol[CTA_PROTONAT_MAX + 1];
	struct endpoint endpoint = { .port = 0 };

	assert_non_null(attribute);
	netlink_index_nested(attribute, nat, CTA_NAT_MAX);
	netlink_index_nested(nat[CTA_NAT_PROTO], protocol, CTA_PROTONAT_MAX);
	ports[0] = ntohs(mnl_attr_get_u16(protocol[CTA_PROTONAT_PORT_MIN]));
	ports[1] = ntohs(mnl_attr_get_u16(protocol[CTA_PROTONAT_PORT_MAX]));
	endpoint.port = ports[0];
	endpoint.address.family = nat[CTA_NAT_V6_MINIP] ? FAMILY_IPV6 : FAMILY_IPV4;
	attribute = nat[CTA_NAT_V6_MINIP] ? nat[CTA_NAT_V6_MINIP] : nat[CTA_NAT_V4_MINIP];
	assert_int_equal(mnl_attr_get_payload_len(attribute), nat[CTA_NAT_V6_MINIP] ? 16 : 4);
	memcpy(endpoint.address.octets, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
	return endpoint;
}

static int create_entry(struct conntrack_model *model, const struct request *request)
{
	const struct nlattr *const *parts = request->parts;
	struct nat_view view = { .client.port = 0 };
	struct tuple original;
	uint16_t ports[2];
	struct model_entry *entry;

	if (find_entry(model, parts[CTA_TUPLE_ORIG], zone_of(parts[CTA_ZONE])))
		return request->header->nlmsg_flags & NLM_F_EXCL ? -EEXIST : 0;
	assert_true(conntrack_get_tuple(parts[CTA_TUPLE_ORIG], &original));
	view.client = original.source;
	view.server_seen = original.destination;
	view.server = take_translation(parts[CTA_NAT_DST], ports);
	view.client_seen = take_translation(parts[CTA_NAT_SRC], model->created_ports);
	entry = conntrack_model_add(model, &view);
	entry->zone = zone_of(parts[CTA_ZONE]);
	entry->timeout = ntohl(mnl_attr_get_u32(parts[CTA_TIMEOUT]));
	return 0;
}

static struct model_expectation *find_expectation(struct conntrack_model *model, const struct nlattr *const *parts)
{
	struct tuple tuple;

	assert_true(conntrack_get_tuple(parts[CTA_EXPECT_TUPLE], &tuple));
	for (size_t i = 0; i < model->expectation_count; i++)
		if (tuple_equal(&model->expectations[i].tuple, &tuple) &&
		    model->expectations[i].zone == zone_of(parts[CTA_EXPECT_ZONE]))
			return &model->expectations[i];
	return NULL;
}

static void answer_expectation(struct conntrack_model *model, const struct nlmsghdr *request,
			       const struct model_expectation *expectation)
{
	struct nlmsghdr *answer = begin_answer(model, NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_NEW, request);

	mnl_nlmsg_put_extra_header(answer, sizeof(struct nfgenmsg));
	if (!expectation->bare) {
		conntrack_put_tuple(answer, CTA_EXPECT_TUPLE, &expectation->tuple);
		mnl_attr_put_u32(answer, CTA_EXPECT_TIMEOUT, htonl(expectation->timeout));
	}
	if (!expectation->unowned)
		conntrack_put_tuple(answer, CTA_EXPECT_MASTER, &expectation->master);
	conntrack_put_zone(answer, CTA_EXPECT_ZONE, expectation->zone);
	if (!expectation->nameless)
		mnl_attr_put_u32(answer, CTA_EXPECT_ID, htonl(expectation->id));
	if (expectation->helper)
		mnl_attr_put_strz(answer, CTA_EXPECT_HELP_NAME, expectation->helper);
	if (expectation->follows)
		mnl_attr_put_strz(answer, CTA_EXPECT_FN, "nat-follow-master");
	end_answer(model);
}

static void dump_expectations(struct conntrack_model *model, const struct request *request)
{
	model->dumps++;
	for (size_t i = 0; i < model->expectation_count; i++)
		answer_expectation(model, request->header, &model->expectations[i]);
	answer_number(model, NLMSG_DONE, request->header, 0);
}

static int create_expectation(struct conntrack_model *model, const struct request *request)
{
	const struct nlattr *const *parts = request->parts;
	struct model_expectation *expectation = &model->expectations[model->expectation_count];
	const struct nlattr *nat[CTA_EXPECT_NAT_MAX + 1];
	struct tuple saved;

	if (find_expectation(model, parts))
		return request->header->nlmsg_flags & NLM_F_EXCL ? -EEXIST : 0;
	if (!find_entry(model, parts[CTA_EXPECT_MASTER], zone_of(parts[CTA_EXPECT_ZONE])))
		return -ENOENT;
	model->expectation_count++;
	assert_true(model->expectation_count < MODEL_ROWS);
	*expectation = (struct model_expectation){
		.helper = "sane", .zone = zone_of(parts[CTA_EXPECT_ZONE]), .id = ++model->next_id, .timeout = 300,
	};
	conntrack_get_tuple(parts[CTA_EXPECT_TUPLE], &expectation->tuple);
	conntrack_get_tuple(parts[CTA_EXPECT_MASTER], &expectation->master);
	assert_non_null(parts[CTA_EXPECT_MASK]);
	expectation->follows = parts[CTA_EXPECT_FN] != NULL;
	if (parts[CTA_EXPECT_NAT]) {
		netlink_index_nested(parts[CTA_EXPECT_NAT], nat, CTA_EXPECT_NAT_MAX);
		expectation->nat_direction = ntohl(mnl_attr_get_u32(nat[CTA_EXPECT_NAT_DIR]));
		assert_true(conntrack_get_tuple(nat[CTA_EXPECT_NAT_TUPLE], &saved));
		expectation->saved_port = saved.source.port;
	}
	return 0;
}

static int change_expectation(struct conntrack_model *model, const struct request *request)
{
	struct model_expectation *expectation = find_expectation(model, request->parts);

	if (!expectation)
		return -ENOENT;
	if (request->parts[CTA_EXPECT_TIMEOUT])
		expectation->timeout = ntohl(mnl_attr_get_u32(request->parts[CTA_EXPECT_TIMEOUT]));
	return 0;
}

static int delete_expectation(struct conntrack_model *model, const struct request *request)
{
	struct model_expectation *expectation = find_expectation(model, request->parts);

	if (!expectation || ntohl(mnl_attr_get_u32(request->parts[CTA_EXPECT_ID])) != expectation->id)
		return -ENOENT;
	*expectation = model->expectations[--model->expectation_count];
	return 0;
}

static int carry_out(struct conntrack_model *model, const struct request *request)
{
	const bool dump = (request->header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	const bool create = request->header->nlmsg_flags & NLM_F_CREATE;
	const void *found;

	switch (request->header->nlmsg_type) {
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW:
		return create ? create_entry(model, request) : change_entry(model, request);
	case NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_NEW:
		return create ? create_expectation(model, request) : change_expectation(model, request);
	case NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_DELETE:
		return delete_expectation(model, request);
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET:
		if (dump) {
			dump_entries(model, request);
			return 0;
		}
		found = find_entry(model, request->parts[CTA_TUPLE_ORIG], zone_of(request->parts[CTA_ZONE]));
		if (found)
			answer_entry(model, request->header, found);
		return found ? 0 : -ENOENT;
	case NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_GET:
		if (dump) {
			dump_expectations(model, request);
			return 0;
		}
		found = find_expectation(model, request->parts);
		if (found)
			answer_expectation(model, request->header, found);
		return found ? 0 : -ENOENT;
	default:
		fail_msg("message %#x", (unsigned int)request->header->nlmsg_type);
		return -EINVAL;
	}
}

ssize_t conntrack_model_send(struct conntrack_model *model, const void *requests, size_t length)
{
	const struct nlmsghdr *message = requests;
	int rest = (int)length;

	/* What was not received is late, and of nobody any more. */
	model->answer_count = 0;
	model->answers_taken = 0;
	for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
		struct request request = { .header = message };
		int error;

		model->asked++;
		netlink_index(message, request.parts, CTA_MAX);
		if (model->asked >= model->fault_at && model->asked <= model->fault_to)
			error = model->fault;
		else
			error = carry_out(model, &request);
		if (error || message->nlmsg_flags & NLM_F_ACK)
			answer_number(model, NLMSG_ERROR, message, error);
	}
	return (ssize_t)length;
}

ssize_t conntrack_model_receive(struct conntrack_model *model, struct msghdr *message)
{
	const struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	const struct model_answer *answer = &model->answers[model->answers_taken];

	if (model->answers_taken == model->answer_count) {
		errno = EAGAIN;
		return -1;
	}
	model->answers_taken++;
	memcpy(message->msg_iov->iov_base, answer->message.bytes, answer->length);
	memcpy(message->msg_name, &from, sizeof(from));
	message->msg_namelen = sizeof(from);
	message->msg_flags = 0;
	return (ssize_t)answer->length;
}
