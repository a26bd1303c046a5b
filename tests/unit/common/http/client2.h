/*
 * client2.h: a blocking client of HTTP/2 in clear, on nghttp2, with a bound on its patience (client.h's).
 */
#pragma once

#include "tests/unit/common/http/client.h"

#include <nghttp2/nghttp2.h>

enum { REPLIES_MAX = 40, REPLY_BODY = 8192 };

struct reply {
	int32_t id;
	int status, continues; /* and how many "100 Continue" came before */
	char head[2048];       /* "name: value\n" of each field */
	char body[REPLY_BODY]; /* its front, as text */
	size_t size;           /* all of it */
	bool closed;
	uint32_t error; /* of its RST_STREAM */
};

struct client2 {
	int fd;
	nghttp2_session *session;
	struct reply replies[REPLIES_MAX];
	size_t count;
	bool over; /* the connection has ended */
	bool goaway;
	uint32_t goaway_error;
	const char *upload; /* what is left of a request's body */
	size_t upload_size;
	bool upload_waits; /* for more, after that */
};

static inline struct reply *client2_reply(struct client2 *c, int32_t id) {
	for (size_t i = 0; i < c->count; i++)
		if (c->replies[i].id == id)
			return &c->replies[i];
	return NULL;
}

static inline ssize_t client2_on_send(nghttp2_session *s, const uint8_t *data, size_t size, int flags, void *context) {
	struct client2 *c = context;
	(void)s;
	(void)flags;
	ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);
	return n > 0 ? n : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static inline int client2_on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t n,
                                    const uint8_t *value, size_t v, uint8_t flags, void *context) {
	struct reply *r = client2_reply(context, f->hd.stream_id);
	(void)s;
	(void)flags;
	size_t at = strlen(r->head);
	if (n == 7 && memcmp(name, ":status", 7) == 0) {
		int status = atoi((const char *)value);
		r->continues += status == 100;
		r->status = status;
	}
	snprintf(r->head + at, sizeof r->head - at, "%.*s: %.*s\n", (int)n, name, (int)v, value);
	return 0;
}

static inline int client2_on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t size,
                                  void *context) {
	struct reply *r = client2_reply(context, id);
	(void)s;
	(void)flags;
	if (r->size + size < REPLY_BODY)
		memcpy(r->body + r->size, data, size);
	r->size += size;
	return 0;
}

static inline int client2_on_frame(nghttp2_session *s, const nghttp2_frame *f, void *context) {
	struct client2 *c = context;
	(void)s;
	if (f->hd.type == NGHTTP2_GOAWAY) {
		c->goaway = true;
		c->goaway_error = f->goaway.error_code;
	}
	return 0;
}

static inline int client2_on_close(nghttp2_session *s, int32_t id, uint32_t error, void *context) {
	struct reply *r = client2_reply(context, id);
	(void)s;
	r->closed = true;
	r->error = error;
	return 0;
}

static inline void client2_begin(struct client2 *c, const struct test_server *t, const nghttp2_option *option) {
	nghttp2_session_callbacks *k;
	memset(c, 0, sizeof *c);
	c->fd = client_connect(t);
	nghttp2_session_callbacks_new(&k);
	nghttp2_session_callbacks_set_send_callback(k, client2_on_send);
	nghttp2_session_callbacks_set_on_header_callback(k, client2_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(k, client2_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(k, client2_on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(k, client2_on_close);
	nghttp2_session_client_new2(&c->session, k, c, option);
	nghttp2_session_callbacks_del(k);
}

/* `window`: of each stream, 0 for the usual. */
static inline void client2_open(struct client2 *c, const struct test_server *t, uint32_t window) {
	client2_begin(c, t, NULL);
	const nghttp2_settings_entry setting = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
	nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &setting, window ? 1 : 0);
}

/* One that reads, but gives its streams no windows beyond their first. */
static inline void client2_open_still(struct client2 *c, const struct test_server *t) {
	nghttp2_option *option;
	nghttp2_option_new(&option);
	nghttp2_option_set_no_auto_window_update(option, 1);
	client2_begin(c, t, option);
	nghttp2_option_del(option);
	nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0);
	nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, 1 << 20);
}

static inline void client2_close(struct client2 *c) {
	nghttp2_session_del(c->session);
	close(c->fd);
}

static inline ssize_t client2_on_upload(nghttp2_session *s, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                                        nghttp2_data_source *source, void *context) {
	struct client2 *c = context;
	(void)s;
	(void)id;
	(void)source;
	size_t n = c->upload_size < room ? c->upload_size : room;
	if (n == 0 && c->upload_waits)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(out, c->upload, n);
	c->upload += n;
	c->upload_size -= n;
	if (!c->upload_size && !c->upload_waits)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* `lines`: further fields, "name\0value\0…\0" or NULL. With `upload` set in the client it has a body. */
static inline struct reply *client2_ask(struct client2 *c, const char *method, const char *path, const char *lines) {
	nghttp2_nv fields[110];
	size_t count = 0;
	const char *pairs[4][2] = {{":method", method}, {":scheme", "http"}, {":authority", "edge"}, {":path", path}};
	for (; count < 4; count++)
		fields[count] = (nghttp2_nv){(uint8_t *)pairs[count][0], (uint8_t *)pairs[count][1], strlen(pairs[count][0]),
		                             strlen(pairs[count][1]), NGHTTP2_NV_FLAG_NONE};
	while (lines && *lines) {
		const char *value = lines + strlen(lines) + 1;
		fields[count++] =
		    (nghttp2_nv){(uint8_t *)lines, (uint8_t *)value, strlen(lines), strlen(value), NGHTTP2_NV_FLAG_NONE};
		lines = value + strlen(value) + 1;
	}
	nghttp2_data_provider upload = {.read_callback = client2_on_upload};
	cr_assert_lt(c->count, REPLIES_MAX);
	struct reply *r = &c->replies[c->count++];
	memset(r, 0, sizeof *r);
	r->id = nghttp2_submit_request(c->session, NULL, fields, count, c->upload ? &upload : NULL, NULL);
	cr_assert_gt(r->id, 0);
	nghttp2_session_send(c->session);
	return r;
}

/* Sends what is ready and takes one read of what comes; false: the connection is over. */
static inline bool client2_step(struct client2 *c) {
	uint8_t data[16384];
	nghttp2_session_send(c->session);
	ssize_t n = read(c->fd, data, sizeof data);
	cr_assert(n >= 0 || errno == ECONNRESET, "the server is silent");
	if (n > 0 && nghttp2_session_mem_recv(c->session, data, (size_t)n) >= 0) {
		nghttp2_session_send(c->session);
		return true;
	}
	c->over = true;
	return false;
}

/* Until the reply is complete or the connection is over. */
static inline void client2_wait(struct client2 *c, const struct reply *r) {
	while (!r->closed && client2_step(c))
		;
}

/* Until the connection is over. */
static inline void client2_drain(struct client2 *c) {
	while (client2_step(c))
		;
}
