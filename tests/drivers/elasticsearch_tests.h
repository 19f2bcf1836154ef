/* SPDX-License-Identifier: Apache-2.0
 *
 * elasticsearch_tests.h
 *	  Declarations for the tests of the elasticsearch driver. They are one program:
 *	  documents and options (test_elasticsearch.c), and faults of the server
 *	  (elasticsearch_faults.c). The server is a stand-in, elastic_standin.py.
 */
#ifndef TEST_ELASTICSEARCH_TESTS_H
#define TEST_ELASTICSEARCH_TESTS_H

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_elasticsearch;

/* The id of the trace that most tests store. */
extern const osp_str elastic_trace;

extern script_server elastic_test_server;
void elastic_test_start(const char *version);

/* Its directory. */
const char *elastic_test_dir(void);

/* The connection string of the server with this login and these options (static). */
const char *elastic_test_uri(const char *login, const char *rest);

/* Sets how the next requests fail, as elastic_standin.py describes. NULL: they
 * succeed. */
void elastic_test_faults(const char *json);

/* How many lines of the stand-in's journal of this test contain the text. */
size_t elastic_test_journal(const char *text);

void test_elastic_restart(void **state);
void test_elastic_killed_during_batch(void **state);
void test_elastic_hangs(void **state);
void test_elastic_refused_documents(void **state);
void test_elastic_in_trouble(void **state);
void test_elastic_logins(void **state);
void test_elastic_strangers(void **state);
void test_elastic_tls(void **state);

#endif /* TEST_ELASTICSEARCH_TESTS_H */
