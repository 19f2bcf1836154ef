/* SPDX-License-Identifier: Apache-2.0
 *
 * test_config.c
 *	  Configuration: ini files, the environment, defaults, bad values, and failed
 *	  allocations.
 */
#include "tap.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "failing_alloc.h"
#include "profiler/config.h"
#include "record/rundir.h"
#include "ship/spool.h"
#include "tempdir.h"

static char path[256];

/* Each test begins with an empty environment and a directory of its own. */
static int
set_up(void **state)
{
	osp_config_name setting;
	size_t i;

	(void) state;
	for (i = 0; osp_config_name_get(i, &setting); i++)
		(void) unsetenv(setting.variable);
	(void) unsetenv("OSPROFILER_CONF");
	(void) setenv("HOME", "/home/somebody", 1);
	(void) unsetenv("XDG_CONFIG_HOME");
	(void) unsetenv("XDG_STATE_HOME");
	(void) snprintf(path, sizeof(path), "%s/profiler.conf", tempdir_make());
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	tempdir_remove();
	return 0;
}

static void
write_file(const char *text, size_t len)
{
	bool there = access(path, F_OK) == 0;
	FILE *file = fopen(path, "w");

	/* If a test has let other users read the file, it keeps that mode. */
	assert_non_null(file);
	if (!there)
		assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
load(osp_config *config, const char *text)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;

	write_file(text, strlen(text));
	status = osp_config_load(config, &osp_allocator_default, path, &err);
	if (status != OSP_OK)
		print_error("%s\n", err.msg);
	assert_int_equal(status, OSP_OK);
}

static void
test_defaults(void **state)
{
	osp_config config;

	(void) state;
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, NULL, NULL), OSP_OK);
	assert_false(config.enabled);
	assert_true(config.trace_sqlalchemy);
	assert_false(config.filter_error_trace);
	assert_int_equal(config.on_full, OSP_ON_FULL_DROP);
	assert_int_equal(config.ring_size, OSP_RING_DEFAULT);
	assert_int_equal(config.spool_limit, OSP_SPOOL_LIMIT_DEFAULT);
	assert_string_equal(config.hmac_keys, "");
	assert_string_equal(config.hmac_keys_file, "");
	assert_string_equal(config.connection_string, "");
	assert_string_equal(config.project, "");
	assert_string_equal(config.service, "");
	assert_string_equal(config.run_directory, "");
	assert_string_equal(config.trace_info, "");
	assert_string_equal(config.trace_hmac, "");
	osp_config_term(&config);
	osp_config_term(&config);
}

static void
test_file(void **state)
{
	osp_config config;

	(void) state;
	load(&config,
		 "hmac_keys = of no section\n"
		 "[DEFAULT]\n"
		 "hmac_keys = of another section\n"
		 "[profiler]\n"
		 "enabled = False\n"
		 "hmac_keys = SECRET_KEY, other\n"
		 "hmac_keys_file: /etc/keys\n"
		 "connection_string = redis://:p%40ss=word@host:1/2?a=b\n"
		 "trace_sqlalchemy = off\n"
		 "filter_error_trace = yes\n"
		 "project = nova\n"
		 "service = api\n"
		 "run_directory = /run/x\n"
		 "ring_size = 4MB\n"
		 "on_full = wait\n"
		 "spool_limit = 1 GB\n"
		 "es_doc_type = an option of upstream's\n"
		 "trace_info = not from a file\n"
		 "[other]\n"
		 "project = another\n");
	assert_false(config.enabled);
	assert_string_equal(config.hmac_keys, "SECRET_KEY, other");
	assert_string_equal(config.hmac_keys_file, "/etc/keys");
	assert_string_equal(config.connection_string,
						"redis://:p%40ss=word@host:1/2?a=b");
	assert_false(config.trace_sqlalchemy);
	assert_true(config.filter_error_trace);
	assert_string_equal(config.project, "nova");
	assert_string_equal(config.service, "api");
	assert_string_equal(config.run_directory, "/run/x");
	assert_int_equal(config.ring_size, 4 * 1024 * 1024);
	assert_int_equal(config.on_full, OSP_ON_FULL_WAIT);
	assert_int_equal(config.spool_limit, 1024 * 1024 * 1024);
	assert_string_equal(config.trace_info, "");
	osp_config_term(&config);
}

