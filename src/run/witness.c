/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   kernel --news of data connections, copies of their ends--> sockets <--- control reads
 *                                                                 ^
 *                                     supervisor asks on them ----+--- what control lacks: it gives an order
 *
 * Control has no capability, and it takes CAP_NET_ADMIN both to open these sockets and to ask the kernel something. So the
 * supervisor opens and keeps them: a control that is started again finds what came meanwhile. The supervisor reads none of
 * it; what it asks for comes to the same sockets, so control hears the answers.
 *
 * A gateway works without them; then only replies say what became of its transfers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "control/control.h"
#include "run/internal.h"

static void witness_open_news(struct supervisor *supervisor)
{
	struct witness *witness = supervisor->witness;
	int result = news_open(&witness->news, supervisor->config->zone);

	if (result == 0) {
		witness->account_size = control_account_size(supervisor->config);
		witness->account = mmap(NULL, witness->account_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
					0);
	}
	if (result == 0 && witness->account == MAP_FAILED) {
		result = -errno;
		witness->account = NULL;
		news_close(&witness->news);
	}
	witness->has_news = result == 0;
	if (result < 0)
		log_message(LOG_LEVEL_WARNING, "can't hear from conntrack what becomes of data connections (%s), so their transfers are"
			    " known by replies alone: modprobe nf_conntrack_netlink", strerror(-result));
}

/* A proxy needs none: its data connections end on this host, and its relays count. */
static void witness_open_copies(struct supervisor *supervisor)
{
	const uint16_t group = supervisor->config->nflog_group;
	int result;

	if (!group || supervisor->kind == SUPERVISE_PROXY)
		return;
	result = copies_open(&supervisor->witness->copies, group);
	supervisor->witness->has_copies = result == 0;
	if (result == -EBUSY || result == -EPERM)
		log_message(LOG_LEVEL_WARNING, "group %u of NFLOG has another reader, so how long transferred files are is not known:"
			    " configure another nflog-group and load the rules again", group);
	else if (result < 0)
		log_message(LOG_LEVEL_WARNING, "can't read group %u of NFLOG (%s), so how long transferred files are is not known:"
			    " modprobe nfnetlink_log", group, strerror(-result));
}

void witness_open(struct supervisor *supervisor)
{
	supervisor->witness = calloc(1, sizeof(*supervisor->witness));
	if (!supervisor->witness)
		return;
	witness_open_news(supervisor);
	if (supervisor->witness->has_news)
		witness_open_copies(supervisor);
}

void witness_close(struct supervisor *supervisor)
{
	if (supervisor->witness && supervisor->witness->has_news)
		news_close(&supervisor->witness->news);
	if (supervisor->witness && supervisor->witness->has_copies)
		copies_close(&supervisor->witness->copies);
	if (supervisor->witness && supervisor->witness->account)
		munmap(supervisor->witness->account, supervisor->witness->account_size);
	free(supervisor->witness);
	supervisor->witness = NULL;
}

void witness_ask(struct supervisor *supervisor, const struct channel_message *order)
{
	struct tuple original;

	if (!supervisor->witness || !supervisor->witness->has_news)
		return;
	memcpy(&original, order->text, sizeof(original));
	if (order->kind == CHANNEL_ASK_ENTRY)
		news_ask(&supervisor->witness->news, &original);
	else
		news_ask_all(&supervisor->witness->news);
}
