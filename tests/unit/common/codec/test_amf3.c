#include "common/base/buffer.h"
#include "common/codec/amf0.h"
#include "common/codec/amf3.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <uv.h>

static int read_sample(struct sample s, struct amf_doc **doc) {
	struct reader r = reader_of(s.data, s.size);
	int err = amf3_read(&r, doc);
	sample_free(&s);
	return err;
}

static int read_hex(const char *text, struct amf_doc **doc) {
	return read_sample(sample_hex(text), doc);
}

static int read_buffer(struct buffer *b, struct amf_doc **doc) {
	struct slice s = buffer_slice(b);
	int err = read_sample(sample_of(s.data, s.size), doc);
	buffer_fini(b);
	return err;
}

/* A U29 of the two shorter lengths. */
static void write_u29(struct buffer *b, uint32_t v) {
	if (v >= 0x80)
		buffer_u8(b, (uint8_t)(0x80 | v >> 7));
	buffer_u8(b, v & 0x7f);
}

Test(amf3, numbers_of_every_length_are_read) {
	const struct {
		const char *bytes;
		double want;
	} cases[] = {
	    {"0400", 0},
	    {"047f", 127},
	    {"048100", 128},
	    {"04ff7f", 16383},
	    {"04818000", 16384},
	    {"04ffff7f", 2097151},
	    {"0480c08000", 2097152},
	    {"04bfffffff", 268435455},
	    {"04c0808000", -268435456},
	    {"04ffffffff", -1},
	    {"053ff8000000000000", 1.5},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct amf_doc *doc;
		cr_assert_eq(read_hex(cases[i].bytes, &doc), 0, "%s", cases[i].bytes);
		cr_assert_eq(amf_number(amf_at(amf_root(doc), 0), 0.25), cases[i].want, "%s", cases[i].bytes);
		amf_doc_free(&doc);
	}
}

Test(amf3, simple_values_are_read) {
	struct amf_doc *doc;
	cr_assert_eq(read_hex("00 01 02 03 0605 6869 080142702fdee6000000 0b07 3c612f 0707 3c622f 0c05 00ff 0601", &doc),
	             0);
	const struct amf_value *root = amf_root(doc);
	const enum amf_type want[] = {AMF_UNDEFINED, AMF_NULL, AMF_BOOLEAN, AMF_BOOLEAN, AMF_STRING,
	                              AMF_DATE,      AMF_XML,  AMF_XML,     AMF_BYTES,   AMF_STRING};
	cr_assert_eq(root->members.count, sizeof want / sizeof *want);
	for (size_t i = 0; i < root->members.count; i++)
		cr_assert_eq(amf_at(root, i)->type, want[i], "value %zu", i);
	cr_assert(amf_boolean(amf_at(root, 3), false));
	cr_assert(amf_string_is(amf_at(root, 4), "hi"));
	cr_assert_eq(amf_text(amf_at(root, 8)).size, 2);
	cr_assert_str_eq(amf_string(amf_at(root, 9), "?"), "");
	amf_doc_free(&doc);
}

Test(amf3, strings_objects_and_traits_are_found_by_reference) {
	struct amf_doc *doc;
	/* "foo"; typed "P" {x} sealed: 1; the same traits: "foo" by reference; the first object again; "P" by reference */
	cr_assert_eq(read_hex("0607 666f6f  0a13 0350 0378 0401  0a01 0600  0a00  0602", &doc), 0);
	const struct amf_value *root = amf_root(doc);
	cr_assert_eq(root->members.count, 5);
	const struct amf_value *first = amf_at(root, 1), *second = amf_at(root, 2);
	cr_assert_eq(first->class_name.size, 1);
	cr_assert_eq(amf_number(amf_get(first, "x"), 0), 1);
	cr_assert_eq(second->class_name.size, 1);
	cr_assert_str_eq(amf_string(amf_get(second, "x"), "?"), "foo");
	cr_assert_eq(amf_number(amf_get(amf_at(root, 3), "x"), 0), 1);
	cr_assert_str_eq(amf_string(amf_at(root, 4), "?"), "P");
	amf_doc_free(&doc);
}

Test(amf3, the_empty_string_takes_no_place_among_the_references) {
	struct amf_doc *doc;
	cr_assert_eq(read_hex("0601 0603 61 0600", &doc), 0);
	cr_assert_str_eq(amf_string(amf_at(amf_root(doc), 2), "?"), "a");
	amf_doc_free(&doc);
}

