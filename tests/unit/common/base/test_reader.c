#include "common/base/reader.h"

#include <criterion/criterion.h>

Test(reader, integers_are_big_endian_unless_the_name_says_otherwise) {
	static const uint8_t data[] = "\1\2\3\4\5\6\7\x8\x9\xa\xa\x9\x8\7\x11\x12\x13\x14\x15\x16\x17\x18\xc0\0\0\0\0\0\0";
	struct reader r = reader_of(data, sizeof data);
	cr_assert_eq(reader_u8(&r), 1);
	cr_assert_eq(reader_u16(&r), 0x0203);
	cr_assert_eq(reader_u24(&r), 0x040506);
	cr_assert_eq(reader_u32(&r), 0x0708090a);
	cr_assert_eq(reader_u32le(&r), 0x0708090a);
	cr_assert_eq(reader_u64(&r), 0x1112131415161718);
	cr_assert_eq(reader_f64(&r), -2.0);
	cr_assert_eq(reader_left(&r), 0);
	cr_assert_not(r.failed);
}

Test(reader, signed_24_bits_keep_their_sign) {
	struct reader r = reader_of("\xff\xff\xff\x80\0\0\x7f\xff\xff", 9);
	cr_assert_eq(reader_i24(&r), -1);
	cr_assert_eq(reader_i24(&r), -8388608);
	cr_assert_eq(reader_i24(&r), 8388607);
}

Test(reader, takes_in_place) {
	static const uint8_t data[] = "abc";
	struct reader r = reader_of(data, 3);
	cr_assert_eq(reader_take(&r, 2), data);
	cr_assert_eq(reader_take(&r, 1), data + 2);
}

Test(reader, a_read_past_the_end_fails_reads_zero_and_moves_nothing) {
	struct reader r = reader_of("\1\2\3", 3);
	cr_assert_eq(reader_u32(&r), 0);
	cr_assert(r.failed);
	cr_assert_eq(reader_left(&r), 3);
}

Test(reader, failure_stays_though_bytes_are_left) {
	struct reader r = reader_of("\1\2\3", 3);
	reader_u64(&r);
	cr_assert_eq(reader_u8(&r), 0);
	cr_assert_null(reader_take(&r, 1));
	cr_assert_eq(reader_left(&r), 3);
}

Test(reader, a_size_near_the_top_of_memory_is_past_the_end) {
	struct reader r = reader_of("\1\2\3", 3);
	cr_assert_null(reader_take(&r, SIZE_MAX));
	cr_assert(r.failed);
}

Test(reader, nothing_can_be_read_from_nothing) {
	struct reader r = reader_of(NULL, 0);
	cr_assert_eq(reader_left(&r), 0);
	reader_take(&r, 0);
	cr_assert_not(r.failed);
	reader_u8(&r);
	cr_assert(r.failed);
}
