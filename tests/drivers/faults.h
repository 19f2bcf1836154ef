/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.h
 *	  Faults that every collector can have, tested with the backend's own server:
 *	  it restarts, it is killed, it hangs, it refuses for a while; and strangers
 *	  that answer in its place.
 *
 * A driver's own file has the tables and the limits; what is done with them is here.
 */
#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

#include "contract.h"
#include "script_server.h"
#include "stranger.h"

/* ---- the server ends ---- */

/*
 * The server stops and starts again, noticed by the connection and not: what was
 * stored is there again, and what is stored over the same connection at once is taken.
 * While it is down storing fails with a message that contains says, by an old
 * connection and by a new one.
 */
void faults_restart(osp_str trace, const char *says);

/* The server is killed while batches are stored. */
typedef struct fault_kill
{
	size_t batch;      /* notifications that are stored at once */
	size_t most;       /* and in all; then they begin anew with the first */
	unsigned after_us; /* when the server is killed */
} fault_kill;

/*
 * Stores p until the server is killed, and starts it again. Returns how many
 * notifications were confirmed. A batch that fails has to fail with OSP_EUNAVAIL
 * and accepted 0; *failed says whether one did, and err has its message.
 */
size_t faults_store_until_killed(osp_driver_conn *conn, const points *p,
								 const fault_kill *kill, bool *failed,
								 osp_error *err);

/* Batches that a crash has cut off are sent again, and are there once. */
void faults_sent_again(osp_str trace);

/* ---- the server is in trouble ---- */

/*
 * The server is paused: storing and reading fail within bounds, whether a few
 * notifications are stored first or many, and when the host wants to end. The
 * messages contain says_few and says_many (NULL: any message). It is resumed: they
 * are stored.
 */
void faults_hangs(osp_str trace, const char *says_few, const char *says_many);

/* How a server is brought into trouble and out of it, and what the message of a
 * failure then contains. */
typedef struct fault_trouble
{
	const char *begin;
	const char *end; /* NULL: as apply takes it */
	const char *says;
} fault_trouble;

/* Trouble that somebody can end is no refusal: storing fails with OSP_EUNAVAIL until
 * it ends, and nothing is lost: the notifications are there in their order. */
void faults_trouble(osp_driver_conn *conn, const fault_trouble *causes,
					size_t count, void (*apply)(const char *what));

/* The same where those that are in no trouble are stored before the others. */
void faults_trouble_of_some(osp_driver_conn *conn, const fault_trouble *cause,
							void (*apply)(const char *what));

/* ---- strangers ---- */

/* For strangers that are to fail by what they say, long before this is over. */
#define PATIENCE_MS 20000

typedef struct fault_stranger
{
	stranger who;
	const char *says;    /* NULL: any message */
	osp_status status;   /* of storing; OSP_OK: OSP_EUNAVAIL */
	unsigned timeout_ms; /* 0: as for all of them */
} fault_stranger;

typedef struct fault_limits
{
	const char *uri;  /* up to the port */
	const char *rest; /* behind it */
	unsigned timeout_ms;
	unsigned deadline_ms;
	size_t memory_max;
	long all_ms; /* how long opening and storing may take */
} fault_limits;

/* Storing fails within the limits, with nothing accepted, when a stranger answers. */
void faults_strangers(const fault_limits *limits, const fault_stranger *list,
					  size_t count);

/* Reading from strangers that never end what they say ends by the deadline of the
 * call, and by the host's interrupts. */
void faults_drips(const char *uri, const stranger *list, size_t count);

/* Strangers that announce or say too much take no more memory than is allowed, whether
 * one reads, stores or lists: reading from the first full of them fails with OSP_EFULL,
 * from the others with OSP_EUNAVAIL. */
void faults_large_answers(const char *uri, const stranger *list, size_t count,
						  size_t full);

/* An osp_driver_options.interrupted: the time in *ctx (contract_now_ms) is past. */
bool faults_is_late(void *ctx);

#endif /* TEST_FAULTS_H */
