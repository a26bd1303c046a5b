/*
 * replica.h: copies of other origins' streams, held here for when their origin dies. On the stream's home worker.
 *
 * The owner tells who holds its stream (replicas.h); the holder then pulls it, as an edge does, into a stream of its
 * own with the owner's epochs and sequences, and serves it. It assigns nothing.
 *
 *   phase   | what it does                                          | leaves by
 *   LINKING | waits for the link to the owner                         | link up: HOLDING
 *   HOLDING | entries come, or the owner waits for its publisher       | link lost, refused: LOST; the run's end
 *   LOST    | serves what it has; the owner is tried again             | HOLDING; `stream.grace` over: the map is asked
 *           |                                                        | whether the run is over, and it ends, or is let
 * go
 *
 * A publisher that comes to this origin takes the stream over where it is (replica_take). Nothing is served, and nobody
 * is told of it, once a newer epoch is known to be elsewhere; a while later it is let go, unless the new owner wants it
 * held.
 */
#pragma once

#include "common/stream/stream.h"
#include "origin/origin.h"

/* The origin `owner` has the name from `epoch` on and wants it held here. */
void replica_hold(struct origin *o, const struct stream_name *name, uint64_t epoch, const char *owner);

/* `owner` wants it held here no longer. */
void replica_drop(struct origin *o, const struct stream_name *name, uint64_t epoch, const char *owner);

/* Somebody has the name from `epoch` on: `owner`, or it is not known who (NULL). 0: the map has it no more. */
void replica_newer(struct origin *o, const struct stream_name *name, uint64_t epoch, const char *owner);

/* The registry's answer whether the run is over (struct registry_role). */
void replica_finished(struct origin *o, const struct stream_name *name, uint64_t epoch, enum registry_run run);

/* This origin owns the stream from now on. False: it was no replica. */
bool replica_take(struct stream *s);

/* The stream is about to be freed (streams_ops). */
void replica_ended(struct stream *s);

/* For the API: the owner's id and what is going on; NULL: this is no replica. */
const char *replica_owner(const struct stream *s);
const char *replica_state(const struct stream *s);
