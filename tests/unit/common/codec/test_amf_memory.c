/*
 * The readers under failing allocation. The arena and the AMF3 reader are compiled into this file with an allocator
 * that fails on demand; the linker then takes them from here for the whole program, where nothing demands it.
 */
#include "common/codec/amf0.h"
#include "common/codec/amf3.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <uv.h>

#include "tests/unit/common/failing.h"

#include "common/codec/amf.c"
#include "common/codec/amf3.c"

static int read_sample(const struct sample *s, bool amf3, struct amf_doc **doc) {
	struct reader r = reader_of(s->data, s->size);
	allocations = 0;
	return amf3 ? amf3_read(&r, doc) : amf0_read(&r, doc);
}

/* Reads with the first allocation failing, then the second, and so on until none does. */
static void sweep(const struct sample *s, bool amf3, unsigned least) {
	struct amf_doc *doc = NULL;
	for (failing = 1;; failing++) {
		int err = read_sample(s, amf3, &doc);
		if (!err)
			break;
		cr_assert_eq(err, UV_ENOMEM, "allocation %u", failing);
		cr_assert_null(doc);
	}
	cr_assert_gt(failing, least, "the sample takes more allocations");
	failing = 0;
	amf_doc_free(&doc);
}

Test(amf, a_failed_allocation_is_an_error_wherever_it_strikes) {
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_array_begin(&b, 300);
	for (int i = 0; i < 300; i++)
		amf0_write_string(&b, "some text that takes room");
	buffer_append(&b, "\x11\x0a\x0b\x01\x03\x78\x04\x05\x01", 9);
	struct sample amf0 = sample_of(buffer_slice(&b).data, b.size);
	sweep(&amf0, false, 5);
	buffer_clear(&b);
	for (uint8_t i = 0; i < 100; i++) {
		uint8_t object[] = {0x0a, 0x13, 0x03, 'P', 0x03, (uint8_t)(i + 1), 0x09, 0x01, 0x01};
		buffer_append(&b, object, sizeof object);
	}
	struct sample amf3 = sample_of(buffer_slice(&b).data, b.size);
	sweep(&amf3, true, 12);
	sample_free(&amf0);
	sample_free(&amf3);
	buffer_fini(&b);
}
