/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keyring.c
 *	  Keyrings: lists, files, refused texts, and failed allocations.
 */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failing_alloc.h"
#include "sign_raw.h"
#include "tempdir.h"

#define JSON "{\"base_id\": \"a\"}"

static osp_keyring *
make_ring(osp_str keys)
{
	osp_keyring *ring = NULL;

	assert_int_equal(osp_keyring_new(&osp_allocator_default, keys, &ring, NULL),
					 OSP_OK);
	return ring;
}

/* Returns the number of the key; -1: the ring does not have it. */
static int
find_key(osp_keyring *ring, const char *key)
{
	static raw_context raw;
	osp_context context;

	sign_json(&raw, key, OSP_STR(JSON));
	if (osp_context_verify(
			ring, osp_str_of(raw.info), osp_str_of(raw.hmac), &context) !=
		OSP_CTX_ACCEPTED)
		return -1;
	return (int) context.key;
}

static void
test_lists(void **state)
{
	static const struct
	{
		const char *list;
		size_t count;
	} lists[] = {{"", 0},
				 {",", 0},
				 {" , \t,\xc2\xa0, ", 0},
				 {"a", 1},
				 {" a ", 1},
				 {"a,", 1},
				 {",a,,b,", 2},
				 {"a,b,c,d,e,f,g,h,i", 9}};
	osp_keyring *ring;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		ring = make_ring(osp_str_of(lists[i].list));
		assert_int_equal(osp_keyring_count(ring), lists[i].count);
		assert_int_equal(find_key(ring, ""), -1);
		osp_keyring_free(ring);
	}
	ring = make_ring(OSP_STR("\tone key, \xc2\xa0two\xe3\x80\x80 ,,#three"));
	assert_int_equal(find_key(ring, "one key"), 0);
	assert_int_equal(find_key(ring, "two"), 1);
	assert_int_equal(find_key(ring, "#three"), 2);
	assert_int_equal(find_key(ring, "one"), -1);
	osp_keyring_free(ring);

	/* The list need not end with a NUL. */
	ring = make_ring(osp_str_n("abc", 2));
	assert_int_equal(find_key(ring, "ab"), 0);
	osp_keyring_free(ring);
	osp_keyring_free(NULL);
}

static const char *
write_file(const char *dir, const char *text, size_t len, mode_t mode)
{
	static char path[256];
	FILE *file;

	(void) snprintf(path, sizeof(path), "%s/keys", dir);
	(void) unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static osp_status
add_file(osp_keyring *ring, const char *dir, const char *text, mode_t mode)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;

	status = osp_keyring_add_file(
		ring, write_file(dir, text, strlen(text), mode), &err);
	assert_int_equal(err.code, status);
	assert_int_equal(err.msg[0] == '\0', status == OSP_OK);
	return status;
}

static void
test_file(void **state)
{
	const char *dir = tempdir_make();
	osp_keyring *ring = make_ring(OSP_STR("first"));

	(void) state;
	assert_int_equal(
		add_file(
			ring, dir, "# comment\n\n  # also one\n a \r\nb,c\n,\nlast", 0600),
		OSP_OK);
	assert_int_equal(osp_keyring_count(ring), 5);
	assert_int_equal(find_key(ring, "first"), 0);
	assert_int_equal(find_key(ring, "a"), 1);
	assert_int_equal(find_key(ring, "b"), 2);
	assert_int_equal(find_key(ring, "c"), 3);
	assert_int_equal(find_key(ring, "last"), 4);

	/* The group may read the file. An empty file is valid, and has no keys. */
	assert_int_equal(add_file(ring, dir, "", 0640), OSP_OK);
	assert_int_equal(osp_keyring_count(ring), 5);
	osp_keyring_free(ring);
	tempdir_remove();
}

/* Asserts that the message says what is wrong in the file, and that none of its keys
 * was added. */
static void
refuse_text(osp_keyring *ring, const char *dir, const char *text, size_t len,
			const char *why)
{
	size_t before = osp_keyring_count(ring);
	osp_error err = {OSP_OK, ""};

	assert_int_equal(
		osp_keyring_add_file(ring, write_file(dir, text, len, 0600), &err),
		OSP_EINVAL);
	assert_non_null(strstr(err.msg, why));
	assert_int_equal(osp_keyring_count(ring), before);
}

