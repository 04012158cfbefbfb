-- One row, found by its primary key, gets a new value; autocommit, prepared.
-- The value counts the updates of its row, so that their sum tells whether one was lost.
sysbench.cmdline.options = {rows = {"rows of the table", 100000}}

function prepare()
  local connection = sysbench.sql.driver():connect()
  connection:query("DROP TABLE IF EXISTS micro")
  connection:query("CREATE TABLE micro (id INT NOT NULL PRIMARY KEY, value BIGINT NOT NULL, payload CHAR(32) NOT NULL) ENGINE=InnoDB")
  connection:bulk_insert_init("INSERT INTO micro (id, value, payload) VALUES")
  for id = 1, sysbench.opt.rows do
    connection:bulk_insert_next(string.format("(%d, 0, 'a small row, as of one account..')", id))
  end
  connection:bulk_insert_done()
end

function thread_init()
  connection = sysbench.sql.driver():connect()
  statement = connection:prepare("UPDATE micro SET value = value + 1 WHERE id = ?")
  id = statement:bind_create(sysbench.sql.type.INT)
  statement:bind_param(id)
end

function event()
  id:set(sysbench.rand.uniform(1, sysbench.opt.rows))
  statement:execute()
end

function thread_done()
  statement:close()
  connection:disconnect()
end
