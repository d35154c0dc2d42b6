-- The Lua side of lua_host.py: what a script may touch, a fixed order for `pairs`, random numbers of its own, snapshots.
-- It runs once in a new Lua state, before any script, and works in Lua 5.1 and 5.4. Nothing here is global: scripts reach
-- only what stays in _G, and every function of theirs is recognised by its place in the state right after loading.

local python_print, keep, may_go_on = ...

local G, debug, string, table, math, coroutine = _G, debug, string, table, math, coroutine
local raw_next, raw_tostring, rawget, rawset, type, select = next, tostring, rawget, rawset, type, select
local error, pcall, xpcall, setmetatable, tonumber = error, pcall, xpcall, setmetatable, tonumber
local getmetatable, getinfo = debug.getmetatable, debug.getinfo
local getupvalue, setupvalue, getlocal = debug.getupvalue, debug.setupvalue, debug.getlocal
local getfenv, setfenv = debug.getfenv, debug.setfenv -- nil after Lua 5.1
local sort, concat, floor = table.sort, table.concat, math.floor
local format, find, sub, match = string.format, string.find, string.sub, string.match
local load_text, status = loadstring or load, coroutine.status
local is_lua51 = loadstring ~= nil
local raw_load = load
local sethook, create_thread, wrap_thread = debug.sethook, coroutine.create, coroutine.wrap

local host = {}

-- ---------------------------------------------------------------- endless loops
-- Every so many instructions Python is asked whether the script may go on; it has had enough after a time, or when
-- somebody pressed Ctrl-C. From then on every instruction of a script is an error, so that no pcall keeps it going.
local INSTRUCTIONS, HOST_FAILED = 1000000, "the host failed"
local ended_by
-- What Python raised where it could not answer any more, such as Ctrl-C between two of its instructions. No script gets
-- hold of it: it goes back to Python when the call ends.
local python_error

local on_count

local function end_script(reason)
    ended_by = reason
    sethook(on_count, "", 1)
end

local function ask(func, ...)
    local answered, ok, value = pcall(func, ...)
    if not answered then
        python_error = ok
        ok, value = false, HOST_FAILED
    end
    if value == HOST_FAILED and not ok then end_script(value) end
    return ok, value
end

local function with_python_error(...)
    if python_error then
        local failure = python_error
        python_error = nil
        return false, HOST_FAILED, nil, nil, failure
    end
    return ...
end

local function is_script_running()
    local info = getinfo(3, "S")
    return info ~= nil and info.source ~= "=playthrough" and info.what ~= "C"
end

function on_count()
    if not ended_by then
        local ok, message = ask(may_go_on)
        if ok then return end
        end_script(message)
    end
    -- What the host does with the script's error is not to fail as well.
    if is_script_running() then error(ended_by, 0) end
end

local function watch()
    ended_by = nil
    sethook(on_count, "", INSTRUCTIONS)
end

-- Lua watches nothing while a hook's own error is handled, so the script's handler has no part in that one.
function G.xpcall(func, handler, ...)
    return xpcall(func, function(message)
        if ended_by then return message end
        return handler(message)
    end, ...)
end

-- A hook belongs to one thread of Lua, and each coroutine is one.
function coroutine.create(func)
    local thread = create_thread(func)
    sethook(thread, on_count, "", ended_by and 1 or INSTRUCTIONS)
    return thread
end

function coroutine.wrap(func)
    create_thread(func) -- refuses what is no function, as the original does
    return wrap_thread(function(...)
        sethook(on_count, "", ended_by and 1 or INSTRUCTIONS)
        return func(...)
    end)
end

local function is_object(value)
    local kind = type(value)
    return kind == "table" or kind == "function" or kind == "thread" or kind == "userdata"
end

-- What was there right after loading ("born") is known by its number in `births`; the first `num_builtin` are the
-- library's and the host's own, whose functions stay closed.
local births, birth_of, num_builtin = {}, {}, nil
-- Each object gets a number when the script first shows it to us. The numbers order table keys that have no other order.
local seen, num_seen = setmetatable({}, { __mode = "k" }), 0

