#include "common/stream/frozen.h"

#include "common/base/name.h"

static bool still_key(const struct frozen *f, uint64_t hash, uint32_t size) {
	if (!f->between)
		return hash == f->key_hash && size == f->key_size;
	uint32_t apart = size > f->key_size ? size - f->key_size : f->key_size - size;
	return apart <= f->key_size / FROZEN_LIKE;
}

static bool still_frame(const struct frozen *f, uint32_t size) {
	uint32_t most = f->key_size / FROZEN_SHARE;
	return size <= (most > FROZEN_LEAST ? most : FROZEN_LEAST);
}

void frozen_frame(struct frozen *f, bool key, struct slice payload, int64_t wall_us) {
	uint32_t size = (uint32_t)payload.size;
	uint64_t hash = key ? name_hash((const char *)payload.data, payload.size) : 0;
	bool still = f->begun && f->key_size && (key ? still_key(f, hash, size) : still_frame(f, size));
	if (!still)
		f->since_us = wall_us;
	f->begun = true;
	f->between = !key;
	if (!key)
		return;
	f->key_hash = hash;
	f->key_size = size;
}

int64_t frozen_us(const struct frozen *f, int64_t wall_us) {
	return f->begun ? wall_us - f->since_us : 0;
}
