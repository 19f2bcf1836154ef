/* SPDX-License-Identifier: Apache-2.0
 *
 * test_uri.c
 *	  Connection strings: their parts, invalid ones, and how they are shown.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "osprofiler/driver.h"

#define STORAGE_EXTRA 16

typedef struct uri_case
{
	const char *text;
	const char *scheme;
	const char *user;
	const char *password; /* NULL: none is given */
	const char *host;
	unsigned port;
	const char *path;
	const char *query;
} uri_case;

static const uri_case uri_cases[] = {
	{"redis://", "redis", "", NULL, "", 0, "", ""},
	{"redis://localhost", "redis", "", NULL, "localhost", 0, "", ""},
	{"Redis://Host:6379/2", "redis", "", NULL, "Host", 6379, "/2", ""},
	{"redis://:pw@host", "redis", "", "pw", "host", 0, "", ""},
	{"redis://user@host:/", "redis", "user", NULL, "host", 0, "/", ""},
	{"redis://user:@host", "redis", "user", "", "host", 0, "", ""},
	{"redis://u:a:b@host", "redis", "u", "a:b", "host", 0, "", ""},
	{"redis://u:a@b@host:1", "redis", "u", "a@b", "host", 1, "", ""},
	{"redis://u%3A:p%40%2f%25@h", "redis", "u:", "p@/%", "h", 0, "", ""},
	{"redis://u:100%sure%4@h", "redis", "u", "100%sure%4", "h", 0, "", ""},
	{"redis://u:a+b@h", "redis", "u", "a+b", "h", 0, "", ""},
	{"redis://[::1]:6379/0", "redis", "", NULL, "::1", 6379, "/0", ""},
	{"redis://u:p@[fe80::1%25eth0]",
	 "redis",
	 "u",
	 "p",
	 "fe80::1%eth0",
	 0,
	 "",
	 ""},
	{"redis://h?db=2", "redis", "", NULL, "h", 0, "", "db=2"},
	{"redis://h/1?a=%20b&c=?/@:#d",
	 "redis",
	 "",
	 NULL,
	 "h",
	 0,
	 "/1",
	 "a=%20b&c=?/@:#d"},
	{"sqlite:///tmp/a%20b.db#1",
	 "sqlite",
	 "",
	 NULL,
	 "",
	 0,
	 "/tmp/a%20b.db#1",
	 ""},
	{"sqlite:////tmp/a.db", "sqlite", "", NULL, "", 0, "//tmp/a.db", ""},
	{"postgresql+psycopg2://u:p@/db",
	 "postgresql+psycopg2",
	 "u",
	 "p",
	 "",
	 0,
	 "/db",
	 ""},
	{"postgresql://%2Fvar%2Frun:5433/db",
	 "postgresql",
	 "",
	 NULL,
	 "/var/run",
	 5433,
	 "/db",
	 ""},
	{"x://h:65535", "x", "", NULL, "h", 65535, "", ""},
	{"x://h:00001", "x", "", NULL, "h", 1, "", ""},
	{"x-y.1://h", "x-y.1", "", NULL, "h", 0, "", ""},
	{"x://\xc3\xa9/\xc3\xa9", "x", "", NULL, "\xc3\xa9", 0, "/\xc3\xa9", ""},
};

static void
assert_part(osp_str part, const char *expected)
{
	assert_int_equal(part.len, strlen(expected));
	assert_memory_equal(part.ptr, expected, part.len);
	assert_int_equal(part.ptr[part.len], '\0');
}

/* Parses a text with storage of exactly the size that is required. */
static osp_status
parse(const char *text, char **storage, osp_uri *uri, osp_error *err)
{
	size_t size = strlen(text) + STORAGE_EXTRA;

	*storage = malloc(size);
	assert_non_null(*storage);
	return osp_uri_parse(osp_str_of(text), *storage, size, uri, err);
}

