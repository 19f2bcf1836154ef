/* SPDX-License-Identifier: Apache-2.0
 *
 * sales_report.c
 *	  A CGI program that is called with a trace's context in the headers of the request.
 *	  It passes the context on to PostgreSQL, and prints the headers for another
 *	  service.
 *
 * The web server passes X-Trace-Info and X-Trace-HMAC as HTTP_X_TRACE_INFO and
 * HTTP_X_TRACE_HMAC. If the program is linked with libosprofiler_pq before libpq, its
 * statements are recorded without further code, and the server's operations are below
 * them.
 *
 *	  cc sales_report.c $(pkg-config --cflags --libs osprofiler) -losprofiler_pq -lpq \
 *		  -o report.cgi
 *	  OSPROFILER_HMAC_KEYS=SECRET_KEY PGHOST=... (of the web server's process)
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include <osprofiler/json.h>
#include <osprofiler/profiler.h>

#define INFO_MAX 8192

static void
add_member(osp_buf *info, const char *name, const char *variable)
{
	const char *value = getenv(variable);

	osp_buf_addf(info, "%s\"%s\": ", info->len > 13 ? ", " : "", name);
	osp_json_string(info, osp_str_of(value));
}

/* Starts the operation of the request, with the info that OSProfiler's middleware
 * records. */
static void
start_request(void)
{
	osp_buf info;

	osp_buf_init(&info, &osp_allocator_default, INFO_MAX);
	osp_buf_add_str(&info, OSP_STR("{\"request\": {"));
	add_member(&info, "path", "PATH_INFO");
	add_member(&info, "query", "QUERY_STRING");
	add_member(&info, "method", "REQUEST_METHOD");
	add_member(&info, "scheme", "REQUEST_SCHEME");
	osp_buf_add_str(&info, OSP_STR("}}"));
	osp_start("wsgi", osp_buf_status(&info) == OSP_OK ? info.ptr : NULL);
	osp_buf_term(&info);
}

/* Prints the headers that pass the context on to another service. */
static void
print_headers(void)
{
	osp_headers headers;

	if (osp_get_trace_headers(&headers))
		printf("X-Trace-Info: %s\nX-Trace-HMAC: %s\n",
			   headers.trace_info,
			   headers.trace_hmac);
}

static int
answer(void)
{
	PGconn *conn = PQconnectdb("");
	PGresult *result;
	int ok;

	result = PQexec(conn, "SELECT count(*) FROM purchase");
	ok = PQresultStatus(result) == PGRES_TUPLES_OK;
	printf("Status: %s\nContent-Type: text/plain\n",
		   ok ? "200 OK" : "503 Service Unavailable");
	print_headers();
	printf("\n%s\n", ok ? PQgetvalue(result, 0, 0) : "no database");
	PQclear(result);
	PQfinish(conn);
	return ok;
}

int
main(void)
{
	int ok;

	/* A request without a context that one of our keys has signed is answered, but not
	 * traced. */
	(void) osp_init_from_headers(
		getenv("HTTP_X_TRACE_INFO"), getenv("HTTP_X_TRACE_HMAC"), NULL);
	start_request();
	ok = answer();
	osp_stop(NULL);
	osp_clean();
	return ok ? 0 : 1;
}
