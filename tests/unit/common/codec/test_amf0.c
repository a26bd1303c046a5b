#include "common/codec/amf0.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <math.h>
#include <uv.h>

/* onMetaData as FFmpeg writes it. */
#define METADATA                                                                                                       \
	"02000a6f6e4d65746144617461080000000d00086475726174696f6e003fdeb851eb851eb8000577696474680040840000000000000006"   \
	"686569676874004076800000000000000d766964656f646174617261746500000000000000000000096672616d65726174650040390000"   \
	"00000000000c766964656f636f646563696400401c000000000000000d617564696f646174617261746500405f400000000000000f6175"   \
	"64696f73616d706c65726174650040e5888000000000000f617564696f73616d706c6573697a65004030000000000000000673746572"     \
	"656f0101000c617564696f636f64656369640040240000000000000007656e636f64657202000d4c61766635392e32372e31303000086"    \
	"6696c6573697a650040cae10000000000000009"

static int read_sample(struct sample s, struct amf_doc **doc) {
	struct reader r = reader_of(s.data, s.size);
	int err = amf0_read(&r, doc);
	sample_free(&s);
	return err;
}

static int read_hex(const char *text, struct amf_doc **doc) {
	return read_sample(sample_hex(text), doc);
}

Test(amf0, metadata_of_ffmpeg_is_read) {
	struct amf_doc *doc;
	cr_assert_eq(read_hex(METADATA, &doc), 0);
	const struct amf_value *root = amf_root(doc);
	cr_assert(amf_string_is(amf_at(root, 0), "onMetaData"));
	const struct amf_value *data = amf_at(root, 1);
	cr_assert_eq(data->type, AMF_ECMA_ARRAY);
	cr_assert_eq(data->members.count, 13);
	cr_assert_eq(amf_number(amf_get(data, "width"), 0), 640);
	cr_assert_eq(amf_number(amf_get(data, "framerate"), 0), 25);
	cr_assert_eq(amf_boolean(amf_get(data, "stereo"), false), true);
	cr_assert_str_eq(amf_string(amf_get(data, "encoder"), ""), "Lavf59.27.100");
	cr_assert_null(amf_at(root, 2));
	amf_doc_free(&doc);
	cr_assert_null(doc);
}

Test(amf0, a_message_cut_short_at_any_byte_is_refused) {
	struct sample whole = sample_hex(METADATA);
	const size_t name_ends = 13;
	for (size_t size = 1; size < whole.size; size++) {
		struct amf_doc *doc = NULL;
		int want = size == name_ends ? 0 : UV_EINVAL;
		cr_assert_eq(read_sample(sample_of(whole.data, size), &doc), want, "%zu bytes", size);
		cr_assert_eq(doc != NULL, want == 0, "untouched on failure");
		amf_doc_free(&doc);
	}
	sample_free(&whole);
}

Test(amf0, a_connect_command_survives_writing_and_reading) {
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_string(&b, "connect");
	amf0_write_number(&b, 1);
	amf0_write_object_begin(&b);
	amf0_write_string_member(&b, "app", "live");
	amf0_write_number_member(&b, "capsEx", 15);
	amf0_write_boolean_member(&b, "fpad", false);
	amf0_write_key(&b, "fourCcList");
	amf0_write_array_begin(&b, 2);
	amf0_write_string(&b, "av01");
	amf0_write_string(&b, "*");
	amf0_write_key(&b, "nested");
	amf0_write_ecma_array_begin(&b, 1);
	amf0_write_key(&b, "");
	amf0_write_undefined(&b);
	amf0_write_object_end(&b);
	amf0_write_object_end(&b);
	amf0_write_null(&b);
	amf0_write_date(&b, 1e12);
	cr_assert_eq(buffer_error(&b), 0);

	struct amf_doc *doc;
	struct slice written = buffer_slice(&b);
	cr_assert_eq(read_sample(sample_of(written.data, written.size), &doc), 0);
	const struct amf_value *root = amf_root(doc), *object = amf_at(root, 2);
	cr_assert(amf_string_is(amf_at(root, 0), "connect"));
	cr_assert_eq(object->type, AMF_OBJECT);
	cr_assert_str_eq(amf_string(amf_get(object, "app"), ""), "live");
	cr_assert_eq(amf_number(amf_get(object, "capsEx"), 0), 15);
	cr_assert_eq(amf_boolean(amf_get(object, "fpad"), true), false);
	cr_assert(amf_string_is(amf_at(amf_get(object, "fourCcList"), 1), "*"));
	const struct amf_value *nested = amf_get(object, "nested");
	cr_assert_eq(nested->members.count, 1, "an empty name is a member when no end marker follows");
	cr_assert_eq(amf_at(root, 3)->type, AMF_NULL);
	cr_assert_eq(amf_at(root, 4)->type, AMF_DATE);
	cr_assert_eq(amf_at(root, 4)->number, 1e12);

	struct buffer again;
	buffer_init(&again, 0);
	for (const struct amf_member *m = amf_members(root); m; m = m->next)
		amf0_write_value(&again, &m->value);
	cr_assert_eq(again.size, b.size);
	cr_assert_arr_eq(buffer_slice(&again).data, buffer_slice(&b).data, b.size);
	amf_doc_free(&doc);
	buffer_fini(&b);
	buffer_fini(&again);
}

