/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files are opened, and written, with times in nanoseconds: what is copied keeps its time exactly, whatever the resolution
 * of the input was.
 *
 * A file that ends within a packet is an error after the last whole packet; libpcap reports both, and so does this.
 */
#include "replay/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/stat.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERNET_HEADER 14
#define ETHERNET_ADDRESS 6
#define VLAN_TAG 4
#define VLAN_TAGS_MAX 4
#define COOKED_HEADER 16
#define COOKED2_HEADER 20
#define LOOPBACK_HEADER 4
#define READ_BUFFER (1 << 18)

static uint16_t capture_load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool capture_is_vlan(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Where the payload of a frame begins whose Ethernet type is at type_at; 0 if that is not an IP packet. */
static size_t capture_skip_tags(struct bytes bytes, size_t type_at, size_t payload)
{
	uint16_t type;

	if (bytes.length < payload)
		return 0;
	type = capture_load16(bytes.data + type_at);
	for (unsigned int i = 0; i < VLAN_TAGS_MAX && capture_is_vlan(type); i++) {
		if (bytes.length < payload + VLAN_TAG)
			return 0;
		type = capture_load16(bytes.data + payload + 2);
		payload += VLAN_TAG;
	}
	return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? payload : 0;
}

/* Finds the IP packet in the frame. Its first four bits say which version it is, whatever the link layer says. */
static void capture_find_packet(int link, struct capture_frame *frame)
{
	const struct bytes bytes = frame->bytes;
	size_t at = 0;
	bool found = true;

	switch (link) {
	case DLT_EN10MB:
		at = capture_skip_tags(bytes, ETHERNET_HEADER - 2, ETHERNET_HEADER);
		found = at > 0;
		break;
	case DLT_LINUX_SLL:
		at = capture_skip_tags(bytes, COOKED_HEADER - 2, COOKED_HEADER);
		found = at > 0;
		break;
	case DLT_LINUX_SLL2:
		at = capture_skip_tags(bytes, 0, COOKED2_HEADER);
		found = at > 0;
		break;
	case DLT_NULL:
	case DLT_LOOP:
		at = LOOPBACK_HEADER;
		break;
	default:
		break;
	}
	frame->link = at;
	frame->internet = found && bytes.length > at && (bytes.data[at] >> 4 == 4 || bytes.data[at] >> 4 == 6);
}

static bool capture_link_is_known(int link)
{
	switch (link) {
	case DLT_EN10MB:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return true;
	default:
		return false;
	}
}

static const char *capture_link_name(int link)
{
	const char *name = pcap_datalink_val_to_description(link);

	return name ? name : "a type without a name";
}

int capture_open_stream(struct capture *capture, FILE *file)
{
	char error[PCAP_ERRBUF_SIZE];
	struct stat status;

	memset(capture, 0, sizeof(*capture));
	if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode))
		capture->size = (uint64_t)status.st_size;
	capture->handle = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!capture->handle) {
		snprintf(capture->error, sizeof(capture->error), "%s", error);
		fclose(file);
		return -1;
	}
	capture->file = file;
	capture->link = pcap_datalink(capture->handle);
	if (capture_link_is_known(capture->link))
		return 0;
	snprintf(capture->error, sizeof(capture->error),
		 "the link type is not known here: %s; Ethernet, Linux cooked, raw IP and loopback captures are",
		 capture_link_name(capture->link));
	capture_close(capture);
	return -1;
}

int capture_open(struct capture *capture, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");

	if (!file) {
		memset(capture, 0, sizeof(*capture));
		snprintf(capture->error, sizeof(capture->error), "%s", strerror(errno));
		return -1;
	}
	(void)setvbuf(file, NULL, _IOFBF, READ_BUFFER);
	return capture_open_stream(capture, file);
}

int capture_next(struct capture *capture, struct capture_frame *frame)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int result = pcap_next_ex(capture->handle, &header, &data);

	if (result == PCAP_ERROR_BREAK)
		return 0;
	if (result != 1) {
		snprintf(capture->error, sizeof(capture->error), "%s", pcap_geterr(capture->handle));
		return -1;
	}
	capture->frames++;
	frame->time.tv_sec = header->ts.tv_sec;
	frame->time.tv_nsec = header->ts.tv_usec;
	frame->bytes.data = data;
	frame->bytes.length = header->caplen;
	frame->length = header->len;
	capture_find_packet(capture->link, frame);
	return 1;
}

int capture_progress(const struct capture *capture)
{
	const long at = capture->size > 0 ? ftell(capture->file) : -1;

	if (at < 0)
		return -1;
	return (uint64_t)at >= capture->size ? 100 : (int)((uint64_t)at * 100 / capture->size);
}

void capture_close(struct capture *capture)
{
	if (capture->handle)
		pcap_close(capture->handle);
	capture->handle = NULL;
	capture->file = NULL;
}

int capture_output_open(struct capture_output *output, const struct capture *like, const char *path, char *error,
			size_t size)
{
	output->handle = pcap_open_dead_with_tstamp_precision(like->link, 262144, PCAP_TSTAMP_PRECISION_NANO);
	output->dumper = output->handle ? pcap_dump_open(output->handle, path) : NULL;
	if (output->dumper)
		return 0;
	snprintf(error, size, "%s", output->handle ? pcap_geterr(output->handle) : "out of memory");
	if (output->handle)
		pcap_close(output->handle);
	output->handle = NULL;
	return -1;
}

static void capture_output_dump(struct capture_output *output, const struct timespec *time, struct bytes bytes,
				uint32_t length)
{
	/* By the handle's precision, what is called microseconds here is nanoseconds. */
	struct pcap_pkthdr header = {
		.ts = { .tv_sec = time->tv_sec, .tv_usec = time->tv_nsec },
		.caplen = (bpf_u_int32)bytes.length,
		.len = length,
	};

	pcap_dump((u_char *)output->dumper, &header, bytes.data);
}

void capture_output_copy(struct capture_output *output, const struct capture_frame *frame)
{
	capture_output_dump(output, &frame->time, frame->bytes, frame->length);
}

void capture_output_write(struct capture_output *output, const struct timespec *time, struct bytes link,
			  struct bytes packet)
{
	const struct bytes frame = { output->frame, link.length + packet.length };

	if (link.length > CAPTURE_LINK_MAX || packet.length > sizeof(output->frame) - CAPTURE_LINK_MAX)
		return;
	memcpy(output->frame, link.data, link.length);
	memcpy(output->frame + link.length, packet.data, packet.length);
	capture_output_dump(output, time, frame, (uint32_t)frame.length);
}

int capture_output_close(struct capture_output *output)
{
	FILE *file;
	int result;

	if (!output->dumper)
		return 0;
	file = pcap_dump_file(output->dumper);
	result = fflush(file) == 0 && !ferror(file) ? 0 : -1;
	pcap_dump_close(output->dumper);
	pcap_close(output->handle);
	output->dumper = NULL;
	output->handle = NULL;
	return result;
}

void capture_link_reverse(int link_type, uint8_t *link, size_t length)
{
	uint8_t address[ETHERNET_ADDRESS];

	if (link_type != DLT_EN10MB || length < ETHERNET_HEADER)
		return;
	memcpy(address, link, ETHERNET_ADDRESS);
	memcpy(link, link + ETHERNET_ADDRESS, ETHERNET_ADDRESS);
	memcpy(link + ETHERNET_ADDRESS, address, ETHERNET_ADDRESS);
}
