#include "common/base/config_row.h"

#include <string.h>

void config_print_help(enum config_role role, struct buffer *out) {
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
		const struct config_row *row = &config_rows[i];
		char text[256];
		if (!(row->roles & (int)role))
			continue;
		config_row_default(row, role, text, sizeof text);
		buffer_printf(out, "  %s.%s (default: %s)\n      %s.\n      Takes ", row->section, row->name,
		              *text ? text : "\"\"", row->help);
		config_row_expects(row, out);
		buffer_append_string(out, ".\n");
	}
}

static void print_default(struct buffer *out, const struct config_row *row) {
	const char *bar = strchr(row->text, '|');
	if (!*row->text)
		buffer_append_string(out, "`\"\"`");
	else if (bar)
		buffer_printf(out, "origin `%.*s`, edge `%s`", (int)(bar - row->text), row->text, bar + 1);
	else
		buffer_printf(out, "`%s`", row->text);
}

static void print_row(struct buffer *out, const struct config_row *row) {
	static const char *const roles[] = {"", "origin", "edge", "both"};
	buffer_printf(out, "| `%s.%s` | ", row->section, row->name);
	print_default(out, row);
	buffer_append_string(out, " | ");
	config_row_expects(row, out);
	buffer_printf(out, " | %s | %s |\n", roles[row->roles], row->help);
}

static const char intro[] =
    "# Configuration\n\n"
    "A node reads a YAML file (`--config FILE`), then the environment, then `--set section.key=VALUE` on its command\n"
    "line; what comes later wins. Without any of them it runs with the defaults below. `--check` reads everything,\n"
    "says what is wrong, and exits. This page is generated from the program's own table (`--print-config-docs`).\n\n"
    "```yaml\n"
    "rtmp:\n"
    "  listen: 0.0.0.0:1935\n"
    "stream:\n"
    "  grace: 20s          # for every app\n"
    "apps:\n"
    "  event:              # rtmp://…/event/NAME\n"
    "    stream:\n"
    "      grace: 2m\n"
    "      log_duration: 3m\n"
    "```\n\n"
    "In the environment `section.key` is `WEIR_SECTION__KEY`, e.g. `WEIR_RTMP__LISTEN`; a variable with two "
    "underscores\n"
    "that names no key is refused, other `WEIR_…` variables are left alone. A key may be given once in the file.\n\n"
    "| value | how it is written |\n"
    "|---|---|\n"
    "| duration | a number and `ms`, `s`, `m` or `h`: `333ms`, `1.5s`; only `0` needs no unit |\n"
    "| size | a number and `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`: `64MiB` |\n"
    "| whole number | decimal digits |\n"
    "| yes or no | `true` or `false`, `yes` or `no`, `on` or `off` |\n"
    "| address | `HOST:PORT`, `[IPv6]:PORT` or `unix:PATH` |\n"
    "| list | a YAML sequence or one value; in the environment and on the command line parted by commas |\n"
    "| nothing | `\"\"`, where the key allows it; a key without a value is refused |\n";

void config_print_markdown(struct buffer *out) {
	static const char head[] = "\n| key | default | takes | role | meaning |\n|---|---|---|---|---|\n";
	buffer_append_string(out, intro);
	buffer_append_string(out, "\n## Keys of the node\n");
	buffer_append_string(out, head);
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++)
		if (!config_rows[i].app)
			print_row(out, &config_rows[i]);
	buffer_append_string(out, "\n## Keys of an app\n\nAt the top level (or under `defaults:`) they hold for all apps, "
	                          "under `apps: NAME:` for one.\n");
	buffer_append_string(out, head);
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++)
		if (config_rows[i].app)
			print_row(out, &config_rows[i]);
}
