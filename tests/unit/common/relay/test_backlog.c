/* Blocks of several owners in one order, under failing allocation too. */
#include "common/relay/backlog.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <uv.h>

#include "tests/unit/common/failing.h"

#include "common/relay/backlog.c"

enum { MANY = 1000 };

static struct backlog b;
static struct bytes *block;

static void init(void) {
	failing = 0;
	all_behind_fails = true;
	block = bytes_new(1);
}

static void fini(void) {
	failing = 0;
	backlog_fini(&b);
	cr_expect_eq(atomic_load(&block->counted.refs), 1, "every reference is given back");
	bytes_unref(&block);
}

static uint64_t take(void) {
	struct backlog_item item;
	if (!backlog_take(&b, &item))
		return 0;
	bytes_unref(&item.block);
	return item.owner;
}

TestSuite(relay_backlog, .init = init, .fini = fini);

Test(relay_backlog, gives_back_in_order_while_it_grows) {
	uint64_t added = 0, taken = 0;
	for (int round = 0; round < MANY; round++) {
		for (int i = 0; i < 3; i++)
			cr_assert_eq(backlog_add(&b, ++added, block), 0);
		for (int i = 0; i < 2; i++)
			cr_assert_eq(take(), ++taken);
	}
	while (taken < added)
		cr_assert_eq(take(), ++taken);
	cr_assert_eq(take(), 0);
}

Test(relay_backlog, drops_one_owner_and_keeps_the_order_of_the_others) {
	for (uint64_t i = 0; i < 9; i++)
		cr_assert_eq(backlog_add(&b, 1 + i % 3, block), 0);
	cr_assert_eq(take(), 1);
	backlog_drop(&b, 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(take(), 3);
		cr_assert_eq(take(), 1);
	}
	cr_assert_eq(take(), 3);
	cr_assert_eq(take(), 0);
}

Test(relay_backlog, out_of_memory_it_keeps_what_it_has) {
	cr_assert_eq(backlog_add(&b, 1, block), 0);
	failing = allocations + 1;
	int err = 0;
	for (uint64_t i = 2; i < MANY && !err; i++)
		err = backlog_add(&b, i, block);
	cr_assert_eq(err, UV_ENOMEM);
	cr_assert_eq(take(), 1);
	cr_assert_eq(take(), 2);
}
