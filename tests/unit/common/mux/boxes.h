/*
 * boxes.h: a walk over the boxes of an ISO base media file, for tests.
 */
#pragma once

#include "common/base/reader.h"
#include "common/codec/codec.h"

#include <criterion/criterion.h>
#include <string.h>

static inline uint32_t four(const char *name) {
	return FOURCC(name[0], name[1], name[2], name[3]);
}

/* True if the boxes in `s` fill it exactly. */
static inline bool boxes_fill(struct slice s) {
	struct reader r = reader_of(s.data, s.size);
	while (reader_left(&r)) {
		uint32_t size = reader_u32(&r);
		reader_u32(&r);
		if (size < 8 || !reader_take(&r, size - 8))
			return false;
	}
	return true;
}

/* The content of the box at a path such as "moov.trak.mdia"; data is NULL if there is none. Boxes with a head before
 * their children skip it: stsd (8 bytes), and sample entries by their kind. */
static inline struct slice box_at(struct slice in, const char *path) {
	struct reader r = reader_of(in.data, in.size);
	for (; reader_left(&r) >= 8;) {
		uint32_t size = reader_u32(&r), type = reader_u32(&r);
		const uint8_t *content = size >= 8 ? reader_take(&r, size - 8) : NULL;
		cr_assert(content, "a box passes the end of what it is in");
		if (type != four(path))
			continue;
		struct slice found = {content, size - 8};
		if (!path[4])
			return found;
		size_t head = type == four("stsd") ? 8 : 0;
		for (const char *v = "avc1avc3hvc1hev1av01vp09"; *v; v += 4)
			head = type == four(v) ? 78 : head;
		for (const char *a = "mp4aOpusfLaCac-3ec-3"; *a; a += 4)
			head = type == four(a) ? 28 : head;
		cr_assert_geq(found.size, head);
		found = (struct slice){found.data + head, found.size - head};
		cr_assert(boxes_fill(found), "what is in %.4s does not fill it", path);
		return box_at(found, path + 5);
	}
	return (struct slice){0};
}

/* The same, for a box that must be there, read from its first byte on. */
static inline struct reader box_reader(struct slice in, const char *path) {
	struct slice s = box_at(in, path);
	cr_assert(s.data, "no box %s", path);
	return reader_of(s.data, s.size);
}
