#include "common/base/buffer.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static struct buffer b;

static void fini(void) {
	buffer_fini(&b);
}

TestSuite(buffer, .fini = fini);

static void assert_content(const void *data, size_t size) {
	cr_assert_eq(buffer_error(&b), 0);
	cr_assert_eq(buffer_slice(&b).size, size);
	cr_assert_eq(memcmp(buffer_slice(&b).data, data, size), 0);
}

Test(buffer, integers_are_big_endian_unless_the_name_says_otherwise) {
	buffer_init(&b, 0);
	buffer_u8(&b, 0x01);
	buffer_u16(&b, 0x0203);
	buffer_u24(&b, 0xff040506);
	buffer_u32(&b, 0x0708090a);
	buffer_u32le(&b, 0x0708090a);
	buffer_u64(&b, 0x1112131415161718);
	buffer_f64(&b, -2.0);
	assert_content("\1\2\3\4\5\6\7\x8\x9\xa\xa\x9\x8\7\x11\x12\x13\x14\x15\x16\x17\x18\xc0\0\0\0\0\0\0\0", 30);
}

Test(buffer, keeps_its_content_while_it_grows) {
	buffer_init(&b, 0);
	for (uint32_t i = 0; i < 10000; i++)
		buffer_u32(&b, i);
	cr_assert_eq(b.size, 40000);
	for (uint32_t i = 0; i < 10000; i++) {
		const uint8_t *at = buffer_slice(&b).data + 4 * i;
		cr_assert_eq((uint32_t)at[2] << 8 | at[3], i);
	}
}

Test(buffer, takes_its_limit_and_not_a_byte_more) {
	buffer_init(&b, 4);
	buffer_append(&b, "abc", 3);
	buffer_u8(&b, 'd');
	assert_content("abcd", 4);
	buffer_u8(&b, 'e');
	cr_assert_eq(buffer_error(&b), UV_E2BIG);
	cr_assert_eq(b.size, 4);
}

Test(buffer, first_error_stays_and_stops_all_that_follows) {
	buffer_init(&b, 4);
	buffer_append(&b, "abcde", 5);
	buffer_append(&b, "a", 1);
	buffer_printf(&b, "%d", 1);
	cr_assert_null(buffer_reserve(&b, 1));
	cr_assert_eq(buffer_error(&b), UV_E2BIG);
	cr_assert_eq(b.size, 0);
	cr_assert_null(buffer_take(&b));
	buffer_clear(&b);
	buffer_append(&b, "a", 1);
	assert_content("a", 1);
}

Test(buffer, size_that_overflows_is_refused) {
	buffer_init(&b, 0);
	buffer_u8(&b, 1);
	cr_assert_null(buffer_reserve(&b, SIZE_MAX));
	cr_assert_eq(buffer_error(&b), UV_E2BIG);
}

Test(buffer, printf_leaves_no_nul) {
	buffer_init(&b, 0);
	buffer_printf(&b, "%s=%d", "key", 42);
	buffer_printf(&b, "%s", "");
	buffer_append_string(&b, ";");
	assert_content("key=42;", 7);
}

Test(buffer, decimals_have_no_leading_zeros) {
	buffer_init(&b, 0);
	buffer_decimal(&b, 0);
	buffer_u8(&b, ' ');
	buffer_decimal(&b, 1030);
	buffer_u8(&b, ' ');
	buffer_decimal(&b, UINT64_MAX);
	cr_assert_eq(b.size, 2 + 5 + 20);
	cr_assert_arr_eq(buffer_slice(&b).data, "0 1030 18446744073709551615", b.size);
}

Test(buffer, what_is_reserved_counts_as_written) {
	buffer_init(&b, 0);
	buffer_u8(&b, 'a');
	uint8_t *at = buffer_reserve(&b, 2);
	cr_assert(at);
	memcpy(at, "bc", 2);
	assert_content("abc", 3);
}

Test(buffer, expecting_a_size_makes_a_block_of_that_size) {
	buffer_init(&b, 0);
	buffer_expect(&b, 1000);
	buffer_append(&b, "abc", 3);
	cr_assert_eq(b.block->size, 1000);
	assert_content("abc", 3);
	cr_assert(buffer_reserve(&b, 2000));
	cr_assert_eq(b.size, 2003);
}

Test(buffer, consuming_keeps_the_rest) {
	buffer_init(&b, 0);
	buffer_append(&b, "abcdef", 6);
	buffer_consume(&b, 2);
	assert_content("cdef", 4);
	buffer_consume(&b, 0);
	assert_content("cdef", 4);
	buffer_consume(&b, 100);
	cr_assert_eq(b.size, 0);
	buffer_append(&b, "x", 1);
	assert_content("x", 1);
}

Test(buffer, taking_hands_the_block_over) {
	buffer_init(&b, 0);
	buffer_append(&b, "abc", 3);
	struct bytes *taken = buffer_take(&b);
	cr_assert(taken);
	cr_assert_eq(taken->size, 3);
	buffer_append(&b, "xyz", 3);
	cr_assert_eq(memcmp(taken->data, "abc", 3), 0);
	assert_content("xyz", 3);
	bytes_unref(&taken);
}

Test(buffer, taking_from_an_empty_one_gives_an_empty_block) {
	buffer_init(&b, 0);
	cr_assert_null(buffer_slice(&b).data);
	struct bytes *taken = buffer_take(&b);
	cr_assert(taken);
	cr_assert_eq(taken->size, 0);
	bytes_unref(&taken);
}
