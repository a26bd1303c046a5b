/*
 * session_client.h: a client of RTMP that a test leads by the hand, over a blocking socket.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/codec/amf0.h"
#include "common/rtmp/chunk_writer.h"
#include "common/rtmp/handshake.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENT_STREAM = 1, CLIENT_PATIENCE_S = 10 };

struct client {
	int fd;
	struct buffer out;   /* what `client_send` will send */
	struct buffer heard; /* all that came behind the handshake */
};

static inline void client_add(struct client *c, uint8_t type, uint32_t timestamp_ms, struct slice payload) {
	struct chunk_head head = {
	    .chunk_stream = RTMP_CHUNK_DATA, .type = type, .stream = CLIENT_STREAM, .timestamp_ms = timestamp_ms};
	chunk_write(&c->out, &head, payload, (struct slice){0}, CHUNK_SIZE_DEFAULT);
}

/* A command without an object; `argument` may be NULL. */
static inline void client_add_command(struct client *c, const char *name, double transaction, const char *argument) {
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_string(&b, name);
	amf0_write_number(&b, transaction);
	amf0_write_null(&b);
	if (argument)
		amf0_write_string(&b, argument);
	client_add(c, RTMP_COMMAND_AMF0, 0, buffer_slice(&b));
	buffer_fini(&b);
}

static inline void client_add_connect(struct client *c) {
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_string(&b, "connect");
	amf0_write_number(&b, 1);
	amf0_write_object_begin(&b);
	amf0_write_string_member(&b, "app", "live");
	amf0_write_object_end(&b);
	client_add(c, RTMP_COMMAND_AMF0, 0, buffer_slice(&b));
	buffer_fini(&b);
}

static inline void client_send(struct client *c) {
	cr_assert_eq(buffer_error(&c->out), 0);
	for (size_t at = 0; at < c->out.size;) {
		ssize_t n = send(c->fd, c->out.block->data + at, c->out.size - at, MSG_NOSIGNAL);
		cr_assert_gt(n, 0, "the server takes no more");
		at += (size_t)n;
	}
	buffer_clear(&c->out);
}

/* More of what the server says; false: it has closed, or says nothing. */
static inline bool client_read(struct client *c) {
	uint8_t piece[4096];
	ssize_t n = recv(c->fd, piece, sizeof piece, 0);
	if (n > 0)
		buffer_append(&c->heard, piece, (size_t)n);
	return n > 0;
}

/* True once the server has said `text`. */
static inline bool client_hears(struct client *c, const char *text) {
	while (!c->heard.size || !memmem(c->heard.block->data, c->heard.size, text, strlen(text)))
		if (!client_read(c))
			return false;
	return true;
}

/* True when the server closes in time. */
static inline bool client_sees_the_end(struct client *c) {
	char byte;
	while (client_read(c))
		;
	return recv(c->fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Connected and through the handshake. */
static inline void client_open(struct client *c, const char *address) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval bound = {.tv_sec = CLIENT_PATIENCE_S};
	uint8_t answer[1 + 2 * HANDSHAKE_SIZE];
	sa.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
	cr_assert_eq(connect(c->fd, (struct sockaddr *)&sa, sizeof sa), 0);
	buffer_init(&c->out, 0);
	buffer_init(&c->heard, 0);
	handshake_client_hello(&c->out);
	client_send(c);
	cr_assert_eq(recv(c->fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
	buffer_append(&c->out, answer + 1, HANDSHAKE_SIZE);
	client_send(c);
}

static inline void client_close(struct client *c) {
	close(c->fd);
	buffer_fini(&c->out);
	buffer_fini(&c->heard);
}
