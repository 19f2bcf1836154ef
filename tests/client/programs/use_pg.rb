# What ruby's pg does with libpq.
require 'pg'

conn = PG.connect
conn.exec('create temp table t(a int, b text)')
conn.exec_params('insert into t values ($1, $2)', [1, 'one'])
conn.prepare('get', 'select b from t where a = $1')
puts conn.exec_prepared('get', [1]).values.inspect
['select nosuch', 'select ('].each do |sql|
  begin
    conn.exec(sql)
  rescue PG::Error => e
    puts e.class, e.message
  end
end
conn.copy_data('copy t from stdin') { conn.put_copy_data("2\ttwo\n") }
conn.copy_data('copy t to stdout') do
  while (row = conn.get_copy_data)
    puts row
  end
end
conn.send_query('select a from generate_series(1, 3) a')
conn.set_single_row_mode
conn.get_result.stream_each { |row| puts row['a'] }
conn.get_result
begin
  conn.transaction { conn.exec('select 1 / 0') }
rescue PG::DivisionByZero => e
  puts e.message
end
conn.finish
