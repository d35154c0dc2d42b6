-- The Lua side of host.py: BizHawk's functions over one libretro lane, written from what BizHawk 2.11 does.
-- It runs once in a new Lua 5.4 state, before any script. Whatever Python offers answers (true, result) or
-- (false, message), so that no Python error passes through Lua, where a script could catch it.
-- It is one long file because emu.frameadvance shares the local variables of memory, pads, events and drawings; what shares
-- nothing is in libraries.lua.

local python, function_names, watched, libraries = ...

local G, debug, string, table, math, os, io, package = _G, debug, string, table, math, os, io, package
local type, error, pcall, rawget, rawset, next, select = type, error, pcall, rawget, rawset, next, select
local tostring, tonumber, setmetatable, getmetatable = tostring, tonumber, setmetatable, getmetatable
local byte, char, format, sub, unpack_bytes, pack_bytes =
    string.byte, string.char, string.format, string.sub, string.unpack, string.pack
local floor, sethook, getinfo, sort, concat = math.floor, debug.sethook, debug.getinfo, table.sort, table.concat
local open_file, lines_of_file, original_pairs, main_thread = io.open, io.lines, pairs, coroutine.running()
local host = {}

-- ---------------------------------------------------------------- errors and endings
-- A script that has to end gets an error on every further instruction, so that no pcall keeps it going.
local INSTRUCTIONS = 1000000
local STOPPED, HOST_FAILED = "the script was stopped", "the host failed"
local ended_by

local function is_script_running()
    local info = getinfo(3, "S")
    return info ~= nil and info.source ~= "=playthrough" and info.what ~= "C"
end

local on_count

local function end_script(reason)
    ended_by = reason
    sethook(main_thread, on_count, "", 1)
    sethook(on_count, "", 1)
end

function on_count()
    if not ended_by then
        local ok, message = python.may_go_on()
        if ok then return end
        end_script(message)
    end
    if is_script_running() then error(ended_by, 0) end
end

-- An error with the place in the script that called, however deep in the host it is found.
local function fail(message)
    for level = 2, 20 do
        local info = getinfo(level, "Sl")
        if not info then break end
        if info.source ~= "=playthrough" and info.what ~= "C" then
            message = info.short_src .. ":" .. info.currentline .. ": " .. message
            break
        end
    end
    error(message, 0)
end

local function checked(ok, ...)
    if ok then return ... end
    local message = ...
    if message == STOPPED or message == HOST_FAILED then
        end_script(message)
        error(message, 0)
    end
    fail(message)
end

local function ask(name)
    local answer = python[name]
    return function(...) return checked(answer(...)) end
end

local show = ask("show")

