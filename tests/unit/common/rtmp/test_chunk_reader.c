#include "common/base/buffer.h"
#include "common/rtmp/chunk_reader.h"
#include "common/rtmp/chunk_writer.h"
#include "common/rtmp/message.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { MOST = 64 };

static struct chunk_reader reader;
static struct got {
	uint8_t type;
	uint32_t stream, timestamp;
	size_t size;
	uint8_t first, last;
} got[MOST];
static size_t count;

static int on_message(void *context, const struct rtmp_message *m) {
	(void)context;
	cr_assert_lt(count, MOST);
	got[count++] = (struct got){m->type,
	                            m->stream,
	                            m->timestamp_ms,
	                            m->payload.size,
	                            m->payload.size ? m->payload.data[0] : 0,
	                            m->payload.size ? m->payload.data[m->payload.size - 1] : 0};
	return 0;
}

static void init(void) {
	count = 0;
	chunk_reader_init(&reader, (struct chunk_reader_limits){.message_bytes = 100000, .streams = 4}, on_message, NULL);
}

static void fini(void) {
	chunk_reader_fini(&reader);
}

TestSuite(chunk_reader, .init = init, .fini = fini);

static int feed(const char *bytes, size_t size) {
	return chunk_reader_feed(&reader, (const uint8_t *)bytes, size);
}

#define FEED(text) feed(text, sizeof(text) - 1)

Test(chunk_reader, reads_a_message_of_one_chunk) {
	cr_assert_eq(FEED("\x04\x00\x00\x05\x00\x00\x03\x08\x01\x00\x00\x00"
	                  "abc"),
	             0);
	cr_assert_eq(count, 1);
	cr_assert_eq(got[0].type, RTMP_AUDIO);
	cr_assert_eq(got[0].stream, 1);
	cr_assert_eq(got[0].timestamp, 5);
	cr_assert_eq(got[0].last, 'c');
}

Test(chunk_reader, types_1_2_and_3_repeat_what_they_leave_out) {
	FEED("\x04\x00\x00\x05\x00\x00\x01\x08\x01\x00\x00\x00"
	     "a");
	FEED("\x44\x00\x00\x0a\x00\x00\x01\x09"
	     "b");
	FEED("\x84\x00\x00\x14"
	     "c");
	FEED("\xc4"
	     "d");
	cr_assert_eq(count, 4);
	cr_assert_eq(got[1].timestamp, 15);
	cr_assert_eq(got[1].type, RTMP_VIDEO);
	cr_assert_eq(got[2].timestamp, 35);
	cr_assert_eq(got[3].timestamp, 55, "type 3 steps by the last delta");
	cr_assert_eq(got[3].stream, 1);
}

Test(chunk_reader, type_3_after_type_0_keeps_the_time) {
	FEED("\x04\x00\x10\x00\x00\x00\x01\x08\x01\x00\x00\x00"
	     "a\xc4"
	     "b");
	cr_assert_eq(count, 2);
	cr_assert_eq(got[1].timestamp, 0x1000);
}

Test(chunk_reader, a_fresh_chunk_stream_may_begin_with_type_1_but_not_with_type_3) {
	cr_assert_eq(FEED("\x42\x00\x00\x07\x00\x00\x06\x04"
	                  "\0\6\0\0\0\1"),
	             0);
	cr_assert_eq(got[0].timestamp, 7);
	cr_assert_eq(FEED("\xc5"), UV_EPROTO);
}

Test(chunk_reader, two_and_three_byte_ids_name_different_chunk_streams) {
	FEED("\x00\x10\x00\x00\x01\x00\x00\x01\x08\x01\x00\x00\x00"
	     "a");
	FEED("\x01\x10\x01\x00\x00\x02\x00\x00\x01\x09\x01\x00\x00\x00"
	     "b");
	FEED("\xc0\x10"
	     "c");
	cr_assert_eq(count, 3);
	cr_assert_eq(got[2].type, RTMP_AUDIO);
}

