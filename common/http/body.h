/*
 * body.h: bytes of a response that wait to be sent: runs inside counted blocks, in order.
 *
 * All zero is empty. One owner.
 */
#pragma once

#include "common/loop/conn.h"

struct body {
	struct conn_slice *items;
	size_t first, count, capacity;
	size_t size; /* bytes */
};

/* Adds a run and takes a reference of its own; an empty run is left out. 0 or UV_ENOMEM. */
int body_push(struct body *b, const struct conn_slice *s);

/* The first runs, at most `most` of them, borrowed, cut so that they are at most `limit` bytes. Returns how many. */
size_t body_peek(const struct body *b, struct conn_slice *out, size_t most, size_t limit);

/* The first `size` bytes (at most what is there) have gone. */
void body_consume(struct body *b, size_t size);

void body_fini(struct body *b);
