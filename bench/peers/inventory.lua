-- Orders, returns and corrections of the same products, values depending on reads: the same transactions as those of
-- our own scenario "inventory", with its proportions. Rows that values depend on are read FOR UPDATE, in the order of
-- their keys, since a snapshot alone would lose updates between transactions of one node.
-- A transaction that lost is made again, the same one, like ours.
sysbench.cmdline.options = {
  rows = {"products", 1000},
  skew = {"exponent of the distribution of products (Zipf), 0 for uniform", 0.8},
  stock = {"of each product, before the load", 100},
  first_id = {"of the orders and corrections of this run", 0},
}

local LINES_MAX, QUANTITY_MAX, RETURNABLE_MAX = 3, 3, 1000

function prepare()
  local connection = sysbench.sql.driver():connect()
  for _, name in ipairs({"products", "orders", "corrections"}) do
    connection:query("DROP TABLE IF EXISTS " .. name)
  end
  connection:query("CREATE TABLE products (id INT NOT NULL PRIMARY KEY, stock BIGINT NOT NULL) ENGINE=InnoDB")
  connection:query("CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, lines_json VARCHAR(100) NOT NULL, status VARCHAR(10) NOT NULL) ENGINE=InnoDB")
  connection:query("CREATE TABLE corrections (id BIGINT NOT NULL PRIMARY KEY, product INT NOT NULL, counted BIGINT NOT NULL, difference BIGINT NOT NULL) ENGINE=InnoDB")
  connection:bulk_insert_init("INSERT INTO products (id, stock) VALUES")
  for id = 1, sysbench.opt.rows do
    connection:bulk_insert_next(string.format("(%d, %d)", id, sysbench.opt.stock))
  end
  connection:bulk_insert_done()
end

function thread_init()
  connection = sysbench.sql.driver():connect()
  counts = {order = 0, ["return"] = 0, correction = 0, declined = 0}
  returnable, returnable_at, drawn, pending = {}, 0, 0, nil
  cumulative, total = {}, 0
  for rank = 1, sysbench.opt.rows do
    total = total + rank ^ -sysbench.opt.skew
    cumulative[rank] = total
  end
end

local function product()
  local point = sysbench.rand.uniform_double() * total
  local low, high = 1, sysbench.opt.rows
  while low < high do
    local middle = math.floor((low + high) / 2)
    if cumulative[middle] < point then low = middle + 1 else high = middle end
  end
  return low
end

local function draw()
  drawn = drawn + 1
  local id = sysbench.opt.first_id + drawn * sysbench.opt.threads + sysbench.tid
  local chance = sysbench.rand.uniform(0, 9)
  if chance < 7 or (chance < 9 and #returnable == 0) then
    local lines, seen = {}, {}
    for _ = 1, sysbench.rand.uniform(1, LINES_MAX) do
      local one, quantity = product(), sysbench.rand.uniform(1, QUANTITY_MAX)
      if not seen[one] then
        seen[one] = true
        lines[#lines + 1] = {one, quantity}
      end
    end
    table.sort(lines, function(a, b) return a[1] < b[1] end)
    return {kind = "order", id = id, lines = lines}
  elseif chance < 9 then
    return {kind = "return", order = returnable[sysbench.rand.uniform(1, #returnable)]}
  end
  return {kind = "correction", id = id, product = product(), counted = sysbench.rand.uniform(0, 2 * sysbench.opt.stock)}
end

-- Stock by product, locked.
local function stock_of(lines)
  local keys = {}
  for at, line in ipairs(lines) do keys[at] = line[1] end
  local result = connection:query("SELECT id, stock FROM products WHERE id IN (" .. table.concat(keys, ",") .. ") ORDER BY id FOR UPDATE")
  local stock = {}
  for _ = 1, result.nrows do
    local row = result:fetch_row()
    stock[tonumber(row[1])] = tonumber(row[2])
  end
  return stock
end

local function set_stock(id, stock)
  connection:query(string.format("UPDATE products SET stock = %d WHERE id = %d", stock, id))
end

local function order(transaction)
  local stock, texts = stock_of(transaction.lines), {}
  for at, line in ipairs(transaction.lines) do
    if stock[line[1]] < line[2] then return false end
    texts[at] = string.format("[%d,%d]", line[1], line[2])
  end
  for _, line in ipairs(transaction.lines) do set_stock(line[1], stock[line[1]] - line[2]) end
  connection:query(string.format("INSERT INTO orders VALUES (%d, '[%s]', 'ordered')", transaction.id, table.concat(texts, ",")))
  return true
end

local function give_back(transaction)
  local result = connection:query("SELECT lines_json, status FROM orders WHERE id = " .. string.format("%d", transaction.order) .. " FOR UPDATE")
  if result.nrows == 0 then return false end
  local row = result:fetch_row()
  if row[2] ~= "ordered" then return false end
  local lines = {}
  for one, quantity in string.gmatch(row[1], "%[(%d+),(%d+)%]") do lines[#lines + 1] = {tonumber(one), tonumber(quantity)} end
  local stock = stock_of(lines)
  connection:query(string.format("UPDATE orders SET status = 'returned' WHERE id = %d", transaction.order))
  for _, line in ipairs(lines) do set_stock(line[1], stock[line[1]] + line[2]) end
  return true
end

local function correct(transaction)
  local stock = stock_of({{transaction.product, 0}})[transaction.product]
  set_stock(transaction.product, transaction.counted)
  connection:query(string.format("INSERT INTO corrections VALUES (%d, %d, %d, %d)", transaction.id, transaction.product, transaction.counted, transaction.counted - stock))
  return true
end

local perform = {order = order, ["return"] = give_back, correction = correct}

function event()
  pending = pending or draw()
  connection:query("BEGIN")
  if perform[pending.kind](pending) then
    connection:query("COMMIT")
    counts[pending.kind] = counts[pending.kind] + 1
    if pending.kind == "order" then
      returnable[returnable_at + 1] = pending.id
      returnable_at = (returnable_at + 1) % RETURNABLE_MAX
    end
  else
    connection:query("ROLLBACK")
    counts.declined = counts.declined + 1
  end
  pending = nil
end

function thread_done()
  -- In one call, since threads end at the same time.
  io.write(string.format("counts: %d orders %d returns %d corrections %d declined\n", counts.order, counts["return"], counts.correction, counts.declined))
  connection:disconnect()
end
