/*
 * What waits for the kernel, under failing allocation. The queue is compiled into this file with an allocator that
 * fails on demand; the linker then takes it from here for the whole program, where nothing demands it.
 */
#include "common/loop/conn_parts.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <uv.h>

#include "tests/unit/common/failing.h"

#include "common/loop/conn_queue.c"

enum { SIZE = 100 };

static struct conn c;
static struct bytes *block;

static void memory_is_out(bool out) {
	failing = out ? allocations + 1 : 0;
	all_behind_fails = true;
}

static void open_queue(void) {
	memory_is_out(false);
	block = bytes_new(SIZE);
	conn_pending_init(&c);
}

static void close_queue(void) {
	conn_pending_clear(&c);
	cr_expect_eq(atomic_load(&block->counted.refs), 1, "every reference is given back");
	bytes_unref(&block);
}

static int append(void) {
	struct conn_slice s = {block->data, SIZE, bytes_ref(block)};
	int err = conn_pending_append(&c, &s);
	if (err)
		bytes_unref(&s.owner);
	return err;
}

TestSuite(conn_queue, .init = open_queue, .fini = close_queue);

/* A viewer whose socket is full has one run of bytes waiting, and shall cost no more than one that plays. */
Test(conn_queue, one_run_takes_no_memory_however_often) {
	unsigned before = allocations;
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(append(), 0);
		conn_pending_consume(&c, SIZE - 1);
		cr_assert_eq(c.pending.bytes, 1);
		conn_pending_consume(&c, 1);
		cr_assert_eq(c.pending.count, 0);
	}
	cr_assert_eq(allocations, before);
}

Test(conn_queue, several_runs_do_and_give_it_back) {
	unsigned before = allocations;
	for (int i = 0; i < 10; i++)
		cr_assert_eq(append(), 0);
	cr_assert_gt(allocations, before);
	conn_pending_consume(&c, 9 * SIZE + 1);
	cr_assert_eq(c.pending.count, 1);
	conn_pending_consume(&c, SIZE - 1);
	memory_is_out(true);
	cr_assert_eq(append(), 0);
	cr_assert_eq(append(), UV_ENOMEM, "one run is what it holds without memory again");
}

Test(conn_queue, out_of_memory_it_keeps_what_it_has) {
	cr_assert_eq(append(), 0);
	memory_is_out(true);
	cr_assert_eq(append(), UV_ENOMEM);
	cr_assert_eq(c.pending.bytes, SIZE);
	memory_is_out(false);
	cr_assert_eq(append(), 0);
	conn_pending_consume(&c, SIZE + 1);
	cr_assert_eq(c.pending.items[c.pending.first].data, block->data + 1);
}

Test(conn_queue, room_at_the_front_is_used_before_more_is_taken) {
	for (int i = 0; i < 4; i++)
		cr_assert_eq(append(), 0);
	unsigned before = allocations;
	for (int i = 0; i < 100; i++) {
		conn_pending_consume(&c, SIZE);
		cr_assert_eq(append(), 0);
	}
	cr_assert_eq(allocations, before);
	cr_assert_eq(c.pending.bytes, 4 * SIZE);
}
