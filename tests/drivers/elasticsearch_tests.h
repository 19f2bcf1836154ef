/* SPDX-License-Identifier: Apache-2.0
 *
 * elasticsearch_tests.h
 *	  The tests of the elasticsearch driver, one program: its documents and options
 *	  (test_elasticsearch.c), and a server in trouble (elasticsearch_faults.c). The
 *	  server is a stand-in, elastic_standin.py.
 */
#ifndef TEST_ELASTICSEARCH_TESTS_H
#define TEST_ELASTICSEARCH_TESTS_H

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_elasticsearch;

/* The trace that most of them store. */
extern const osp_str elastic_trace;

extern script_server elastic_test_server;
void elastic_test_start(const char *version);

/* Its directory. */
const char *elastic_test_dir(void);

/* Its address as a connection string, with this login and these options. Static. */
const char *elastic_test_uri(const char *login, const char *rest);

/* How its next requests fail, as elastic_standin.py says; NULL: they do not. */
void elastic_test_faults(const char *json);

/* What the stand-in has stored in this test. */
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
