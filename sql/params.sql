--
-- Values of parameters: only if they are not hidden.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'params' \gset
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
PREPARE test_params(int, text, bool, float8, numeric, date, timestamptz, uuid,
	int[], varchar, int8, char(3), name, oid, float4, int2, jsonb, timestamp)
	AS SELECT 1;

EXECUTE test_params(1, 'hidden', NULL, NULL, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SET osprofiler.hide_params = off;
EXECUTE test_params(-5, 'it''s ä', true, 0.1, 1.50, '2026-01-31',
	'2026-01-31 12:00+02', '5F6B6C1E-8A35-4B1E-9E0D-0C7A3B6F1D20',
	'{1,2}', 'v', 9223372036854775807, 'abc', 'n', 23, 0.5, 7, '{"a": 1}',
	'infinity');
EXECUTE test_params(NULL, repeat('x', 2000), NULL, 'NaN', NULL, NULL, NULL,
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
RESET ALL;
DEALLOCATE test_params;

-- only a superuser may show them
CREATE ROLE test_nobody;
SET ROLE test_nobody;
SET osprofiler.hide_params = off;
RESET ROLE;
DROP ROLE test_nobody;

CALL test.wait_for_delivery();
SELECT point->'info'->'db'->>'statement' LIKE 'EXECUTE%' AS utility,
	key::int, left(value, 40) AS value, length(value)
FROM test.points('params'),
	LATERAL jsonb_each_text(point->'info'->'db'->'params')
WHERE kind = 'start'
ORDER BY at, key::int;