/* Two messages of 300 bytes whose chunks take turns. */
static size_t interleaved(uint8_t *out) {
	size_t n = 0;
	static const uint8_t head_a[] = {4, 0, 0, 1, 0, 1, 44, 8, 1, 0, 0, 0},
	                     head_v[] = {6, 0, 0, 2, 0, 1, 44, 9, 1, 0, 0, 0};
	for (int part = 0; part < 3; part++)
		for (int k = 0; k < 2; k++) {
			size_t size = part == 2 ? 44 : 128;
			if (part == 0) {
				memcpy(out + n, k ? head_v : head_a, 12);
				n += 12;
			} else {
				out[n++] = k ? 0xc6 : 0xc4;
			}
			memset(out + n, 'A' + 10 * k + part, size);
			n += size;
		}
	return n;
}

Test(chunk_reader, interleaved_chunks_resume_at_any_byte) {
	uint8_t bytes[1000];
	size_t size = interleaved(bytes);
	for (size_t split = 1; split < size; split++) {
		fini();
		init();
		cr_assert_eq(chunk_reader_feed(&reader, bytes, split), 0);
		cr_assert_eq(chunk_reader_feed(&reader, bytes + split, size - split), 0);
		cr_assert_eq(count, 2, "split at %zu", split);
		cr_assert(got[0].size == 300 && got[0].first == 'A' && got[0].last == 'C');
		cr_assert(got[1].size == 300 && got[1].first == 'K' && got[1].last == 'M');
	}
	fini();
	init();
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(chunk_reader_feed(&reader, bytes + i, 1), 0);
	cr_assert_eq(count, 2);
}

Test(chunk_reader, abort_drops_the_message_under_way) {
	uint8_t bytes[1000];
	interleaved(bytes);
	chunk_reader_feed(&reader, bytes, 12 + 128);
	FEED("\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00"
	     "\0\0\0\4");
	cr_assert_eq(reader.held, 0);
	chunk_reader_feed(&reader, bytes, 12 + 128);
	cr_assert_eq(count, 1, "only the Abort itself was a message");
}

/* A message of 300 bytes at a time past 24 bits; its type 3 chunks repeat the extended timestamp, or do not. */
static void extended(bool repeated, uint32_t time) {
	struct buffer b;
	uint8_t t[4] = {(uint8_t)(time >> 24), (uint8_t)(time >> 16), (uint8_t)(time >> 8), (uint8_t)time};
	uint8_t payload[128];
	memset(payload, 'p', sizeof payload);
	buffer_init(&b, 0);
	buffer_append(&b, "\x06\xff\xff\xff\x00\x01\x2c\x09\x01\x00\x00\x00", 12);
	buffer_append(&b, t, 4);
	buffer_append(&b, payload, 128);
	for (int i = 0; i < 2; i++) {
		buffer_u8(&b, 0xc6);
		if (repeated)
			buffer_append(&b, t, 4);
		buffer_append(&b, payload, i ? 44 : 128);
	}
	for (size_t i = 0; i < b.size; i++)
		cr_assert_eq(chunk_reader_feed(&reader, b.block->data + i, 1), 0);
	buffer_fini(&b);
}

Test(chunk_reader, extended_timestamps_are_read_repeated_or_not) {
	extended(true, 0x01000000);
	extended(false, 0x01000010);
	extended(true, 0xffffffff);
	extended(false, 0xfffffffe);
	cr_assert_eq(count, 4);
	static const uint32_t want[] = {0x01000000, 0x01000010, 0xffffffff, 0xfffffffe};
	for (size_t i = 0; i < 4; i++) {
		cr_assert_eq(got[i].timestamp, want[i]);
		cr_assert_eq(got[i].size, 300);
		cr_assert_eq(got[i].last, 'p');
	}
}

Test(chunk_reader, an_extended_value_of_type_1_is_a_delta) {
	FEED("\x04\x00\x00\x05\x00\x00\x01\x08\x01\x00\x00\x00"
	     "a");
	FEED("\x44\xff\xff\xff\x00\x00\x01\x08\x01\x00\x00\x00"
	     "b");
	cr_assert_eq(got[1].timestamp, 0x01000005);
}

Test(chunk_reader, sizes_outside_of_the_range_are_taken_as_the_nearest_but_0_is_refused) {
	cr_assert_eq(FEED("\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\xff\xff\xff\xff"), 0);
	cr_assert_eq(reader.chunk_size, CHUNK_SIZE_MAX);
	cr_assert_eq(FEED("\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\0\0\0\1"), 0);
	cr_assert_eq(reader.chunk_size, 1);
	cr_assert_eq(FEED("\x04\x00\x00\x05\x00\x00\x03\x08\x01\x00\x00\x00"
	                  "a\xc4"
	                  "b\xc4"
	                  "c"),
	             0);
	cr_assert_eq(got[count - 1].last, 'c');
	cr_assert_eq(FEED("\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\0\xc2\0\xc2\0\xc2\0"), UV_EPROTO);
}

