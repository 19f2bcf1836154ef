--
-- Nothing is left behind.
--
SELECT dropped, refused, spool_dropped, corrupt_bytes, driver_errors, last_error
FROM osprofiler.stat;
DROP SCHEMA test CASCADE;
DROP EXTENSION osprofiler;
