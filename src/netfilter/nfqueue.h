/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The netfilter queue: packets come out, and each goes back with exactly one verdict. */
#ifndef NETFILTER_NFQUEUE_H
#define NETFILTER_NFQUEUE_H

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include "ftpalg/gateway.h"
#include "netfilter/nfverdict.h"

struct nfqueue_settings {
	uint16_t number;
	uint32_t length; /* packets that the kernel keeps for us */
	bool full_open;  /* the kernel passes packets that find the queue full, instead of dropping them */
};

struct nfqueue_counters {
	uint64_t packets;
	uint64_t truncated; /* arrived incomplete and were dropped */
	uint64_t gone;      /* verdicts for packets that the kernel no longer had: rules or links changed. Normal */
	uint64_t failed;    /* verdicts that the kernel refused for another reason */
};

enum nfqueue_verdict {
	NFQUEUE_DROP,
	NFQUEUE_ACCEPT,
	NFQUEUE_REPLACE,
};

/* What is to happen to a packet. */
struct nfqueue_answer {
	enum nfqueue_verdict verdict;
	struct bytes packet; /* NFQUEUE_REPLACE: what leaves instead; valid until the next packet is judged */
};

/*
 * Where decisions go: to the kernel, by a process that may do that (src/netfilter/nfverdict.h). flush is called before
 * nfqueue_receive() returns. Both return 0, or -errno where nothing can be sent any more.
 */
struct nfqueue_outlet {
	void *context;
	int (*decide)(void *context, const struct nfverdict_decision *decision);
	int (*flush)(void *context);
};

/* A packet of the largest size, its netlink attributes, and room to spare. */
#define NFQUEUE_MESSAGE_SIZE (65536 + 4096)
/* Packets that are taken at a time. */
#define NFQUEUE_BATCH 64

struct nfqueue_waiting {
	struct gateway_way way;
	struct nfverdict_decision decision; /* as far as the packet says: number and mark */
	struct bytes packet;                /* empty: it did not arrive whole */
};

/* Who decides. */
struct nfqueue_judge {
	void *context;
	/* Is shown each packet of those that were read together, before the first of them is judged; or NULL. */
	void (*foresee)(void *context, struct bytes packet);
	struct nfqueue_answer (*judge)(void *context, struct bytes packet);
};

union nfqueue_message {
	struct nlmsghdr header; /* for its alignment */
	char bytes[NFQUEUE_MESSAGE_SIZE];
};

struct nfqueue {
	struct mnl_socket *socket;
	uint16_t number;
	uint32_t mark; /* of the packet that is being judged; rules may say something by it */
	struct gateway_way way; /* the devices of that packet */
	/* The packets that were read together. */
	struct nfqueue_waiting waiting[NFQUEUE_BATCH];
	size_t count;
	unsigned int batch; /* how many are read together; NFQUEUE_BATCH, or as many as who attaches wants, which is fewer */
	struct nfqueue_outlet outlet;
	struct nfqueue_counters counters;
	struct mmsghdr headers[NFQUEUE_BATCH];
	struct iovec contents[NFQUEUE_BATCH];
	/* A datagram each. Pages that no large packet has touched take no memory. */
	union nfqueue_message received[NFQUEUE_BATCH];
	union nfqueue_message sent;
};

/*
 * Binds to the queue; waits for two seconds if another process has it. Returns 0, or -errno with text that says what to do
 * in error (of size bytes); then nothing needs closing. Packets wait in the socket from now on.
 */
int nfqueue_open(struct nfqueue *queue, const struct nfqueue_settings *settings, char *error, size_t size);
void nfqueue_close(struct nfqueue *queue);

/*
 * For a process that binds and does not read: a descriptor that is bound, or -1 with text in error. And for the one that
 * reads: takes over such a descriptor, of the queue number. Returns 0 or -errno; then it is closed.
 */
int nfqueue_bind_only(const struct nfqueue_settings *settings, char *error, size_t size);
int nfqueue_attach(struct nfqueue *queue, int descriptor, uint16_t number);

/*
 * Says where the queue's decisions go from now on; to be called before the first packet is taken. Or, for a process that may
 * send verdicts itself: opens verdict for the queue. Returns 0, or -errno with nothing to close.
 */
void nfqueue_set_outlet(struct nfqueue *queue, const struct nfqueue_outlet *outlet);
int nfqueue_open_verdict(struct nfqueue *queue, struct nfverdict *verdict);

/* Readable when packets wait; never blocks. */
int nfqueue_descriptor(const struct nfqueue *queue);

/*
 * Takes what waits, a batch of packets at most, has each judged, and returns each with its verdict. Returns how many
 * there were, or -errno where the socket failed. A packet that arrived incomplete is dropped unseen: sent back, it would
 * stay cut.
 */
int nfqueue_receive(struct nfqueue *queue, const struct nfqueue_judge *judge);

#endif
