/*
 * Buffers and the configuration under failing allocation. Both are compiled into this file with an allocator that fails
 * on demand; the linker then takes them from here for the whole program, where nothing demands it.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "tests/unit/common/failing.h"

#include "common/base/bytes.c"
#include "common/base/config.c"
#include "common/base/config_value.c"

Test(buffer, a_failed_allocation_sticks_and_keeps_the_content) {
	struct buffer b;
	buffer_init(&b, 0);
	allocations = 0;
	failing = 2;
	buffer_append(&b, "abc", 3);
	cr_assert_eq(buffer_error(&b), 0);
	cr_assert_null(buffer_reserve(&b, 10000));
	cr_assert_eq(buffer_error(&b), UV_ENOMEM);
	cr_assert_eq(b.size, 3);
	cr_assert_eq(memcmp(b.block->data, "abc", 3), 0);
	cr_assert_null(buffer_take(&b));
	failing = 0;
	buffer_fini(&b);
}

Test(config, a_failed_allocation_is_an_error_wherever_it_strikes) {
	static const char yaml[] = "registry:\n  origins: ['127.0.0.1:1', '127.0.0.2:2']\n"
	                           "apps:\n  live: {stream: {grace: 1s}}\n  event: {stream: {grace: 2s}}\n";
	const char *environment[] = {"WEIR_NODE__ID=a", NULL}, *overrides[] = {"node.zone=b", NULL};
	struct config_sources from = {.yaml = {(const uint8_t *)yaml, sizeof yaml - 1},
	                              .environment = (char *const *)environment,
	                              .overrides = (char *const *)overrides};
	struct config *c = NULL;
	struct buffer why;
	buffer_init(&why, 0);
	for (failing = 1;; failing++) {
		allocations = 0;
		int err = config_parse(&c, CONFIG_EDGE, &from, &why);
		if (!err)
			break;
		cr_assert_eq(err, UV_ENOMEM, "allocation %u", failing);
		cr_assert_null(c);
		cr_assert_eq(why.size, 0);
	}
	cr_assert_gt(failing, 15, "the sample takes more allocations");
	failing = 0;
	cr_assert_str_eq(config_node(c)->node_zone, "b");
	config_free(&c);
	buffer_fini(&why);
}
