/* SPDX-License-Identifier: Apache-2.0
 *
 * small_stack.c
 *	  Prints how many bytes of its stack a thread needs that connects, executes a few
 *	  statements, fails in one, and ends.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_SIZE ((size_t) 1024 * 1024)
#define PAINT      0xa5

static void *
work(void *ignored)
{
	PGconn *conn = PQconnectdb("");
	int i;

	(void) ignored;
	for (i = 0; i < 3; i++)
		PQclear(PQexec(conn, i == 2 ? "select 1/0" : "select 1"));
	PQclear(PQexecParams(conn, "select 2", 0, NULL, NULL, NULL, NULL, 0));
	PQfinish(conn);
	return NULL;
}

int
main(void)
{
	unsigned char *stack = mmap(NULL,
								STACK_SIZE,
								PROT_READ | PROT_WRITE,
								MAP_PRIVATE | MAP_ANONYMOUS,
								-1,
								0);
	pthread_attr_t attr;
	pthread_t thread;
	size_t untouched = 0;

	if (stack == MAP_FAILED)
		return 1;
	memset(stack, PAINT, STACK_SIZE);
	if (pthread_attr_init(&attr) != 0 ||
		pthread_attr_setstack(&attr, stack, STACK_SIZE) != 0 ||
		pthread_create(&thread, &attr, work, NULL) != 0 ||
		pthread_join(thread, NULL) != 0)
		return 1;
	while (untouched < STACK_SIZE && stack[untouched] == PAINT)
		untouched++;
	printf("%zu\n", STACK_SIZE - untouched);
	return 0;
}
