/*
 * load.h: one run of the load client: what was asked, the viewers, and the measured window.
 */
#pragma once

#include "tests/bench/load/histogram.h"
#include "tests/bench/load/viewer.h"

#include <netinet/in.h>

struct options {
	struct sockaddr_in rtmp, flv;
	const char *rtmp_host, *flv_host;
	char app[64], name[128];
	int rtmp_viewers, flv_viewers, seconds, ramp, stall, settle_ms;
	int server; /* process whose CPU time is told; 0: none */
	bool each, events;
};

enum { WINDOW_SECONDS_MAX = 86400 };

/* One second of the window: the server's CPU time, and what all viewers got. */
struct second {
	uint64_t server_cpu_ns, bytes;
};

/* What the window cost. */
struct window {
	struct second seconds[WINDOW_SECONDS_MAX];
	uint64_t began_ns, ended_ns;
	uint64_t server_cpu_ns, own_cpu_ns;
};

struct load {
	struct options options;
	struct viewer *viewers;
	int total, poller;
	bool measuring;
	struct window window;
	struct histogram latency;
};

/* False when the command line is not usable. */
bool options_parse(struct options *o, int argc, char **argv);

/* Prints a line for each protocol that has viewers. True when all of them (but the stalled) had everything. */
bool report_print(const struct load *l);
