/* What Redis, or whoever answers in its place, may send: hiredis's reader, then every reading of an answer. */
#include "common/registry/redis_answer.h"

#include <assert.h>
#include <string.h>

enum { NODES_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const redisReply *reply) {
	struct redis_claim_answer claim;
	struct redis_progress_answer progress;
	struct registry_location location;
	struct registry_node nodes[NODES_MAX];
	if (redis_answer_claim(&claim, reply) == 0)
		assert(claim.granted ? claim.epoch != 0 : claim.refusal != NULL);
	if (redis_answer_progress(&progress, reply) == 0)
		assert(progress.holder);
	if (redis_answer_location(&location, reply) == 0 && location.found)
		assert(location.address && location.epoch);
	char master[REDIS_PLACE_SIZE];
	if (redis_answer_master(master, reply) == 0)
		assert(strchr(master, ':'));
	int count = redis_answer_nodes(nodes, NODES_MAX, reply);
	assert(count <= NODES_MAX);
	for (int i = 0; i < count; i++)
		assert(*nodes[i].id && *nodes[i].role && nodes[i].address && nodes[i].http_address && nodes[i].version);
	assert(redis_answer_trouble(reply));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct redis_hint hint;
	if (redis_hint_read(&hint, (struct slice){data, size}) == 0)
		assert(*hint.origin && (hint.kind == REDIS_HINT_NODE || *hint.name.text));
	char master[REDIS_PLACE_SIZE];
	if (redis_switch_read(master, (struct slice){data, size}, "mymaster") == 0)
		assert(strchr(master, ':'));
	struct redis_answer_limit limit;
	redisReader *reader = redis_answer_reader(&limit);
	void *reply = NULL;
	if (!reader)
		return 0;
	if (redisReaderFeed(reader, (const char *)data, size) == REDIS_OK)
		while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
			check(reply);
			freeReplyObject(reply);
		}
	redisReaderFree(reader);
	return 0;
}
