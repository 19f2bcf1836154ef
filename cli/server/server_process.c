/* SPDX-License-Identifier: Apache-2.0
 *
 * server_process.c
 *	  What a server knows about one of its processes.
 *
 * If a process began its present statement later, the operation in question has
 * ended, and its end was lost. Servers of other hosts are not asked, since
 * nothing says whether their host is the one that an operation names.
 */
#include "server/server_process.h"

#include <stdio.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/*
 * Asks whether the process still executes a statement that it began before a
 * given time. The operation that we know began when its statement arrived, and
 * query_start is set at about the same time.
 */
static const char question[] =
	"SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = $1 "
	"AND state = 'active' AND query_start <= "
	"pg_catalog.to_timestamp($2::float8) + interval '10 ms'";

static bool
is_this_host(osp_str host)
{
	char name[256];

	if (gethostname(name, sizeof(name)) != 0)
		return false;
	name[sizeof(name) - 1] = '\0';
	return osp_str_eq(host, osp_str_of(name));
}

osp_process_state
cli_server_process_state(cli_server *server, osp_str host, int64_t pid,
						 int64_t since_ns)
{
	char texts[2][40];
	const char *const params[] = {texts[0], texts[1]};
	cli_answer *answer = NULL;
	bool works;

	if (!cli_server_is_local(server) || !is_this_host(host) || since_ns < 0)
		return OSP_PROCESS_UNKNOWN;
	(void) snprintf(texts[0], sizeof(texts[0]), "%lld", (long long) pid);
	(void) snprintf(texts[1],
					sizeof(texts[1]),
					"%lld.%09lld",
					(long long) (since_ns / NS_PER_S),
					(long long) (since_ns % NS_PER_S));
	if (cli_server_ask(server, question, 2, params, &answer, NULL) != OSP_OK)
		return OSP_PROCESS_UNKNOWN;
	works = cli_answer_rows(answer) == 1;
	cli_answer_free(answer);
	return works ? OSP_PROCESS_WORKS : OSP_PROCESS_UNKNOWN;
}
