#include "common/base/random.h"

#include <criterion/criterion.h>
#include <string.h>

Test(random, every_byte_is_filled_and_no_other) {
	uint8_t seen[64] = {0}, data[66];
	for (int round = 0; round < 64; round++) { /* a byte is zero 64 times in a row once in 2^512 */
		memset(data, 0, sizeof data);
		random_bytes(data + 1, 64);
		cr_assert_eq(data[0], 0);
		cr_assert_eq(data[65], 0);
		for (int i = 0; i < 64; i++)
			seen[i] |= data[i + 1];
	}
	for (int i = 0; i < 64; i++)
		cr_assert_neq(seen[i], 0);
}

Test(random, fills_more_than_the_system_gives_at_once) {
	static uint8_t data[100000];
	random_bytes(data, sizeof data);
	uint8_t tail = 0;
	for (size_t i = sizeof data - 64; i < sizeof data; i++)
		tail |= data[i];
	cr_assert_neq(tail, 0);
}

Test(random, stays_below_its_bound_and_reaches_all_of_it) {
	unsigned seen = 0;
	for (int i = 0; i < 2000; i++) {
		uint64_t v = random_below(5);
		cr_assert_lt(v, 5);
		seen |= 1u << v;
	}
	cr_assert_eq(seen, 31);
	cr_assert_eq(random_below(1), 0);
	cr_assert_eq(random_below(0), 0);
}

Test(random, an_id_is_hex_and_unlike_another) {
	char id[RANDOM_ID_SIZE], other[RANDOM_ID_SIZE];
	random_id(id);
	random_id(other);
	cr_assert_eq(strlen(id), RANDOM_ID_SIZE - 1);
	cr_assert_eq(strspn(id, "0123456789abcdef"), RANDOM_ID_SIZE - 1);
	cr_assert_str_neq(id, other);
}
