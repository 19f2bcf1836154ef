// SPDX-License-Identifier: Apache-2.0
//
// otel_service.js
//	  A service as OpenTelemetry's users write it: its own SDK, the
//	  instrumentation of the driver pg, contexts in comments of statements, or with
//	  PROPAGATE=name in the name of the application. Sends its spans to OTLP_URL;
//	  PGHOST and the like name the server, REQUEST the span around all others.

'use strict';

const { trace } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { PgInstrumentation } = require('@opentelemetry/instrumentation-pg');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const provider = new NodeTracerProvider({
	resource: resourceFromAttributes({ 'service.name': 'checkout' }),
	spanProcessors: [
		new SimpleSpanProcessor(new OTLPTraceExporter({ url: process.env.OTLP_URL })),
	],
});
provider.register();
registerInstrumentations({
	tracerProvider: provider,
	instrumentations: [
		new PgInstrumentation(process.env.PROPAGATE === 'name'
			? { enableTraceContextPropagation: true }
			: { addSqlCommenterCommentToQueries: true }),
	],
});

// Behind the registration, which replaces functions of it.
const { Client } = require('pg');

async function work() {
	const client = new Client();
	await client.connect();
	await trace.getTracer('test').startActiveSpan(process.env.REQUEST, async (span) => {
		await client.query("SELECT n FROM t WHERE n = 3 AND 'secret' <> ''");
		await client.query('SELECT n FROM t WHERE n = $1', [3]);
		await client.query('SELECT 1 / 0').catch(() => undefined);
		for (const n of [4, 5, 6])
			await client.query({ name: 'one', text: 'SELECT -n FROM t WHERE n = $1', values: [n] });
		span.end();
	});
	await client.end();
	await provider.shutdown();
}

work().catch((error) => {
	console.error(error);
	process.exit(1);
});