static void
test_parts(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(uri_cases) / sizeof(uri_cases[0]); i++)
	{
		const uri_case *c = &uri_cases[i];
		osp_error err = {OSP_OK, ""};
		char *storage;
		osp_uri uri;
		osp_status status = parse(c->text, &storage, &uri, &err);

		if (status != OSP_OK)
			print_error("%s: %s\n", c->text, err.msg);
		assert_int_equal(status, OSP_OK);
		assert_part(uri.scheme, c->scheme);
		assert_part(uri.user, c->user);
		assert_int_equal(uri.has_password, c->password != NULL);
		assert_part(uri.password, c->password != NULL ? c->password : "");
		assert_part(uri.host, c->host);
		assert_int_equal(uri.port, c->port);
		assert_part(uri.path, c->path);
		assert_part(uri.query, c->query);
		free(storage);
	}
}

/* The message has the reason, but not the password. */
static void
test_refused(void **state)
{
	static const struct
	{
		const char *text;
		const char *reason;
	} cases[] = {
		{"", "must begin with SCHEME://"},
		{"redis", "must begin with SCHEME://"},
		{"redis:", "must begin with SCHEME://"},
		{"redis:/", "must begin with SCHEME://"},
		{"://host", "must begin with SCHEME://"},
		{"1redis://host", "must begin with SCHEME://"},
		{"red is://host", "must begin with SCHEME://"},
		{"../redis://host", "must begin with SCHEME://"},
		{"redis://h:0", "the port must be"},
		{"redis://h:65536", "the port must be"},
		{"redis://h:123456", "the port must be"},
		{"redis://h:-1", "the port must be"},
		{"redis://h:hunter2", "the port must be"},
		{"redis://h1:1,h2:2", "the port must be"},
		{"redis://:hunter2/x@h",
		 "...: a / in a password must be written as %2F"},
		{"redis://u:hunter2?x@h",
		 "...: a ? in a password must be written as %3F"},
		{"redis://h:hunter2/x", "...: the port must be"},
		{"redis://u:hunter2#x@h", "%23"},
		{"redis://::1", "the port must be"},
		{"redis://[::1", "in brackets"},
		{"redis://[]:1", "in brackets"},
		{"redis://[::1]x", "only a port may follow"},
		{"redis://[::1]:x", "the port must be"},
		{"redis://h\n", "control characters"},
		{"redis://u:hunter2\x7f@h", "control characters"},
		{"redis://h%0d%0aX", "control character"},
		{"redis://u:hunter2%00@h", "NUL"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_error err = {OSP_OK, ""};
		char *storage;
		osp_uri uri;

		assert_int_equal(parse(cases[i].text, &storage, &uri, &err),
						 OSP_EINVAL);
		assert_int_equal(err.code, OSP_EINVAL);
		if (strstr(err.msg, cases[i].reason) == NULL)
			print_error("%s: %s\n", cases[i].text, err.msg);
		assert_non_null(strstr(err.msg, cases[i].reason));
		assert_null(strstr(err.msg, "hunter2"));
		free(storage);
	}
}

static void
test_one_login(void **state)
{
	static const struct
	{
		const char *text;
		bool has_one;
	} cases[] = {
		{"redis://h", true},
		{"postgresql://u:p@h:1/db", true},
		{"postgresql://u:p%40q@h/db", true},
		{"postgresql://u:p@q@h/db", false},
		{"postgresql://u@v:p@h", false},
		{"mongodb://u:p@q@h1,h2/db", false},
		{"mongodb://u:p@q,r@h", false},
		{"postgresql://u:p?q@r@h/db", false},
		{"postgresql://u:p#q@r@h/db", false},
		{"postgresql://u:p@h?user=a@b", true},
		{"sqlite:///a@b/c@d", true},
		{"messaging://u:p@h1:1,v:q@h2:2/", true},
		{"messaging://u:p@h1:1,v:q@r@h2:2/", false},
		{"rabbit://u:p@h1,v:q@h2", true},
		{"host=a@b password=c@d", true},
		{"", true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (osp__uri_has_one_login(osp_str_of(cases[i].text)) !=
			cases[i].has_one)
			fail_msg("%s", cases[i].text);
}

static void
test_storage_too_small(void **state)
{
	char storage[32];
	osp_uri uri;

	(void) state;
	assert_int_equal(
		osp_uri_parse(OSP_STR("redis://host"), storage, 27, &uri, NULL),
		OSP_EINVAL);
	assert_int_equal(
		osp_uri_parse(OSP_STR("redis://host"), storage, 28, &uri, NULL),
		OSP_OK);
	assert_part(uri.host, "host");
}

static void
test_options(void **state)
{
	static const char *const expected[][2] = {
		{"a", "1"}, {"b", "x=y%26"}, {"c", ""}, {"", ""}, {"", "d"}, {"e", ""}};
	osp_str query = OSP_STR("a=1&b=x=y%26&c&&=d&e=");
	osp_str name;
	osp_str value;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		assert_true(osp__uri_option(&query, &name, &value));
		assert_true(osp_str_eq(name, osp_str_of(expected[i][0])));
		assert_true(osp_str_eq(value, osp_str_of(expected[i][1])));
	}
	assert_false(osp__uri_option(&query, &name, &value));
	query = OSP_STR("a=1&");
	assert_true(osp__uri_option(&query, &name, &value));
	assert_false(osp__uri_option(&query, &name, &value));
}

static void
test_redact(void **state)
{
	static const struct
	{
		const char *text;
		const char *shown;
	} cases[] = {
		{"redissentinel://u:pw@a:1,b:2/s?sentinel_password=w&db=1",
		 "redissentinel://u:***@a:1,b:2/s?sentinel_password=***&db=1"},
		{"rediss://:pw@a,b?ssl_ca_certs=/ca",
		 "rediss://:***@a,b?ssl_ca_certs=/ca"},
		{"", ""},
		{"redis", "redis"},
		{"redis://", "redis://"},
		{"redis://host:6379/0", "redis://host:6379/0"},
		{"redis://:pw@host:6379/0", "redis://:***@host:6379/0"},
		{"redis://user:pw@host", "redis://user:***@host"},
		{"redis://user@host", "redis://user@host"},
		{"redis://u:a@b@host", "redis://u:***@host"},
		{"rabbit://u:p@h1:5672,u:p@h2:5672//", "rabbit://u:***@h2:5672//"},
		{"sqlite:///tmp/a:b@c.db", "sqlite:///tmp/a:b@c.db"},
		{"file:///tmp/a@b", "file:///tmp/a@b"},
		{"redis://[::1]:6379", "redis://[::1]:6379"},

		/* passwords in settings */
		{"postgresql://h/db?user=u&password=pw&a=b",
		 "postgresql://h/db?user=u&password=***&***"},
		{"postgresql://h/db?sslpassword=pw",
		 "postgresql://h/db?sslpassword=***"},
		{"es://h/?api_key=pw&x=", "es://h/?api_key=***&***"},
		{"otlp://h?Token=pw", "otlp://h?Token=***"},
		{"otlp://h?header=Authorization:Basic%20cHc=&header=a:b&ca=f",
		 "otlp://h?header=***&header=***&ca=f"},
		{"otlp://h?headers_file=/etc/h", "otlp://h?headers_file=/etc/h"},
		{"postgresql://h:5432/db?application_name=a@b",
		 "postgresql://h:5432/db?application_name=a@b"},
		{"host=h password=pw dbname=d", "host=h password=*** dbname=d"},

		/* passwords with characters that should be percent-encoded */
		{"redis://:p/w@host/0", "redis://:***@host/0"},
		{"redis://:1/w@host/0", "redis://:***@host/0"},
		{"redis://:p?w@host/0", "redis://:***@host/0"},
		{"redis://:p#w@host/0", "redis://:***@host/0"},
		{"redis://u:p@w/x@host/0", "redis://u:***@host/0"},
		{"redis://u:p\nw@ho\nst", "redis://u:***@ho?st"},
		{"redis://:hunter2", "redis://:***"},
		{"redis://u:hunter2", "redis://u:***"},
		{"redis://u:471142", "redis://u:***"},
		{"redis://u:hunter2/0?db=1", "redis://u:***/0?db=1"},
		{"redis://:hun?ter2", "redis://:***?***"},
		{"redis://a:1,b:2/s?db=1", "redis://a:1,b:2/s?db=1"},
		{"redis://[::1]:hunter2", "redis://[:***"},
		{"otlp://h?header=Authorization:Basic cHc=&ca=f",
		 "otlp://h?header=***&ca=f"},
		{"postgresql://h/d?password=hun&ter2=x",
		 "postgresql://h/d?password=***&***"},
		{"host=h password='hun ter2' dbname=d",
		 "host=h password=*** *** dbname=d"},

		/* mistyped options, schemes and slashes, and leading blanks */
		{"otlp://h?heder=Authorization:hunter2", "otlp://h?heder=***"},
		{"otlp://h?hunter2", "otlp://h?***"},
		{"otlp://h#hunter2", "otlp://h#***"},
		{"redis:/:hunter2@h", "redis:***"},
		{"redis//:hunter2@h", "redis***"},
		{"redis:///:hunter2@h", "redis:///:***@h"},
		{"redis ://:hunter2@h", "redis ***"},
		{"redis;//u:hunter2@h/0", "redis***"},
		{"1redis://:hunter2@h", "1redis:***"},
		{" redis://:hunter2@h", " redis://:***@h"},
		{"\n\tredis://:hunter2@h", "??redis://:***@h"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char out[256];
		size_t size;

		osp_connection_string_redact(
			osp_str_of(cases[i].text), out, sizeof(out));
		assert_string_equal(out, cases[i].shown);

		/* The shown text is cut to each size. */
		for (size = 1; size <= strlen(cases[i].shown) + 1; size++)
		{
			char *small = malloc(size);

			assert_non_null(small);
			osp_connection_string_redact(
				osp_str_of(cases[i].text), small, size);
			assert_int_equal(strlen(small), size - 1);
			assert_memory_equal(small, cases[i].shown, size - 1);
			free(small);
		}
	}
	osp_connection_string_redact(OSP_STR("redis://h"), NULL, 0);
}

/* The secret is in another place in each form; %s is the scheme. */
static void
test_redact_each_scheme(void **state)
{
	static const char *const schemes[] = {"redis",
										  "rediss",
										  "redissentinel",
										  "rediscluster",
										  "rabbit",
										  "amqp",
										  "messaging",
										  "mysql",
										  "mysql+pymysql",
										  "postgresql",
										  "postgresql+psycopg2",
										  "otlp",
										  "otlp+https",
										  "nosuch"};
	static const char *const forms[] = {"%s://u:hunter2@h",
										"%s://u:hunter2@h/p?db=1",
										"%s:/u:hunter2@h/p",
										"%s//u:hunter2@h/p",
										"%s:u:hunter2@h",
										"%s:///u:hunter2@h/p",
										"%s:////u:hunter2@h/p",
										"%s:\\\\u:hunter2@h",
										"%s;//u:hunter2@h",
										" %s://u:hunter2@h",
										"\t %s://u:hunter2@h",
										"'%s://u:hunter2@h'",
										"%s ://u:hunter2@h",
										"%s: //u:hunter2@h",
										"%s://u:hunter2",
										"%s://:hunter2",
										"%s://u:hunter2/0",
										"%s://u:x/hunter2@h",
										"%s://u:x?hunter2@h",
										"%s://u:x#hunter2@h",
										"%s://u:x@hunter2@h",
										"%s://h?heder=Authorization:hunter2",
										"%s://h?Header=Authorization:hunter2",
										"%s://h?header=Authorization:x hunter2",
										"%s://h?header=a:b&hunter2=c",
										"%s://h?pasword=hunter2",
										"%s://h?pw=hunter2",
										"%s://h?hunter2",
										"%s://h?auth:hunter2",
										"%s://h?db=1&x.hunter2",
										"%s://h?=hunter2",
										"%s://h?db =hunter2",
										"%s://h#hunter2"};
	size_t i;
	size_t j;

	(void) state;
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		for (j = 0; j < sizeof(forms) / sizeof(forms[0]); j++)
		{
			char text[128];
			char shown[256];

			(void) snprintf(text, sizeof(text), forms[j], schemes[i]);
			osp_connection_string_redact(
				osp_str_of(text), shown, sizeof(shown));
			if (strstr(shown, "hunter2") != NULL)
				fail_msg("%s is shown as %s", text, shown);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_one_login),
		cmocka_unit_test(test_storage_too_small),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_redact_each_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
