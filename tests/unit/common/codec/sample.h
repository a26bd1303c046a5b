/*
 * sample.h: bytes for parser tests, each run in an allocation of exactly its size so that a sanitizer sees a read past
 * it.
 */
#pragma once

#include "common/base/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
	uint8_t *data;
	size_t size;
};

static inline struct sample sample_of(const void *data, size_t size) {
	struct sample s = {malloc(size ? size : 1), size};
	if (!s.data)
		abort();
	if (size)
		memcpy(s.data, data, size);
	return s;
}

/* From pairs of hex digits; spaces may stand between them. */
static inline struct sample sample_hex(const char *text) {
	struct sample s = {malloc(strlen(text) / 2 + 1), 0};
	if (!s.data)
		abort();
	for (unsigned byte; sscanf(text, " %2x", &byte) == 1; text += strspn(text, " ") + 2)
		s.data[s.size++] = (uint8_t)byte;
	struct sample exact = sample_of(s.data, s.size);
	free(s.data);
	return exact;
}

static inline struct slice sample_slice(const struct sample *s) {
	return (struct slice){s->data, s->size};
}

static inline void sample_free(struct sample *s) {
	free(s->data);
	s->data = NULL;
}
