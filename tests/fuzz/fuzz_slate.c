/* A file for the slate: what is taken lies in the file, is in order, and goes round in a time that only grows. */
#include "origin/slate_file.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sample(const struct slate_file *f, const struct sample *s) {
	assert(s->block == f->block);
	assert(!s->payload.size ||
	       (s->payload.data >= f->block->data && s->payload.data + s->payload.size <= f->block->data + f->block->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct bytes *block = bytes_copy(data, size);
	const char *why = NULL;
	struct slate_file *f = block ? slate_file_parse(block, &why) : NULL;
	assert(!block || f || why);
	for (size_t i = 0; f && i < f->count; i++)
		check_sample(f, &f->samples[i]);
	assert(!f || slate_file_lap_us(f, 2) > slate_file_lap_us(f, 1));
	assert(!f || slate_file_lap_us(f, 1) >= 1000000);
	slate_file_free(&f);
	bytes_unref(&block);
	return 0;
}
