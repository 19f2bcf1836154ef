/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_fixture.c
 *	  The server that the tests of the redis driver share.
 */
#include "redis_tests.h"

#include <stdio.h>

#include "tempdir.h"

const osp_str redis_trace = {"trace", 5};
script_server redis_test_server;
char redis_test_dir[128];
char redis_test_uri[256];

/* If this is false, the next test uses the server of the test before. */
static bool fresh_needed = true;

void
redis_test_start(const char *options)
{
	script_server_start(
		&redis_test_server, REDIS_SERVER, redis_test_dir, options);
	(void) snprintf(redis_test_uri,
					sizeof(redis_test_uri),
					"redis://127.0.0.1:%d/0",
					redis_test_server.port);
}

void
redis_test_again(void)
{
	redis_test_start("");
}

void
redis_test_spoil(void)
{
	fresh_needed = true;
}

void
redis_test_restart(const char *options)
{
	script_server_stop(&redis_test_server);
	redis_test_start(options);
	redis_test_spoil();
}

void
redis_test_finish(void)
{
	script_server_stop(&redis_test_server);
	if (redis_test_dir[0] != '\0')
		tempdir_remove();
	redis_test_dir[0] = '\0';
}

redisReply *
redis_test_command(const char *format, ...)
{
	redisContext *ctx = redisConnect("127.0.0.1", redis_test_server.port);
	redisReply *reply;
	va_list args;

	assert_non_null(ctx);
	assert_int_equal(ctx->err, 0);
	va_start(args, format);
	reply = redisvCommand(ctx, format, args);
	va_end(args);
	assert_non_null(reply);
	redisFree(ctx);
	return reply;
}

void
redis_test_command_ok(const char *text)
{
	redisReply *reply = redis_test_command(text);

	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", text, reply->str);
	freeReplyObject(reply);
}

void
redis_test_reset(void)
{
	if (fresh_needed)
	{
		redis_test_finish();
		(void) snprintf(
			redis_test_dir, sizeof(redis_test_dir), "%s", tempdir_make());
		redis_test_start("");
		fresh_needed = false;
	}
	redis_test_command_ok("FLUSHALL");
}

const char *
redis_test_connection_string(void)
{
	return redis_test_uri;
}

const char *
redis_test_uri_of(const char *login, const char *rest)
{
	static char text[256];

	(void) snprintf(text,
					sizeof(text),
					"redis://%s127.0.0.1:%d%s",
					login,
					redis_test_server.port,
					rest);
	return text;
}
