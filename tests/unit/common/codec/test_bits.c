#include "common/codec/bits.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>

Test(bits, reads_highest_first) {
	uint8_t data[] = {0xa5, 0x0f, 0xff, 0x12, 0x34, 0x56};
	struct bits b = bits_of((struct slice){data, sizeof data});
	cr_assert_eq(bits_left(&b), 48);
	cr_assert_eq(bits_one(&b), 1);
	cr_assert_eq(bits_read(&b, 3), 2);
	cr_assert_eq(bits_left(&b), 44);
	cr_assert_eq(bits_read(&b, 32), 0x50fff123);
	cr_assert_eq(bits_read(&b, 0), 0);
	cr_assert_eq(bits_read(&b, 12), 0x456);
	cr_assert_not(b.failed);
}

Test(bits, a_read_past_the_end_fails_and_stays_failed) {
	uint8_t data[] = {0xff};
	struct bits b = bits_of((struct slice){data, sizeof data});
	cr_assert_eq(bits_read(&b, 9), 0);
	cr_assert(b.failed);
	cr_assert_eq(bits_one(&b), 0);
	struct bits empty = bits_of((struct slice){NULL, 0});
	cr_assert_eq(bits_left(&empty), 0);
	cr_assert_eq(bits_ue(&empty), 0);
	cr_assert(empty.failed);
}

Test(bits, exp_golomb_codes_follow_the_table) {
	/* 1 010 011 00100 00101 00110 00111 0001000: 0 1 2 3 4 5 6 7 */
	struct sample s = sample_hex("a642 98e2 00");
	struct bits b = bits_of(sample_slice(&s));
	for (uint32_t want = 0; want < 7; want++)
		cr_assert_eq(bits_ue(&b), want);
	b = bits_of(sample_slice(&s));
	const int32_t want[] = {0, 1, -1, 2, -2, 3, -3};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		cr_assert_eq(bits_se(&b), want[i]);
	cr_assert_not(b.failed);
	sample_free(&s);
}

Test(bits, the_longest_exp_golomb_code_is_31_zeros) {
	struct sample most = sample_hex("00000001 fffffffe");
	struct bits b = bits_of(sample_slice(&most));
	cr_assert_eq(bits_ue(&b), UINT32_MAX - 1);
	cr_assert_not(b.failed);
	b = bits_of(sample_slice(&most));
	cr_assert_eq(bits_se(&b), -INT32_MAX);
	sample_free(&most);
	struct sample more = sample_hex("00000000 80000000 00000000 00");
	b = bits_of(sample_slice(&more));
	cr_assert_eq(bits_ue(&b), 0);
	cr_assert(b.failed);
	sample_free(&more);
}

Test(bits, emulation_prevention_is_dropped_only_in_nal_units) {
	struct sample s = sample_hex("000003 01 000003 00 01 0003 000003");
	struct bits b = bits_of_nal(sample_slice(&s));
	const uint8_t want[] = {0, 0, 1, 0, 0, 0, 1, 0, 3, 0, 0};
	for (size_t i = 0; i < sizeof want; i++)
		cr_assert_eq(bits_read(&b, 8), want[i], "byte %zu", i);
	cr_assert_not(b.failed);
	bits_one(&b);
	cr_assert(b.failed, "the last prevention byte is no data");
	b = bits_of(sample_slice(&s));
	cr_assert_eq(bits_read(&b, 24), 3);
	sample_free(&s);
}

Test(bits, alignment_drops_the_rest_of_a_byte) {
	uint8_t data[] = {0xff, 0x01, 0x02, 0x03};
	struct bits b = bits_of((struct slice){data, sizeof data});
	bits_align(&b);
	bits_one(&b);
	bits_align(&b);
	cr_assert_eq(bits_read(&b, 8), 1);
	bits_skip_bytes(&b, 1);
	cr_assert_eq(bits_read(&b, 8), 3);
	bits_skip_bytes(&b, 255);
	cr_assert(b.failed);
}
