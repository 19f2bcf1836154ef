/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ids.c
 *	  Ids: fresh ones, also after a fork, and ids from outside.
 */
#include "tap.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "osprofiler/ids.h"

#define MANY 100000

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(osp_uuid));
}

static void
assert_all_differ(osp_uuid *ids, size_t count)
{
	size_t i;

	qsort(ids, count, sizeof(ids[0]), compare);
	for (i = 1; i < count; i++)
		assert_memory_not_equal(&ids[i - 1], &ids[i], sizeof(ids[0]));
}

static void
test_version_and_variant(void **state)
{
	osp_uuid *ids = calloc(MANY, sizeof(*ids));
	int i;

	(void) state;
	assert_non_null(ids);
	for (i = 0; i < MANY; i++)
	{
		osp_uuid_new(&ids[i]);
		assert_int_equal(ids[i].bytes[6] >> 4, 4);
		assert_int_equal(ids[i].bytes[8] >> 6, 2);
	}
	assert_all_differ(ids, MANY);
	free(ids);
}

static void *
make_ids(void *out)
{
	osp_uuid *ids = out;
	int i;

	for (i = 0; i < 1000; i++)
		osp_uuid_new(&ids[i]);
	return NULL;
}

static void
test_threads(void **state)
{
	osp_uuid *ids = calloc(8000, sizeof(*ids));
	pthread_t threads[8];
	int i;

	(void) state;
	assert_non_null(ids);
	for (i = 0; i < 8; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, make_ids, ids + 1000 * i), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_all_differ(ids, 8000);
	free(ids);
}

/* Checks the ids of a process, its child and its grandchild, which begin with the same
 * pool of random bytes. */
static void
check_children(pid_t (*make_child)(void))
{
	const size_t size = 3 * 300 * sizeof(osp_uuid);
	osp_uuid *ids = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	osp_uuid first;
	pid_t child;
	int status;
	int i;

	assert_ptr_not_equal(ids, MAP_FAILED);
	osp_uuid_new(&first);
	child = make_child();
	assert_true(child >= 0);
	if (child == 0)
	{
		pid_t grandchild;

		for (i = 0; i < 300; i++)
			osp_uuid_new(&ids[300 + i]);
		grandchild = make_child();
		if (grandchild == 0)
		{
			for (i = 0; i < 300; i++)
				osp_uuid_new(&ids[600 + i]);
			_exit(0);
		}
		_exit(waitpid(grandchild, &status, 0) == grandchild ? 0 : 1);
	}
	for (i = 0; i < 300; i++)
		osp_uuid_new(&ids[i]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_all_differ(ids, 900);
	assert_int_equal(munmap(ids, size), 0);
}

static void
test_fork(void **state)
{
	(void) state;
	check_children(fork);
}

/* Makes a child in which no handler of pthread_atfork() runs. */
static pid_t
bare_clone(void)
{
	return (pid_t) syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void
test_bare_clone(void **state)
{
	(void) state;
	if (getenv("OSP_UNDER_VALGRIND") != NULL)
		skip(); /* the kernel does not know MADV_WIPEONFORK */
	check_children(bare_clone);
}

/* Makes a child for which the kernel refuses random numbers. */
static pid_t
filtered_fork(void)
{
	struct sock_filter refuse[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {4, refuse};
	pid_t pid = fork();

	if (pid == 0)
	{
		(void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		(void) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	}
	return pid;
}

static void
test_no_random_numbers(void **state)
{
	(void) state;
	check_children(filtered_fork);
}

static void
test_text(void **state)
{
	osp_uuid uuid;
	osp_uuid again;
	char text[OSP_UUID_TEXT_LEN + 1];

	(void) state;
	assert_true(
		osp_uuid_parse(OSP_STR("5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20"), &uuid));
	assert_int_equal(uuid.bytes[0], 0x5f);
	assert_int_equal(uuid.bytes[15], 0x20);
	osp_uuid_text(&uuid, text);
	assert_string_equal(text, "5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20");
	osp_uuid_new(&uuid);
	osp_uuid_text(&uuid, text);
	assert_true(osp_uuid_parse(osp_str_of(text), &again));
	assert_memory_equal(&uuid, &again, sizeof(uuid));
}

static void
test_only_canonical_text(void **state)
{
	static const char *const others[] = {
		"",
		"5F6B6C1E-8A35-4B1E-9E0D-0C7A3B6F1D20",
		"5f6b6c1e8a354b1e9e0d0c7a3b6f1d20",
		"5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d2",
		"5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d200",
		"5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d2g",
		"5f6b6c1e08a35-4b1e-9e0d-0c7a3b6f1d20",
		"{f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d2}",
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		osp_uuid uuid;

		assert_false(osp_uuid_parse(osp_str_of(others[i]), &uuid));
	}
}

static void
test_foreign_ids(void **state)
{
	char storage[OSP_ID_MAX + 1];
	char longest[OSP_ID_MAX + 1];
	osp_id a;
	osp_id b;

	(void) state;
	memset(longest, 'x', sizeof(longest));
	assert_false(osp_id_set(&a, OSP_STR("")));
	assert_int_equal(a.len, 0);
	assert_false(osp_id_set(&a, osp_str_n(longest, OSP_ID_MAX + 1)));
	assert_true(osp_id_set(&a, osp_str_n(longest, OSP_ID_MAX)));
	assert_false(a.is_uuid);
	assert_true(
		osp_str_eq(osp_id_text(&a, storage), osp_str_n(longest, OSP_ID_MAX)));

	/* An id in upper case is kept verbatim, so it is a text and no UUID. */
	assert_true(
		osp_id_set(&a, OSP_STR("5F6B6C1E-8A35-4B1E-9E0D-0C7A3B6F1D20")));
	assert_false(a.is_uuid);
	assert_true(
		osp_id_set(&b, OSP_STR("5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20")));
	assert_true(b.is_uuid);
	assert_false(osp_id_eq(&a, &b));
	assert_true(osp_id_eq(&b, &b));
	assert_true(osp_str_eq(osp_id_text(&b, storage),
						   OSP_STR("5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_and_variant),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_bare_clone),
		cmocka_unit_test(test_no_random_numbers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_only_canonical_text),
		cmocka_unit_test(test_foreign_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
