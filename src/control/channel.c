/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the descriptors of a message, aligned as the kernel wants it. */
union channel_files {
	struct cmsghdr head;
	char data[CMSG_SPACE(CHANNEL_FILES_MAX * sizeof(int))];
};

int channel_open(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

bool channel_send(int channel, const struct channel_message *message, const int files[CHANNEL_FILES_MAX])
{
	struct channel_message copy = *message;
	struct iovec part = { .iov_base = &copy, .iov_len = sizeof(copy) };
	union channel_files room = { .data = { 0 } };
	struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t count = 0;

	while (files && count < CHANNEL_FILES_MAX && files[count] >= 0)
		count++;
	if (count > 0) {
		head.msg_control = room.data;
		head.msg_controllen = CMSG_SPACE(count * sizeof(int));
		room.head.cmsg_level = SOL_SOCKET;
		room.head.cmsg_type = SCM_RIGHTS;
		room.head.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&room.head), files, count * sizeof(int));
	}
	return sendmsg(channel, &head, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
}

static void channel_take_files(struct msghdr *head, int files[CHANNEL_FILES_MAX])
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(head);
	size_t count;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
		return;
	count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(files, CMSG_DATA(control), (count < CHANNEL_FILES_MAX ? count : CHANNEL_FILES_MAX) * sizeof(int));
}

enum channel_result channel_receive(int channel, struct channel_message *message, int files[CHANNEL_FILES_MAX])
{
	struct iovec part = { .iov_base = message, .iov_len = sizeof(*message) };
	union channel_files room = { .data = { 0 } };
	struct msghdr head = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = room.data, .msg_controllen = sizeof(room.data),
	};
	ssize_t length;

	for (size_t i = 0; i < CHANNEL_FILES_MAX; i++)
		files[i] = -1;
	do {
		length = recvmsg(channel, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? CHANNEL_NOTHING : CHANNEL_END;
	if (length == 0)
		return CHANNEL_END;
	channel_take_files(&head, files);
	if (length == (ssize_t)sizeof(*message) && message->kind < CHANNEL_KINDS && message->voice < CHANNEL_VOICES) {
		message->text[sizeof(message->text) - 1] = '\0';
		return CHANNEL_MESSAGE;
	}
	for (size_t i = 0; i < CHANNEL_FILES_MAX; i++)
		if (files[i] >= 0)
			close(files[i]);
	return CHANNEL_NOTHING;
}
