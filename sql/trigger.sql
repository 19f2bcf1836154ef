--
-- Triggers: of all kinds, of foreign keys, of events.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'trigger' \gset
CREATE SCHEMA "test trigger";
SET search_path = "test trigger";
CREATE TABLE log (word text);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int,
	CONSTRAINT child_has_parent FOREIGN KEY (id) REFERENCES parent
		ON DELETE CASCADE);
CREATE TABLE parts (id int, CONSTRAINT parts_have_parent
	FOREIGN KEY (id) REFERENCES parent) PARTITION BY LIST (id);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log VALUES (TG_NAME);
	RETURN NEW;
END
$$;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.id < 0 THEN
		RAISE EXCEPTION 'negative';
	END IF;
	RETURN NEW;
END
$$;
CREATE FUNCTION refuse_caught() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO child VALUES (-1);
	RETURN NEW;
EXCEPTION WHEN OTHERS THEN
	RETURN NEW;
END
$$;
CREATE TRIGGER a_before BEFORE INSERT OR UPDATE ON child
	FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER b_after AFTER INSERT OR DELETE ON child
	FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER c_truncate BEFORE TRUNCATE ON child
	FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE VIEW seen AS SELECT * FROM child;
CREATE TRIGGER d_instead INSTEAD OF INSERT ON seen
	FOR EACH ROW EXECUTE FUNCTION refuse_caught();
CREATE CONSTRAINT TRIGGER e_deferred AFTER INSERT ON log
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.word = 'deferred') EXECUTE FUNCTION note();
CREATE FUNCTION note_event() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 'an event';
END
$$;
CREATE EVENT TRIGGER test_event ON ddl_command_start
	WHEN TAG IN ('CREATE SEQUENCE') EXECUTE FUNCTION note_event();
INSERT INTO parent SELECT generate_series(1, 5);

-- What is looked up while nothing is traced is no obstacle later.
INSERT INTO child VALUES (1);
PREPARE insert_child AS INSERT INTO child SELECT $1;
EXECUTE insert_child(2);

SET osprofiler.points = statement, nested, commit, trigger;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
BEGIN;
EXECUTE insert_child(3);
INSERT INTO child VALUES (77);
ROLLBACK;
BEGIN;
INSERT INTO child VALUES (-2);
ROLLBACK;
BEGIN;
INSERT INTO seen VALUES (1);
DELETE FROM parent WHERE id = 2;
INSERT INTO parts VALUES (1);
TRUNCATE child;
COPY child FROM STDIN;
1
\.
CREATE SEQUENCE test_trigger_sequence;
COMMIT;
INSERT INTO log VALUES ('deferred');
-- without statements in between
SET osprofiler.points = statement, trigger;
INSERT INTO child VALUES (1);
RESET osprofiler.trace_info;
RESET osprofiler.trace_hmac;
RESET osprofiler.points;

CALL test.wait_for_delivery();
SELECT replace(regexp_replace(tree, ', "function": {.*?}}}}', ''),
	'{"db": {"trigger": {', '') AS tree
FROM test.tree('trigger') tree;
SELECT DISTINCT point #> '{info,db,trigger,function}' AS function
FROM test.points('trigger') WHERE name = 'pg.trigger' AND kind = 'start'
ORDER BY 1;

-- A million rows make no million points.
CREATE TABLE many (id int);
CREATE TRIGGER f_many BEFORE INSERT ON many
	FOR EACH ROW EXECUTE FUNCTION refuse();
SET osprofiler.points = statement, nested, trigger;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
INSERT INTO many SELECT generate_series(1, 5000);
RESET ALL;
CALL test.wait_for_delivery();
SELECT count(*) FROM test.points('trigger')
WHERE point #>> '{info,db,trigger,table}' = 'many';
SELECT name, point #>> '{info,db,calls}' AS calls,
	(point #>> '{info,db,total_ms}')::float > 0 AS total_ms
FROM test.points('trigger') WHERE point #> '{info,db,calls}' IS NOT NULL;
SELECT start.point #>> '{info,db,trigger,name}' AS trigger
FROM test.points('trigger') start
JOIN test.points('trigger') stop ON stop.point->>'trace_id' = start.point->>'trace_id'
	AND stop.point #> '{info,db,calls}' IS NOT NULL
WHERE start.kind = 'start';

-- Triggers that run when their statement has ended its work hang under it: of partitions
-- and the tables above them, of tables that WITH changes.
SET search_path = "test trigger";
CREATE TABLE moves (id int, side text) PARTITION BY LIST (side);
CREATE TABLE moves_left PARTITION OF moves FOR VALUES IN ('left');
CREATE TABLE moves_right PARTITION OF moves FOR VALUES IN ('right');
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log VALUES (TG_NAME);
	RETURN NULL;
END
$$;
CREATE TRIGGER g_all AFTER INSERT OR UPDATE OR DELETE ON moves
	FOR EACH STATEMENT EXECUTE FUNCTION note_move();
CREATE TRIGGER h_left AFTER DELETE ON moves_left
	FOR EACH ROW EXECUTE FUNCTION note_move();
CREATE TRIGGER i_right AFTER INSERT ON moves_right
	FOR EACH ROW EXECUTE FUNCTION note_move();
CREATE TABLE plain (id int);
SET osprofiler.points = statement, nested, trigger;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
INSERT INTO moves VALUES (1, 'left');
UPDATE moves SET side = 'right';
WITH added AS (INSERT INTO moves_right VALUES (2, 'right') RETURNING id)
	INSERT INTO plain SELECT id FROM added;
WITH gone AS (DELETE FROM moves RETURNING id) SELECT count(*) FROM gone;
INSERT INTO plain VALUES (3);
RESET osprofiler.trace_info;
RESET osprofiler.trace_hmac;
CALL test.wait_for_delivery();
SELECT start.point #>> '{info,db,trigger,name}' AS trigger,
	left(parent.point #>> '{info,db,statement}', 30) AS statement,
	start.point->>'timestamp' < stop.point->>'timestamp' AS within
FROM test.points('trigger') start
JOIN test.points('trigger') parent ON parent.point->>'trace_id' = start.point->>'parent_id'
	AND parent.kind = 'start'
JOIN test.points('trigger') stop ON stop.point->>'trace_id' = start.point->>'parent_id'
	AND stop.kind = 'stop'
WHERE start.kind = 'start'
	AND start.point #>> '{info,db,trigger,name}' IN ('g_all', 'h_left', 'i_right')
ORDER BY start.at;

DROP EVENT TRIGGER test_event;
SET client_min_messages = warning;
DROP SCHEMA "test trigger" CASCADE;
RESET ALL;
