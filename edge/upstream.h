/*
 * upstream.h: where an edge's streams come from: finds the origin that has a stream, subscribes to it, and follows the
 * stream through lost links, lost publishers and moves to other origins. On the stream's home worker.
 *
 *   state     | what it does                                      | leaves by
 *   SEARCHING | asks the registry                                  | found: PULLING; not found: PAUSING
 *   PAUSING   | waits, for a claim's announcement or a moment       | SEARCHING
 *   PULLING   | entries come, or the origin waits for a publisher    | link lost: SEARCHING; refused: PAUSING; end
 *
 * What it pulls from is the owner, or an origin that holds a copy: the same epochs and sequences, so that it goes on
 * from one with the entry after the last of the other.
 *
 * While the stream was live and nothing comes, it waits for `stream.grace`, then ends.
 */
#pragma once

#include "common/registry/registry.h"
#include "common/relay/fetch.h"
#include "common/stream/stream.h"

struct edge;

/* The edge's part of streams_ops. */
void upstream_wanted(struct stream *s);
void upstream_unwanted(struct stream *s);
void upstream_ended(struct stream *s);
void upstream_told_number(struct stream *s, uint64_t epoch, uint64_t number);

/* A link came up: what searches asks again. */
void upstream_link_up(struct edge *e);

/* A node above is about to leave: what comes from it is looked for elsewhere, and goes on from there without a gap. */
void upstream_draining(struct edge *e, struct upstream *u);

/* A claim was announced over a link. */
void upstream_announced(struct edge *e, struct upstream *u, const struct stream_name *name, uint64_t epoch);

/* The registry's hint that a name has a new epoch, or a new state (struct registry_role). */
void upstream_changed(void *context, const struct stream_name *name, uint64_t epoch);

/* The upstream that the registry's answer means: the stream's owner; if that cannot be reached, one that holds a copy.
 * NULL: there is none, or no memory for it. */
struct upstream *upstream_located(struct edge *e, const struct registry_location *l);

/* The registry's question to all origins (struct registry_role). */
void upstream_ask(void *context, const struct stream_name *name, registry_locate_fn answer, void *answer_context);

/* Entries that the stream's log has not (fetch.h), asked from where it is pulled. 0; UV_ENOTCONN: from nowhere now. */
int upstream_fetch(struct stream *s, struct fetch *f, const char *rendition, const struct fetch_range *range,
                   const struct fetch_ops *ops);

/* For the API: the origin's address and what is going on. */
const char *upstream_origin(const struct stream *s);
const char *upstream_state(const struct stream *s);