static void
test_refused_files(void **state)
{
	const char *dir = tempdir_make();
	osp_keyring *ring = make_ring(OSP_STR("first"));
	osp_error err = {OSP_OK, ""};
	char path[256];
	char *big = malloc(64 * 1024 + 1);

	(void) state;
	assert_non_null(big);
	assert_int_equal(add_file(ring, dir, "a", 0604), OSP_EPERM);
	assert_int_equal(add_file(ring, dir, "a", 0602), OSP_EPERM);
	assert_int_equal(osp_keyring_add_file(ring, dir, &err), OSP_EINVAL);
	(void) snprintf(path, sizeof(path), "%s/none", dir);
	assert_int_equal(osp_keyring_add_file(ring, path, &err), OSP_ENOENT);
	assert_non_null(strstr(err.msg, "none"));

	/* Opening a FIFO does not wait for its other end. */
	(void) snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(osp_keyring_add_file(ring, path, &err), OSP_EINVAL);

	refuse_text(ring,
				dir,
				"\xef\xbb\xbf"
				"a\n",
				5,
				"byte order mark");
	refuse_text(ring,
				dir,
				"\xff\xfe"
				"a\0\n\0",
				6,
				"byte order mark");
	refuse_text(ring, dir, "a\nb\0c\n", 6, "a NUL byte in line 2,");
	refuse_text(ring,
				dir,
				"# \0\na\rb\r\n",
				9,
				"carriage return in the middle of line 2,");

	memset(big, 'k', 64 * 1024 + 1);
	assert_int_equal(osp_keyring_add_file(
						 ring, write_file(dir, big, 64 * 1024 + 1, 0600), &err),
					 OSP_EINVAL);
	assert_int_equal(osp_keyring_count(ring), 1);
	assert_int_equal(
		osp_keyring_add_file(ring, write_file(dir, big, 64 * 1024, 0600), &err),
		OSP_OK);
	assert_int_equal(osp_keyring_count(ring), 2);
	free(big);
	osp_keyring_free(ring);
	tempdir_remove();
}

static void
test_memory(void **state)
{
	const char *dir = tempdir_make();
	const char *path = write_file(dir, "e\nf,g\nh\ni\n", 10, 0600);
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_keyring *ring = NULL;
		osp_error err = {OSP_OK, ""};
		osp_status status;

		status = osp_keyring_new(&fa.alc, OSP_STR("a,b,c"), &ring, &err);
		if (status == OSP_OK)
		{
			status = osp_keyring_add_file(ring, path, &err);
			assert_int_equal(osp_keyring_count(ring), status == OSP_OK ? 8 : 3);
			assert_int_equal(find_key(ring, "c"), 2);
			assert_int_equal(find_key(ring, "e"), status == OSP_OK ? 3 : -1);
		}
		else
			assert_null(ring);
		osp_keyring_free(ring);
		assert_int_equal(err.code, status);
		failing_alloc_check(&fa, status);
	}
	tempdir_remove();
}

/* An allocator that searches freed memory for a secret. */
#define SECRET      "hunter2-hunter2"
#define HEADER_SIZE 16

static size_t freed_secrets;

static void *
watch_alloc(void *ctx, size_t size)
{
	char *block = calloc(1, HEADER_SIZE + size);

	(void) ctx;
	if (block == NULL)
		return NULL;
	memcpy(block, &size, sizeof(size));
	return block + HEADER_SIZE;
}

static void
watch_free(void *ctx, void *ptr)
{
	char *block;
	size_t size;

	(void) ctx;
	if (ptr == NULL)
		return;
	block = (char *) ptr - HEADER_SIZE;
	memcpy(&size, block, sizeof(size));
	if (memmem(ptr, size, SECRET, sizeof(SECRET) - 1) != NULL)
		freed_secrets++;
	free(block);
}

static void *
watch_realloc(void *ctx, void *ptr, size_t size)
{
	void *copy = watch_alloc(ctx, size);
	size_t old = 0;

	if (copy == NULL)
		return NULL;
	if (ptr != NULL)
		memcpy(&old, (char *) ptr - HEADER_SIZE, sizeof(old));
	if (old > 0)
		memcpy(copy, ptr, old < size ? old : size);
	watch_free(ctx, ptr);
	return copy;
}

static void
test_wiped(void **state)
{
	static const osp_allocator watch = {
		watch_alloc, watch_realloc, watch_free, NULL};
	const char *dir = tempdir_make();
	const char *path =
		write_file(dir, SECRET "\n", sizeof(SECRET "\n") - 1, 0600);
	osp_keyring *ring = NULL;

	(void) state;
	assert_int_equal(osp_keyring_new(&watch, OSP_STR("a"), &ring, NULL),
					 OSP_OK);
	assert_int_equal(osp_keyring_add_file(ring, path, NULL), OSP_OK);
	assert_int_equal(find_key(ring, SECRET), 1);
	osp_keyring_free(ring);
	assert_int_equal(freed_secrets, 0);
	tempdir_remove();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
