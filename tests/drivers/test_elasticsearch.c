/* SPDX-License-Identifier: Apache-2.0
 *
 * test_elasticsearch.c
 *	  The elasticsearch driver: the suite for all drivers, documents, versions, indexes
 *	  of other programs, and connection strings. It is one program with
 *	  elasticsearch_faults.c.
 */
#include "elasticsearch_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tempdir.h"

const osp_str elastic_trace = {"11111111-2222-4333-8444-555555555555", 36};
script_server elastic_test_server;
static char test_dir[128];

const char *
elastic_test_dir(void)
{
	return test_dir;
}

void
elastic_test_start(const char *version)
{
	char options[64];

	(void) snprintf(options, sizeof(options), "elastic_standin.py %s", version);
	script_server_start(
		&elastic_test_server, STANDIN_SERVER, test_dir, options);
}

const char *
elastic_test_uri(const char *login, const char *rest)
{
	static char text[512];

	(void) snprintf(text,
					sizeof(text),
					"elasticsearch://%s127.0.0.1:%d%s",
					login,
					elastic_test_server.port,
					rest);
	return text;
}

static const char *
connection_string(void)
{
	static char text[512];

	(void) snprintf(text, sizeof(text), "%s", elastic_test_uri("", ""));
	return text;
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void) snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	(void) unlink(path);
	if (text == NULL)
		return;
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

void
elastic_test_faults(const char *json)
{
	write_file("faults.json", json);
}

size_t
elastic_test_journal(const char *text)
{
	char command[512];
	char line[32] = "";
	FILE *output;

	(void) snprintf(command,
					sizeof(command),
					"grep -cF -- '%s' '%s/journal'",
					text,
					test_dir);
	output = popen(command, "r");
	assert_non_null(output);
	(void) fgets(line, sizeof(line), output);
	(void) pclose(output);
	return strtoul(line, NULL, 10);
}

static void
start_again(void)
{
	elastic_test_start("7.17.6");
}

static void
reset(void)
{
	if (test_dir[0] == '\0')
		(void) snprintf(test_dir, sizeof(test_dir), "%s", tempdir_make());
	script_server_kill(&elastic_test_server);
	write_file("faults.json", NULL);
	write_file("journal", NULL);
	write_file("cert.pem", NULL);
	start_again();
}

static void
finish(void)
{
	script_server_stop(&elastic_test_server);
	if (test_dir[0] != '\0')
		tempdir_remove();
	test_dir[0] = '\0';
}

/* The documents have the bytes of the notifications, and are in upstream's index. */
static void
test_documents(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 3);
	points_add_error(&all, elastic_trace, 3);
	contract_store(conn, &all);
	contract_store(conn, &all);
	assert_int_equal(elastic_test_journal(all.items[0].json.ptr), 1);
	assert_int_equal(
		elastic_test_journal("[\"osprofiler-notifications\", \"notification\""),
		4);
	assert_int_equal(
		elastic_test_journal(
			"[\"osprofiler-notifications-error\", \"notification\", \""),
		1);
	{
		osp_removal what = {sizeof(what), &elastic_trace, 1, 0};
		uint64_t removed;

		assert_int_equal(
			osp_driver_elasticsearch.remove_traces(conn, &what, &removed, NULL),
			OSP_OK);
		assert_int_equal(
			elastic_test_journal("[\"osprofiler-notifications-error\", null, "),
			1);
	}
	points_term(&all);
	contract_close(conn);

	conn = contract_open_as(
		elastic_test_uri("", "?index=other-1&doc_type=point"), false, 2000);
	points_init(&all);
	points_fill(&all, elastic_trace, 4, 2);
	contract_store(conn, &all);
	contract_expect(conn, elastic_trace, &all);
	assert_int_equal(elastic_test_journal("[\"other-1\", \"point\", \""), 2);
	points_term(&all);
	contract_close(conn);
}

/* A document of another program that is nested too deeply is left out; all others are
 * read. */
static void
test_deep_document(void **state)
{
	enum
	{
		DEPTH = 900
	};
	static const char opening[] = "{\"a\":";
	char info[DEPTH * sizeof(opening) + DEPTH + 2];
	osp_driver_conn *conn = contract_open();
	points all;
	points deep;
	size_t len = 0;
	size_t i;

	(void) state;
	for (i = 0; i < DEPTH; i++)
		len += (size_t) snprintf(info + len, sizeof(info) - len, "%s", opening);
	info[len++] = '1';
	memset(info + len, '}', DEPTH);
	info[len + DEPTH] = '\0';
	points_init(&all);
	points_init(&deep);
	points_fill(&all, elastic_trace, 0, 10);
	points_add_info(
		&deep, elastic_trace, 11, "db-start", info, OSP_STR("shop"));
	contract_store(conn, &all);
	contract_store(conn, &deep);
	assert_int_equal(elastic_test_journal(opening), 1);
	contract_expect(conn, elastic_trace, &all);
	points_term(&deep);
	points_term(&all);
	contract_close(conn);
}

