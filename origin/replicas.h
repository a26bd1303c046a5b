/*
 * replicas.h: the copies of a stream of our own: chooses which other origins hold it (`stream.replicas` of them), tells
 * them, replaces those that die, and tells the map who holds. On the stream's home worker.
 *
 *     replicas_new → replicas_told … → replicas_free
 *
 * Chosen is by rendezvous hash over the origins that are known and can be used (choice.h). One that holds stays as long
 * as it can be used, whoever comes later. But where a standby has its own origin (away.h), that one comes first: it can
 * go on from its copy without a break. Another one lets go when that one holds.
 */
#pragma once

#include "common/stream/stream.h"
#include "origin/origin.h"

#include <jansson.h>

enum { REPLICAS_MAX = 4 };

struct replicas;

/* Begins to have `count` (1 … REPLICAS_MAX) copies held, from the stream's `epoch` on. NULL: out of memory. */
struct replicas *replicas_new(struct origin *o, struct stream *s, uint64_t epoch, size_t count);

/* A newer epoch has begun here: those who hold are told. */
void replicas_epoch(struct replicas *r, uint64_t epoch);

/* The origin `node` is to be among those who hold; NULL: none is preferred. */
void replicas_prefer(struct replicas *r, const char *node);

/* The origin `node` says whether it holds the stream; `why` if not. One that was not chosen is told not to. */
void replicas_told(struct replicas *r, const char *node, uint64_t epoch, bool held, const char *why);

/* The stream is ours no more; those who hold it hear that by themselves. Nulls `*r`; NULL is fine. */
void replicas_free(struct replicas **r);

/* [{node, address, state}] for the API. */
json_t *replicas_describe(const struct replicas *r);
