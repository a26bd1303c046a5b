#include "tests/unit/common/registry/redis_server.h"

#include "tests/unit/common/loop/support.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int port;
static pid_t server;

static int free_port(void) {
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof any;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&any, size), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&any, &size), 0);
	close(fd);
	return ntohs(any.sin_port);
}

void pause_ms(int ms) {
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

redisContext *server_connect(void) {
	for (int i = 0; i < 1000; i++) {
		redisContext *c = redisConnect("127.0.0.1", port);
		redisReply *pong = c && !c->err ? redisCommand(c, "PING") : NULL;
		bool up = pong && pong->type == REDIS_REPLY_STATUS;
		if (pong)
			freeReplyObject(pong);
		if (up)
			return c;
		if (c)
			redisFree(c);
		pause_ms(5);
	}
	cr_assert_fail("redis-server does not start");
	return NULL;
}

void server_command(redisContext *c, const char *text) {
	redisReply *r = redisCommand(c, text);
	cr_assert(r && r->type != REDIS_REPLY_ERROR, "%s: %s", text, r ? r->str : c->errstr);
	freeReplyObject(r);
}

long long server_number(const char *command) {
	redisContext *c = server_connect();
	redisReply *r = redisCommand(c, command);
	cr_assert(r && r->type == REDIS_REPLY_INTEGER, "%s", command);
	long long number = r->integer;
	freeReplyObject(r);
	redisFree(c);
	return number;
}

long long server_calls(const char *command) {
	redisContext *c = server_connect();
	redisReply *r = redisCommand(c, "INFO commandstats");
	char line[64];
	cr_assert(r && r->str);
	snprintf(line, sizeof line, "cmdstat_%s:calls=", command);
	const char *at = strstr(r->str, line);
	long long calls = at ? strtoll(at + strlen(line), NULL, 10) : 0;
	freeReplyObject(r);
	redisFree(c);
	return calls;
}

void server_start(void) {
	char number[16];
	if (!port)
		port = free_port();
	snprintf(number, sizeof number, "%d", port);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		freopen("/dev/null", "w", stdout);
		execlp("redis-server", "redis-server", "--port", number, "--bind", "127.0.0.1", "--save", "", "--appendonly",
		       "no", (char *)NULL);
		_exit(127);
	}
	cr_assert_gt(server, 0);
	redisFree(server_connect());
}

void server_stop(void) {
	kill(server, SIGKILL);
	server_thaw();
	waitpid(server, NULL, 0);
}

void server_freeze(void) {
	kill(server, SIGSTOP);
}

void server_thaw(void) {
	kill(server, SIGCONT);
}

static void is_up(struct registry *r, void *context) {
	const char *why;
	bool ever;
	*(bool *)context = registry_up(r, &why, &ever);
}

void wait_until_up(int node, bool want) {
	bool up = !want;
	for (int i = 0; i < WAIT_MAX_MS && up != want; i++) {
		on_node(node, is_up, &up);
		if (up != want)
			pause_ms(1);
	}
	cr_assert_eq(up, want);
}

static void start_nodes(void) {
	char redis[64];
	snprintf(redis, sizeof redis, "registry.redis=127.0.0.1:%d", port);
	for (int i = 0; i < NODES; i++) {
		char listen[64], region[64];
		snprintf(listen, sizeof listen, "relay.listen=127.0.0.1:%d", 40001 + i);
		snprintf(region, sizeof region, "node.region=region%d", i);
		node_start(i, (const char *[NODE_OVERRIDES]){"registry.backend=redis", redis, listen, "registry.timeout=300ms",
		                                             region, "http.listen=0.0.0.0:40080"});
	}
}

void redis_nodes_open(void) {
	server_start();
	start_nodes();
	/* Each knows that the other is there: whose node is gone holds nothing. */
	for (int i = 0; i < NODES; i++) {
		wait_until_up(i, true);
		wait_for_count(&node_news(i)->listed, NODES);
	}
}

void redis_nodes_close(void) {
	for (int i = 0; i < NODES; i++)
		node_stop(i);
	server_stop();
}
