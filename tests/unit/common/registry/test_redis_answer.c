#include "common/registry/redis_answer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What the reader makes of one whole text. */
static int read_text(const char *text, void **reply) {
	struct redis_answer_limit limit;
	redisReader *r = redis_answer_reader(&limit);
	cr_assert(r);
	redisReaderFeed(r, text, strlen(text));
	int status = redisReaderGetReply(r, reply);
	redisReaderFree(r);
	return status;
}

Test(redis_answer, the_reader_reads_as_hiredis_does) {
	void *reply = NULL;
	cr_assert_eq(read_text("*2\r\n$3\r\nabc\r\n*1\r\n:7\r\n", &reply), REDIS_OK);
	cr_assert(reply);
	const redisReply *a = reply;
	cr_assert_eq(a->elements, 2);
	cr_assert_str_eq(a->element[0]->str, "abc");
	cr_assert_eq(a->element[1]->element[0]->integer, 7);
	freeReplyObject(reply);
}

Test(redis_answer, an_array_that_states_too_many_answers_is_refused) {
	char text[64];
	void *reply = NULL;
	snprintf(text, sizeof text, "*%d\r\n", REDIS_ANSWERS_MAX);
	cr_assert_eq(read_text(text, &reply), REDIS_OK);
	cr_assert_null(reply, "it may still come");
	snprintf(text, sizeof text, "*%d\r\n", REDIS_ANSWERS_MAX + 1);
	cr_assert_eq(read_text(text, &reply), REDIS_ERR);
	cr_assert_eq(read_text("*1\r\n*999999993\r\n", &reply), REDIS_ERR);
	cr_assert_null(reply);
}
