/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "ftpalg/address.h"
#include "report/html.h"

/* The roles are stated, because the style of a narrow page takes them from the elements. */
static void put_header(const struct page *page, const char *name, bool number)
{
	page_print(page, "<th scope=\"col\" role=\"columnheader\" data-sort=\"%s\"%s>%s</th>", number ? "number" : "text",
		   number ? " class=\"number\"" : "", name);
}

static void begin_cell(const struct page *page, const char *name, uint64_t value)
{
	page_print(page, "<td role=\"cell\" class=\"number\" data-name=\"%s\" data-value=\"%" PRIu64 "\">", name, value);
}

static void put_count(const struct page *page, const char *name, uint64_t value, const char *alarm)
{
	begin_cell(page, name, value);
	if (value > 0 && alarm)
		page_print(page, "<b class=\"%s\">%" PRIu64 "</b></td>", alarm, value);
	else
		page_print(page, "%" PRIu64 "</td>", value);
}

static void put_endpoint_cell(const struct page *page, const char *name, const struct endpoint *endpoint)
{
	page_print(page, "<td role=\"cell\" data-name=\"%s\">", name);
	page_put_endpoint(page, endpoint);
	page_print(page, "</td>");
}

static void put_session_row(const struct page *page, const struct report_session *session)
{
	const uint64_t duration = session->last - session->start;
	char text[REPORT_NUMBER_MAX];

	page_print(page, "<tr role=\"row\" data-session=\"%" PRIu64 "\">", session->connection);
	begin_cell(page, "Session", session->connection);
	page_print(page, "<a href=\"#session-%" PRIu64 "\">%" PRIu64 "</a></td>", session->connection,
		   session->connection);
	put_endpoint_cell(page, "Client", &session->view.client);
	put_endpoint_cell(page, "Server", &session->view.server);
	page_print(page, "<td role=\"cell\" data-name=\"User\"><span class=\"peer\">");
	page_put_text(page, &session->user);
	page_print(page, "</span></td>");
	report_format_seconds(duration, text);
	begin_cell(page, "Duration", duration);
	page_print(page, "%s</td>", text);
	put_count(page, "Logins", session->logins, NULL);
	put_count(page, "Transfers", session->transfer_count, NULL);
	report_format_bytes(session->bytes, text);
	begin_cell(page, "Data", session->bytes);
	page_print(page, "%s</td>", text);
	put_count(page, "Refusals", session->refusals, "bad");
	put_count(page, "Anomalies", session->anomalies, "warning");
	page_print(page, "<td role=\"cell\" data-name=\"End\">%s</td></tr>\n", report_describe_end(session));
}

void page_put_sessions(const struct page *page)
{
	page_print(page, "<section aria-labelledby=\"sessions\">\n<h2 id=\"sessions\">Sessions</h2>\n"
		   "<form class=\"controls\" hidden><label for=\"search\">Search</label>"
		   "<input id=\"search\" type=\"search\" autocomplete=\"off\">"
		   "<label><input id=\"findings-only\" type=\"checkbox\"> with refusals or anomalies only</label>"
		   "<output id=\"shown\" for=\"search findings-only\"></output></form>\n"
		   "<table id=\"session-table\" class=\"cards sessions\" role=\"table\" aria-labelledby=\"sessions\">"
		   "<thead role=\"rowgroup\"><tr role=\"row\">");
	put_header(page, "Session", true);
	put_header(page, "Client", false);
	put_header(page, "Server", false);
	put_header(page, "User", false);
	put_header(page, "Duration", true);
	put_header(page, "Logins", true);
	put_header(page, "Transfers", true);
	put_header(page, "Data", true);
	put_header(page, "Refusals", true);
	put_header(page, "Anomalies", true);
	put_header(page, "End", false);
	page_print(page, "</tr></thead>\n<tbody role=\"rowgroup\">\n");
	for (const struct report_session *session = page->report->sessions; session; session = session->next)
		put_session_row(page, session);
	page_print(page, "</tbody></table>\n</section>\n");
}

static void put_transfer_data(const struct page *page, const struct report_data *data)
{
	char text[REPORT_NUMBER_MAX];

	if (!data) {
		page_print(page, "<td role=\"cell\" data-name=\"Data\" colspan=\"4\">its data connection is not in the"
			   " capture</td></tr>\n");
		return;
	}
	report_format_bytes(report_data_bytes(data), text);
	begin_cell(page, "Data", report_data_bytes(data));
	page_print(page, "%s</td>", text);
	report_format_seconds(report_data_duration(data), text);
	begin_cell(page, "Time", report_data_duration(data));
	page_print(page, "%s</td>", text);
	report_format_rate(report_data_bytes(data), report_data_duration(data), text);
	page_print(page, "<td role=\"cell\" class=\"number\" data-name=\"Rate\">%s</td><td role=\"cell\" data-name=\"Data"
		   " connection\">%u, %s</td></tr>\n", text, data->number,
		   report_data_state_name(report_judge_data(data)));
}

void page_put_transfers(const struct page *page, const struct report_session *session)
{
	char moment[REPORT_NUMBER_MAX];

	if (!session->transfers)
		return;
	page_print(page, "<h4 id=\"transfers-%" PRIu64 "\">Transfers</h4>\n<table class=\"cards transfers\" role=\"table\""
		   " aria-labelledby=\"transfers-%" PRIu64 "\"><thead role=\"rowgroup\"><tr role=\"row\">"
		   "<th scope=\"col\" role=\"columnheader\" class=\"number\">Begun</th>"
		   "<th scope=\"col\" role=\"columnheader\">Command</th>"
		   "<th scope=\"col\" role=\"columnheader\" class=\"number\">Reply</th>"
		   "<th scope=\"col\" role=\"columnheader\" class=\"number\">Data</th>"
		   "<th scope=\"col\" role=\"columnheader\" class=\"number\">Time</th>"
		   "<th scope=\"col\" role=\"columnheader\" class=\"number\">Rate</th>"
		   "<th scope=\"col\" role=\"columnheader\">Data connection</th></tr></thead>\n<tbody role=\"rowgroup\">\n",
		   session->connection, session->connection);
	for (const struct report_transfer *transfer = session->transfers; transfer; transfer = transfer->next) {
		report_format_moment(transfer->start, session->start, moment);
		page_print(page, "<tr role=\"row\"><td role=\"cell\" class=\"number\" data-name=\"Begun\">%s</td>"
			   "<td role=\"cell\" class=\"peer\" data-name=\"Command\"><code>%s ", moment,
			   verb_name(transfer->verb));
		page_put_text(page, &transfer->path);
		page_print(page, "</code></td><td role=\"cell\" class=\"number\" data-name=\"Reply\">%u</td>",
			   transfer->code);
		put_transfer_data(page, transfer->data);
	}
	page_print(page, "</tbody></table>\n");
}
