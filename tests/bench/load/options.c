#include "tests/bench/load/load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static bool parse_address(const char *text, struct sockaddr_in *out) {
	char host[64];
	unsigned port;
	if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 || port > 65535)
		return false;
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static bool take(struct options *o, int option, const char *value) {
	switch (option) {
	case 'r':
		o->rtmp_host = value;
		return parse_address(value, &o->rtmp);
	case 'f':
		o->flv_host = value;
		return parse_address(value, &o->flv);
	case 's':
		return sscanf(value, "%63[^/]/%127s", o->app, o->name) == 2;
	case 'R':
		o->rtmp_viewers = atoi(value);
		return true;
	case 'F':
		o->flv_viewers = atoi(value);
		return true;
	case 't':
		o->seconds = atoi(value);
		return true;
	case 'a':
		o->ramp = atoi(value);
		return true;
	case 'S':
		o->stall = atoi(value);
		return true;
	case 'p':
		o->server = atoi(value);
		return true;
	case 'w':
		o->settle_ms = atoi(value);
		return true;
	case 'e':
		o->each = true;
		return true;
	case 'E':
		o->events = true;
		return true;
	default:
		return false;
	}
}

bool options_parse(struct options *o, int argc, char **argv) {
	static const struct option names[] = {{"rtmp", 1, NULL, 'r'},
	                                      {"flv", 1, NULL, 'f'},
	                                      {"stream", 1, NULL, 's'},
	                                      {"rtmp-viewers", 1, NULL, 'R'},
	                                      {"flv-viewers", 1, NULL, 'F'},
	                                      {"seconds", 1, NULL, 't'},
	                                      {"ramp", 1, NULL, 'a'},
	                                      {"stall", 1, NULL, 'S'},
	                                      {"server", 1, NULL, 'p'},
	                                      {"settle", 1, NULL, 'w'},
	                                      {"each", 0, NULL, 'e'},
	                                      {"events", 0, NULL, 'E'},
	                                      {NULL, 0, NULL, 0}};
	*o = (struct options){.seconds = 10, .ramp = 500, .settle_ms = 2000};
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		if (!take(o, c, optarg))
			return false;
	return o->name[0] && o->ramp > 0 && o->seconds > 0 && o->seconds <= WINDOW_SECONDS_MAX &&
	       o->rtmp_viewers + o->flv_viewers > 0 && (!o->rtmp_viewers || o->rtmp_host) &&
	       (!o->flv_viewers || o->flv_host);
}
