#include "common/base/options.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const struct {
	const char *text;
	enum options_action action;
} actions[] = {{"--check", OPTIONS_CHECK},
               {"--help", OPTIONS_HELP},
               {"-h", OPTIONS_HELP},
               {"--version", OPTIONS_VERSION},
               {"--print-config-docs", OPTIONS_CONFIG_DOCS}};

/* The value of "--name VALUE" or "--name=VALUE"; NULL if the argument is another or has no value. */
static const char *value_of(int argc, char **argv, int *i, const char *name) {
	size_t n = strlen(name);
	if (strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	return argv[*i][n] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

static bool take_action(struct options *o, const char *text) {
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(text, actions[i].text) == 0) {
			o->action = actions[i].action;
			return true;
		}
	return false;
}

int options_parse(struct options *out, int argc, char **argv, struct buffer *why) {
	struct options o = {.overrides = calloc((size_t)argc + 1, sizeof *o.overrides)};
	size_t count = 0;
	if (!o.overrides)
		return UV_ENOMEM;
	for (int i = 1; i < argc; i++) {
		const char *text = argv[i], *value;
		if (take_action(&o, text))
			continue;
		if ((value = value_of(argc, argv, &i, "--config"))) {
			o.file = value;
		} else if ((value = value_of(argc, argv, &i, "--set"))) {
			o.overrides[count++] = (char *)value;
		} else {
			buffer_printf(why, "%.100s: %s; --help tells the options\n", text,
			              strcmp(text, "--config") == 0 || strcmp(text, "--set") == 0 ? "needs a value"
			                                                                          : "unknown option");
			options_fini(&o);
			return UV_EINVAL;
		}
	}
	*out = o;
	return 0;
}

void options_fini(struct options *o) {
	free(o->overrides);
	o->overrides = NULL;
}

void options_print_help(const char *program, enum config_role role, struct buffer *out) {
	buffer_printf(
	    out,
	    "usage: %s [options]\n\n"
	    "  --config FILE            read this YAML file\n"
	    "  --set SECTION.KEY=VALUE  set one key; stronger than the file and the environment; may be repeated\n"
	    "  --check                  read the configuration, say what is wrong, and exit\n"
	    "  --print-config-docs      print the keys of all roles as Markdown\n"
	    "  --version                print the version\n"
	    "  --help                   print this\n\n"
	    "Keys; in the environment SECTION.KEY is WEIR_SECTION__KEY:\n\n",
	    program);
	config_print_help(role, out);
}
