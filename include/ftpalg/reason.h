/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why something was decided. One table is the log field, the counter's name, the event's "reason" and the row of the
 * manual, so a reason can't exist in one of them and be missing in another (tests/unit/core/test_reason.c reads the manual).
 */
#ifndef FTPALG_REASON_H
#define FTPALG_REASON_H

/*      identifier                  name in logs            what it means, as the manual says it */
#define REASON_TABLE(X) \
	X(REASON_NONE,              "none",                 "nothing objectionable was found") \
	/* the words of an offer */ \
	X(REASON_MALFORMED,         "malformed",            "the address or port is not of the form that its RFC gives") \
	X(REASON_OVERFLOW,          "overflow",             "a number is larger than its field; wrapped, it would name another address or port") \
	X(REASON_AMBIGUOUS,         "ambiguous",            "a leading zero, a sign, or a second candidate: two readers could see two endpoints") \
	X(REASON_FAMILY_MISMATCH,   "family-mismatch",      "the announced address is not of the protocol family that was named, or not of the control connection's") \
	/* policy on offers */ \
	X(REASON_FOREIGN_ADDRESS,   "foreign-address",      "the offer names a host other than the peer that made it (FTP bounce)") \
	X(REASON_MARTIAN_ADDRESS,   "martian-address",      "the offer names a loopback, multicast, broadcast or link-local address") \
	X(REASON_PORT_ZERO,         "port-zero",            "the offer names port 0") \
	X(REASON_LOW_PORT,          "low-port",             "the offer names a port below the configured minimum") \
	X(REASON_DENIED_PORT,       "denied-port",          "the offer names a port on the deny list of well-known services") \
	X(REASON_ACTIVE_DENIED,     "active-denied",        "active mode is denied for this connection") \
	X(REASON_PASSIVE_DENIED,    "passive-denied",       "passive mode is denied for this connection") \
	X(REASON_VERB_DENIED,       "verb-denied",          "the command is denied for this connection") \
	X(REASON_UPLOAD_DENIED,     "upload-denied",        "uploads are denied for this connection") \
	X(REASON_DOWNLOAD_DENIED,   "download-denied",      "downloads are denied for this connection") \
	X(REASON_TLS_DENIED,        "tls-denied",           "AUTH is denied for this connection") \
	X(REASON_TLS_REQUIRED,      "tls-required",         "a login in clear was tried where TLS is required") \
	/* the dialogue */ \
	X(REASON_NOT_LOGGED_IN,     "not-logged-in",        "an offer was made before the login was complete") \
	X(REASON_EPSV_ALL,          "epsv-all",             "an offer other than EPSV after EPSV ALL (RFC 2428 section 4)") \
	X(REASON_UNSOLICITED,       "unsolicited",          "a reply in which a client could read an endpoint, and which answers no request for one (PASV, EPSV and the like)") \
	X(REASON_CLIENT_FIRST,      "client-first",         "the client spoke before the server's greeting") \
	X(REASON_NOT_FTP,           "not-ftp",              "the first line of a peer is not FTP (HTTP, TLS or something else on the control port)") \
	X(REASON_ODD_VERB,          "odd-verb",             "control bytes, Telnet codes or 8-bit bytes in or before a verb, or more letters after that of an offer: some server could read another command") \
	X(REASON_CONTROL_BYTE,      "control-byte",         "a NUL, or a carriage return that ends no line: peers disagree about where the line ends") \
	X(REASON_LINE_TOO_LONG,     "line-too-long",        "a line is longer than the limit") \
	X(REASON_HIDDEN_LINE,       "hidden-line",          "a long line holds what would be refused at the start of one, and some peers read long lines in pieces") \
	X(REASON_RAW_NAMES,         "raw-names",            "STAT with options or a pattern by which a reply would have names at the start of its lines, where a name can read as another reply") \
	X(REASON_TORN_REPLY,        "torn-reply",           "a reply that would open something, after a line that the server ended otherwise than its others or within quotation marks: a name with a line end in it reads as replies") \
	X(REASON_PIPELINE_FULL,     "pipeline-full",        "more commands are waiting for replies than the limit") \
	X(REASON_BEHIND_AUTH,       "behind-auth",          "bytes in clear after AUTH or after its 234") \
	X(REASON_BEHIND_REIN,       "behind-rein",          "bytes in TLS after REIN, or after the reply that ends TLS") \
	X(REASON_NOT_TLS,           "not-tls",              "the bytes after 234 are no TLS records, or there are lines where TLS can't have ended") \
	X(REASON_SPLIT_REFUSED,     "split-refused",        "the refusal came too late: a part of the line had already passed") \
	X(REASON_ADOPTION_FAILED,   "adoption-failed",      "the session is older than the gateway, and where its receiver stands contradicts what the gateway let pass") \
	/* the proxy's legs */ \
	X(REASON_UNREACHABLE,       "unreachable",          "the proxy could not connect") \
	X(REASON_HANDSHAKE,         "handshake",            "a TLS handshake failed") \
	X(REASON_BAD_CERTIFICATE,   "bad-certificate",      "the server's certificate is expired, for another name, or from nobody who is trusted") \
	X(REASON_MINT_REFUSED,      "mint-refused",         "the authority signs no such certificate, or clients would refuse it") \
	X(REASON_MINT_RATE,         "mint-rate",            "more certificates were to be minted in a minute than mint-rate allows, or its share allows one source") \
	X(REASON_CLIENT_CERTIFICATE, "client-certificate",  "the server demands a certificate of its client, which the proxy has not; where it may, it passes the next session on unopened") \
	X(REASON_BYPASSED,          "bypassed",             "TLS is passed on unopened, and nothing is opened for the session") \
	X(REASON_NOT_RESUMED,       "not-resumed",          "a data connection did not resume the TLS session of its control connection") \
	X(REASON_BARREN_RECORDS,    "barren-records",       "a peer sent TLS records one after the other that have nothing in them for anybody") \
	X(REASON_TRUNCATED,         "truncated",            "a TLS connection ended without close_notify, so bytes may be missing") \
	X(REASON_NO_CLOSE_NOTIFY,   "no-close-notify",      "a data connection in TLS ended without close_notify, and the other peer was shown just that") \
	X(REASON_CUT,               "cut",                  "the server called a transfer complete whose data connection was cut; the client was told 426") \
	X(REASON_PEER,              "peer",                 "somebody else than the peer came to a data connection's port") \
	X(REASON_TIMEOUT,           "timeout",              "a peer did not answer in time") \
	/* the kernel's answers */ \
	X(REASON_NO_CONNECTION,     "no-connection",        "conntrack doesn't know the connection") \
	X(REASON_LOOKUP_BUSY,       "lookup-busy",          "the connection could only be found by a search of all of conntrack, and one has just been made; the sender repeats the packet") \
	X(REASON_SHARED_TUPLE,      "shared-tuple",         "a connection that lives has the same two ends behind DNAT, so their packets can't be told apart") \
	X(REASON_NO_CARRIER,        "no-carrier",           "the control connection carries no helper: the rule that attaches it is missing or came too late") \
	X(REASON_NO_PORT,           "no-port",              "every port that was tried for the pinhole is taken") \
	X(REASON_EXPECT_TABLE_FULL, "expect-table-full",    "the kernel's expectation table is full") \
	X(REASON_KERNEL_REFUSED,    "kernel-refused",       "the kernel refused the expectation or the sequence adjustment") \
	X(REASON_NO_RESIZE,         "no-resize",            "the line must change its length and the kernel can't adjust this connection's sequence numbers") \
	/* limits */ \
	X(REASON_TABLE_FULL,        "table-full",           "the session table is full") \
	X(REASON_HANDSHAKES_FULL,   "handshakes-full",      "more handshakes wait for their clients than the table has room for: the oldest was forgotten, and its session will be adopted") \
	X(REASON_MEMORY_FULL,       "memory-full",          "the pool for held and unacknowledged bytes is exhausted") \
	X(REASON_UNACKNOWLEDGED,    "unacknowledged",       "the pool is short, and a peer has long not acknowledged what the session has in it") \
	X(REASON_WINDOW_FULL,       "window-full",          "more bytes are unacknowledged in one direction than the limit") \
	X(REASON_EDITS_FULL,        "edits-full",           "more length-changing edits are unacknowledged in one direction than the limit") \
	X(REASON_QUOTA_SESSIONS,    "quota-sessions",       "the source has as many sessions as one source may have") \
	X(REASON_QUOTA_PINHOLES,    "quota-pinholes",       "the source has as many pinholes as one source may have") \
	X(REASON_QUOTA_RELAYS,      "quota-relays",         "the session or its source has as many data connections as one may have") \
	X(REASON_QUOTA_RATE,        "quota-rate",           "the source asks for pinholes faster than one source may") \
	X(REASON_QUOTA_BYTES,       "quota-bytes",          "the source has as many bytes held or unacknowledged as one source may have") \
	/* single packets */ \
	X(REASON_SHORT_PACKET,      "short-packet",         "the packet is cut short or its lengths contradict each other") \
	X(REASON_LONG_PACKET,       "long-packet",          "what the packet became is longer than a packet may be") \
	X(REASON_NOT_TCP,           "not-tcp",              "the packet is not TCP") \
	X(REASON_FRAGMENT,          "fragment",             "the packet is a fragment") \
	X(REASON_BAD_CHECKSUM,      "bad-checksum",         "the TCP checksum is wrong: the receiver would never see this packet") \
	X(REASON_ADOPTING,          "adopting",             "the connection is older than the gateway, and the receiver has yet to say where it stands; the sender repeats the segment") \
	X(REASON_OUT_OF_ORDER,      "out-of-order",         "a segment arrived before the one that it follows") \
	X(REASON_WRONG_WAY,         "wrong-way",            "the packet came by another device than packets to its sender leave by: somebody else wrote it") \
	X(REASON_OUT_OF_WINDOW,     "out-of-window",        "a segment lies outside everything that the receiver could accept") \
	X(REASON_CARRIER_TRIGGER,   "carrier-trigger",      "an eight-byte segment that would make the kernel's carrier helper act") \
	X(REASON_HELD,              "held",                 "the segment ends in an incomplete line and waits in the gateway for its rest") \
	X(REASON_OLD,               "old",                  "a retransmission of bytes that the receiver has acknowledged; one byte of it is let through to be answered") \
	/* ends */ \
	X(REASON_USED,              "used",                 "the data connection was made") \
	X(REASON_SUPERSEDED,        "superseded",           "a newer offer replaced this one") \
	X(REASON_SERVER_REFUSED,    "server-refused",       "the server answered the offer or the transfer with an error") \
	X(REASON_TRANSFER_ENDED,    "transfer-ended",       "the transfer's final reply came and no data connection had been made") \
	X(REASON_CONNECTION_ENDED,  "connection-ended",     "the control connection ended") \
	X(REASON_RESET,             "reset",                "the connection was reset, or its TLS broke") \
	X(REASON_EXPIRED,           "expired",              "the deadline passed") \
	X(REASON_GONE,              "gone",                 "the deadline had passed and the kernel had it no more: it was used or it expired") \
	X(REASON_FILTERED_HERE,     "filtered-here",        "the data connection came, and this host's own filter dropped it: no rule accepts what the gateway expects") \
	X(REASON_DELETED_HERE,      "deleted-here",         "before anybody came, somebody deleted it, or the control connection's entry, from this host's conntrack") \
	X(REASON_REFUSED_BY_PEER,   "refused-by-peer",      "the data connection was answered with a reset: nobody listens there, or a firewall at that peer refuses it") \
	X(REASON_NO_ANSWER,         "no-answer",            "the data connection was let through, and nobody answered it") \
	X(REASON_LINE_TIMEOUT,      "line-timeout",         "a line stayed unfinished for longer than the limit") \
	X(REASON_IDLE,              "idle",                 "nothing was seen for the session timeout") \
	X(REASON_ELSEWHERE,         "elsewhere",            "the connection went on without this gateway, through another one, and came back: it is adopted") \
	X(REASON_DRAINED,           "drain-time",           "the proxy was replaced, and its time for open sessions has passed") \
	X(REASON_KILLED,            "killed",               "an administrator ended the session") \
	X(REASON_UNUSABLE,          "unusable",             "the configuration, or a file that it names, is no good") \
	X(REASON_SHUTDOWN,          "shutdown",             "the gateway stopped")

enum reason {
#define REASON_ENUM(identifier, name, meaning) identifier,
	REASON_TABLE(REASON_ENUM)
#undef REASON_ENUM
	REASON_COUNT
};

/* Never NULL; "unknown" for a value that is no reason. */
const char *reason_name(enum reason reason);
const char *reason_meaning(enum reason reason);

#endif
