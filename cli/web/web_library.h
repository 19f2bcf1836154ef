/* SPDX-License-Identifier: Apache-2.0
 *
 * web_library.h
 *	  The functions of libmicrohttpd that are used.
 *
 * The library is loaded when it is needed: only one command uses it, and it
 * loads TLS and other libraries.
 */
#ifndef OSPROFILER_CLI_WEB_LIBRARY_H
#define OSPROFILER_CLI_WEB_LIBRARY_H

#include <microhttpd.h>

#define WEB_FUNCTIONS(F)                              \
	F(add_response_header)                            \
	F(create_response_from_buffer_with_free_callback) \
	F(destroy_response)                               \
	F(get_connection_info)                            \
	F(get_connection_values)                          \
	F(lookup_connection_value_n)                      \
	F(queue_response)                                 \
	F(start_daemon)                                   \
	F(stop_daemon)

#define WEB_MEMBER(name) __typeof__(&MHD_##name) name;

typedef struct web_library
{
	WEB_FUNCTIONS(WEB_MEMBER)
} web_library;

extern web_library web_mhd;

/* Loads the library. CLI_FAILED after a message. */
int web_library_load(void);

#endif /* OSPROFILER_CLI_WEB_LIBRARY_H */
