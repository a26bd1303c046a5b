#include "common/relay/convert.h"
#include "common/relay/framing.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static struct relay_reader reader;
static unsigned count;
static uint64_t ids;
static size_t payload_bytes;
static struct bytes *kept;

static int on_message(void *context, const struct relay_message *m) {
	(void)context;
	count++;
	if (m->header->body_case == WEIR__RELAY__HEADER__BODY_PING)
		ids = ids * 10 + m->header->ping->id;
	payload_bytes += m->payload.size;
	if (m->block && !kept)
		kept = bytes_ref(m->block);
	return 0;
}

static void init(void) {
	count = 0;
	ids = 0;
	payload_bytes = 0;
	relay_reader_init(&reader, on_message, NULL);
}

static void fini(void) {
	relay_reader_fini(&reader);
	bytes_unref(&kept);
}

TestSuite(relay_framing, .init = init, .fini = fini);

static void write_ping(struct buffer *out, uint64_t id, size_t payload) {
	static const uint8_t bytes[70000];
	Weir__Relay__Ping h_body = WEIR__RELAY__PING__INIT;
	h_body.id = id;
	RELAY_HEADER(h, ping, PING);
	relay_write(out, &h, (struct slice){bytes, payload});
}

Test(relay_framing, any_split_gives_the_same_messages) {
	struct buffer b;
	buffer_init(&b, 0);
	write_ping(&b, 1, 0);
	write_ping(&b, 2, 300);
	write_ping(&b, 3, 1);
	for (size_t step = 1; step < b.size; step++) {
		fini();
		init();
		for (size_t at = 0; at < b.size; at += step)
			cr_assert_eq(relay_reader_feed(&reader, b.block->data + at, b.size - at < step ? b.size - at : step), 0);
		cr_assert_eq(count, 3, "step %zu", step);
		cr_assert_eq(ids, 123);
		cr_assert_eq(payload_bytes, 301);
	}
	buffer_fini(&b);
}

Test(relay_framing, a_payload_outlives_the_reader_by_reference) {
	struct buffer b;
	buffer_init(&b, 0);
	write_ping(&b, 1, 70000);
	cr_assert_eq(relay_reader_feed(&reader, b.block->data, b.size), 0);
	relay_reader_fini(&reader);
	cr_assert_eq(kept->size, 70000);
	buffer_fini(&b);
}

Test(relay_framing, messages_of_a_newer_version_are_skipped) {
	/* Header: field 1000, length-delimited, 2 bytes; payload of 3. */
	static const uint8_t unknown[] = {5, 3, 0xc2, 0x3e, 2, 'h', 'i', 'a', 'b', 'c'};
	struct buffer b;
	buffer_init(&b, 0);
	write_ping(&b, 7, 0);
	cr_assert_eq(relay_reader_feed(&reader, unknown, sizeof unknown), 0);
	cr_assert_eq(relay_reader_feed(&reader, b.block->data, b.size), 0);
	cr_assert_eq(count, 2);
	cr_assert_eq(ids, 7);
	buffer_fini(&b);
}

Test(relay_framing, sizes_past_the_limits_are_refused_before_memory_is_taken) {
	static const uint8_t header[] = {0x81, 0x80, 0x10, 0}, payload[] = {0, 0x81, 0x80, 0x80, 0x08},
	                     endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	cr_assert_eq(relay_reader_feed(&reader, header, sizeof header), UV_E2BIG);
	fini();
	init();
	cr_assert_eq(relay_reader_feed(&reader, payload, sizeof payload), UV_E2BIG);
	cr_assert_null(reader.payload);
	fini();
	init();
	cr_assert_eq(relay_reader_feed(&reader, endless, sizeof endless), UV_E2BIG);
}

Test(relay_framing, a_header_that_is_no_protobuf_is_refused_and_sticks) {
	static const uint8_t bad[] = {2, 0, 0x0a, 0x7f};
	cr_assert_eq(relay_reader_feed(&reader, bad, sizeof bad), UV_EPROTO);
	cr_assert_eq(relay_reader_feed(&reader, (const uint8_t *)"\0\0", 2), UV_EPROTO);
	cr_assert_eq(count, 0);
}