/* The same lines are read as oslo.config 9.0 reads them. */
static void
test_ini_rules(void **state)
{
	static const struct
	{
		const char *text;
		const char *project;
	} cases[] = {
		{"[profiler]\nproject=a", "a"},
		{"[profiler]\nproject = a\r\n", "a"},
		{"[profiler]\nproject\t:\ta  \n", "a"},
		{"[profiler]\nproject = a = b : c\n", "a = b : c"},
		{"[profiler]\nproject : a = b\n", "a = b"},
		{"[profiler]\nproject =\n", ""},
		{"[profiler]\nproject = a\nproject = b\n", "b"},
		{"[profiler]\nproject = a\nproject =\n", ""},
		{"[profiler]\nproject = a\n b\n\tc \n", "a\nb\nc"},
		{"[profiler]\nproject =\n  a\n", "\na"},
		{"[profiler]\nproject = 'a'\n 'b'\n", "a\n'b'"},
		{"[profiler]\nproject = ''\n b\n", "\nb"},
		{"[profiler]\nproject = a\n # not a comment\n", "a\n# not a comment"},
		{"[profiler]\nproject = a # not a comment\n", "a # not a comment"},
		{"[profiler]\n# project = a\n; project = b\n#\n;\n", ""},
		{"[profiler]\nproject = \"a b\"\n", "a b"},
		{"[profiler]\nproject = 'a\"\n", "'a\""},
		{"[profiler]\nproject = \"\n", ""},
		{"[profiler]\nproject = \"'a'\"\n", "'a'"},
		{"[profiler]\nproject = \xc2\xa0 a \xe3\x80\x80\n", "a"},
		{"[PROFILER]\nproject = a\n", "a"},
		{"[ profiler ]\nproject = a\n", ""},
		{"[profiler]  \nproject = a\n", "a"},
		{"[profiler]\nPROJECT = a\n", ""},
		{"[profiler]\n\n\nproject = a\n\n\n", "a"},
		{"[x]\nproject = b\n[profiler]\nproject = a\n[y]\nproject = c\n", "a"},
		{"[x]\n[profiler]\nproject = a\n[x]\n[profiler]\nproject = c\n", "c"},
		{"[profiler]\nproject = $a\n", "$a"},
		{"", ""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_config config;

		load(&config, cases[i].text);
		if (strcmp(config.project, cases[i].project) != 0)
			print_error("%s", cases[i].text);
		assert_string_equal(config.project, cases[i].project);
		osp_config_term(&config);
	}
}

/* Asserts that the text is refused, that no memory is left allocated, and that the
 * message has the place and the remedy. */
static void
check_refused(const char *text, size_t len, const char *message)
{
	osp_config config;
	osp_error err = {OSP_OK, ""};
	failing_alloc fa;

	failing_alloc_init_counting(&fa);
	write_file(text, len);
	assert_int_equal(osp_config_load(&config, &fa.alc, path, &err), OSP_EINVAL);
	assert_int_equal(err.code, OSP_EINVAL);
	if (strstr(err.msg, message) == NULL)
		print_error("%s\n", err.msg);
	assert_non_null(strstr(err.msg, message));
	assert_null(strchr(err.msg, '\n'));
	assert_int_equal(fa.live, 0);
}

static void
test_bad_files(void **state)
{
	static const struct
	{
		const char *text;
		const char *message;
	} cases[] = {
		{"[profiler]\nenabled = maybe\n",
		 "line 2: enabled is \"maybe\", but must be true or false"},
		{"[profiler]\nenabled =\n", "enabled is \"\""},
		{"[profiler]\nenabled = a\n b\n", "enabled is \"a\""},
		{"[profiler]\n\ntrace_sqlalchemy = 2", "line 3: trace_sqlalchemy"},
		{"[profiler]\nring_size = 63kB\n", "a size from 64kB to 1GB"},
		{"[profiler]\nring_size = 2GB\n", "a size from 64kB to 1GB"},
		{"[profiler]\nring_size = -1\n", "a size from 64kB to 1GB"},
		{"[profiler]\nspool_limit = 0\n", "a size from 64kB to 1TB"},
		{"[profiler]\non_full = block\n", "must be drop or wait"},
		{"[profiler]\npropagate = coment\n", "must be a list of comment, "},
		{"[profiler]\npropagate = startup,commentary\n", "must be a list of"},
		{"[profiler\n", "line 1: a section must end with ]"},
		{"[]\n", "line 1: the section has no name"},
		{"[profiler]\nenabled\n", "line 2: expected KEY = VALUE or [SECTION]"},
		{"[profiler]\n= 1\n", "line 2: there is no key"},
		{" enabled = 1\n", "line 1: a continuation line"},
		{"[profiler]\n  a\n", "line 2: a continuation line"},
		{"[profiler]\nproject = a\n# c\n b\n", "line 4: a continuation line"},
		{"[profiler]\nproject = a\n\n b\n", "line 4: a continuation line"},
		{"[other]\nnonsense\n", "line 2: expected"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_refused(cases[i].text, strlen(cases[i].text), cases[i].message);
	check_refused(
		"[profiler]\nhmac_keys = a\0b\n", 27, "line 2: the line holds a NUL");
}

static void
test_unreadable(void **state)
{
	osp_config config;
	osp_error err = {OSP_OK, ""};

	(void) state;
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, path, &err),
		OSP_ENOENT);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, "/", &err),
		OSP_EINVAL);

	/* A file that the environment names has to exist, too. */
	assert_int_equal(setenv("OSPROFILER_CONF", path, 1), 0);
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, NULL, &err),
		OSP_ENOENT);
	assert_int_equal(setenv("OSPROFILER_CONF", "", 1), 0);
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, NULL, &err), OSP_OK);
	osp_config_term(&config);
}

