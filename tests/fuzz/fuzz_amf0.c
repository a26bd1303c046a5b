/* AMF0: what reads is written, and reads again as the same. */
#include "common/codec/amf0.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int write_again(struct slice bytes, struct buffer *out) {
	struct reader r = reader_of(bytes.data, bytes.size);
	struct amf_doc *doc;
	int err = amf0_read(&r, &doc);
	if (err)
		return err;
	for (const struct amf_member *m = amf_members(amf_root(doc)); m; m = m->next)
		amf0_write_value(out, &m->value);
	amf_doc_free(&doc);
	return buffer_error(out); /* AMF3 has longer names than AMF0 can write */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct buffer first, second;
	buffer_init(&first, 0);
	buffer_init(&second, 0);
	if (!write_again((struct slice){data, size}, &first)) {
		assert(!write_again(buffer_slice(&first), &second));
		assert(first.size == second.size);
		assert(!first.size || !memcmp(first.block->data, second.block->data, first.size));
	}
	buffer_fini(&first);
	buffer_fini(&second);
	return 0;
}
