/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_collector.c
 *	  Stands in for the OpenTelemetry Collector where there is none: receives spans
 *	  over OTLP/HTTP and prints them on stderr as its debug exporter does.
 *
 *	  otlp_collector --config FILE    FILE has "http: {endpoint: 127.0.0.1:PORT"
 *
 * It runs until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "otlp_receiver.h"

#define ENDPOINT       "http: {endpoint: 127.0.0.1:"
#define LINE_MAX_BYTES 1024
#define NAP_NS         20000000

static int
port_of_config(const char *path)
{
	char line[LINE_MAX_BYTES];
	FILE *file = fopen(path, "r");
	long port = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
	{
		const char *found = strstr(line, ENDPOINT);

		if (found != NULL)
			port = strtol(found + strlen(ENDPOINT), NULL, 10);
	}
	if (file != NULL)
		(void) fclose(file);
	return (int) port;
}

static void
print_id(const char *what, const ProtobufCBinaryData *id)
{
	size_t i;

	(void) fprintf(stderr, "    %-15s: ", what);
	for (i = 0; i < id->len; i++)
		(void) fprintf(stderr, "%02x", id->data[i]);
	(void) fputc('\n', stderr);
}

/* Prints a time in the form that Go uses: 2026-11-28 10:00:00.000023001 +0000 UTC. */
static void
print_time(const char *what, uint64_t ns)
{
	time_t seconds = (time_t) (ns / 1000000000);
	struct tm parts;
	char text[64] = "";

	if (gmtime_r(&seconds, &parts) != NULL)
		(void) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	(void) fprintf(stderr,
				   "    %-15s: %s.%09lu +0000 UTC\n",
				   what,
				   text,
				   (unsigned long) (ns % 1000000000));
}

static void
print_attributes(Opentelemetry__Proto__Common__V1__KeyValue **attributes,
				 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		const otlp_test_value *value = attributes[i]->value;

		(void) fprintf(stderr, "     -> %s: ", attributes[i]->key);
		switch (value->value_case)
		{
			case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE:
				(void) fprintf(stderr, "Str(%s)\n", value->string_value);
				break;
			case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE:
				(void) fprintf(
					stderr, "Int(%lld)\n", (long long) value->int_value);
				break;
			case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_DOUBLE_VALUE:
				(void) fprintf(stderr, "Double(%g)\n", value->double_value);
				break;
			case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE:
				(void) fprintf(
					stderr, "Bool(%s)\n", value->bool_value ? "true" : "false");
				break;
			default:
				(void) fprintf(stderr, "Other()\n");
		}
	}
}

static void
print_span(const otlp_test_span *span, const otlp_test_resource *resource)
{
	static const char *const kinds[] = {
		"Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"};
	static const char *const codes[] = {"Unset", "Ok", "Error"};

	(void) fprintf(stderr, "Resource attributes:\n");
	if (resource != NULL)
		print_attributes(resource->attributes, resource->n_attributes);
	(void) fprintf(stderr, "Span #0\n");
	print_id("Trace ID", &span->trace_id);
	print_id("Parent ID", &span->parent_span_id);
	print_id("ID", &span->span_id);
	(void) fprintf(stderr, "    %-15s: %s\n", "Name", span->name);
	(void) fprintf(
		stderr, "    %-15s: %s\n", "Kind", kinds[(unsigned) span->kind % 6]);
	print_time("Start time", span->start_time_unix_nano);
	print_time("End time", span->end_time_unix_nano);
	(void) fprintf(
		stderr,
		"    %-15s: %s\n",
		"Status code",
		codes[span->status != NULL ? (unsigned) span->status->code % 3 : 0]);
	(void) fprintf(stderr,
				   "    %-15s: %s\n",
				   "Status message",
				   span->status != NULL ? span->status->message : "");
	(void) fprintf(stderr, "Attributes:\n");
	print_attributes(span->attributes, span->n_attributes);
	(void) fflush(stderr);
}

int
main(int argc, char **argv)
{
	const struct timespec nap = {0, NAP_NS};
	int port = argc == 3 ? port_of_config(argv[2]) : 0;
	size_t printed = 0;

	if (port == 0)
	{
		(void) fprintf(stderr, "usage: otlp_collector --config FILE\n");
		return 2;
	}
	receiver_reset();
	receiver_set_port(port);
	receiver_start(NULL);
	for (;;)
	{
		for (; printed < receiver_spans(); printed++)
			print_span(receiver_span(printed), receiver_resource(printed));
		(void) nanosleep(&nap, NULL);
	}
}
