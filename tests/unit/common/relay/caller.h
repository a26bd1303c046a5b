/*
 * caller.h: the client of a serving node's tests: it speaks the relay's protocol by hand over a blocking socket, and
 * notes what came.
 */
#pragma once

#include "common/relay/auth.h"
#include "common/relay/convert.h"
#include "tests/unit/common/relay/serving.h"

#include <string.h>

static int fd = -1;
static struct relay_reader reader;
static struct bytes *own_hello, *their_hello;

/* What came: the newest of each kind, and the sequences of entries. */
static struct {
	bool proof, located, accepted, refused, stopped, resumed, found, replica, closed, drain;
	Weir__Relay__Reason reason;
	uint32_t seconds;
	uint8_t mac[RELAY_MAC_SIZE];
	uint64_t epoch, next, sequences[2 * FRAMES];
	size_t count, marks, tracks;
	struct relay_reader fetched;
	bool fetch_done;
	size_t fetched_count;
} got;

static inline int on_message(void *context, const struct relay_message *m) {
	const Weir__Relay__Header *h = m->header;
	(void)context;
	switch (h->body_case) {
	case WEIR__RELAY__HEADER__BODY_HELLO:
		their_hello = relay_pack(h, (struct slice){0});
		break;
	case WEIR__RELAY__HEADER__BODY_PROOF:
		got.proof = h->proof->mac.len == RELAY_MAC_SIZE;
		memcpy(got.mac, h->proof->mac.data, RELAY_MAC_SIZE);
		break;
	case WEIR__RELAY__HEADER__BODY_LOCATED:
		got.located = true;
		got.found = h->located->found;
		got.replica = h->located->replica;
		got.epoch = h->located->epoch;
		break;
	case WEIR__RELAY__HEADER__BODY_ACCEPTED:
		got.accepted = true;
		got.resumed = h->accepted->resumed;
		break;
	case WEIR__RELAY__HEADER__BODY_REFUSED:
		got.refused = true;
		got.reason = h->refused->reason;
		break;
	case WEIR__RELAY__HEADER__BODY_STOPPED:
		got.stopped = true;
		break;
	case WEIR__RELAY__HEADER__BODY_DRAIN:
		got.drain = true;
		got.seconds = h->drain->seconds;
		break;
	case WEIR__RELAY__HEADER__BODY_TRACKS:
		got.tracks++;
		break;
	case WEIR__RELAY__HEADER__BODY_MARK:
		got.marks++;
		break;
	case WEIR__RELAY__HEADER__BODY_MEDIA:
		cr_assert_lt(got.count, 2 * FRAMES);
		got.sequences[got.count++] = h->media->sequence;
		break;
	case WEIR__RELAY__HEADER__BODY_FETCHED:
		got.fetch_done = true;
		got.fetched_count++;
		got.next = h->fetched->next;
		relay_reader_init(&got.fetched, on_message, NULL);
		cr_assert_eq(relay_reader_feed(&got.fetched, m->payload.data, m->payload.size), 0);
		relay_reader_fini(&got.fetched);
		break;
	default:
		break;
	}
	return 0;
}

static inline void read_until(const bool *flag) {
	uint8_t buffer[65536];
	while (!*flag && !got.closed) {
		ssize_t n = read(fd, buffer, sizeof buffer);
		if (n <= 0)
			got.closed = true;
		else
			cr_assert_eq(relay_reader_feed(&reader, buffer, (size_t)n), 0);
	}
}

static inline void send_message(const Weir__Relay__Header *h) {
	struct bytes *b = relay_pack(h, (struct slice){0});
	cr_assert_eq(write(fd, b->data, b->size), (ssize_t)b->size);
	bytes_unref(&b);
}

static inline void hang_up(void) {
	if (fd >= 0)
		close(fd);
	fd = -1;
	relay_reader_fini(&reader);
	bytes_unref(&own_hello);
	bytes_unref(&their_hello);
	memset(&got, 0, sizeof got);
}

static inline void dial(uint32_t version_min, uint32_t version_max) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval bound = {.tv_sec = 10};
	uint8_t nonce[RELAY_NONCE_SIZE] = {1, 2, 3};
	hang_up();
	relay_reader_init(&reader, on_message, NULL);
	sa.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	Weir__Relay__Hello h_body = WEIR__RELAY__HELLO__INIT;
	h_body.version_min = version_min;
	h_body.version_max = version_max;
	h_body.node = (char *)"client";
	h_body.role = WEIR__RELAY__ROLE__ROLE_EDGE;
	h_body.nonce = (ProtobufCBinaryData){sizeof nonce, nonce};
	RELAY_HEADER(h, hello, HELLO);
	own_hello = relay_pack(&h, (struct slice){0});
	send_message(&h);
}

static inline void prove(const char *secret) {
	uint8_t mac[RELAY_MAC_SIZE];
	read_until(&got.proof);
	cr_assert(got.proof && their_hello);
	relay_mac(mac, secret, RELAY_CONNECTER, bytes_slice(own_hello), bytes_slice(their_hello), (struct slice){0});
	Weir__Relay__Proof h_body = WEIR__RELAY__PROOF__INIT;
	h_body.mac = (ProtobufCBinaryData){sizeof mac, mac};
	RELAY_HEADER(h, proof, PROOF);
	send_message(&h);
}

static inline void dial_and_prove(void) {
	dial(1, 1);
	prove("hush");
}

static inline void locate(const char *stream) {
	Weir__Relay__Locate h_body = WEIR__RELAY__LOCATE__INIT;
	h_body.id = 3;
	h_body.stream = (char *)stream;
	RELAY_HEADER(h, locate, LOCATE);
	got.located = false;
	send_message(&h);
	read_until(&got.located);
}

static inline void subscribe(uint64_t epoch, uint64_t sequence, int64_t history_us) {
	Weir__Relay__Subscribe h_body = WEIR__RELAY__SUBSCRIBE__INIT;
	h_body.id = 4;
	h_body.stream = (char *)name.text;
	h_body.rendition = (char *)"source";
	h_body.epoch = epoch;
	h_body.sequence = sequence;
	h_body.history_us = history_us;
	RELAY_HEADER(h, subscribe, SUBSCRIBE);
	send_message(&h);
	read_until(&got.accepted);
	/* A question behind it: its answer comes behind the entries. */
	locate(name.text);
}
