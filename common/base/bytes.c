#include "common/base/bytes.h"

#include <stdlib.h>
#include <string.h>

static void bytes_destroy(struct counted *c) {
	free(c); /* counted is the first member */
}

struct bytes *bytes_new(size_t size) {
	if (size > SIZE_MAX - sizeof(struct bytes))
		return NULL;
	struct bytes *b = malloc(sizeof *b + size);
	if (!b)
		return NULL;
	counted_init(&b->counted, bytes_destroy);
	b->size = size;
	return b;
}

struct bytes *bytes_copy(const void *data, size_t size) {
	struct bytes *b = bytes_new(size);
	if (b && size)
		memcpy(b->data, data, size);
	return b;
}

static uint64_t mix(uint64_t hash, const void *data, size_t size) {
	uint64_t word = 0;
	memcpy(&word, data, size);
	hash = (hash ^ word) * 0x9fb21c651e98df25u;
	return hash ^ hash >> 32;
}

/* Lanes that do not wait for each other: a processor works on all of them at once. */
uint64_t bytes_hash(struct slice s) {
	uint64_t lanes[4] = {s.size, 1, 2, 3}, hash = 0;
	enum { LANES = sizeof lanes / sizeof *lanes, WORD = sizeof *lanes };
	size_t at = 0;
	for (; s.size - at >= sizeof lanes; at += sizeof lanes)
		for (size_t i = 0; i < LANES; i++)
			lanes[i] = mix(lanes[i], s.data + at + i * WORD, WORD);
	for (; at < s.size; at += WORD)
		lanes[0] = mix(lanes[0], s.data + at, s.size - at < WORD ? s.size - at : WORD);
	for (size_t i = 0; i < LANES; i++)
		hash = mix(hash, &lanes[i], WORD);
	return hash;
}
