/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.h
 *	  Faults that every collector can have, tested with the backend's server: the server
 *	  restarts, is killed, hangs, or refuses for a while, or a stranger (stranger.h)
 *	  answers in its place.
 *
 * The tables of faults and the limits are in the file of each driver.
 */
#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

#include "contract.h"
#include "script_server.h"
#include "stranger.h"

/* ---- the server is stopped ---- */

/*
 * Restarts the server several times: while the driver uses it, and between two
 * calls. All that was stored has to be there afterwards, and storing over the same
 * connection has to succeed at once. While the server is down, storing over an old
 * and over a new connection fails with a message that contains says.
 */
void faults_restart(osp_str trace, const char *says);

/* The server is killed while batches are stored. */
typedef struct fault_kill
{
	size_t batch;      /* notifications that are stored at once */
	size_t most;       /* the total; then the first ones are stored again */
	unsigned after_us; /* when the server is killed */
} fault_kill;

/*
 * Stores p until the server is killed, and starts the server again. Returns how many
 * notifications were confirmed. Asserts that a batch that fails does so with
 * OSP_EUNAVAIL and accepted 0. *failed: did a batch fail? If so, err has its
 * message.
 */
size_t faults_store_until_killed(osp_driver_conn *conn, const points *p,
								 const fault_kill *kill, bool *failed,
								 osp_error *err);

/* Batches that a crash of the server has interrupted are sent again, and stored once. */
void faults_sent_again(osp_str trace);

/* ---- the server is in trouble ---- */

/*
 * Pauses the server. Storing a few notifications, storing many, and reading have to
 * fail within their time limits, and when the host interrupts. The messages contain
 * says_few and says_many (NULL: any message). After the server is resumed, the
 * notifications are stored.
 */
void faults_hangs(osp_str trace, const char *says_few, const char *says_many);

/* How to begin and end a fault of a server, and what the message of a failed call
 * contains. */
typedef struct fault_trouble
{
	const char *begin;
	const char *end; /* as apply() takes it; NULL: no fault */
	const char *says;
} fault_trouble;

/* Trouble that an administrator can end is no refusal: storing fails with OSP_EUNAVAIL
 * until it ends. Afterwards the notifications are stored in their order; none is lost. */
void faults_trouble(osp_driver_conn *conn, const fault_trouble *causes,
					size_t count, void (*apply)(const char *what));

/* The same for trouble that concerns some notifications only: the others are stored
 * first. */
void faults_trouble_of_some(osp_driver_conn *conn, const fault_trouble *cause,
							void (*apply)(const char *what));

/* ---- strangers ---- */

/* A timeout for strangers whose answers make a call fail: the call has to fail long
 * before. */
#define PATIENCE_MS 20000

typedef struct fault_stranger
{
	stranger who;
	const char *says;    /* NULL: any message */
	osp_status status;   /* of storing; OSP_OK stands for OSP_EUNAVAIL */
	unsigned timeout_ms; /* 0: the timeout of all strangers */
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

/* If a stranger answers, storing fails within the limits, and no notification counts as
 * accepted. */
void faults_strangers(const fault_limits *limits, const fault_stranger *list,
					  size_t count);

/* Reading from a stranger whose answer never ends is ended by the deadline of the call,
 * and by the host's interrupted(). */
void faults_drips(const char *uri, const stranger *list, size_t count);

/* Strangers that announce or send too much do not make the driver use more memory than
 * it may, whether it reads, stores or lists. Reading from the first full strangers
 * fails with OSP_EFULL, from the others with OSP_EUNAVAIL. */
void faults_large_answers(const char *uri, const stranger *list, size_t count,
						  size_t full);

/* An osp_driver_options.interrupted(): true once the time in *ctx (of contract_now_ms)
 * has passed. */
bool faults_is_late(void *ctx);

#endif /* TEST_FAULTS_H */