local function to_text(value)
    if type(value) == "table" then
        local lines = {}
        for key, field in G.pairs(value) do
            lines[#lines + 1] = '"' .. tostring(key) .. '": "' .. tostring(field) .. '"'
        end
        return concat(lines, "\n")
    end
    return tostring(value)
end

local function all_text(separator, ...)
    local parts = {}
    for i = 1, select("#", ...) do
        parts[i] = to_text((select(i, ...)))
    end
    return concat(parts, separator)
end

-- ---------------------------------------------------------------- what differs from plain Lua
local class_of = { number = 1, string = 2, boolean = 3 }

-- Keys in ascending order, numbers before strings before booleans; objects come last, in Lua's own order.
local function sorted_next(keys, values)
    local i = 0
    return function()
        i = i + 1
        local key = keys[i]
        while key ~= nil and values[key] == nil do -- removed meanwhile
            i = i + 1
            key = keys[i]
        end
        return key, values[key]
    end
end

function G.pairs(t)
    local meta = type(t) == "table" and getmetatable(t)
    if type(t) ~= "table" or (type(meta) == "table" and meta.__pairs) then return original_pairs(t) end
    local keys, objects, n = {}, {}, 0
    for key in next, t do
        if class_of[type(key)] then
            n = n + 1
            keys[n] = key
        else
            objects[#objects + 1] = key
        end
    end
    sort(keys, function(a, b)
        local class_a, class_b = class_of[type(a)], class_of[type(b)]
        if class_a ~= class_b then return class_a < class_b end
        if class_a == 3 then return not a and b end
        return a < b
    end)
    for i = 1, #objects do
        keys[n + i] = objects[i]
    end
    local step = sorted_next(keys, t)
    return function() return step() end, t, nil
end

local function unavailable(name)
    return function() fail(name .. " is not available to scripts here") end
end

G.python = nil
G.luanet = nil
os.execute, io.popen = unavailable("os.execute"), unavailable("io.popen")
os.exit = function() end_script(STOPPED) error(STOPPED, 0) end
package.loadlib, package.cpath = unavailable("package.loadlib"), ""
package.searchers[3], package.searchers[4] = nil, nil
debug.sethook = unavailable("debug.sethook")
-- Only a libretro lane's inputs decide what a script does, not the time at which it was started.
math.randomseed(0)

local function in_folder(path)
    if type(path) == "string" and sub(path, 1, 1) ~= "/" then return host.folder .. "/" .. path end
    return path
end

function io.open(path, ...) return open_file(in_folder(path), ...) end

function io.lines(path, ...)
    if path == nil then return lines_of_file() end
    return lines_of_file(in_folder(path), ...)
end

-- Compiled Lua is not checked by anybody and can crash the process; only source is loaded.
local load_source, load_source_file = load, loadfile
function G.load(chunk, name, _, ...) return load_source(chunk, name, "t", ...) end
function G.loadfile(path, _, ...) return load_source_file(in_folder(path), "t", ...) end
function G.dofile(path)
    local chunk, message = G.loadfile(path)
    if not chunk then error(message, 0) end
    return chunk()
end

package.searchers[2] = function(name)
    local path, message = package.searchpath(name, package.path)
    if not path then return message end
    local chunk, problem = load_source_file(path, "t")
    if not chunk then error(problem, 0) end
    return chunk, path
end

function G.print(...) show(all_text("\t", ...)) end

-- Lua's own watches one thread; each coroutine is another.
local create_thread = coroutine.create
function coroutine.create(func)
    local thread = create_thread(func)
    sethook(thread, on_count, "", ended_by and 1 or INSTRUCTIONS)
    return thread
end

function coroutine.wrap(func)
    local thread = coroutine.create(func)
    return function(...)
        local function results(ok, ...)
            if ok then return ... end
            error((...), 0)
        end
        return results(coroutine.resume(thread, ...))
    end
end

-- ---------------------------------------------------------------- console
local console = {}
G.console = console
function console.log(...) show(all_text("\t", ...)) end
function console.writeline(...) show(all_text("\n", ...)) end
console.output, console.write = console.log, console.log
function console.clear() end

-- ---------------------------------------------------------------- memory
-- A domain's memory is fetched in pages, once per frame: a script reads hundreds of bytes per frame, one at a time.
local PAGE_BITS, PAGE_MASK = 7, 127
local fetch_page, write_bytes = ask("fetch_page"), ask("write_bytes")
local domains, main_domain, current_domain = {}, nil, nil

local function forget_pages()
    for i = 1, #domains do
        domains[i].pages = {}
    end
end

local function find_domain(name)
    if name == nil then return current_domain or fail("no ROM is loaded") end
    local domain = domains[name]
    if domain then return domain end
    show("Unable to find domain: " .. tostring(name) .. ", falling back to current")
    return current_domain or fail("no ROM is loaded")
end

local function get_page(domain, number)
    local page = fetch_page(domain.name, number)
    domain.pages[number] = page
    return page
end

local function missing(domain, address)
    if address < 0 or address >= domain.size then
        show(format("Warning: attempted read of %s outside the memory size of %s", address, domain.size))
        return 0
    end
    fail(format("the core does not show address 0x%X of the memory domain %s", address, domain.name))
end

local function read_byte(domain, address)
    local number = address >> PAGE_BITS
    local page = domain.pages[number] or get_page(domain, number)
    return byte(page, (address & PAGE_MASK) + 1) or missing(domain, address)
end

local function read_text(domain, address, length)
    local bytes = {}
    for i = 0, length - 1 do
        bytes[i + 1] = char(read_byte(domain, address + i))
    end
    return concat(bytes)
end

local function read_number(domain, address, width, pattern)
    local at = address & PAGE_MASK
    if at + width <= PAGE_MASK + 1 then
        local number = address >> PAGE_BITS
        local page = domain.pages[number] or get_page(domain, number)
        if at + width <= #page then return (unpack_bytes(pattern, page, at + 1)) end
    end
    return (unpack_bytes(pattern, read_text(domain, address, width)))
end

local function write_text(domain, address, text)
    if address < 0 or address + #text > domain.size then
        show(format("Warning: attempted write to %s outside the memory size of %s", address, domain.size))
        return
    end
    write_bytes(domain.name, address, text)
    forget_pages()
end

local memory, mainmemory = {}, {}
G.memory, G.mainmemory = memory, mainmemory

local function main() return main_domain or fail("no ROM is loaded") end

-- `memory` takes a domain as its last argument, `mainmemory` has its own.
local function add_reader(name, read)
    memory[name] = function(address, domain)
        return read(domain == nil and current_domain or find_domain(domain), address)
    end
    mainmemory[name] = function(address) return read(main_domain or main(), address) end
end

local function add_writer(name, write)
    memory[name] = function(address, value, domain) write(find_domain(domain), address, value) end
    mainmemory[name] = function(address, value) write(main(), address, value) end
end

local function write_byte(domain, address, value) write_text(domain, address, char(floor(value) & 255)) end

-- Bytes are what scripts read by the hundred, so these two take the shortest way.
function memory.readbyte(address, name)
    local domain = name == nil and current_domain or find_domain(name)
    local page = domain.pages[address >> PAGE_BITS] or get_page(domain, address >> PAGE_BITS)
    return byte(page, (address & PAGE_MASK) + 1) or missing(domain, address)
end
function mainmemory.readbyte(address)
    local domain = main_domain or main()
    local page = domain.pages[address >> PAGE_BITS] or get_page(domain, address >> PAGE_BITS)
    return byte(page, (address & PAGE_MASK) + 1) or missing(domain, address)
end
memory.read_u8, mainmemory.read_u8 = memory.readbyte, mainmemory.readbyte
add_reader("read_s8", function(domain, address)
    local value = read_byte(domain, address)
    return value < 128 and value or value - 256
end)
for _, name in next, { "writebyte", "write_u8", "write_s8" } do
    add_writer(name, write_byte)
end
for _, width in next, { 2, 3, 4 } do
    for sign, letter in next, { u = "I", s = "i" } do
        for ending, mark in next, { le = "<", be = ">" } do
            local pattern, mask = mark .. letter .. width, (1 << 8 * width) - 1
            local name = sign .. 8 * width .. "_" .. ending
            add_reader("read_" .. name, function(domain, address)
                local page, at = domain.pages[address >> PAGE_BITS], address & PAGE_MASK
                if page and at + width <= #page then return (unpack_bytes(pattern, page, at + 1)) end
                return read_number(domain, address, width, pattern)
            end)
            add_writer("write_" .. name, function(domain, address, value)
                write_text(domain, address, pack_bytes(mark .. "I" .. width, floor(value) & mask))
            end)
        end
    end
end

local function read_float(domain, address, big_endian)
    return (unpack_bytes(big_endian and ">f" or "<f", read_text(domain, address, 4)))
end

local function write_float(domain, address, value, big_endian)
    write_text(domain, address, pack_bytes(big_endian and ">f" or "<f", value))
end

function memory.readfloat(address, big_endian, domain) return read_float(find_domain(domain), address, big_endian) end
function mainmemory.readfloat(address, big_endian) return read_float(main(), address, big_endian) end
function memory.writefloat(address, value, big_endian, domain)
    write_float(find_domain(domain), address, value, big_endian)
end
function mainmemory.writefloat(address, value, big_endian) write_float(main(), address, value, big_endian) end

local function bytes_from(first, key_of_address)
    return function(domain, address, length)
        local bytes = {}
        for i = 0, length - 1 do
            bytes[(key_of_address and address or first) + i] = read_byte(domain, address + i)
        end
        return bytes
    end
end

for name, read in next, {
    read_bytes_as_array = bytes_from(1, false),
    read_bytes_as_dict = bytes_from(0, true),
    readbyterange = bytes_from(0, false),
} do
    memory[name] = function(address, length, domain) return read(find_domain(domain), address, length) end
    mainmemory[name] = function(address, length) return read(main(), address, length) end
end

local function write_array(domain, address, bytes)
    for i = 1, #bytes do
        write_byte(domain, address + i - 1, bytes[i])
    end
end

local function write_dict(domain, bytes)
    for address, value in next, bytes do
        write_byte(domain, address, value)
    end
end

function memory.write_bytes_as_array(address, bytes, domain) write_array(find_domain(domain), address, bytes) end
function mainmemory.write_bytes_as_array(address, bytes) write_array(main(), address, bytes) end
function memory.write_bytes_as_dict(bytes, domain) write_dict(find_domain(domain), bytes) end
function mainmemory.write_bytes_as_dict(bytes) write_dict(main(), bytes) end
memory.writebyterange, mainmemory.writebyterange = memory.write_bytes_as_dict, mainmemory.write_bytes_as_dict

function mainmemory.getname() return main().name end
function mainmemory.getcurrentmemorydomainsize() return main().size end
function memory.getcurrentmemorydomain() return find_domain().name end
function memory.getcurrentmemorydomainsize() return find_domain().size end
function memory.getmemorydomainsize(name) return find_domain(name ~= "" and name or nil).size end
function memory.getmemorydomainlist()
    local names = {}
    for i = 1, #domains do
        names[i - 1] = domains[i].name -- BizHawk's list begins at 0
    end
    return names
end
function memory.usememorydomain(name)
    if not domains[name] then
        show("Unable to find domain: " .. tostring(name))
        return false
    end
    current_domain = domains[name]
    return true
end

local sha256 = ask("sha256")
function memory.hash_region(address, count, domain) return sha256(read_text(find_domain(domain), address, count)) end

-- ---------------------------------------------------------------- events
local event, callbacks, num_callbacks = {}, {}, 0
G.event = event

local function register(kind)
    return function(func, name)
        if type(func) ~= "function" then fail("event.on" .. kind .. ": expected a function") end
        num_callbacks = num_callbacks + 1
        local id = format("00000000-0000-0000-0000-%012x", num_callbacks)
        callbacks[#callbacks + 1] = { kind = kind, func = func, id = id, name = name }
        return id
    end
end

local function fire(kind, ...)
    for _, callback in next, { table.unpack(callbacks) } do
        if callback.kind == kind then callback.func(...) end
    end
end

local function unregister(field, value)
    for i = #callbacks, 1, -1 do
        if callbacks[i][field] == value then
            table.remove(callbacks, i)
            return true
        end
    end
    return false
end

for _, kind in next, { "framestart", "frameend", "inputpoll", "loadstate", "savestate", "exit", "consoleclose" } do
    event["on" .. kind] = register(kind)
end
function event.unregisterbyid(id) return unregister("id", id) end
function event.unregisterbyname(name) return name ~= nil and unregister("name", name) end
function event.can_use_callback_params() return false end

function host.fire(kind) fire(kind) end

-- ---------------------------------------------------------------- joypad
local joypad = {}
G.joypad = joypad
local pad_names, pad_of_name, num_ports = {}, {}, 2
local pressed, shown_masks, is_power_pressed = {}, {}, false

local function without_prefix(name, controller)
    local prefix = controller and "P" .. controller .. " " or nil
    if not prefix then return name end
    if sub(name, 1, #prefix) == prefix then return sub(name, #prefix + 1) end
    return nil
end

local function buttons_of(masks, controller)
    local found = {}
    for i = 1, #pad_names do
        local name = without_prefix(pad_names[i], controller)
        if name then
            local pad = pad_of_name[pad_names[i]]
            found[name] = pad.bit ~= nil and (masks[pad.port] or 0) & pad.bit ~= 0
        end
    end
    return found
end

local function current_masks()
    local masks = {}
    for port = 1, num_ports do
        masks[port] = pressed[port] or 0
    end
    return masks
end

function joypad.get(controller) return buttons_of(shown_masks, controller) end
function joypad.getwithmovie(controller) return buttons_of(shown_masks, controller) end
function joypad.getimmediate(controller) return buttons_of(current_masks(), controller) end

function joypad.set(buttons, controller)
    if type(buttons) ~= "table" then fail("joypad.set: expected a table of buttons") end
    for name, value in next, buttons do
        local pad = pad_of_name[controller and "P" .. controller .. " " .. tostring(name) or name]
            or (controller and pad_of_name[name])
        if pad and pad.bit then
            local mask = pressed[pad.port] or 0
            local is_down = value == true or value == "True" or value == "true" or value == 1
            pressed[pad.port] = is_down and mask | pad.bit or mask & ~pad.bit
        elseif pad and value == true then
            if name ~= "Power" then fail("joypad.set: the core has no button " .. tostring(name)) end
            is_power_pressed = true
        end
    end
end

function joypad.setanalog(controls)
    if next(controls or {}) ~= nil then fail("joypad.setanalog: this system's pads have no analog controls") end
end

-- ---------------------------------------------------------------- gui
-- Drawings belong to the picture of the frame after which they are made, and go with it. They are kept as numbers and
-- texts in one flat list, and painted when somebody looks.
local gui, drawings, num_drawings = {}, {}, 0
G.gui = gui
local parse_color = ask("parse_color")
local colors = {}
local WHITE, NOTHING, SHADE = 0xFFFFFFFF, 0, 0x7F000000
local line_color, fill_color, text_color, text_background = WHITE, NOTHING, WHITE, NOTHING

local function color_of(color, default)
    if color == nil then return default end
    if math.type(color) == "integer" then return color & 0xFFFFFFFF end
    if type(color) == "number" then return floor(color) & 0xFFFFFFFF end
    local known = colors[color]
    if not known then
        known = parse_color(tostring(color))
        colors[color] = known
    end
    return known
end

local function draw(kind, ...)
    if not watched then return end
    num_drawings = num_drawings + 1
    drawings[num_drawings] = { kind, ... }
end

function gui.drawBox(x, y, x2, y2, line, background)
    if not watched then return end
    draw("box", x, y, x2, y2, color_of(line, line_color), color_of(background, fill_color))
end
function gui.drawRectangle(x, y, width, height, line, background)
    if not watched then return end
    draw("box", x, y, x + width, y + height, color_of(line, line_color), color_of(background, fill_color))
end
function gui.drawEllipse(x, y, width, height, line, background)
    draw("ellipse", x, y, width, height, color_of(line, line_color), color_of(background, fill_color))
end
function gui.drawLine(x1, y1, x2, y2, color) draw("line", x1, y1, x2, y2, color_of(color, line_color)) end
function gui.drawPixel(x, y, color) draw("line", x, y, x, y, color_of(color, line_color)) end
function gui.drawAxis(x, y, size, color)
    gui.drawLine(x - size, y, x + size, y, color)
    gui.drawLine(x, y - size, x, y + size, color)
end
function gui.drawPolygon(points, offset_x, offset_y, line)
    local dx, dy = offset_x or 0, offset_y or 0
    for i = 1, #points do
        local a, b = points[i], points[i % #points + 1]
        gui.drawLine(a[1] + dx, a[2] + dy, b[1] + dx, b[2] + dy, line)
    end
end
function gui.text(x, y, message, color, anchor)
    draw("text", x, y, tostring(message), color_of(color, WHITE), SHADE, anchor and string.lower(anchor) or "topleft")
end
function gui.drawText(x, y, message, color, background)
    local front, back = color_of(color, text_color), color_of(background, text_background)
    draw("text", x, y, tostring(message), front, back, "topleft")
end
function gui.pixelText(x, y, message, color, background)
    draw("text", x, y, tostring(message), color_of(color, text_color), color_of(background, SHADE), "topleft")
end
gui.drawString = gui.drawText
function gui.addmessage(message) show(tostring(message)) end
function gui.clearGraphics() drawings, num_drawings = {}, 0 end
function gui.cleartext()
    local kept = {}
    for i = 1, num_drawings do
        if drawings[i][1] ~= "text" then kept[#kept + 1] = drawings[i] end
    end
    drawings, num_drawings = kept, #kept
end
function gui.DrawNew(_, clear)
    if clear ~= false then gui.clearGraphics() end
end
function gui.DrawFinish() end
function gui.clearImageCache() end
function gui.defaultForeground(color) line_color = color_of(color, line_color) end
function gui.defaultBackground(color) fill_color = color_of(color, fill_color) end
function gui.defaultTextBackground(color) text_background = color_of(color, text_background) end
function gui.defaultPixelFont() end
function gui.use_surface(name)
    if name ~= "emucore" then fail("gui.use_surface: only the surface emucore exists without a window") end
end

function host.each_drawing(paint)
    for i = 1, num_drawings do
        checked(paint(table.unpack(drawings[i])))
    end
end

-- ---------------------------------------------------------------- emu
local emu, frames, is_paused = {}, 0, false
G.emu = emu
local advance, show_frame, power_on = ask("advance"), ask("show_frame"), ask("power_on")

-- Opposite directions cannot be pressed together: the first of each pair wins, as in BizHawk.
local pad_opposites = {}

function emu.frameadvance()
    if watched then show_frame() end
    if num_drawings > 0 then drawings, num_drawings = {}, 0 end
    if #callbacks > 0 then
        fire("framestart")
        fire("inputpoll")
    end
    if is_power_pressed then
        is_power_pressed = false
        power_on()
    end
    local first, second = pressed[1] or 0, pressed[2] or 0
    if first | second ~= 0 then
        for i = 1, #pad_opposites do
            local both, winner = pad_opposites[i].both, pad_opposites[i].winner
            if first & both == both then first = first & ~both | winner end
            if second & both == both then second = second & ~both | winner end
        end
    end
    advance(first, second)
    shown_masks[1], shown_masks[2] = first, second
    pressed = {}
    frames = frames + 1
    for i = 1, #domains do
        domains[i].pages = {}
    end
    if #callbacks > 0 then fire("frameend") end
end

emu["yield"] = function() end
function emu.framecount() return frames end
emu.getsystemid = ask("system_id")
emu.getboardname = ask("board_name")
emu.getdisplaytype = ask("display_type")
function emu.limitframerate() end
function emu.minimizeframeskip() end
function emu.displayvsync() end

-- ---------------------------------------------------------------- savestates
local savestate, memorysavestate = {}, {}
G.savestate, G.memorysavestate = savestate, memorysavestate
local save_file, load_file, slot_path = ask("save_file"), ask("load_file"), ask("slot_path")
local keep_state, take_state, drop_state = ask("keep_state"), ask("take_state"), ask("drop_state")

local function went_back(num_frames)
    frames = num_frames
    forget_pages()
end

function savestate.save(path)
    local ok = save_file(in_folder(path), frames)
    fire("savestate", path)
    return ok
end
function savestate.load(path)
    local num_frames = load_file(in_folder(path))
    if num_frames < 0 then
        show("could not load the savestate " .. path)
        return false
    end
    went_back(num_frames)
    fire("loadstate", path)
    return true
end
function savestate.saveslot(slot) return savestate.save(slot_path(slot)) end
function savestate.loadslot(slot) return savestate.load(slot_path(slot)) end
function memorysavestate.savecorestate() return keep_state(frames) end
function memorysavestate.loadcorestate(id) went_back(take_state(tostring(id))) end
function memorysavestate.removestate(id) drop_state(tostring(id)) end
function memorysavestate.clearstatesfrommemory() drop_state("") end

-- ---------------------------------------------------------------- client
local client = {}
G.client = client
local open_rom, screenshot, picture_size = ask("open_rom"), ask("screenshot"), ask("picture_size")
local set_exit_code, is_sound_on = ask("set_exit_code"), true

function client.openrom(path) return open_rom(in_folder(path)) end
function client.reboot_core()
    power_on()
    went_back(0)
end
function client.screenshot(path) screenshot(path and in_folder(path) or "") end
function client.bufferwidth() return (picture_size()) end
function client.bufferheight() return (select(2, picture_size())) end
client.screenwidth, client.screenheight = client.bufferwidth, client.bufferheight
function client.borderwidth() return 0 end
client.borderheight, client.xpos, client.ypos = client.borderwidth, client.borderwidth, client.borderwidth
function client.getwindowsize() return 1 end
function client.get_approx_framerate() return 60 end
function client.get_lua_engine() return "playthrough+Lua" end
function client.getversion() return "2.11" end
function client.ispaused() return is_paused end
function client.pause() is_paused = true end
function client.unpause() is_paused = false end
function client.togglepause() is_paused = not is_paused end
function client.isturbo() return false end
client.isseeking = client.isturbo
function client.GetSoundOn() return is_sound_on end
function client.SetSoundOn(on) is_sound_on = on and true or false end
function client.transformPoint(x, y) return { x = x, y = y } end
function client.exit()
    end_script(STOPPED)
    error(STOPPED, 0)
end
function client.exitCode(code)
    set_exit_code(code)
    client.exit()
end
-- What only a window or a clock would notice.
for _, name in next, {
    "clearautohold", "displaymessages", "enablerewind", "exactsleep", "frameskip", "invisibleemulation", "pause_av",
    "setscreenshotosd", "settargetscanlineintensity", "setwindowsize", "sleep", "speedmode", "unpause_av",
} do
    client[name] = function() end
end

libraries(ask, fail)

-- ---------------------------------------------------------------- what is missing says so
local supported = {}
for line in string.gmatch(function_names, "[^\n]+") do
    local library, names = string.match(line, "^(%w+): (.+)$")
    if library then
        local functions = G[library] or {}
        G[library] = functions
        for name in string.gmatch(names, "%S+") do
            if functions[name] then
                supported[#supported + 1] = library .. "." .. name
            else
                local what = library .. "." .. name
                functions[name] = function() fail(what .. " is not supported by the embedded BizHawk host") end
            end
        end
    end
end
for _, library in next, { "forms", "tastudio", "LuaCanvas" } do
    G[library] = setmetatable({}, {
        __index = function(_, name)
            fail(library .. "." .. tostring(name) .. " is not supported by the embedded BizHawk host")
        end,
    })
end

-- ---------------------------------------------------------------- what host.py calls
function host.supported() return concat(supported, " ") end

function host.enter_folder(folder)
    host.folder = folder
    package.path = folder .. "/?.lua;" .. package.path
end

-- Called when a ROM was loaded.
function host.set_system(domain_list, pad_list, opposites)
    domains, pad_names, pad_of_name, shown_masks, pressed = {}, {}, {}, {}, {}
    for name, size in string.gmatch(domain_list, "([^=\n]+)=(%d+)") do
        local domain = { name = name, size = tonumber(size), pages = {} }
        domains[#domains + 1] = domain
        domains[name] = domain
    end
    main_domain = domains[1]
    current_domain = domains["System Bus"] or domains["M68K BUS"] or main_domain
    for name, port, mask in string.gmatch(pad_list, "([^=\n]+)=(%d+),(%d+)") do
        local bits, is_alias = tonumber(mask), sub(name, 1, 1) == "~"
        name = is_alias and sub(name, 2) or name
        pad_of_name[name] = { port = tonumber(port), bit = bits ~= 0 and bits or nil }
        if not is_alias then pad_names[#pad_names + 1] = name end
    end
    pad_opposites = {}
    for winner, loser in string.gmatch(opposites, "(%d+),(%d+)") do
        local first, second = tonumber(winner), tonumber(loser)
        pad_opposites[#pad_opposites + 1] = { both = first | second, winner = first }
    end
    frames = 0
end

function host.went_back(num_frames) went_back(num_frames) end
function host.num_frames() return frames end
-- These buttons and no others.
function host.press(names)
    local buttons = {}
    for i = 1, #names do
        if names[i] ~= "" then buttons[names[i]] = true end
    end
    pressed = {}
    joypad.set(buttons)
end

function host.seed(seed) math.randomseed(seed) end

local function watch()
    ended_by = nil
    sethook(main_thread, on_count, "", INSTRUCTIONS)
end

-- Run a function of the script's; the answer is (true, results) or (false, message).
local function protected(func, ...)
    watch()
    local function results(ok, ...)
        sethook(main_thread)
        if ended_by then return false, ended_by end
        if ok then return true, ... end
        local message = ...
        return false, tostring(message)
    end
    return results(pcall(func, ...))
end

function host.call(func, ...) return protected(func, ...) end

function host.run(source, name)
    local chunk, message = load(source, name, "t")
    if not chunk then return false, message end
    return protected(chunk)
end

-- A module that scripts `require`.
function host.add_module(name, source, functions)
    local chunk = assert(load(source, "=playthrough", "t"))
    package.preload[name] = function() return chunk(host, functions) end
end

host.checked, host.fail = checked, fail
return host