Test(amf3, dynamic_members_follow_the_sealed_ones) {
	struct amf_doc *doc;
	cr_assert_eq(read_hex("0a1b 01 0361 0401 0362 0402 0363 0403 01", &doc), 0);
	const struct amf_value *object = amf_at(amf_root(doc), 0);
	cr_assert_eq(object->members.count, 3);
	cr_assert_eq(amf_number(amf_get(object, "a"), 0), 1);
	cr_assert_eq(amf_number(amf_get(object, "c"), 0), 3);
	amf_doc_free(&doc);
}

Test(amf3, arrays_are_dense_or_have_names) {
	struct amf_doc *doc;
	cr_assert_eq(read_hex("0905 01 0401 0402  0903 0361 0401 01 0403", &doc), 0);
	const struct amf_value *dense = amf_at(amf_root(doc), 0), *mixed = amf_at(amf_root(doc), 1);
	cr_assert_eq(dense->type, AMF_ARRAY);
	cr_assert_eq(amf_number(amf_at(dense, 1), 0), 2);
	cr_assert_eq(mixed->type, AMF_ECMA_ARRAY);
	cr_assert_eq(amf_number(amf_get(mixed, "a"), 0), 1);
	cr_assert_eq(amf_number(amf_get(mixed, "0"), 0), 3);
	amf_doc_free(&doc);
}

Test(amf3, vectors_become_arrays) {
	struct amf_doc *doc;
	cr_assert_eq(
	    read_hex("0d0500 ffffffff 00000002  0e0301 ffffffff  0f0300 3ff8000000000000  100500 03 54 0401 01", &doc), 0);
	const struct amf_value *root = amf_root(doc);
	cr_assert_eq(amf_number(amf_at(amf_at(root, 0), 0), 0), -1);
	cr_assert_eq(amf_number(amf_at(amf_at(root, 1), 0), 0), UINT32_MAX);
	cr_assert_eq(amf_number(amf_at(amf_at(root, 2), 0), 0), 1.5);
	cr_assert_eq(amf_at(root, 3)->members.count, 2);
	amf_doc_free(&doc);
}

Test(amf3, a_value_cut_short_at_any_byte_is_refused) {
	struct sample whole = sample_hex("0913 0361 0607 666f6f 01 0a1b 03 50 0378 0401 0379 03 01 080142702fdee6000000"
	                                 "0c05 00ff 0d0300 00000001 0f0300 3ff8000000000000 100300 01 04818000 0600 0a02 05"
	                                 "3ff8000000000000");
	struct amf_doc *doc = NULL;
	cr_assert_eq(read_sample(sample_of(whole.data, whole.size), &doc), 0);
	amf_doc_free(&doc);
	for (size_t size = 1; size < whole.size; size++) {
		cr_assert_eq(read_sample(sample_of(whole.data, size), &doc), UV_EINVAL, "%zu bytes", size);
		cr_assert_null(doc, "untouched on failure");
	}
	sample_free(&whole);
}