static void
test_environment(void **state)
{
	osp_config config;
	osp_error err = {OSP_OK, ""};

	(void) state;
	(void) setenv("OSPROFILER_HMAC_KEYS", "from environment", 1);
	(void) setenv("OSPROFILER_PROJECT", "", 1);
	(void) setenv("OSPROFILER_RING_SIZE", "65536", 1);
	(void) setenv("OSPROFILER_ON_FULL", "wait", 1);
	(void) setenv("OSPROFILER_RUN_DIR", "/run/y", 1);
	(void) setenv("OSPROFILER_TRACE_INFO", "info", 1);
	(void) setenv("OSPROFILER_TRACE_HMAC", "hmac", 1);
	load(&config,
		 "[profiler]\nhmac_keys = from file\nproject = nova\n"
		 "service = api\nring_size = 1MB\n");
	assert_string_equal(config.hmac_keys, "from environment");
	assert_string_equal(config.project, "nova");
	assert_string_equal(config.service, "api");
	assert_int_equal(config.ring_size, 65536);
	assert_int_equal(config.on_full, OSP_ON_FULL_WAIT);
	assert_string_equal(config.run_directory, "/run/y");
	assert_string_equal(config.trace_info, "info");
	assert_string_equal(config.trace_hmac, "hmac");
	osp_config_term(&config);

	(void) setenv("OSPROFILER_CONF", path, 1);
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, NULL, &err), OSP_OK);
	assert_string_equal(config.service, "api");
	osp_config_term(&config);

	(void) setenv("OSPROFILER_ENABLED", "si", 1);
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, NULL, &err),
		OSP_EINVAL);
	assert_string_equal(
		err.msg, "OSPROFILER_ENABLED is \"si\", but must be true or false");
}

