\set VERBOSITY verbose
\set SHOW_CONTEXT always
create temp table t(a int primary key, b text);
insert into t select g, 'x' || g from generate_series(1, 5) g;
select * from t order by a;
insert into t values (1, 'dup');
select nosuch
  from t;
select 1 +;
select 'unterminated' || $$abc$$ from;
select (1;
);
copy t to stdout;
copy t from stdin;
10	ten
11	eleven
\.
begin;
savepoint s;
select 1 / 0;
select 1;
rollback to s;
commit;
\set FETCH_COUNT 2
select a from t order by a;
\unset FETCH_COUNT
select 1 as x, 2 as y \gdesc
select 1\; select 2\; select 3;
do $$begin raise notice 'hello %', 1; end$$;
prepare p as select $1::int + 1;
execute p(3);
select 'ü' as "Zeichen" -- a comment at the end
;
\encoding latin1
select 'plain';
\encoding utf8
/* only a comment */;
select 1 /* a comment that ends it */;
listen ping;
notify ping;
create role secretive password 'secret';
alter role secretive with password 'secret';
drop role secretive;
\echo done
