/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Captures, read and written packet by packet: pcap and pcapng in, pcap out. Only this file knows what a link layer puts
 * before an IP packet.
 */
#ifndef REPLAY_CAPTURE_H
#define REPLAY_CAPTURE_H

#include <stdio.h>
#include <time.h>

#include "ftpalg/base.h"

/* Longest link-layer header that is kept: Linux cooked v2 with four VLAN tags takes 36 bytes. */
#define CAPTURE_LINK_MAX 40
#define CAPTURE_ERROR_MAX 256

struct pcap;
struct pcap_dumper;

struct capture {
	struct pcap *handle;
	FILE *file;      /* the handle's */
	int link;        /* DLT_ value */
	uint64_t size;   /* of the file; 0 where it has none, as a pipe */
	uint64_t frames; /* whole ones that were read */
	char error[CAPTURE_ERROR_MAX];
};

/* One packet of a capture. It is valid until the next one is read. */
struct capture_frame {
	struct timespec time;
	struct bytes bytes; /* as captured, link layer included */
	uint32_t length;    /* on the wire: more than bytes.length where the capture was limited to a snapshot length */
	size_t link;        /* length of the link-layer header */
	bool internet;      /* an IPv4 or IPv6 packet follows it */
};

/* Opens path, "-" for standard input. Returns 0, or -1 with capture->error. */
int capture_open(struct capture *capture, const char *path);

/* The same for a stream, which the capture then owns. */
int capture_open_stream(struct capture *capture, FILE *file);

/* 1 with the next frame, 0 at the end, -1 with capture->error where the rest can't be read. */
int capture_next(struct capture *capture, struct capture_frame *frame);

/* How much of the file has been read, in per cent; -1 where that can't be known. */
int capture_progress(const struct capture *capture);

void capture_close(struct capture *capture);

struct capture_output {
	struct pcap *handle; /* only for the writer's needs */
	struct pcap_dumper *dumper;
	uint8_t frame[CAPTURE_LINK_MAX + 65536]; /* where link layer and packet are joined */
};

/* Begins a capture of the same link type as like's at path, "-" for standard output. Returns 0, or -1 with error. */
int capture_output_open(struct capture_output *output, const struct capture *like, const char *path, char *error,
			size_t size);

/* Writes a frame as it was read. */
void capture_output_copy(struct capture_output *output, const struct capture_frame *frame);

/* Writes an IP packet after a link-layer header. */
void capture_output_write(struct capture_output *output, const struct timespec *time, struct bytes link,
			  struct bytes packet);

/* Ends the capture. Returns 0, or -1 where something could not be written. */
int capture_output_close(struct capture_output *output);

/* Turns the header of a frame into that of a frame which goes the other way, as far as the link type knows two ways. */
void capture_link_reverse(int link_type, uint8_t *link, size_t length);

#endif
