/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the replay share: the connections of a capture, and the numbers of their streams. */
#ifndef REPLAY_INTERNAL_H
#define REPLAY_INTERNAL_H

#include "base/notice_json.h"
#include "ftpalg/packet.h"
#include "replay/replay.h"

/* Corrections that are remembered: more than can be unacknowledged at once. */
#define REPLAY_EDITS_MAX (2 * SEQADJ_EDITS_MAX)
/* Segments of one direction that wait until the gateway takes them. */
#define REPLAY_WAITING_MAX 64
#define REPLAY_SECOND UINT64_C(1000000)

/* Why a segment waits. */
enum replay_lack {
	REPLAY_LACKS_ROOM,  /* the gateway had no room for it */
	REPLAY_LACKS_BYTES, /* something before it is missing */
	REPLAY_LACKS_CAUSE, /* it acknowledges what the capture has not shown, and may well be the answer to that */
};

/* A segment that the gateway did not take, as it was captured: its sender would send it again. */
struct replay_waiting {
	struct replay_waiting *next;
	struct timespec time;
	uint64_t since;
	uint32_t seq;
	enum replay_lack lack;
	uint32_t ack;
	size_t length;
	uint8_t packet[];
};

/* One direction. "in" are the sender's numbers, "out" the receiver's, as in stream.h. */
struct replay_stream {
	bool started;          /* delivered is known */
	bool heard;            /* confirmed is known */
	bool seen;             /* captured and taken are known */
	bool reset;            /* the gateway has reset its sender */
	bool asked;            /* the gateway has sent its receiver a segment that has to be answered */
	uint8_t edit_count;
	uint8_t link_length;
	uint32_t delivered;    /* out: end of what has left */
	uint32_t acknowledged; /* out: what the gateway was last told that the receiver has */
	uint32_t captured;     /* in: end of what the capture has shown */
	uint32_t taken;        /* in: end of what the gateway has, let out or held */
	uint32_t confirmed;    /* in: what the captured receiver has acknowledged */
	struct seqadj kernel;
	struct seqadj edits[REPLAY_EDITS_MAX]; /* oldest first */
	struct replay_waiting *waiting;
	unsigned int waiting_count;
	uint8_t link[CAPTURE_LINK_MAX]; /* of the first frame, for packets that the gateway makes in its sender's name */
};

enum replay_state {
	REPLAY_LIVE,
	REPLAY_INCOMPLETE, /* bytes are missing: passes with its numbers adjusted, and is not inspected any more */
	REPLAY_FOREIGN,    /* made from a control port, not to one */
};

struct replay_connection {
	struct tuple tuple; /* original direction, as captured */
	uint64_t number;
	struct nat_view view;
	enum replay_state state;
	bool ended;
	bool established;   /* the handshake is complete */
	uint32_t first;     /* number of the SYN */
	uint32_t next;      /* in its bucket; links are indices plus one */
	uint32_t older;
	uint32_t newer;
	uint64_t seen;
	struct replay_stream stream[2];
};

struct replay_table {
	struct replay_connection *rows;
	uint32_t *buckets;
	uint32_t count;
	uint32_t mask;
	uint32_t fresh;     /* rows that were never used begin here */
	uint32_t free;      /* rows that were given back */
	uint32_t oldest;
	uint32_t newest;
};

int replay_table_init(struct replay_table *table, uint32_t count);
void replay_table_free(struct replay_table *table);
/* The connection of a packet, and its direction; NULL if there is none. */
struct replay_connection *replay_table_find(const struct replay_table *table, const struct tuple *tuple,
					    enum direction *direction);
/* A row for this tuple (original direction); where none is free, the one that was silent for longest. */
struct replay_connection *replay_table_take(struct replay_table *table, const struct tuple *tuple, uint64_t now,
					    bool *displaced);
/* Gives the row back. */
void replay_table_forget(struct replay_table *table, struct replay_connection *connection);
void replay_table_touch(struct replay_table *table, struct replay_connection *connection, uint64_t now);
void replay_waiting_clear(struct replay_stream *stream);

/* One pinhole. */
struct replay_pinhole {
	struct tuple master;
	struct expectation expectation;
	struct endpoint inside; /* the destination as the capture shows it */
	struct address source;  /* who will connect, as the capture shows it */
	uint64_t deadline;
	uint32_t next;
	bool used;
};

/* As many as the kernel keeps, by default of net.netfilter.nf_conntrack_expect_max on a small host. */
#define REPLAY_PINHOLES 4096

struct replay_pinholes {
	struct replay_pinhole rows[REPLAY_PINHOLES];
	uint32_t buckets[REPLAY_PINHOLES];
	uint32_t free;
	uint32_t fresh;
};

