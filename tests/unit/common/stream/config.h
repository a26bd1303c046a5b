/*
 * config.h: a configuration for tests: the defaults, or with some keys set.
 */
#pragma once

#include "common/base/config.h"

#include <criterion/criterion.h>

/* `overrides`: "section.name=VALUE", NULL-terminated; or NULL. */
static inline struct config *test_config_with(char *const *overrides) {
	struct config *c = NULL;
	struct buffer why;
	buffer_init(&why, 0);
	cr_assert_eq(config_parse(&c, CONFIG_EDGE, &(struct config_sources){.overrides = overrides}, &why), 0);
	buffer_fini(&why);
	return c;
}

static inline struct config *test_config(void) {
	return test_config_with(NULL);
}

static inline void test_config_free(struct config *c) {
	config_free(&c);
}
