/*
 * config.h: a configuration for tests: the defaults.
 */
#pragma once

#include "common/base/config.h"

#include <criterion/criterion.h>

static inline struct config *test_config(void) {
	struct config *c = NULL;
	struct buffer why;
	buffer_init(&why, 0);
	cr_assert_eq(config_parse(&c, CONFIG_EDGE, &(struct config_sources){0}, &why), 0);
	buffer_fini(&why);
	return c;
}

static inline void test_config_free(struct config *c) {
	config_free(&c);
}