/* Versions with and without mapping types, and several names of the product. */
static void
test_versions(void **state)
{
	static const char *const versions[] = {"5.6.16",
										   "6.8.23",
										   "7.0.0",
										   "8.11.1",
										   "9.0.0",
										   "opensearch-1.3.0",
										   "opensearch-2.11.0"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
	{
		osp_removal what = {sizeof(what), &elastic_trace, 1, 0};
		osp_driver_conn *conn;
		uint64_t removed;
		collected list;
		points all;

		reset();
		script_server_stop(&elastic_test_server);
		elastic_test_start(versions[i]);
		conn = contract_open();
		points_init(&all);
		points_fill(&all, elastic_trace, 0, 6001);
		contract_store(conn, &all);
		contract_expect(conn, elastic_trace, &all);
		contract_list(conn, false, &list);
		assert_int_equal(list.count, 1);
		collected_term(&list);
		assert_int_equal(
			osp_driver_elasticsearch.remove_traces(conn, &what, &removed, NULL),
			OSP_OK);
		assert_int_equal(removed, 1);
		contract_list(conn, false, &list);
		assert_int_equal(list.count, 0);
		collected_term(&list);
		points_term(&all);
		contract_close(conn);
	}
}

/* In an index whose field types the server has guessed, a search for an id also finds
 * another trace whose id shares a word. The driver does not return that trace. */
static void
test_guessed_fields(void **state)
{
	const osp_str near = OSP_STR("11111111-2222-4333-8444-666666666666");
	osp_removal what = {sizeof(what), &near, 1, 0};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	uint64_t removed;
	points all;
	points none;

	(void) state;
	points_init(&all);
	points_init(&none);
	points_fill(&all, elastic_trace, 0, 4);
	points_fill(&all, near, 10, 2);

	/* The user may not make an index, so the server makes it at the first write. */
	elastic_test_faults("{\"path\": \"osprofiler-notifications\", \"status\": "
						"403, \"times\": 1}");
	contract_store(conn, &all);
	contract_expect(conn, elastic_trace, &all);
	contract_expect(conn, near, &all);

	/* The user may not read the mapping either. */
	elastic_test_faults("{\"path\": \"_mapping\", \"status\": 403}");
	contract_expect(conn, elastic_trace, &all);
	assert_int_equal(
		osp_driver_elasticsearch.remove_traces(conn, &what, &removed, &err),
		OSP_EUNSUPPORTED);
	elastic_test_faults(NULL);
	assert_int_equal(
		osp_driver_elasticsearch.remove_traces(conn, &what, &removed, &err),
		OSP_OK);
	assert_int_equal(removed, 1);
	contract_expect(conn, near, &none);
	contract_expect(conn, elastic_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* If a page of documents is larger than the memory that the driver may use, smaller
 * pages are requested. A single document that is larger is not read. */
static void
test_memory(void **state)
{
	osp_driver_options options = contract_options(connection_string());
	const osp_trace_filter filter = {.struct_size = sizeof(filter)};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	char *large = malloc(400000);
	collected got;
	points all;
	unsigned i;

	(void) state;
	assert_non_null(large);
	memset(large, 'x', 400000);
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 600);
	for (i = 0; i < 20; i++)
		points_add(&all, elastic_trace, 600 + i, osp_str_n(large, 400000));
	contract_store(conn, &all);
	contract_close(conn);
	options.memory_max = 1024 * 1024;
	conn = contract_open_with(&options);
	contract_expect(conn, elastic_trace, &all);
	contract_close(conn);
	options.memory_max = 300 * 1024;
	conn = contract_open_with(&options);
	collected_init(&got);
	assert_int_equal(osp_driver_elasticsearch.get_points(
						 conn, elastic_trace, collect_point, &got, &err),
					 OSP_EFULL);
	assert_int_equal(got.count, 600);
	collected_term(&got);
	assert_non_null(strstr(err.msg, "answers with more than"));
	assert_int_equal(osp_driver_elasticsearch.list_traces(
						 conn, &filter, NULL, NULL, NULL, &err),
					 OSP_EFULL);
	assert_non_null(strstr(err.msg, "answers with more than"));
	free(large);
	points_term(&all);
	contract_close(conn);
}

int
main(void)
{
	static const char *const bad_strings[] = {
		"elasticsearch",
		"elasticsearch://host:port",
		"elasticsearch://ho st/",
		"elasticsearch+http://host/",
		"elasticsearch://h?nonsense=1",
		"elasticsearch://h?index=Upper",
		"elasticsearch://h?index=a/b",
		"elasticsearch://h?index=_all",
		"elasticsearch://h?doc_type=a%20b",
		"elasticsearch://h?api_key=",
		"elasticsearch://h?api_key=a%0ab",
		"elasticsearch://h?compression=gzip",
		"elasticsearch://h?header=none",
		NULL};
	static const backend b = {.name = "elasticsearch",
							  .driver = &osp_driver_elasticsearch,
							  .reset = reset,
							  .finish = finish,
							  .connection_string = connection_string,
							  .server = &elastic_test_server,
							  .start = start_again,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_deep_document),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_guessed_fields),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_elastic_restart),
		cmocka_unit_test(test_elastic_killed_during_batch),
		cmocka_unit_test(test_elastic_hangs),
		cmocka_unit_test(test_elastic_refused_documents),
		cmocka_unit_test(test_elastic_in_trouble),
		cmocka_unit_test(test_elastic_logins),
		cmocka_unit_test(test_elastic_strangers),
		cmocka_unit_test(test_elastic_tls),
	};

	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
