/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg transfers: what was transferred, and what is, while it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

/* The head and the widths of columns are made for what comes within this time, or for this many rows. */
#define GATHER_MILLISECONDS 200
#define GATHER_ROWS 1000

struct transfers {
	struct asking asking;
	bool follow;
	bool xferlog;
	bool headed;
	char since[32];
	struct screen_table table;
};

/* "90", "30s", "5m", "1h", "2d": seconds. */
static bool read_since(const char *text, uint64_t *seconds)
{
	static const struct {
		char letter;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t length = strlen(text);
	uint32_t unit = 1;
	uint32_t number;

	for (size_t i = 0; length > 1 && i < sizeof(units) / sizeof(units[0]); i++)
		if (text[length - 1] == units[i].letter) {
			unit = units[i].seconds;
			length--;
			break;
		}
	if (!number_read_decimal((struct bytes){ (const uint8_t *)text, length }, UINT32_MAX, &number))
		return false;
	*seconds = (uint64_t)number * unit;
	return true;
}

/* Prints what was gathered, below the head if that is not there yet. */
static int print_rows(struct transfers *transfers)
{
	struct screen_text text = { .style = &transfers->asking.style };

	if (!transfers->follow && screen_table_rows(&transfers->table) == 0) {
		screen_add(&text, "No transfer%s is remembered.\n", *transfers->since ? " of that time" : "");
		return asking_print(&text);
	}
	if (!transfers->headed) {
		screen_table_layout(&transfers->table, &transfers->asking.style);
		screen_table_print_head(&transfers->table, &text);
		transfers->headed = true;
	}
	for (size_t row = 0; row < screen_table_rows(&transfers->table); row++)
		screen_table_print_row(&transfers->table, row, &text);
	text.lost = text.lost || transfers->table.lost;
	screen_table_clear(&transfers->table);
	return asking_print(&text);
}

static int put_transfer(struct transfers *transfers, const json_t *transfer)
{
	struct screen_text text = { .style = NULL };
	const struct screen_style *style = &transfers->asking.style;

	if (transfers->xferlog) {
		screen_add_xferlog(&text, transfer);
		return asking_print(&text);
	}
	screen_put_transfer(&transfers->table, style, transfer, asking_now());
	return transfers->follow && (transfers->headed || screen_table_rows(&transfers->table) >= GATHER_ROWS)
		       ? print_rows(transfers) : CMD_SUCCESS;
}

/* Shows all that comes; if that has no end, until it can no longer be written. */
static int show_all(struct transfers *transfers)
{
	struct client *client = &transfers->asking.client;
	enum client_result result = CLIENT_LINE;
	int status = CMD_SUCCESS;
	json_t *transfer;
	struct bytes line;

	while (status == CMD_SUCCESS && result != CLIENT_END && result != CLIENT_FAILED) {
		if (transfers->follow && !transfers->headed && !transfers->xferlog) {
			result = client_read(client, GATHER_MILLISECONDS, &line, &transfer);
			if (result == CLIENT_FAILED)
				asking_tell_problem(&transfers->asking);
			else if (result == CLIENT_WAIT)
				status = print_rows(transfers);
		} else {
			result = asking_next(&transfers->asking, &line, &transfer);
		}
		if (result == CLIENT_LINE) {
			status = put_transfer(transfers, transfer);
			json_decref(transfer);
		}
	}
	if (status == CMD_SUCCESS && result == CLIENT_END && !transfers->xferlog)
		status = print_rows(transfers);
	return result == CLIENT_FAILED ? CMD_FAILURE : status;
}

static int transfers_show(struct transfers *transfers)
{
	const char *words[3] = { "transfers" };
	size_t count = 1;
	int status;

	if (transfers->follow)
		words[count++] = "follow";
	if (*transfers->since)
		words[count++] = transfers->since;
	transfers->asking.client.endless = transfers->follow;
	if (transfers->asking.json)
		return asking_pass_on(&transfers->asking, words, count, true);
	screen_begin_transfers(&transfers->table);
	status = asking_begin(&transfers->asking, words, count);
	if (status == CMD_SUCCESS)
		status = show_all(transfers);
	screen_table_free(&transfers->table);
	return status;
}

static int read_option(struct transfers *transfers, int option, char **argv)
{
	uint64_t seconds = 0;

	switch (option) {
	case 'f':
		transfers->follow = true;
		return CMD_SUCCESS;
	case 'x':
		transfers->xferlog = true;
		return CMD_SUCCESS;
	case 's':
		if (!read_since(optarg, &seconds))
			return cmd_misuse("transfers", "\"%s\" is no time, as 90s, 5m, 1h or 2d are", optarg);
		snprintf(transfers->since, sizeof(transfers->since), "since=%llu", (unsigned long long)seconds);
		return CMD_SUCCESS;
	default:
		return asking_read_option(&transfers->asking, option, argv);
	}
}

int cmd_transfers(int argc, char **argv)
{
	static const struct option options[] = {
		ASKING_OPTIONS,
		{ "follow", no_argument, NULL, 'f' },
		{ "since", required_argument, NULL, 's' },
		{ "xferlog", no_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	struct transfers transfers = { .follow = false };
	int status = CMD_SUCCESS;
	int option;

	asking_init(&transfers.asking, "transfers");
	opterr = 0;
	while (status == CMD_SUCCESS && (option = getopt_long(argc, argv, ASKING_LETTERS "f", options, NULL)) != -1)
		status = read_option(&transfers, option, argv);
	if (status == CMD_SUCCESS && optind < argc)
		status = cmd_misuse("transfers", "\"%s\" is not understood", argv[optind]);
	else if (status == CMD_SUCCESS && transfers.asking.json && transfers.xferlog)
		status = cmd_misuse("transfers", "it is either --json or --xferlog");
	if (status == CMD_SUCCESS)
		status = asking_prepare(&transfers.asking);
	if (status == CMD_SUCCESS)
		status = transfers_show(&transfers);
	asking_finish(&transfers.asking);
	return status;
}
