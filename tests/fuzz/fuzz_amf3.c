/* AMF3: what reads within the limits is written as AMF0 within the limits, and reads again. */
#include "common/codec/amf0.h"
#include "common/codec/amf3.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader r = reader_of(data, size);
	struct amf_doc *doc;
	if (amf3_read(&r, &doc))
		return 0;
	struct buffer b;
	buffer_init(&b, 0);
	for (const struct amf_member *m = amf_members(amf_root(doc)); m; m = m->next)
		amf0_write_value(&b, &m->value);
	amf_doc_free(&doc);
	if (!buffer_error(&b)) {
		struct slice written = buffer_slice(&b);
		r = reader_of(written.data, written.size);
		assert(!amf0_read(&r, &doc));
		amf_doc_free(&doc);
	}
	buffer_fini(&b);
	return 0;
}