Test(chunk_reader, limits_of_size_and_number_are_kept) {
	cr_assert_eq(FEED("\x04\x00\x00\x05\x01\x86\xa1\x08\x01\x00\x00\x00"), UV_E2BIG);
	cr_assert(strstr(reader.why, "rtmp.max_message"));
	fini();
	init();
	for (char id = 3; id < 7; id++) {
		char head[] = {id, 0, 0, 0, 0, 0, 1, 8, 1, 0, 0, 0, 'x'};
		cr_assert_eq(feed(head, sizeof head), 0);
	}
	cr_assert_eq(FEED("\x0a\x00\x00\x00\x00\x00\x01\x08\x01\x00\x00\x00"), UV_E2BIG);
	cr_assert(strstr(reader.why, "rtmp.max_chunk_streams"));
}

/* A message of type 0 on each, and then one whose time counts from it. */
Test(chunk_reader, each_chunk_stream_has_its_own_time_in_whatever_order_they_come) {
	enum { STREAMS = 60 };
	reader.limits.streams = STREAMS;
	for (int i = 0; i < STREAMS; i++) {
		char id = (char)(3 + i * 7 % STREAMS); /* each of 3 to 62, once */
		char head[] = {id, 0, 0, id, 0, 0, 1, 8, 1, 0, 0, 0, 'x'};
		cr_assert_eq(feed(head, sizeof head), 0);
		cr_assert_eq(got[i].timestamp, (uint32_t)id);
	}
	count = 0;
	for (int i = 0; i < STREAMS; i++) {
		char id = (char)(3 + i * 11 % STREAMS);
		char head[] = {(char)(0x80 | id), 0, 0, 100, 'y'};
		cr_assert_eq(feed(head, sizeof head), 0);
		cr_assert_eq(got[i].timestamp, (uint32_t)id + 100);
	}
	cr_assert_eq(reader.count, STREAMS);
}

Test(chunk_reader, what_chunk_writer_writes_is_read_back) {
	static const uint32_t times[] = {0, 1, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff};
	uint8_t payload[70000];
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct buffer b;
		struct chunk_head head = {.chunk_stream = 6, .type = RTMP_VIDEO, .stream = 1, .timestamp_ms = times[i]};
		buffer_init(&b, 0);
		rtmp_write_chunk_size(&b, 4096);
		chunk_write(&b, &head, (struct slice){payload, 11}, (struct slice){payload + 11, sizeof payload - 11}, 4096);
		count = 0;
		cr_assert_eq(chunk_reader_feed(&reader, b.block->data, b.size), 0);
		cr_assert_eq(count, 2);
		cr_assert_eq(got[1].timestamp, times[i]);
		cr_assert_eq(got[1].size, sizeof payload);
		cr_assert_eq(got[1].last, payload[sizeof payload - 1]);
		buffer_fini(&b);
	}
}

Test(chunk_reader, an_aggregate_is_split_and_its_times_moved) {
	static const uint8_t body[] = "\x08\x00\x00\x01\x00\x00\x0a\x00\x00\x00\x00"
	                              "a\0\0\0\x0c"
	                              "\x09\x00\x00\x02\x00\x00\x14\x00\x00\x00\x00"
	                              "bb\0\0\0\x0d";
	struct rtmp_message m = {
	    .type = RTMP_AGGREGATE, .stream = 1, .timestamp_ms = 1000, .payload = {body, sizeof body - 1}};
	cr_assert_eq(rtmp_split_aggregate(&m, on_message, NULL), 0);
	cr_assert_eq(count, 2);
	cr_assert_eq(got[0].timestamp, 1000);
	cr_assert_eq(got[1].timestamp, 1010);
	cr_assert_eq(got[1].size, 2);
	m.payload.size--;
	cr_assert_eq(rtmp_split_aggregate(&m, on_message, NULL), UV_EINVAL);
}