Test(amf0, every_type_is_written_as_it_was_read) {
	const char *const values[] = {
	    "003ff0000000000000",
	    "0100",
	    "0101",
	    "02000161",
	    "05",
	    "06",
	    "0c0000000161",
	    "0f000000023c3e",
	    "0b42702fdee60000000000",
	    "10 0003 666f6f 0001 61 05 000009",
	    "0a 00000002 05 06",
	    "08 00000000 000009",
	};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct sample s = sample_hex(values[i]);
		struct reader r = reader_of(s.data, s.size);
		struct amf_doc *doc;
		cr_assert_eq(amf0_read_one(&r, &doc), 0, "%s", values[i]);
		struct buffer b;
		buffer_init(&b, 0);
		amf0_write_value(&b, amf_at(amf_root(doc), 0));
		if (s.data[0] == 0x0c) {
			cr_assert(amf_string_is(amf_at(amf_root(doc), 0), "a"));
		} else {
			cr_assert_eq(b.size, s.size, "%s", values[i]);
			cr_assert_arr_eq(buffer_slice(&b).data, s.data, s.size, "%s", values[i]);
		}
		amf_doc_free(&doc);
		buffer_fini(&b);
		sample_free(&s);
	}
}

Test(amf0, text_over_64_kib_takes_the_long_form) {
	struct sample text = sample_of(NULL, 0);
	sample_free(&text);
	text = (struct sample){calloc(1, 0x10001), 0x10000};
	memset(text.data, 'x', text.size);
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_text(&b, sample_slice(&text));
	cr_assert_eq(buffer_slice(&b).data[0], 0x0c);
	struct reader r = reader_of(buffer_slice(&b).data, b.size);
	struct amf_doc *doc;
	cr_assert_eq(amf0_read(&r, &doc), 0);
	cr_assert_eq(amf_text(amf_at(amf_root(doc), 0)).size, 0x10000);
	amf_doc_free(&doc);
	amf0_write_key(&b, (char *)text.data);
	cr_assert_eq(buffer_error(&b), UV_E2BIG, "no name can be so long");
	buffer_fini(&b);
	sample_free(&text);
}

Test(amf0, a_limited_buffer_keeps_its_first_error) {
	struct buffer b;
	buffer_init(&b, 4);
	amf0_write_number(&b, 1);
	amf0_write_null(&b);
	cr_assert_eq(buffer_error(&b), UV_E2BIG);
	buffer_fini(&b);
}

Test(amf0, reading_one_value_leaves_the_rest) {
	struct sample s = sample_hex("02000161 05");
	struct reader r = reader_of(s.data, s.size);
	struct amf_doc *doc;
	cr_assert_eq(amf0_read_one(&r, &doc), 0);
	cr_assert_eq(amf_root(doc)->members.count, 1);
	cr_assert_eq(reader_left(&r), 1);
	amf_doc_free(&doc);
	sample_free(&s);
	r = reader_of(NULL, 0);
	cr_assert_eq(amf0_read_one(&r, &doc), UV_EINVAL);
	cr_assert_eq(amf0_read(&r, &doc), 0, "no values are a document of none");
	cr_assert_null(amf_at(amf_root(doc), 0));
	amf_doc_free(&doc);
}

Test(amf0, what_cannot_be_is_refused) {
	const struct {
		const char *bytes;
		int want;
	} cases[] = {
	    {"07 0000", UV_ENOTSUP},          /* reference */
	    {"04", UV_ENOTSUP},               /* movie clip */
	    {"0e", UV_ENOTSUP},               /* record set */
	    {"09", UV_EINVAL},                /* an end of nothing */
	    {"12", UV_EINVAL},                /* unknown */
	    {"ff", UV_EINVAL},                /* unknown */
	    {"0a ffffffff 05 05", UV_EINVAL}, /* more values than bytes */
	    {"0c ffffffff 61", UV_EINVAL},    /* more text than bytes */
	    {"02 ffff 61", UV_EINVAL},
	    {"03 0000", UV_EINVAL},
	    {"11", UV_EINVAL}, /* a switch to nothing */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct amf_doc *doc = NULL;
		cr_assert_eq(read_hex(cases[i].bytes, &doc), cases[i].want, "%s", cases[i].bytes);
		cr_assert_null(doc);
	}
}

