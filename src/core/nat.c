/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/nat.h"

#include "ftpalg/address.h"

bool nat_view_is_translated(const struct nat_view *view)
{
	return !endpoint_equal(&view->client, &view->client_seen) || !endpoint_equal(&view->server, &view->server_seen);
}

bool nat_view_equal(const struct nat_view *a, const struct nat_view *b)
{
	return endpoint_equal(&a->client, &b->client) && endpoint_equal(&a->server_seen, &b->server_seen) &&
	       endpoint_equal(&a->server, &b->server) && endpoint_equal(&a->client_seen, &b->client_seen);
}

struct tuple nat_view_tuple(const struct nat_view *view, enum direction direction)
{
	struct tuple to_server = { view->client_seen, view->server };
	struct tuple to_client = { view->server_seen, view->client };

	return direction == DIRECTION_ORIGINAL ? to_server : to_client;
}