/* The words of SQLite's points, which the code for SQLite reads by itself. */
static void
test_sqlite_points(void **state)
{
	static const char *const good[] = {
		"nested", "rows,STATISTICS", " triggers , parameters", ""};
	static const char *const bad[] = {"row", "rows;nested", "rows,none", "all"};
	osp_config config;
	osp_error err = {OSP_OK, ""};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		(void) setenv("OSPROFILER_SQLITE_POINTS", good[i], 1);
		assert_int_equal(
			osp_config_load(&config, &osp_allocator_default, NULL, &err),
			OSP_OK);
		assert_string_equal(config.sqlite_points, good[i]);
		osp_config_term(&config);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		(void) setenv("OSPROFILER_SQLITE_POINTS", bad[i], 1);
		assert_int_equal(
			osp_config_load(&config, &osp_allocator_default, NULL, &err),
			OSP_EINVAL);
		assert_non_null(strstr(err.msg, bad[i]));
		assert_non_null(strstr(err.msg,
							   "must be a list of nested, triggers, rows, "
							   "parameters and statistics"));
	}
}

static void
test_enabled(void **state)
{
	static const struct
	{
		const char *text;
		bool enabled;
	} cases[] = {
		{"[profiler]\n", false},
		{"[profiler]\nhmac_keys = a\n", true},
		{"[profiler]\nhmac_keys_file = /a\n", true},
		{"[profiler]\nenabled = true\n", true},
		{"[profiler]\nhmac_keys = a\nenabled = 0\n", false},
		{"[profiler]\nenabled = off\nhmac_keys = a\n", false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_config config;

		load(&config, cases[i].text);
		assert_int_equal(config.enabled, cases[i].enabled);
		osp_config_term(&config);
	}
}

static void
test_default_connection(void **state)
{
	const struct passwd *self = getpwuid(getuid());
	char expected[1100];
	char text[1100];
	osp_error err = {OSP_OK, ""};

	(void) state;
	(void) setenv("XDG_STATE_HOME", "/state", 1);
	assert_int_equal(osp_config_default_connection(text, sizeof(text), &err),
					 OSP_OK);
	assert_string_equal(text, "sqlite:////state/osprofiler/traces.db");
	assert_int_equal(
		osp_config_default_connection(text, strlen(text) + 1, &err), OSP_OK);
	assert_int_equal(osp_config_default_connection(text, strlen(text), &err),
					 OSP_EFULL);
	assert_string_equal(text, "");

	/* A relative path counts as not set. */
	(void) setenv("XDG_STATE_HOME", "state", 1);
	assert_int_equal(osp_config_default_connection(text, sizeof(text), &err),
					 OSP_OK);
	assert_string_equal(
		text, "sqlite:////home/somebody/.local/state/osprofiler/traces.db");

	/* Without HOME, the system's user database is asked. */
	(void) unsetenv("XDG_STATE_HOME");
	(void) unsetenv("HOME");
	if (self == NULL || self->pw_dir[0] != '/')
	{
		assert_int_equal(
			osp_config_default_connection(text, sizeof(text), &err),
			OSP_ENOENT);
		assert_non_null(strstr(err.msg, "OSPROFILER_CONNECTION_STRING"));
	}
	else
	{
		(void) snprintf(expected,
						sizeof(expected),
						"sqlite:///%s/.local/state/osprofiler/traces.db",
						self->pw_dir);
		assert_int_equal(
			osp_config_default_connection(text, sizeof(text), &err), OSP_OK);
		assert_string_equal(text, expected);
	}
}

static void
test_need_connection(void **state)
{
	osp_config config;
	osp_error err = {OSP_OK, ""};

	(void) state;
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, NULL, &err), OSP_OK);
	assert_string_equal(config.connection_string, "");
	assert_int_equal(osp_config_need_connection(&config, &err), OSP_OK);
	assert_string_equal(
		config.connection_string,
		"sqlite:////home/somebody/.local/state/osprofiler/traces.db");
	osp_config_term(&config);

	load(&config, "[profiler]\nconnection_string = file:///x\n");
	assert_int_equal(osp_config_need_connection(&config, &err), OSP_OK);
	assert_string_equal(config.connection_string, "file:///x");
	osp_config_term(&config);
}