local function number_of(object)
    local number = seen[object]
    if not number then
        num_seen = num_seen + 1
        number = num_seen
        seen[object] = number
    end
    return number
end

local function is_closed(func)
    local birth = birth_of[func]
    if num_builtin == nil then
        return true
    end
    return (birth ~= nil and birth <= num_builtin) or getinfo(func, "S").what == "C"
end

-- ---------------------------------------------------------------- a fixed order of keys
local function by_number(a, b)
    return seen[a] < seen[b]
end

local number_unseen

-- All keys of a table: 1..n, then other numbers, strings, booleans, and objects by number. With `known_only`, objects
-- without a number are left out.
local function sorted_keys(t, known_only)
    local keys, count = {}, 0
    while rawget(t, count + 1) ~= nil do
        count = count + 1
        keys[count] = count
    end
    local length, numbers, strings, objects, has_false, has_true = count, nil, nil, nil, false, false
    for key in raw_next, t do
        local kind = type(key)
        if kind == "number" then
            if not (key >= 1 and key <= length and floor(key) == key) then
                numbers = numbers or {}
                numbers[#numbers + 1] = key
            end
        elseif kind == "string" then
            strings = strings or {}
            strings[#strings + 1] = key
        elseif kind == "boolean" then
            if key then has_true = true else has_false = true end
        elseif not known_only or seen[key] then
            objects = objects or {}
            objects[#objects + 1] = key
        end
    end
    local function append(part)
        for i = 1, #part do
            keys[count + i] = part[i]
        end
        count = count + #part
    end
    if numbers then sort(numbers) append(numbers) end
    if strings then sort(strings) append(strings) end
    if has_false then append({ false }) end
    if has_true then append({ true }) end
    if objects then
        number_unseen(objects)
        sort(objects, by_number)
        append(objects)
    end
    return keys, count, length
end

-- Visit everything that hangs on the roots, breadth first. With `known_only`, not what only an unnumbered key leads to.
local function traverse(roots, enter, known_only)
    local queue, queued, last = {}, {}, 0
    local function push(value)
        if is_object(value) and not queued[value] then
            queued[value] = true
            last = last + 1
            queue[last] = value
        end
    end
    for i = 1, #roots do
        push(roots[i])
    end
    local first = 1
    while first <= last do
        local object = queue[first]
        first = first + 1
        enter(object)
        local kind = type(object)
        if kind == "table" then
            push(getmetatable(object))
            local keys, count = sorted_keys(object, known_only)
            for i = 1, count do
                push(keys[i])
                push(rawget(object, keys[i]))
            end
        elseif kind == "function" and not is_closed(object) then
            local i = 1
            while true do
                local name, value = getupvalue(object, i)
                if not name then break end
                push(value)
                i = i + 1
            end
            if getfenv then push(getfenv(object)) end
        end
    end
end

-- A table's plain content as text: the last resort to tell objects apart that nothing but a set's keys leads to.
local function content_of(object)
    if type(object) ~= "table" then
        return type(object)
    end
    local keys, count = sorted_keys(object, true)
    local parts = {}
    for i = 1, count do
        local value = rawget(object, keys[i])
        if not is_object(keys[i]) then
            parts[#parts + 1] = raw_tostring(keys[i]) .. "=" .. (is_object(value) and type(value) or raw_tostring(value))
        end
    end
    return concat(parts, ";")
end

function number_unseen(objects)
    local unseen = {}
    for i = 1, #objects do
        if not seen[objects[i]] then unseen[#unseen + 1] = objects[i] end
    end
    if #unseen > 1 then
        -- Lua hands such keys over in the order of their addresses, so number what the script can reach by name first:
        -- local variables of the running functions, then globals.
        local roots, level = {}, 2
        while getinfo(level, "S") do
            local info = getinfo(level, "Sf")
            if info.source ~= "=playthrough" and info.what ~= "C" then
                local i = 1
                while true do
                    local name, value = getlocal(level, i)
                    if not name then break end
                    if sub(name, 1, 1) ~= "(" then roots[#roots + 1] = value end
                    i = i + 1
                end
                roots[#roots + 1] = info.func
            end
            level = level + 1
        end
        roots[#roots + 1] = G
        traverse(roots, number_of, true)
        local content = {}
        for i = 1, #unseen do
            content[unseen[i]] = content_of(unseen[i])
        end
        sort(unseen, function(a, b) return content[a] < content[b] end)
    end
    for i = 1, #unseen do
        number_of(unseen[i])
    end
end

-- ---------------------------------------------------------------- next, pairs
local orders = setmetatable({}, { __mode = "k" })

local function remember(t)
    local keys, count, length = sorted_keys(t)
    local place = {}
    for i = 1, count do
        place[keys[i]] = i
    end
    local order = { keys = keys, place = place, count = count, length = length }
    orders[t] = order
    return order
end

local class_of = { number = 2, string = 3, boolean = 4 }

-- How many keys of the order come before one that is no longer in the table.
local function num_before(order, key)
    local function class(k)
        if type(k) == "number" and k >= 1 and k <= order.length and floor(k) == k then return 1 end
        return class_of[type(k)] or 5
    end
    local function less(a, b)
        local class_a, class_b = class(a), class(b)
        if class_a ~= class_b then return class_a < class_b end
        if class_a == 4 then return not a and b end
        if class_a == 5 then return number_of(a) < number_of(b) end
        return a < b
    end
    for i = 1, order.count do
        if less(key, order.keys[i]) then return i - 1 end
    end
    return order.count
end

local function expect_table(name, t)
    if type(t) ~= "table" then
        error("bad argument #1 to '" .. name .. "' (table expected, got " .. type(t) .. ")", 3)
    end
end

local function ordered_next(t, key)
    expect_table("next", t)
    local order, position
    if key == nil then
        if raw_next(t) == nil then return nil end
        order, position = remember(t), 0
    else
        order = orders[t]
        position = order and order.place[key]
        if not position then
            order = remember(t)
            position = order.place[key] or num_before(order, key)
        end
    end
    local keys = order.keys
    for i = position + 1, order.count do
        local value = rawget(t, keys[i])
        if value ~= nil then return keys[i], value end
    end
    orders[t] = nil
    return nil
end

-- ---------------------------------------------------------------- random numbers
-- L'Ecuyer's combined generator (Communications of the ACM 31, 1988), whose state is two numbers.
local random_a, random_b = 1, 1

local function random_unit()
    random_a = 40014 * random_a % 2147483563
    random_b = 40692 * random_b % 2147483399
    return (random_a - random_b) % 2147483562 / 2147483562
end

local function seed_random(seed)
    seed = floor(seed)
    if seed ~= seed or seed == 1 / 0 or seed == -1 / 0 then seed = 0 end
    random_a = seed % 2147483562 + 1
    random_b = floor(seed / 2147483562) % 2147483398 + 1
    for _ = 1, 20 do
        random_unit()
    end
end

local function expect_number(name, position, value)
    local number = tonumber(value)
    if not number then
        error("bad argument #" .. position .. " to '" .. name .. "' (number expected, got " .. type(value) .. ")", 3)
    end
    return floor(number)
end

local function random(...)
    local count, low, high = select("#", ...), 1, 1
    local unit = random_unit()
    if count == 0 then return unit end
    if count == 1 then
        high = expect_number("random", 1, (...))
    else
        low, high = expect_number("random", 1, (...)), expect_number("random", 2, (select(2, ...)))
    end
    if low > high then error("bad argument #" .. (count == 1 and 1 or 2) .. " to 'random' (interval is empty)", 2) end
    return floor(unit * (high - low + 1)) + low
end

-- ---------------------------------------------------------------- what a script may touch
local function to_text(...)
    local value = (...)
    if is_object(value) then
        local meta = getmetatable(value)
        if not (meta and rawget(meta, "__tostring")) then
            return format("%s: 0x%08x", type(value), number_of(value)) -- an address would differ from run to run
        end
    end
    return raw_tostring(...)
end

local function checked_load(chunk, name, mode, env)
    if type(chunk) == "function" then
        local pieces = {}
        while true do
            local piece = chunk()
            if piece == nil or piece == "" then break end
            pieces[#pieces + 1] = piece
            if sub(piece, 1, 1) == "\27" then break end
        end
        chunk = concat(pieces)
    end
    if type(chunk) ~= "string" then
        error("bad argument #1 to 'load' (string expected, got " .. type(chunk) .. ")", 2)
    end
    if sub(chunk, 1, 1) == "\27" then return nil, "compiled Lua is not allowed, only its source" end
    if is_lua51 then return load_text(chunk, name or chunk) end
    if env == nil then env = G end
    return raw_load(chunk, name or chunk, "t", env)
end

local allowed = {}
for name in string.gmatch(keep, "%S+") do
    allowed[name] = true
end
for name in raw_next, G do
    if not allowed[name] then rawset(G, name, nil) end
end
string.dump = nil
math.random = random
math.randomseed = function(seed) seed_random(expect_number("randomseed", 1, seed)) end
G.next = ordered_next
G.pairs = function(t)
    if not is_lua51 then
        local meta = getmetatable(t)
        local custom = meta and rawget(meta, "__pairs")
        if custom then
            local a, b, c = custom(t)
            return a, b, c
        end
    end
    expect_table("pairs", t)
    return ordered_next, t, nil
end
if table.foreach then
    table.foreach = function(t, visit)
        expect_table("foreach", t)
        for key, value in ordered_next, t do
            local result = visit(key, value)
            if result ~= nil then return result end
        end
    end
end
G.tostring = to_text
G.print = function(...)
    local parts = {}
    for i = 1, select("#", ...) do
        parts[i] = to_text((select(i, ...)))
    end
    ask(python_print, concat(parts, "\t"))
end
G.load = checked_load
if is_lua51 then G.loadstring = checked_load end
G.collectgarbage = function() return 0 end -- what it returns would differ from run to run

local function answer(ok, value)
    if ok then return value end
    error(value, 0)
end

-- A global table whose fields Python answers. Both functions return (true, value) or (false, message).
function host.add_table(name, read, write)
    local function checked_key(key)
        if type(key) ~= "string" and type(key) ~= "number" then error("Invalid variable name", 0) end
        return key
    end
    rawset(G, name, setmetatable({}, {
        __index = function(_, key) return answer(ask(read, checked_key(key), tonumber(key))) end,
        __newindex = function(_, key, value)
            local kind = type(value)
            if is_object(value) then value = nil end
            answer(ask(write, raw_tostring(checked_key(key)), kind, value))
        end,
    }))
end

-- ---------------------------------------------------------------- running scripts
local function register_births()
    local strings = getmetatable("")
    traverse({ G, strings }, function(object)
        number_of(object)
        if not birth_of[object] then
            births[#births + 1] = object
            birth_of[object] = #births
        end
    end)
end

function host.finish_library()
    register_births()
    num_builtin = #births
end

host.finish_scripts = register_births

local error_chunk, error_line

local function handle_error(message)
    error_chunk, error_line = nil, nil
    local level = 2
    while true do
        local info = getinfo(level, "Sl")
        if not info then break end
        if sub(info.source, 1, 1) == "@" then
            error_chunk, error_line = info.source, info.currentline
            break
        end
        level = level + 1
    end
    if type(message) ~= "string" then
        return "an error value of type " .. type(message) .. " was raised"
    end
    return message
end

-- Compile, and return nothing, or the message.
function host.check(text, name)
    local chunk, message = load_text(text, name)
    if not chunk then return message end
end

-- true, or false with message, chunk name, line.
function host.run(text, name)
    local chunk, message = load_text(text, name)
    if not chunk then return false, message end
    watch()
    local ok, failure = xpcall(chunk, handle_error)
    if ok then return with_python_error(true) end
    return with_python_error(false, failure, error_chunk, error_line)
end

-- true with the kind and value of the result, or false with message, chunk name, line.
function host.call(name)
    local func = rawget(G, name)
    if type(func) ~= "function" then
        return false, "it is no function any more, but a " .. type(func) .. " value"
    end
    if ended_by then watch() end
    local ok, result = xpcall(func, handle_error)
    if not ok then return with_python_error(false, result, error_chunk, error_line) end
    local kind = type(result)
    if kind == "number" or kind == "boolean" then return with_python_error(true, result) end
    return with_python_error(true, nil)
end

function host.is_function(name)
    return type(rawget(G, name)) == "function"
end

function host.function_names()
    local names = {}
    for name, value in raw_next, G do
        if type(name) == "string" and type(value) == "function" and not (birth_of[value] and birth_of[value] <= num_builtin) then
            names[#names + 1] = name
        end
    end
    sort(names)
    return concat(names, " ")
end

-- ---------------------------------------------------------------- snapshots
-- Text: a header, then one record per object that the script can reach, breadth first. A value is one of
--   z nil, t true, f false, n not a number, d<number>; i<integer>; s<length>:<bytes> o<id>; c<id>; (a finished coroutine)
-- and an id is the birth number, or one beyond them for an object made since.
local function key_path(path, key)
    if type(key) == "string" and find(key, "^[%a_][%w_]*$") then
        return path == "" and key or path .. "." .. key
    end
    if type(key) == "string" then return path .. format("[%q]", key) end
    return path .. "[" .. to_text(key) .. "]"
end

function host.save()
    local out, failure = {}, nil
    local function put(text) out[#out + 1] = text end
    local queue, paths, ids, last, first = {}, {}, {}, 0, 1
    local num_ids = #births

    local function push(object, path)
        last = last + 1
        queue[last], paths[last] = object, path
        local id = birth_of[object]
        if not id then
            num_ids = num_ids + 1
            id = num_ids
        end
        ids[object] = id
    end

    local function fail(path, what)
        error({ path = path, what = what })
    end

    local function put_value(value, path)
        local kind = type(value)
        if kind == "nil" then put("z")
        elseif kind == "boolean" then put(value and "t" or "f")
        elseif kind == "number" then
            if value ~= value then put("n")
            elseif math.type and math.type(value) == "integer" then put(format("i%d;", value))
            else put(format("d%.17g;", value)) end
        elseif kind == "string" then put("s" .. #value .. ":" .. value)
        elseif kind == "thread" then
            if status(value) ~= "dead" then fail(path, "a live coroutine") end
            if not ids[value] then push(value, path) end
            put("c" .. ids[value] .. ";")
        elseif kind == "userdata" then fail(path, "userdata")
        else
            if kind == "function" then
                local birth = birth_of[value]
                if not birth then fail(path, "a function made after the script was loaded") end
                if birth > num_builtin and getinfo(value, "S").what == "C" then
                    fail(path, "an iterator of the Lua library")
                end
            end
            if not ids[value] then push(value, path) end
            put("o" .. ids[value] .. ";")
        end
    end

    local function put_object(object, path)
        local kind = type(object)
        if kind == "table" then
            local meta = getmetatable(object)
            local mode = type(meta) == "table" and rawget(meta, "__mode")
            if type(mode) == "string" and find(mode, "[kv]") then
                fail(path, "a weak table (__mode), whose content the garbage collector decides")
            end
        end
        put((kind == "table" and "T" or kind == "function" and "F" or "C") .. ids[object] .. ";" .. (seen[object] or 0) .. ";")
        if kind == "table" then
            put_value(getmetatable(object), path .. "'s metatable")
            local keys, count = sorted_keys(object)
            put(count .. ";")
            for i = 1, count do
                put_value(keys[i], path .. "'s key " .. to_text(keys[i]))
                put_value(rawget(object, keys[i]), key_path(path, keys[i]))
            end
        elseif kind == "function" and not is_closed(object) then
            local count = 0
            while getupvalue(object, count + 1) do
                count = count + 1
            end
            put(count .. ";")
            for i = 1, count do
                local name, value = getupvalue(object, i)
                put_value(value, path .. "'s local " .. name)
            end
            put_value(getfenv and getfenv(object) or nil, path .. "'s environment")
        elseif kind == "function" then
            put("0;z")
        end
    end

    local ok, reason = pcall(function()
        push(G, "")
        push(getmetatable(""), "the metatable of strings")
        while first <= last do
            put_object(queue[first], paths[first])
            first = first + 1
        end
    end)
    if not ok then
        if type(reason) ~= "table" then error(reason, 0) end
        return nil, reason.path, reason.what
    end
    return format("B%d;%d;%d;%d;", #births, num_seen, random_a, random_b) .. concat(out) .. "E"
end

function host.load(text)
    local position = 1
    local function number()
        local _, stop, digits = find(text, "^([^;]*);", position)
        if not stop then error("damaged", 0) end
        position = stop + 1
        return tonumber(digits)
    end
    local function letter()
        position = position + 1
        return sub(text, position - 1, position - 1)
    end
    if letter() ~= "B" or number() ~= #births then return false end
    local saved_seen, saved_a, saved_b = number(), number(), number()

    local objects = {}
    local function object(id, is_coroutine)
        if births[id] then return births[id] end
        if not objects[id] then
            objects[id] = {}
            if is_coroutine then
                objects[id] = coroutine.create(function() end)
                coroutine.resume(objects[id])
            end
        end
        return objects[id]
    end
    local function value()
        local tag = letter()
        if tag == "z" then return nil end
        if tag == "t" then return true end
        if tag == "f" then return false end
        if tag == "n" then return 0 / 0 end
        if tag == "o" then return object(number()) end
        if tag == "c" then return object(number(), true) end
        if tag == "i" then return number() end
        if tag == "d" then
            local _, stop, digits = find(text, "^([^;]*);", position)
            position = stop + 1
            if match(digits, "inf") then return sub(digits, 1, 1) == "-" and -1 / 0 or 1 / 0 end
            return tonumber(digits) + 0.0
        end
        if tag ~= "s" then error("damaged", 0) end
        local _, stop, length = find(text, "^(%d+):", position)
        position = stop + 1 + length
        return sub(text, stop + 1, stop + length)
    end

    local records = {}
    while true do
        local tag = letter()
        if tag == "E" then break end
        local id, order = number(), number()
        local target = object(id, tag == "C")
        if order > 0 then seen[target] = order end
        if tag == "T" then
            local meta, count, entries = value(), number(), {}
            for i = 1, count do
                entries[2 * i - 1] = value()
                entries[2 * i] = value()
            end
            records[#records + 1] = { target = target, meta = meta, entries = entries, count = count }
        elseif tag == "F" then
            local count, upvalues = number(), {}
            for i = 1, count do
                upvalues[i] = value()
            end
            records[#records + 1] = { target = target, upvalues = upvalues, count = count, env = value() }
        elseif tag ~= "C" then
            error("damaged", 0)
        end
    end

    for i = 1, #records do
        local record = records[i]
        local target = record.target
        if record.entries then
            local old = {}
            for key in raw_next, target do
                old[#old + 1] = key
            end
            for j = 1, #old do
                rawset(target, old[j], nil)
            end
            for j = 1, record.count do
                rawset(target, record.entries[2 * j - 1], record.entries[2 * j])
            end
            debug.setmetatable(target, record.meta)
        else
            for j = 1, record.count do
                setupvalue(target, j, record.upvalues[j])
            end
            if record.env and setfenv then setfenv(target, record.env) end
        end
    end
    num_seen, random_a, random_b = saved_seen, saved_a, saved_b
    return true
end

seed_random(0)
return host