/* Adds the pinhole, at another port where its destination is taken and may be changed. */
enum reason replay_pinholes_add(struct replay_pinholes *pinholes, const struct replay_pinhole *pinhole, uint64_t now,
				struct expectation *expectation);
enum reason replay_pinholes_remove(struct replay_pinholes *pinholes, const struct tuple *master,
				   const struct replay_pinhole *pinhole, uint64_t now);
/* A data connection begins: the pinhole that it uses is used up. */
void replay_pinholes_use(struct replay_pinholes *pinholes, const struct tuple *tuple, uint64_t now);

/* The sender's first number that the gateway gets. */
void replay_stream_begin(struct replay_stream *stream, uint32_t in);
/* A correction was acknowledged. */
void replay_stream_correct(struct replay_stream *stream, const struct seqadj *seqadj);
/* The receiver's number of the sender's number in, by all corrections that are remembered. */
uint32_t replay_stream_map(const struct replay_stream *stream, uint32_t in);
/* The same for what a receiver says that it has: no more than has left. */
uint32_t replay_stream_confirm(const struct replay_stream *stream, uint32_t in);
/* What leaves carries this for an acknowledgement that the gateway let out as ack. */
uint32_t replay_stream_leave(const struct replay_stream *stream, uint32_t ack);

typedef uint32_t replay_mapping(const struct replay_stream *stream, uint32_t number);

/* Maps the edges of SACK blocks in the TCP header at tcp. Returns whether any changed. */
bool replay_map_sack(uint8_t *tcp, size_t header, const struct replay_stream *stream, replay_mapping *mapping);

/* Puts other numbers into a TCP header of which the payload may be missing. */
void replay_set_numbers(uint8_t *tcp, uint32_t seq, uint32_t ack);

struct replay {
	struct replay_settings settings;
	struct replay_counters counters;
	struct replay_table table;
	struct replay_pinholes *pinholes;
	uint8_t control_port[65536 / 8];
	void *memory; /* the gateway's */
	struct gateway *gateway;
	struct ops ops;
	struct notice_memory told;
	bool begun;
	uint64_t now;
	struct timespec time; /* of the frame at hand */
	uint32_t random;
	bool cutting; /* pieces of a segment are under way, and what they lack may be among those that follow */
	struct { /* --reorder: a segment that lets the next one of its direction pass */
		bool full;
		struct tuple tuple;
		size_t link_length;
		size_t length;
		uint8_t link[CAPTURE_LINK_MAX];
		uint8_t packet[GATEWAY_PACKET_MAX];
	} delayed;
	struct gateway_output output;
	uint8_t prepared[GATEWAY_PACKET_MAX];
	uint8_t copied[GATEWAY_PACKET_MAX];
	uint8_t leaving[GATEWAY_PACKET_MAX];
	uint8_t piece[GATEWAY_PACKET_MAX];
};

static inline bool replay_is_control_port(const struct replay *replay, uint16_t port)
{
	return replay->control_port[port / 8] >> (port % 8) & 1;
}

/* A packet of a control connection. */
struct replay_packet {
	struct replay_connection *connection;
	enum direction direction;
	struct bytes link; /* its link-layer header */
	struct bytes ip;
	struct packet view; /* ip, parsed */
};

/* On its way from the sender: it may be cut and put out of order. */
void replay_send(struct replay *replay, const struct replay_packet *packet);
/* What is still delayed is sent. */
void replay_send_rest(struct replay *replay);

/* Bytes of the connection are missing in the capture: it is not inspected any more. */
void replay_set_incomplete(struct replay *replay, struct replay_connection *connection);

/* The gateway gets no SYN, but its checksum is corrected with the others. False: there was nothing to correct. */
bool replay_write_syn(struct replay *replay, const struct replay_packet *packet);

/* An IP packet leaves. */
void replay_write(struct replay *replay, struct bytes link, struct bytes packet);

/* Tells the observer, where there is one. seq: the sender's number, or the receiver's for what leaves. */
void replay_tell_begin(const struct replay *replay, const struct replay_connection *connection,
		       enum direction direction, const struct packet *packet, bool adopted);
void replay_tell_offer(const struct replay *replay, const struct replay_connection *connection,
		       enum direction direction, const struct packet *packet);
void replay_tell_answer(const struct replay *replay, const struct replay_connection *connection,
			enum direction direction, const struct packet *packet);
void replay_tell_leave(const struct replay *replay, const struct replay_connection *connection,
		       enum direction direction, const struct packet *packet, uint32_t seq);
void replay_tell_lose(const struct replay *replay, const struct replay_connection *connection);
void replay_tell_data(const struct replay *replay, const struct packet *packet, size_t length);

/* Fills replay->ops. */
void replay_set_ops(struct replay *replay);

/* It arrives at the gateway. */
void replay_arrive(struct replay *replay, const struct replay_packet *packet);

#endif
