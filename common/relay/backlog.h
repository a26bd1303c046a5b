/*
 * backlog.h: blocks that wait, in order, for room on a link: what many owners have to send over it, each known by a
 * number.
 *
 * All zero is empty. Embedded; holds a reference to each block. Whoever holds it bounds it.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>

struct backlog_item {
	uint64_t owner;
	struct bytes *block;
};

struct backlog {
	struct backlog_item *items;
	size_t first, count, capacity;
};

/* Adds one behind the others and takes a reference of its own. 0 or UV_ENOMEM. */
int backlog_add(struct backlog *b, uint64_t owner, struct bytes *block);

/* Takes the first out: the reference is the caller's. False: there is none. */
bool backlog_take(struct backlog *b, struct backlog_item *out);

/* Drops all of one owner. */
void backlog_drop(struct backlog *b, uint64_t owner);

/* Drops all; it is empty after, and may be used again. */
void backlog_fini(struct backlog *b);
