#include "common/registry/redis_answer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

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

/* The text of an error. */
static redisReply error_of(char *text) {
	return (redisReply){.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
}

Test(redis_answer, an_errors_code_is_found_where_a_script_met_it_too) {
	char plain[] = "READONLY You can't write against a read only replica.", bare[] = "NOAUTH", longer[] = "OOMPH no",
	     seven[] = "NOREPLICAS Not enough good replicas to write. script: 4fe0, on @user_script:3.",
	     six[] =
	         "ERR Error running script (call to f_4fe0): @user_script:3: @user_script: 3: -READONLY You can't write "
	         "against a read only replica.",
	     other[] = "ERR wrong -OOM number", text[] = "OOM";
	cr_assert(redis_answer_has_code(&(redisReply[]){error_of(plain)}[0], "READONLY"));
	cr_assert(redis_answer_has_code(&(redisReply[]){error_of(bare)}[0], "NOAUTH"));
	cr_assert(redis_answer_has_code(&(redisReply[]){error_of(seven)}[0], "NOREPLICAS"));
	cr_assert(redis_answer_has_code(&(redisReply[]){error_of(six)}[0], "READONLY"));
	cr_assert_not(redis_answer_has_code(&(redisReply[]){error_of(six)}[0], "OOM"));
	cr_assert_not(redis_answer_has_code(&(redisReply[]){error_of(longer)}[0], "OOM"));
	cr_assert_not(redis_answer_has_code(&(redisReply[]){error_of(other)}[0], "OOM"));
	cr_assert_not(redis_answer_has_code(&(redisReply){.type = REDIS_REPLY_STRING, .str = text, .len = 3}, "OOM"));
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

/* --- Sentinels --- */

static int master_of(char out[REDIS_PLACE_SIZE], const char *text) {
	void *reply = NULL;
	cr_assert_eq(read_text(text, &reply), REDIS_OK);
	cr_assert(reply);
	int err = redis_answer_master(out, reply);
	freeReplyObject(reply);
	return err;
}

Test(redis_answer, a_masters_address_is_read) {
	char out[REDIS_PLACE_SIZE];
	cr_assert_eq(master_of(out, "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n"), 0);
	cr_assert_str_eq(out, "127.0.0.1:6379");
	cr_assert_eq(master_of(out, "*2\r\n$3\r\n::1\r\n$4\r\n6379\r\n"), 0);
	cr_assert_str_eq(out, "[::1]:6379");
	cr_assert_eq(master_of(out, "*-1\r\n"), UV_ENOENT);
	cr_assert_eq(master_of(out, "*1\r\n$3\r\n::1\r\n"), UV_EPROTO);
	cr_assert_eq(master_of(out, "*2\r\n$3\r\n::1\r\n$5\r\n99999\r\n"), UV_EPROTO);
	cr_assert_eq(master_of(out, "*2\r\n$0\r\n\r\n$4\r\n6379\r\n"), UV_EPROTO);
	cr_assert_eq(master_of(out, "-ERR no\r\n"), UV_EPROTO);
}

static int switch_to(char out[REDIS_PLACE_SIZE], const char *payload) {
	return redis_switch_read(out, (struct slice){(const uint8_t *)payload, strlen(payload)}, "mymaster");
}

Test(redis_answer, a_switch_of_masters_is_read) {
	char out[REDIS_PLACE_SIZE];
	cr_assert_eq(switch_to(out, "mymaster 10.0.0.1 6379 10.0.0.2 6380"), 0);
	cr_assert_str_eq(out, "10.0.0.2:6380");
	cr_assert_eq(switch_to(out, "other 10.0.0.1 6379 10.0.0.2 6380"), UV_ENOENT);
	cr_assert_eq(switch_to(out, "mymaster 10.0.0.1 6379 10.0.0.2"), UV_EPROTO);
	cr_assert_eq(switch_to(out, "mymaster 10.0.0.1 6379 10.0.0.2 x"), UV_EPROTO);
	cr_assert_eq(switch_to(out, ""), UV_EPROTO);
}
