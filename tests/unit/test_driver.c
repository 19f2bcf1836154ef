/* SPDX-License-Identifier: Apache-2.0
 *
 * test_driver.c
 *	  Finding drivers: plug-ins that are valid, faulty or missing.
 */
#include "tap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "osprofiler/driver.h"
#include "tempdir.h"

#define PLUGINS OSP_TEST_BUILD "/tests/unit/plugins"

static int
set_up(void **state)
{
	(void) state;
	return setenv("OSPROFILER_DRIVER_PATH", PLUGINS, 1);
}

static osp_status
find(const char *connection_string, const osp_driver **driver, osp_error *err)
{
	memset(err, 0, sizeof(*err));
	return osp_driver_find(osp_str_of(connection_string), driver, err);
}

/* If the library of a driver is missing, the message has the name of its package. */
static void
test_missing_library(void **state)
{
	const osp_driver *driver = NULL;
	osp_error err;

	(void) state;
	assert_int_equal(
		setenv("OSPROFILER_DRIVER_PATH", OSP_TEST_BUILD "/tests/unit/needy", 1),
		0);
	assert_int_equal(find("needy://", &driver, &err), OSP_ENOENT);
	assert_string_equal(err.msg,
						"the driver of needy:// needs libosp_gone1.so.4, which "
						"is not installed (Debian's package libosp-gone1-4)");
}

static void
test_found(void **state)
{
	static const char *const strings[] = {"tiny://",
										  "tiny://user:pw@host:1/path?query",
										  "TINY://",
										  "tiny+ssl://host",
										  "tiny+../../etc://host"};
	const osp_driver *first = NULL;
	osp_error err;
	size_t i;

	(void) state;
	for (i = 0; i < 4; i++)
	{
		const osp_driver *driver = NULL;

		assert_int_equal(find(strings[i], &driver, &err), OSP_OK);
		assert_non_null(driver);
		assert_string_equal(driver->name, "tiny");

		/* The plug-in stays loaded, and the same driver is returned each time. */
		if (first == NULL)
			first = driver;
		assert_ptr_equal(driver, first);
	}
	assert_int_equal(find(strings[4], &first, &err), OSP_EINVAL);
	assert_null(first);
}

static void
test_no_scheme(void **state)
{
	static const char *const strings[] = {
		"",
		"tiny",
		"tiny:",
		"tiny:/",
		"://tiny",
		"/tiny://",
		"../tiny://",
		"./tiny://",
		"ti/ny://",
		"ti_ny://",
		"ti.ny://",
		"ti-ny://",
		"+tiny://",
		"1tiny://",
		" tiny://",
		"tiny\n://",
		"averyveryveryveryverylongschemename://",
	};
	const osp_driver *driver;
	osp_error err;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
	{
		assert_int_equal(find(strings[i], &driver, &err), OSP_EINVAL);
		assert_null(driver);
		assert_non_null(strstr(err.msg, "SCHEME://"));
	}
	assert_int_equal(osp_driver_find(osp_str_n("tiny://", 6), &driver, NULL),
					 OSP_EINVAL);
	assert_int_equal(osp_driver_find(osp_str_n("tiny://x", 7), &driver, NULL),
					 OSP_OK);
}

static void
test_unknown(void **state)
{
	const osp_driver *driver;
	osp_error err;

	(void) state;
	assert_int_equal(find("nosuch://u:hunter2@h", &driver, &err), OSP_ENOENT);
	assert_null(driver);
	assert_string_equal(
		err.msg,
		"there is no driver for nosuch:// (there are: foreign, incomplete, "
		"liar, tiny; OSPROFILER_DRIVER_PATH says where to look)");
}

static void
test_wrong_plugins(void **state)
{
	static const struct
	{
		const char *text;
		const char *message;
	} cases[] = {
		{"foreign://", "interface version 99"},
		{"incomplete://", "is incomplete"},
		{"liar://", "does not serve liar://"},
	};
	const osp_driver *driver;
	osp_error err;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_int_equal(find(cases[i].text, &driver, &err), OSP_EPROTO);
		assert_null(driver);
		assert_non_null(strstr(err.msg, cases[i].message));
	}
}

static void
copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "r");
	FILE *out = fopen(to, "w");
	char block[4096];
	size_t len;

	assert_non_null(in);
	assert_non_null(out);
	while ((len = fread(block, 1, sizeof(block), in)) > 0)
		assert_int_equal(fwrite(block, 1, len, out), len);
	(void) fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* Files that have the name of a plug-in, but are none. */
