/* SPDX-License-Identifier: Apache-2.0
 *
 * own_libraries.c
 *	  A program with functions of its own that have the names of OpenSSL's, and that a
 *	  library must not call, and with a libpq of its own in the directory "own" beside
 *	  it. It executes a statement and prints which files of libpq are loaded.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_YOURS(name) \
	int name(void);     \
	int name(void)      \
	{                   \
		abort();        \
	}

NOT_YOURS(SHA1)
NOT_YOURS(SHA1_Init)
NOT_YOURS(SHA1_Update)
NOT_YOURS(SHA1_Final)
NOT_YOURS(HMAC)
NOT_YOURS(RAND_bytes)
NOT_YOURS(CRYPTO_memcmp)
NOT_YOURS(OPENSSL_cleanse)
NOT_YOURS(uuid_generate_random)

static void
print_libpq(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "/libpq") != NULL && strstr(line, " r-xp ") != NULL)
			fputs(strchr(line, '/'), stdout);
	if (maps != NULL)
		fclose(maps);
}

int
main(void)
{
	PGconn *conn = PQconnectdb("");
	PGresult *result = PQexec(conn, "select 1");
	int ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	PQfinish(conn);
	print_libpq();
	return ok ? 0 : 1;
}
