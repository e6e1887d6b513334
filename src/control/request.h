/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client of the sockets asks for: one line, as words or as a JSON object. Pure. */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "ftpalg/address.h"

/* With its newline. */
#define REQUEST_MAX 4096
#define REQUEST_ARGUMENTS_MAX 16

enum request_command {
	REQUEST_STATUS,
	REQUEST_SESSIONS,
	REQUEST_PINHOLES,
	REQUEST_TRANSFERS,
	REQUEST_WHY,
	REQUEST_WATCH,
	REQUEST_METRICS,
	REQUEST_RELOAD, /* these and those after it change something */
	REQUEST_REOPEN,
	REQUEST_KILL,
	REQUEST_COUNT,
};

struct request {
	enum request_command command;
	size_t argument_count;
	struct bytes arguments[REQUEST_ARGUMENTS_MAX];
	char text[REQUEST_MAX]; /* what the arguments lie in */
};

/* Why something is not a request. */
struct request_fault {
	const char *code;     /* a word for programs; NULL: it is good */
	const char *sentence;
};

bool request_changes(enum request_command command);

/* Reads a line, without its newline. */
struct request_fault request_read(struct bytes line, struct request *request);

/* Which sessions are wanted: those that match each of these. */
struct request_filter {
	bool by_network;
	struct network network;
	struct bytes user; /* data NULL: any */
	struct bytes rule;
	struct bytes state;
	bool tls;
};

/* Reads the arguments of a request that has a filter. It points into the request. */
struct request_fault request_read_filter(const struct request *request, struct request_filter *filter);

struct request_transfers {
	bool follow;
	uint64_t since; /* seconds; 0: all that are kept */
};

struct request_fault request_read_transfers(const struct request *request, struct request_transfers *transfers);

/* Whom a request is about: a session's id or a client's address. */
struct request_subject {
	uint64_t session; /* 0: the address */
	struct address address;
};

struct request_fault request_read_subject(const struct request *request, struct request_subject *subject);

#endif
