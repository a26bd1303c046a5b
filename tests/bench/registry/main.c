/*
 * registry: many nodes' registries in one process, on one loop: what a cluster asks of Redis, without its media.
 *
 *     registry --redis HOST:PORT --nodes N --streams N --seconds N [--at-once]
 *
 * Half of the nodes are origins. Ten of them, or all, share the streams out among them and tell each stream's mark
 * every two seconds, as with package.segment at its default; the rest are edges. Each is a real `struct registry` of
 * one worker with a configuration of its own. Prints "ready" when every stream is claimed and every node knows all
 * others, a JSON object when the seconds are over, and goes on until its input ends.
 */
#include "tests/bench/registry/fleet.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/loop/limits.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { READY_WITHIN_S = 600 };

static int usage(void) {
	fprintf(stderr, "usage: registry --redis HOST:PORT --nodes N --streams N --seconds N [--at-once]\n");
	return 2;
}

static bool parse(int argc, char **argv, struct fleet_options *o, int *seconds) {
	static const struct option options[] = {
	    {"redis", required_argument, NULL, 'r'},   {"nodes", required_argument, NULL, 'n'},
	    {"streams", required_argument, NULL, 's'}, {"seconds", required_argument, NULL, 't'},
	    {"at-once", no_argument, NULL, 'a'},       {0}};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'r')
			o->redis = optarg;
		else if (c == 'n')
			o->nodes = strtoul(optarg, NULL, 10);
		else if (c == 's')
			o->streams = strtoul(optarg, NULL, 10);
		else if (c == 'a')
			o->at_once = true;
		else if (c == 't')
			*seconds = (int)strtol(optarg, NULL, 10);
		else
			return false;
	}
	return o->redis && o->nodes >= 2 && o->streams && *seconds > 0;
}

/* True when the input ended within that time. */
static bool input_ended(int ms) {
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char text[64];
	return poll(&input, 1, ms) > 0 && read(STDIN_FILENO, text, sizeof text) <= 0;
}

static bool wait_ready(struct fleet *f) {
	for (int i = 0; i < READY_WITHIN_S * 10; i++) {
		if (fleet_ready(f))
			return true;
		if (input_ended(100))
			return false;
	}
	fprintf(stderr, "registry: not ready within %d s: %zu streams are claimed, %zu nodes know all\n", READY_WITHIN_S,
	        atomic_load(&f->claimed), atomic_load(&f->complete));
	return false;
}

static int run(const struct fleet_options *o, int seconds) {
	struct fleet f;
	int status = 1;
	limits_raise_files();
	if (fleet_start(&f, o)) {
		fprintf(stderr, "registry: cannot start\n");
		return 1;
	}
	if (wait_ready(&f)) {
		int64_t before = metric_value(M_REGISTRY_COMMANDS);
		printf("ready\n");
		fflush(stdout);
		if (!input_ended(seconds * 1000)) {
			printf("{\"commands\": %lld}\n", (long long)(metric_value(M_REGISTRY_COMMANDS) - before));
			fflush(stdout);
			while (!input_ended(1000))
				;
			status = 0;
		}
	}
	return fleet_stop(&f) ? 1 : status;
}

int main(int argc, char **argv) {
	struct fleet_options o = {0};
	int seconds = 0;
	if (!parse(argc, argv, &o, &seconds))
		return usage();
	clock_init();
	logger_configure(LOG_WARN, LOG_FORMAT_TEXT, "bench", "registry");
	return run(&o, seconds);
}