static void
test_not_plugins(void **state)
{
	const char *dir = tempdir_make();
	const osp_driver *driver;
	char path[512];
	osp_error err;
	FILE *file;

	(void) state;
	assert_int_equal(setenv("OSPROFILER_DRIVER_PATH", dir, 1), 0);
	(void) snprintf(path, sizeof(path), "%s/stranger.so", dir);
	copy_file(PLUGINS "/tiny.so", path);
	assert_int_equal(find("stranger://", &driver, &err), OSP_EPROTO);
	assert_non_null(strstr(err.msg, "has no osp_driver_stranger"));

	(void) snprintf(path, sizeof(path), "%s/text.so", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("no library\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(find("text://", &driver, &err), OSP_ENOENT);
	assert_non_null(strstr(err.msg, "cannot load the driver of text://"));

	/* Files whose names are no schemes are not listed. */
	(void) snprintf(path, sizeof(path), "%s/.so", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void) snprintf(path, sizeof(path), "%s/libx-y.so", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void) snprintf(path, sizeof(path), "%s/x.so.1", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(find("nosuch://", &driver, &err), OSP_ENOENT);
	assert_non_null(strstr(err.msg, "(there are: stranger, text;"));
	tempdir_remove();
}

static void
test_search_path(void **state)
{
	const char *dir = tempdir_make();
	const osp_driver *driver;
	char path[512];
	osp_error err;

	(void) state;

	/* Empty entries and missing directories are skipped. */
	(void) snprintf(path, sizeof(path), ":/nonexistent:%s::" PLUGINS ":", dir);
	assert_int_equal(setenv("OSPROFILER_DRIVER_PATH", path, 1), 0);
	assert_int_equal(find("tiny://", &driver, &err), OSP_OK);

	/* If two directories have the same plug-in, the first one is used. */
	(void) snprintf(path, sizeof(path), "%s/tiny.so", dir);
	copy_file(PLUGINS "/foreign.so", path);
	(void) snprintf(path, sizeof(path), "%s:" PLUGINS, dir);
	assert_int_equal(setenv("OSPROFILER_DRIVER_PATH", path, 1), 0);
	assert_int_equal(find("tiny://", &driver, &err), OSP_EPROTO);

	assert_int_equal(setenv("OSPROFILER_DRIVER_PATH", dir, 1), 0);
	assert_int_equal(find("liar://", &driver, &err), OSP_ENOENT);
	tempdir_remove();
}

static void
test_none(void **state)
{
	const osp_driver *driver;
	osp_error err;

	(void) state;
	assert_int_equal(setenv("OSPROFILER_DRIVER_PATH", "/nonexistent", 1), 0);
	assert_int_equal(find("nosuch://", &driver, &err), OSP_ENOENT);
	assert_int_equal(unsetenv("OSPROFILER_DRIVER_PATH"), 0);
	assert_int_equal(find("nosuch://", &driver, &err), OSP_ENOENT);
}

/* There are more plug-ins than fit into a message. */
static void
test_many(void **state)
{
	const char *dir = tempdir_make();
	const osp_driver *driver;
	char path[512];
	osp_error err;
	int i;

	(void) state;
	assert_int_equal(setenv("OSPROFILER_DRIVER_PATH", dir, 1), 0);
	for (i = 0; i < 60; i++)
	{
		(void) snprintf(path, sizeof(path), "%s/plugin%d.so", dir, i);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_equal(find("nosuch://", &driver, &err), OSP_ENOENT);
	assert_non_null(strstr(err.msg, "there are: plugin"));
	assert_int_equal(find("plugin7://", &driver, &err), OSP_ENOENT);
	tempdir_remove();
}

static void *
find_often(void *arg)
{
	int i;

	for (i = 0; i < 200; i++)
	{
		const osp_driver *driver;
		osp_error err;

		if (find(i % 2 == 0 ? "tiny://" : "nosuch://", &driver, &err) !=
			(i % 2 == 0 ? OSP_OK : OSP_ENOENT))
			return arg;
	}
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t threads[4];
	size_t i;

	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, find_often, state),
						 0);
	for (i = 0; i < 4; i++)
	{
		void *failed;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_found, set_up),
		cmocka_unit_test_setup(test_missing_library, set_up),
		cmocka_unit_test_setup(test_no_scheme, set_up),
		cmocka_unit_test_setup(test_unknown, set_up),
		cmocka_unit_test_setup(test_wrong_plugins, set_up),
		cmocka_unit_test_setup(test_not_plugins, set_up),
		cmocka_unit_test_setup(test_search_path, set_up),
		cmocka_unit_test_setup(test_none, set_up),
		cmocka_unit_test_setup(test_many, set_up),
		cmocka_unit_test_setup(test_threads, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