Test(amf3, what_cannot_be_is_refused) {
	const struct {
		const char *bytes;
		int want;
	} cases[] = {
	    {"0600", UV_EINVAL},                  /* references to nothing: a string, */
	    {"0a00", UV_EINVAL},                  /* an object, */
	    {"0a01", UV_EINVAL},                  /* traits */
	    {"0affffffff", UV_ENOTSUP},           /* externalizable */
	    {"0a07 0350", UV_ENOTSUP},            /* externalizable */
	    {"11 03 00 0401 0401", UV_ENOTSUP},   /* dictionary */
	    {"0903 01 0900", UV_ENOTSUP},         /* an array that contains itself */
	    {"0a0b 01 0361 0a00 01", UV_ENOTSUP}, /* an object that contains itself */
	    {"12", UV_EINVAL},
	    {"06ffffffff 61", UV_EINVAL}, /* sizes beyond the message */
	    {"09ffffffff 01 01", UV_EINVAL},
	    {"0cffffffff 01", UV_EINVAL},
	    {"0dffffffff 00 01", UV_EINVAL},
	    {"0afffffffb 01", UV_EINVAL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct amf_doc *doc = NULL;
		cr_assert_eq(read_hex(cases[i].bytes, &doc), cases[i].want, "%s", cases[i].bytes);
		cr_assert_null(doc);
	}
}

static void write_nested_arrays(struct buffer *b, unsigned depth) {
	for (unsigned i = 0; i + 1 < depth; i++)
		buffer_append(b, "\x09\x03\x01", 3);
	buffer_append(b, "\x09\x01\x01", 3);
}

Test(amf3, depth_is_limited) {
	const unsigned depths[] = {AMF_DEPTH_MAX, AMF_DEPTH_MAX + 1, 100000};
	for (size_t i = 0; i < 3; i++) {
		struct buffer b;
		struct amf_doc *doc = NULL;
		buffer_init(&b, 0);
		write_nested_arrays(&b, depths[i]);
		cr_assert_eq(read_buffer(&b, &doc), i ? UV_E2BIG : 0, "depth %u", depths[i]);
		amf_doc_free(&doc);
	}
}

Test(amf3, a_reference_is_as_deep_as_what_it_refers_to) {
	for (unsigned outer = 0; outer < 4; outer++) {
		struct buffer b;
		struct amf_doc *doc = NULL;
		buffer_init(&b, 0);
		write_nested_arrays(&b, AMF_DEPTH_MAX - 2);
		for (unsigned i = 0; i < outer; i++)
			buffer_append(&b, "\x09\x03\x01", 3);
		buffer_append(&b, "\x09\x00", 2); /* the first array again */
		cr_assert_eq(read_buffer(&b, &doc), outer > 2 ? UV_E2BIG : 0, "%u levels around it", outer);
		amf_doc_free(&doc);
	}
}

Test(amf3, references_that_multiply_are_refused) {
	/* Each array holds the one before it 64 times: 64^5 values in a few hundred bytes. */
	struct buffer b;
	struct amf_doc *doc = NULL;
	buffer_init(&b, 0);
	buffer_append(&b, "\x09\x01\x01", 3);
	for (unsigned level = 0; level < 5; level++) {
		buffer_u8(&b, 0x09);
		write_u29(&b, 64 << 1 | 1);
		buffer_u8(&b, 0x01);
		for (int i = 0; i < 64; i++) {
			buffer_u8(&b, 0x09);
			write_u29(&b, level << 1);
		}
	}
	cr_assert_eq(read_buffer(&b, &doc), UV_E2BIG);
	cr_assert_null(doc);
}

Test(amf3, text_that_is_referred_to_counts_each_time) {
	struct buffer b;
	struct amf_doc *doc = NULL;
	buffer_init(&b, 0);
	const uint32_t size = 16000;
	buffer_u8(&b, 0x06);
	buffer_u8(&b, (uint8_t)(0x80 | size << 1 >> 14));
	buffer_u8(&b, (uint8_t)(0x80 | size << 1 >> 7));
	buffer_u8(&b, (size << 1 | 1) & 0x7f);
	memset(buffer_reserve(&b, size), 'x', size);
	for (uint32_t i = 0; i < AMF_TEXT_MAX / size; i++)
		buffer_u16(&b, 0x0600);
	cr_assert_eq(read_buffer(&b, &doc), UV_E2BIG);
}

Test(amf3, names_of_traits_count_for_each_object) {
	struct buffer b;
	struct amf_doc *doc = NULL;
	buffer_init(&b, 0);
	const uint32_t size = 8000;
	buffer_append(&b, "\x0a\x13\x01", 3); /* one sealed member with a long name, */
	write_u29(&b, size << 1 | 1);
	memset(buffer_reserve(&b, size), 'x', size);
	buffer_u8(&b, 0x01);
	for (uint32_t i = 0; i < AMF_TEXT_MAX / size; i++)
		buffer_u24(&b, 0x0a0101); /* and many objects that have it too */
	cr_assert_eq(read_buffer(&b, &doc), UV_E2BIG);
}

Test(amf3, the_reference_tables_are_limited) {
	for (uint32_t extra = 0; extra < 2; extra++) {
		struct buffer b;
		struct amf_doc *doc = NULL;
		buffer_init(&b, 0);
		for (uint32_t i = 0; i < AMF3_REFERENCES_MAX + extra; i++)
			buffer_append(&b, "\x09\x01\x01", 3);
		cr_assert_eq(read_buffer(&b, &doc), extra ? UV_E2BIG : 0);
		amf_doc_free(&doc);
	}
}

Test(amf3, what_was_read_is_written_as_amf0) {
	struct amf_doc *doc;
	cr_assert_eq(read_hex("0a1b 01 0361 0401 0362 0603 68 0363 0c03 00 01", &doc), 0);
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_value(&b, amf_at(amf_root(doc), 0));
	struct sample want = sample_hex("03 0001 61 003ff0000000000000 0001 62 02 0001 68 0001 63 06 000009");
	cr_assert_eq(b.size, want.size);
	cr_assert_arr_eq(buffer_slice(&b).data, want.data, want.size);
	amf_doc_free(&doc);
	buffer_fini(&b);
	sample_free(&want);
}
