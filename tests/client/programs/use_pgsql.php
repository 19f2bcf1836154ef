<?php
/* What php's pgsql and PDO do with libpq. */
error_reporting(E_ALL);
ini_set('display_errors', 'stdout');
$conn = pg_connect('');
pg_query($conn, 'create table php_t(a int, b text)');
var_dump(pg_affected_rows(
	pg_query_params($conn, 'insert into php_t values ($1, $2)', [1, 'one'])));
pg_prepare($conn, 'get', 'select b from php_t where a = $1');
var_dump(pg_fetch_all(pg_execute($conn, 'get', [1])));
var_dump(@pg_query($conn, 'select nosuch'), pg_last_error($conn));
var_dump(@pg_query($conn, 'select ('), pg_last_error($conn));
pg_send_query($conn, 'select 1; select 2');
while ($result = pg_get_result($conn))
	var_dump(pg_fetch_result($result, 0, 0));
pg_copy_from($conn, 'php_t', ["2\ttwo\n", "3\tthree\n"]);
var_dump(pg_copy_to($conn, 'php_t'));
pg_close($conn);

$pdo = new PDO('pgsql:', null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_SILENT]);
var_dump($pdo->query('select count(*) from php_t')->fetchAll(PDO::FETCH_NUM));
$statement = $pdo->prepare('select b from php_t where a = ?');
foreach ([1, 2] as $a)
{
	$statement->execute([$a]);
	var_dump($statement->fetchAll(PDO::FETCH_COLUMN));
}
$statement = null;
var_dump($pdo->exec('drop table php_t'));
var_dump($pdo->exec('drop table php_t'), $pdo->errorInfo());