static void
write_text(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The default file of keys, and what happens if it is missing. */
static void
test_need_keys(void **state)
{
	osp_config config;
	osp_error err = {OSP_OK, ""};
	char keys[300];
	char directory[sizeof(path)];
	char small[8];

	(void) state;
	(void) snprintf(directory,
					sizeof(directory),
					"%.*s",
					(int) (strrchr(path, '/') - path),
					path);
	assert_int_equal(osp_config_default_keys_file(keys, sizeof(keys), &err),
					 OSP_OK);
	assert_string_equal(keys, "/home/somebody/.config/osprofiler/hmac_keys");
	assert_int_equal(osp_config_default_keys_file(small, sizeof(small), &err),
					 OSP_EFULL);
	assert_string_equal(small, "");
	(void) setenv("XDG_CONFIG_HOME", "relative", 1);
	assert_int_equal(osp_config_default_keys_file(keys, sizeof(keys), &err),
					 OSP_OK);
	assert_string_equal(keys, "/home/somebody/.config/osprofiler/hmac_keys");

	/* The default file is missing. */
	(void) setenv("XDG_CONFIG_HOME", directory, 1);
	load(&config, "[profiler]\n");
	assert_int_equal(osp_config_need_keys(&config, &err), OSP_OK);
	assert_string_equal(config.hmac_keys_file, "");
	assert_false(config.enabled);
	osp_config_term(&config);

	(void) snprintf(keys, sizeof(keys), "%s/osprofiler", directory);
	assert_int_equal(mkdir(keys, 0700), 0);
	(void) snprintf(keys, sizeof(keys), "%s/osprofiler/hmac_keys", directory);
	write_text(keys, "SECRET_KEY\n");
	load(&config, "[profiler]\n");
	assert_int_equal(osp_config_need_keys(&config, &err), OSP_OK);
	assert_string_equal(config.hmac_keys_file, keys);
	assert_true(config.enabled);
	osp_config_term(&config);

	/* A configured value takes precedence. */
	load(&config, "[profiler]\nenabled = false\n");
	assert_int_equal(osp_config_need_keys(&config, &err), OSP_OK);
	assert_false(config.enabled);
	osp_config_term(&config);
	load(&config, "[profiler]\nhmac_keys_file = /etc/keys\n");
	assert_int_equal(osp_config_need_keys(&config, &err), OSP_OK);
	assert_string_equal(config.hmac_keys_file, "/etc/keys");
	osp_config_term(&config);
}

/* messaging:// without a host takes the hosts of the transport URL. */
static void
test_transport_url(void **state)
{
	static const char *const cases[][3] = {
		{"messaging://",
		 "rabbit://u:p@a:1,b//v?ssl=1",
		 "messaging://u:p@a:1,b//v?ssl=1"},
		{"messaging:///", "rabbit://a", "messaging://a"},
		{"messaging://?durable=1",
		 "rabbit://a/v?ssl=1",
		 "messaging://a/v?ssl=1&durable=1"},
		{"messaging+amqps:///?topic=x",
		 "rabbit+x://a/",
		 "messaging+amqps://a/?topic=x"},
		{"messaging://c/v", "rabbit://a/", "messaging://c/v"},
		{"messaging://", "", "messaging://"},
		{"messagingx://", "rabbit://a", "messagingx://"},
		{"redis://", "rabbit://a", "redis://"},
		{"redis://", "amqp://a", "redis://"}};
	osp_config config;
	osp_error err = {OSP_OK, ""};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		load(&config, "[profiler]\ntransport_url = rabbit://wrong/\n");
		if (cases[i][1][0] == '\0')
			config.transport_url[0] = '\0';
		assert_int_equal(
			osp_config_set_collector(&config, cases[i][0], cases[i][1], &err),
			OSP_OK);
		assert_string_equal(config.connection_string, cases[i][2]);
		assert_int_equal(osp_config_need_connection(&config, &err), OSP_OK);
		assert_string_equal(config.connection_string, cases[i][2]);
		osp_config_term(&config);
	}
	load(&config,
		 "[profiler]\nconnection_string = messaging://\n"
		 "transport_url = rabbit://u:p@a/\n");
	assert_int_equal(osp_config_set_collector(&config, NULL, "", &err), OSP_OK);
	assert_string_equal(config.connection_string, "messaging://u:p@a/");
	assert_int_equal(osp_config_set_collector(
						 &config, "messaging://", "amqp://secret@a", &err),
					 OSP_EINVAL);
	assert_non_null(strstr(err.msg, "rabbit://"));
	assert_null(strstr(err.msg, "secret"));
	osp_config_term(&config);
}