/* `depth` containers inside each other, the innermost empty. */
static struct sample nested(uint8_t marker, unsigned depth) {
	struct buffer b;
	buffer_init(&b, 0);
	for (unsigned i = 0; i < depth; i++) {
		buffer_u8(&b, marker);
		if (marker == 0x08 || marker == 0x0a)
			buffer_u32(&b, i + 1 < depth);
		if (marker != 0x0a && i + 1 < depth)
			amf0_write_key(&b, "k");
	}
	for (unsigned i = 0; marker != 0x0a && i < depth; i++)
		amf0_write_object_end(&b);
	struct slice s = buffer_slice(&b);
	struct sample out = sample_of(s.data, s.size);
	buffer_fini(&b);
	return out;
}

Test(amf0, depth_is_limited_whatever_the_container) {
	const uint8_t markers[] = {0x03, 0x08, 0x0a};
	for (size_t i = 0; i < sizeof markers; i++) {
		struct amf_doc *doc = NULL;
		cr_assert_eq(read_sample(nested(markers[i], AMF_DEPTH_MAX), &doc), 0, "marker %u", markers[i]);
		amf_doc_free(&doc);
		cr_assert_eq(read_sample(nested(markers[i], AMF_DEPTH_MAX + 1), &doc), UV_E2BIG, "marker %u", markers[i]);
		cr_assert_eq(read_sample(nested(markers[i], 100000), &doc), UV_E2BIG, "marker %u", markers[i]);
	}
}

Test(amf0, elements_are_limited_across_the_document) {
	for (size_t extra = 0; extra < 2; extra++) {
		struct buffer b;
		buffer_init(&b, 0);
		/* Two arrays and their values. */
		for (int i = 0; i < 2; i++) {
			uint32_t count = AMF_ELEMENTS_MAX / 2 - 1 + (i ? (uint32_t)extra : 0);
			amf0_write_array_begin(&b, count);
			for (uint32_t k = 0; k < count; k++)
				amf0_write_null(&b);
		}
		struct reader r = reader_of(buffer_slice(&b).data, b.size);
		struct amf_doc *doc = NULL;
		cr_assert_eq(amf0_read(&r, &doc), extra ? UV_E2BIG : 0);
		amf_doc_free(&doc);
		buffer_fini(&b);
	}
}

Test(amf0, a_switch_to_amf3_is_followed_for_one_value) {
	struct amf_doc *doc;
	/* "a", then AMF3: { x: 5 }, then AMF0 true */
	cr_assert_eq(read_hex("02000161 11 0a0b01 0378 0405 01 0101", &doc), 0);
	const struct amf_value *root = amf_root(doc);
	cr_assert_eq(root->members.count, 3);
	cr_assert_eq(amf_number(amf_get(amf_at(root, 1), "x"), 0), 5);
	cr_assert(amf_boolean(amf_at(root, 2), false));
	amf_doc_free(&doc);
}

Test(amf0, depth_counts_through_a_switch_to_amf3) {
	struct buffer b;
	buffer_init(&b, 0);
	for (unsigned i = 0; i < AMF_DEPTH_MAX; i++)
		amf0_write_array_begin(&b, 1);
	buffer_append(&b, "\x11\x09\x01\x01", 4); /* one more array, empty */
	struct reader r = reader_of(buffer_slice(&b).data, b.size);
	struct amf_doc *doc = NULL;
	cr_assert_eq(amf0_read(&r, &doc), UV_E2BIG);
	buffer_fini(&b);
}

Test(amf0, getters_give_their_fallback_for_what_is_not_there) {
	struct amf_doc *doc;
	cr_assert_eq(read_hex("03 0001 61 02 0001 62 0001 61 02 0001 63 000009 0a 00000001 05", &doc), 0);
	const struct amf_value *object = amf_at(amf_root(doc), 0);
	cr_assert_str_eq(amf_string(amf_get(object, "a"), "?"), "c", "the last of a repeated name");
	cr_assert_str_eq(amf_string(amf_get(object, "b"), "?"), "?");
	cr_assert_eq(amf_number(amf_get(object, "a"), 7), 7, "a string is no number");
	cr_assert_str_eq(amf_string(amf_get(amf_get(amf_get(NULL, "x"), "y"), "z"), "?"), "?");
	cr_assert_null(amf_get(amf_at(amf_root(doc), 1), ""), "an array has no names");
	cr_assert(isnan(amf_number(NULL, NAN)));
	cr_assert_eq(amf_boolean(object, true), true);
	cr_assert_not(amf_string_is(object, ""));
	cr_assert_eq(amf_text(object).size, 0);
	amf_doc_free(&doc);
	amf_doc_free(&doc);
}
