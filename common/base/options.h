/*
 * options.h: a node's command line.
 */
#pragma once

#include "common/base/config.h"

enum options_action { OPTIONS_RUN, OPTIONS_CHECK, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_CONFIG_DOCS };

struct options {
	enum options_action action;
	const char *file; /* --config; NULL: none. Points into argv */
	char **overrides; /* --set, NULL-terminated; point into argv */
};

/* 0; UV_EINVAL with a line in `why`; UV_ENOMEM. Free with options_fini. */
int options_parse(struct options *out, int argc, char **argv, struct buffer *why);
void options_fini(struct options *o);

/* What --help prints. */
void options_print_help(const char *program, enum config_role role, struct buffer *out);