/* The options of a service for its brokers and sentinels. */
static void
test_bus_of_service(void **state)
{
	static const char *const cases[][2] = {
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[profiler]\nconnection_string = messaging://\n",
		 "messaging://u:p@a/"},
		{"[oslo_messaging_notifications]\ntransport_url = rabbit://u:p@b/\n"
		 "[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[profiler]\nconnection_string = messaging://\n",
		 "messaging://u:p@b/"},
		{"[profiler]\nconnection_string = messaging://\n"
		 "transport_url = rabbit://u:p@c/\n"
		 "[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[oslo_messaging_rabbit]\namqp_durable_queues = true\n",
		 "messaging://u:p@c/?durable=1"},
		{"[default]\ntransport_url = rabbit://u:p@a/?ssl=1\n"
		 "[oslo_messaging_rabbit]\namqp_durable_queues = True\n"
		 "[profiler]\nconnection_string = messaging:///?topic=x\n",
		 "messaging://u:p@a/?ssl=1&topic=x&durable=1"},
		{"[oslo_messaging_rabbit]\namqp_durable_queues = true\n"
		 "[profiler]\nconnection_string = messaging://?durable=0\n",
		 "messaging://?durable=0"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[oslo_messaging_rabbit]\namqp_durable_queues = true\n"
		 "[profiler]\nconnection_string = messaging://c/\n",
		 "messaging://c/"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[oslo_messaging_rabbit]\nssl = True\n"
		 "ssl_ca_file = /etc/ssl/a b&c.pem\namqp_durable_queues = False\n"
		 "[profiler]\nconnection_string = messaging://\n",
		 "messaging://u:p@a/?ssl=1&ssl_ca_file=/etc/ssl/a%20b%26c.pem"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[oslo_messaging_rabbit]\nrabbit_use_ssl = 1\n"
		 "kombu_ssl_ca_certs = /ca.pem\n"
		 "[profiler]\nconnection_string = messaging://\n",
		 "messaging://u:p@a/?ssl=1&ssl_ca_file=/ca.pem"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/?ssl=0\n"
		 "[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = /ca.pem\n"
		 "[profiler]\nconnection_string = messaging://\n",
		 "messaging://u:p@a/?ssl=0"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/?ssl=1\n"
		 "[oslo_messaging_rabbit]\nssl_ca_file = /ca.pem\n"
		 "[profiler]\nconnection_string = messaging://?ca=/mine.pem\n",
		 "messaging://u:p@a/?ssl=1&ca=/mine.pem"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[oslo_messaging_rabbit]\nssl_ca_file = /ca.pem\n"
		 "[profiler]\nconnection_string = messaging://\n",
		 "messaging://u:p@a/"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\n"
		 "amqp_durable_queues = true\n"
		 "[profiler]\nconnection_string = messaging://\n",
		 "messaging://u:p@a/?declare=0"},
		{"[DEFAULT]\ntransport_url = rabbit://u:p@a/\n"
		 "[oslo_messaging_rabbit]\nssl = true\nrabbit_quorum_queue = true\n"
		 "[profiler]\nconnection_string = messaging://c/\n",
		 "messaging://c/"},
		{"[profiler]\nconnection_string = redissentinel://:p@a,b\n"
		 "sentinel_service_name = osp one\n",
		 "redissentinel://:p@a,b/osp%20one"},
		{"[profiler]\nsentinel_service_name = other\n"
		 "connection_string = redissentinel://a/?db=1\n",
		 "redissentinel://a/other?db=1"},
		{"[profiler]\nsentinel_service_name = other\n"
		 "connection_string = redissentinel://a?db=1\n",
		 "redissentinel://a/other?db=1"},
		{"[profiler]\nsentinel_service_name = other\n"
		 "connection_string = redissentinel://a/mine\n",
		 "redissentinel://a/mine"},
		{"[profiler]\nsentinel_service_name = other\n"
		 "connection_string = redis://a\n",
		 "redis://a"},
		{"[DEFAULT]\ntransport_url = kombu://u:p@a/\n"
		 "[profiler]\nconnection_string = redis://h\n",
		 "redis://h"}};
	osp_config config;
	osp_error err = {OSP_OK, ""};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		load(&config, cases[i][0]);
		assert_int_equal(osp_config_set_collector(&config, NULL, NULL, &err),
						 OSP_OK);
		assert_string_equal(config.connection_string, cases[i][1]);
		osp_config_term(&config);
	}
}

