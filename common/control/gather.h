/*
 * gather.h: asks every worker something and hands on what they say together, on the worker that asked.
 *
 * Each worker runs `collect` on its own thread, which appends text to its part; the parts come back by mailbox, and
 * `done` gets them in the order of the workers. Only bytes travel.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/loop/worker.h"

/* On each worker: appends what it has to say. Errors stick in the buffer. */
typedef void (*gather_collect_fn)(struct worker *w, void *context, struct buffer *part);

/* On the asking worker: `parts` are borrowed, `count` of them. */
typedef void (*gather_done_fn)(void *context, const struct slice *parts, size_t count);

/* 0 and `done` once, in a later turn; or UV_ENOMEM. `context` must outlive it. */
int gather(struct worker *w, gather_collect_fn collect, gather_done_fn done, void *context);
