/*
 * name.h: the names of apps, streams and tracks, and their hash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME_MAX_SIZE = 128, STREAM_NAME_SIZE = 2 * NAME_MAX_SIZE + 2 };

/* "APP/NAME", NUL-terminated. */
struct stream_name {
	char text[STREAM_NAME_SIZE];
};

/* [A-Za-z0-9_.-]{1,128}, without a leading dot. */
bool name_valid(const char *name, size_t size);

/* An app whose name stands for something else in URLs: api metrics healthz readyz route console. */
bool name_reserved(const char *app, size_t size);

/* 0, or UV_EINVAL: one of the two is no name, or the app is reserved. */
int stream_name_make(struct stream_name *out, const char *app, size_t app_size, const char *name, size_t name_size);

/* The same from "APP/NAME". */
int stream_name_parse(struct stream_name *out, const char *text, size_t size);

/* Bytes of the app's part; the name begins one behind. */
size_t stream_name_app_size(const struct stream_name *n);

/* FNV-1a, 64 bits, the same on every node. */
uint64_t name_hash(const char *name, size_t size);

/* Rendezvous hashing: of several nodes the one with the highest weight for a name has it. All who know the same nodes
 * choose alike, and one that goes moves only its own names. */
uint64_t name_weight(const char *node, const char *name);