static void
test_open_keys(void **state)
{
	static const char text[] = "[profiler]\nhmac_keys = SECRET_KEY\n";
	osp_config config;
	osp_error err;

	(void) state;
	write_file(text, sizeof(text) - 1);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(
		osp_config_load(&config, &osp_allocator_default, path, &err),
		OSP_EPERM);
	assert_non_null(strstr(err.msg, "hmac_keys_file"));
	assert_null(strstr(err.msg, "SECRET_KEY"));

	/* The group may read the file, because it may be the group of services that share
	 * the file. */
	assert_int_equal(chmod(path, 0640), 0);
	load(&config, text);
	osp_config_term(&config);

	/* A file without keys holds no secret, so everybody may read it. */
	assert_int_equal(chmod(path, 0644), 0);
	load(&config, "[profiler]\nproject = x\n");
	osp_config_term(&config);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
test_memory(void **state)
{
	static const char text[] = "[profiler]\nhmac_keys = a\nproject = b\n"
							   "project = c\nenabled = 1\n";
	failing_alloc fa;

	(void) state;
	write_file(text, sizeof(text) - 1);
	(void) setenv("OSPROFILER_SERVICE", "s", 1);
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_error err = {OSP_OK, ""};
		osp_config config;
		osp_status status;

		status = osp_config_load(&config, &fa.alc, path, &err);
		if (status == OSP_OK)
		{
			assert_string_equal(config.project, "c");
			osp_config_term(&config);
		}
		assert_int_equal(err.code, status);
		failing_alloc_check(&fa, status);
	}
}

static void
test_parse_size(void **state)
{
	static const struct
	{
		const char *text;
		bool valid;
		uint64_t size;
	} cases[] = {
		{"0", true, 0},
		{"65536", true, 65536},
		{"4MB", true, UINT64_C(4) << 20},
		{"1 GB", true, UINT64_C(1) << 30},
		{" 2\tkB ", true, 2048},
		{"2KB", true, 2048},
		{"7B", true, 7},
		{"1TB", true, UINT64_C(1) << 40},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"18014398509481983kB", true, UINT64_C(18014398509481983) << 10},
		{"18014398509481984kB", false, 0},
		{"99999999999999999999999", false, 0},
		{"", false, 0},
		{" ", false, 0},
		{"kB", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{"1.5MB", false, 0},
		{"1MiB", false, 0},
		{"1M", false, 0},
		{"1 2", false, 0},
		{"0x10", false, 0},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		uint64_t size = 0;

		assert_int_equal(osp_parse_size(osp_str_of(cases[i].text), &size),
						 cases[i].valid);
		assert_int_equal(size, cases[i].size);
	}
}

static void
test_parse_bool(void **state)
{
	static const char *const yes[] = {"true", "True", "YES", "on", "1"};
	static const char *const no[] = {"false", "No", "oFF", "0"};
	static const char *const neither[] = {
		"", " ", "t", "2", "tru", "truee", "enabled", "on "};
	bool value = false;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(osp_parse_bool(osp_str_of(yes[i]), &value) && value);
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_true(osp_parse_bool(osp_str_of(no[i]), &value) && !value);
	for (i = 0; i < sizeof(neither) / sizeof(neither[0]); i++)
		assert_false(osp_parse_bool(osp_str_of(neither[i]), &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ini_rules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_environment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sqlite_points, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_enabled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_default_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_need_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_need_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_transport_url, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bus_of_service, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
		cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_parse_bool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
