/* SPDX-License-Identifier: Apache-2.0
 *
 * web_held.c
 *	  The memory of the answers that are being sent.
 */
#include "web/web_held.h"

#include <pthread.h>

#include "web/web_connections.h"

/*
 * The number of bodies: at most one for each connection, and some that have yet
 * to be released.
 */
#define BODIES_MAX (2 * WEB_CONNECTIONS_MAX)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct
{
	const char *body; /* NULL: this place is free */
	size_t len;
} bodies[BODIES_MAX];
static size_t held;

bool
web_held_is_full(void)
{
	bool full;

	(void) pthread_mutex_lock(&lock);
	full = held >= WEB_HELD_BYTES;
	(void) pthread_mutex_unlock(&lock);
	return full;
}

bool
web_held_take(const char *body, size_t len)
{
	bool taken = false;
	size_t i;

	if (len <= WEB_HELD_SMALL)
		return true;
	(void) pthread_mutex_lock(&lock);
	if (held == 0 || (held < WEB_HELD_BYTES && len <= WEB_HELD_BYTES - held))
		for (i = 0; i < BODIES_MAX && !taken; i++)
			if (bodies[i].body == NULL)
			{
				bodies[i].body = body;
				bodies[i].len = len;
				held += len;
				taken = true;
			}
	(void) pthread_mutex_unlock(&lock);
	return taken;
}

void
web_held_release(const char *body)
{
	size_t i;

	(void) pthread_mutex_lock(&lock);
	for (i = 0; i < BODIES_MAX; i++)
		if (bodies[i].body == body)
		{
			held -= bodies[i].len;
			bodies[i].body = NULL;
			break;
		}
	(void) pthread_mutex_unlock(&lock);
}
