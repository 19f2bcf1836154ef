/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_group.c
 *	  Several Redis servers, and commands to them without the driver.
 */
#include "redis_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tempdir.h"

const osp_str group_trace = {"trace", 5};
char group_dir[128];

static script_server group;

int
group_start(const char *kind, const char *options)
{
	char text[512];

	(void) snprintf(group_dir, sizeof(group_dir), "%s", tempdir_make());
	(void) snprintf(text, sizeof(text), "%s %s", kind, options);
	script_server_start(&group, REDIS_GROUP, group_dir, text);
	return group.port;
}

void
group_finish(void)
{
	if (group_dir[0] == '\0')
		return;
	script_server_stop(&group);
	tempdir_remove();
	group_dir[0] = '\0';
}

static void
run_script(const char *how, const char *name, const char *options)
{
	char line[1024];

	(void) snprintf(line,
					sizeof(line),
					"! test -d '%s/crt' || export REDIS_TLS='%s/crt'; "
					"bash '" OSP_TEST_DIR "/redis_server.sh' %s '%s/%s' %s "
					">/dev/null",
					group_dir,
					group_dir,
					how,
					group_dir,
					name,
					options);
	assert_int_equal(system(line), 0);
}

void
group_kill(const char *name)
{
	run_script("kill", name, "");
}

void
group_restart(const char *name, const char *options)
{
	run_script("stop", name, "");
	run_script("start", name, options);
}

int
group_port(const char *name)
{
	char path[256];
	char line[16] = "";
	FILE *file;

	(void) snprintf(path, sizeof(path), "%s/%s/port", group_dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void) fclose(file);
	return (int) strtol(line, NULL, 10);
}

static redisReply *
command(const char *name, const char *format, va_list args)
{
	char path[256];
	redisContext *ctx;
	redisReply *reply;

	(void) snprintf(path, sizeof(path), "%s/%s/sock", group_dir, name);
	ctx = strcmp(name, "s") == 0 ? redisConnect("127.0.0.1", group_port("s"))
								 : redisConnectUnix(path);
	assert_non_null(ctx);
	assert_int_equal(ctx->err, 0);
	reply = redisvCommand(ctx, format, args);
	assert_non_null(reply);
	redisFree(ctx);
	return reply;
}

redisReply *
group_command(const char *name, const char *format, ...)
{
	redisReply *reply;
	va_list args;

	va_start(args, format);
	reply = command(name, format, args);
	va_end(args);
	return reply;
}

void
group_do(const char *name, const char *format, ...)
{
	redisReply *reply;
	va_list args;

	va_start(args, format);
	reply = command(name, format, args);
	va_end(args);
	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", format, reply->str);
	freeReplyObject(reply);
}

unsigned
group_store(osp_driver_conn *conn, const points *p)
{
	long end = contract_now_ms() + 20000;
	unsigned failures = 0;

	for (;;)
	{
		osp_error err = {OSP_OK, ""};
		size_t accepted;
		osp_status status =
			osp_driver_redis.notify(conn, p->items, p->count, &accepted, &err);

		if (status == OSP_OK)
			return failures;
		if (status != OSP_EUNAVAIL || contract_now_ms() > end)
			fail_msg("notify: %s", err.msg);
		failures++;
		(void) usleep(20000);
	}
}

/* Unlike collected_find(), this function allows duplicates. */
static bool
is_there(const collected *got, const char *text)
{
	size_t i = 0;

	while (i < got->count && strcmp(got->texts[i], text) != 0)
		i++;
	return i < got->count;
}

void
group_expect_all(osp_driver_conn *conn, osp_str base_id, const points *p)
{
	collected got;
	size_t i;

	collected_init(&got);
	assert_int_equal(
		osp_driver_redis.get_points(conn, base_id, collect_point, &got, NULL),
		OSP_OK);
	for (i = 0; i < p->count; i++)
		if (osp_str_eq(p->items[i].base_id, base_id))
			assert_true(is_there(&got, p->items[i].json.ptr));
	collected_term(&got);
}

void
group_store_fails(const char *uri, const char *says)
{
	osp_driver_conn *conn = contract_open_as(uri, false, TIMEOUT_MS);
	const char *message;
	points all;

	points_init(&all);
	points_fill(&all, group_trace, 0, 3);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	if (strstr(message, says) == NULL || strchr(message, '\n') != NULL)
		fail_msg("not \"%s\": %s", says, message);
	points_term(&all);
	contract_close(conn);
}
