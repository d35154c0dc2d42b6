#include "core.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>

#include "frontend.hpp"

namespace playthrough {

namespace {

std::mutex c_random_mutex;

constexpr char packed_magic[] = "playthrough inputs 2\n";
constexpr size_t magic_size = sizeof packed_magic - 1;

template <typename T>
void append(std::vector<uint8_t>& out, const T* values, size_t count) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values);
    out.insert(out.end(), bytes, bytes + count * sizeof(T));
}

struct Reader {
    const uint8_t* data;
    size_t left;

    template <typename T>
    void take(T* out, size_t count) {
        if (count > left / sizeof(T)) throw StateError("the snapshot is cut off");
        if (count) std::memcpy(out, data, count * sizeof(T));
        data += count * sizeof(T);
        left -= count * sizeof(T);
    }
    uint64_t number() {
        uint64_t value;
        take(&value, 1);
        return value;
    }
    // A count that cannot be larger than what is left to read.
    size_t count() {
        const uint64_t value = number();
        if (value > left) throw StateError("the snapshot is damaged");
        return static_cast<size_t>(value);
    }
};

}  // namespace

void History::widen(unsigned ports) {
    if (ports <= num_ports) return;
    std::vector<uint16_t> wider(num_frames() * ports, 0);
    for (uint64_t frame = 0; frame < num_frames(); ++frame)
        std::copy_n(inputs.begin() + frame * num_ports, num_ports, wider.begin() + frame * ports);
    inputs = std::move(wider);
    num_ports = ports;
}

std::vector<uint8_t> History::pack() const {
    std::vector<uint8_t> out;
    const uint64_t sizes[] = {start.size(), num_ports, inputs.size(), writes.size(), replays.size()};
    append(out, packed_magic, magic_size);
    append(out, sizes, 5);
    append(out, start.data(), start.size());
    append(out, inputs.data(), inputs.size());
    for (const auto& write : writes) {
        const uint64_t header[] = {write.frame, write.address, write.data.size()};
        append(out, header, 3);
        append(out, write.data.data(), write.data.size());
    }
    append(out, replays.data(), replays.size());
    return out;
}

bool History::is_packed(const uint8_t* data, size_t size) {
    return size >= magic_size && std::memcmp(data, packed_magic, magic_size) == 0;
}

History History::unpack(const uint8_t* data, size_t size) {
    Reader reader{data + magic_size, size - magic_size};
    History history;
    history.start.resize(reader.count());
    const uint64_t ports = reader.number();
    if (ports > Core::max_ports) throw StateError("the snapshot is damaged");
    history.num_ports = static_cast<unsigned>(ports);
    history.inputs.resize(reader.count());
    history.writes.resize(reader.count());
    history.replays.resize(reader.count());
    reader.take(history.start.data(), history.start.size());
    reader.take(history.inputs.data(), history.inputs.size());
    for (auto& write : history.writes) {
        write.frame = reader.number();
        write.address = reader.number();
        write.data.resize(reader.count());
        reader.take(write.data.data(), write.data.size());
    }
    reader.take(history.replays.data(), history.replays.size());
    if (reader.left != 0 || (history.num_ports == 0 ? !history.inputs.empty() : history.inputs.size() % history.num_ports))
        throw StateError("the snapshot is damaged");
    return history;
}

Core::Core(std::shared_ptr<const CoreSpec> spec, std::shared_ptr<const LibraryImage> image)
    : spec_(std::move(spec)), image_(std::move(image)) {
    build();
}

Core::~Core() { teardown(); }

void Core::build() {
    Entered entered(this);
    picture_ = {};
    rotation_ = 0;
    serialization_quirks_ = 0;
    descriptors_.clear();
    buffer_status_ = nullptr;
    asks_what_shows_ = false;
    library_ = std::make_unique<Library>(image_);
    try {
        library_->set_environment(&Frontend::environment);
        library_->set_video_refresh(&Frontend::video_refresh);
        library_->set_audio_sample(&Frontend::audio_sample);
        library_->set_audio_sample_batch(&Frontend::audio_sample_batch);
        library_->set_input_poll(&Frontend::input_poll);
        library_->set_input_state(&Frontend::input_state);
        library_->init();
        retro_system_info info{};
        library_->get_system_info(&info);
        version_ = std::string(info.library_name ? info.library_name : "?") + " " +
                   (info.library_version ? info.library_version : "?");
        load_game();
        if (spec_->reload == Reload::game) {
            map_memory();
        } else {
            boot();
        }
    } catch (...) {
        teardown();
        throw;
    }
}

// stable-retro runs one frame before it maps the memory and one after; what a start state needs from the time before it
// was loaded (nothing, one hopes) is the same here.
void Core::boot() {
    step();
    map_memory();
    step();
    audio_.clear();
    unstarted_ = false;
    fresh_ = true;
}

void Core::teardown() noexcept {
    if (!library_) return;
    Entered entered(this);
    unload_game();
    library_->deinit();
    library_.reset();
    memory_ = MemoryMap();
}

void Core::load_game() {
    std::unique_lock<std::mutex> lock;
    if (spec_->seed_c_random) {
        lock = std::unique_lock<std::mutex>(c_random_mutex);
        std::srand(1);
    }
    retro_game_info game{};
    game.path = spec_->rom_path.c_str();
    game.data = spec_->rom.data();
    game.size = spec_->rom.size();
    if (!library_->load_game(&game))
        throw CoreError("core " + spec_->core_name + " refuses " + spec_->rom_path + " (" +
                        std::to_string(spec_->rom.size()) + " bytes): is it a ROM of this system, and complete?");
    game_loaded_ = unstarted_ = true;
    fresh_ = false;
    if (library_->set_audio_enabled != nullptr) library_->set_audio_enabled(capture_audio_);
    for (unsigned port = 0; spec_->plug_in_pads && port < 2; ++port)
        library_->set_controller_port_device(port, RETRO_DEVICE_JOYPAD);
    library_->get_system_av_info(&av_info_);
}

void Core::unload_game() noexcept {
    if (game_loaded_) library_->unload_game();
    game_loaded_ = false;
    picture_.pixels = nullptr;
}

void Core::map_memory() {
    memory_ = MemoryMap(spec_->swap_bytes);
    if (!descriptors_.empty()) {
        for (const auto& descriptor : descriptors_) memory_.add(descriptor);
    } else if (void* data = library_->get_memory_data(RETRO_MEMORY_SYSTEM_RAM)) {
        memory_.add(spec_->has_ram_base ? spec_->ram_base : 0, static_cast<uint8_t*>(data),
                    library_->get_memory_size(RETRO_MEMORY_SYSTEM_RAM));
    }
    for (const auto& [first, last] : spec_->cleared_ranges) memory_.clear(first, last);
}

void Core::require_library() const {
    if (!library_) throw CoreError("core " + spec_->core_name + " could not be loaded again; make a new environment");
}

void Core::capture_audio(bool on) {
    capture_audio_ = on;
    if (library_ && library_->set_audio_enabled != nullptr) library_->set_audio_enabled(on);
}

void Core::succeed(Core& other) {
    history_ = std::exchange(other.history_, {});
    audio_ = std::exchange(other.audio_, {});
    log_.insert(log_.begin(), other.log_.begin(), other.log_.end());
    other.log_.clear();
    capture_audio(other.capture_audio_);
    other.capture_audio(false);
    frames_counted_ = std::exchange(other.frames_counted_, nullptr);
}

bool Core::skips_pictures() const {
    return buffer_status_ != nullptr || asks_what_shows_ || (library_ && library_->run_without_picture != nullptr);
}

void Core::step(bool show) {
    const uint64_t strays = Frontend::stray_calls();
    shows_ = show;
    if (buffer_status_ != nullptr) buffer_status_(true, show ? 100 : 0, !show);
    if (!show && library_->run_without_picture != nullptr) {
        library_->run_without_picture();
    } else {
        library_->run();
    }
    if (frames_counted_ != nullptr) __atomic_fetch_add(frames_counted_, 1, __ATOMIC_RELAXED);
    if (Frontend::stray_calls() != strays)
        throw CoreError("core " + spec_->core_name + " calls its frontend from a thread of its own, which is not supported");
    if (shut_down_) throw CoreError("core " + spec_->core_name + " has shut itself down");
}

void Core::run(const uint16_t* pads, unsigned num_ports, bool show) {
    require_library();
    Entered entered(this);
    if (unstarted_) boot();
    for (unsigned port = 0; port < max_ports; ++port) pads_[port] = port < num_ports ? pads[port] : 0;
    fresh_ = false;
    if (keeps_history()) {
        history_.widen(num_ports);
        history_.inputs.insert(history_.inputs.end(), pads_, pads_ + history_.num_ports);
    }
    step(show);
}

void Core::remember(Moment& moment) {
    require_library();
    Entered entered(this);
    if (unstarted_) boot();
    moment.num_frames = history_.num_frames();
    // To ask for the size takes some cores as long as to save, and with others it changes now and then.
    const auto save = [&] { return !moment.state.empty() && library_->serialize(moment.state.data(), moment.state.size()); };
    if (save()) return;
    moment.state.resize(library_->serialize_size());
    if (!save())
        throw StateError("core " + spec_->core_name + " cannot save its state");
}

void Core::go_back(const Moment& moment) {
    require_library();
    Entered entered(this);
    if (!library_->unserialize(moment.state.data(), moment.state.size()))
        throw StateError("core " + spec_->core_name + " refuses the state that it saved a moment ago");
    if (!keeps_history()) return;
    history_.replays.push_back({moment.num_frames, history_.num_frames() - moment.num_frames});
    history_.inputs.resize(moment.num_frames * history_.num_ports);
}

void Core::power_on() {
    history_ = {};
    if (library_ && fresh_) return;
    for (auto& pad : pads_) pad = 0;
    if (!library_ || !unstarted_) {
        teardown();
        build();
    }
    Entered entered(this);
    if (unstarted_) boot();
}

bool Core::needs_renewal() const {
    if (spec_->reload == Reload::none) return false;
    return !library_ || !(spec_->reload == Reload::library ? fresh_ : unstarted_);
}

void Core::renew() {
    if (!library_ || spec_->reload == Reload::library) {
        teardown();
        build();
        return;
    }
    Entered entered(this);
    unload_game();
    load_game();
    map_memory();
}

size_t Core::state_size() {
    require_library();
    Entered entered(this);
    if (unstarted_) boot();
    return library_->serialize_size();
}

std::vector<uint8_t> Core::save_state() {
    require_library();
    Entered entered(this);
    if (unstarted_) boot();
    std::vector<uint8_t> state(library_->serialize_size());
    if (state.empty() || !library_->serialize(state.data(), state.size()))
        throw StateError("core " + spec_->core_name + " cannot save its state");
    return state;
}

std::vector<uint8_t> Core::save_exact() { return keeps_history() ? history_.pack() : save_state(); }

void Core::write_memory(uint64_t address, const uint8_t* data, size_t size) {
    if (unstarted_) {
        Entered entered(this);
        boot();
    }
    for (size_t i = 0; i < size; ++i) memory_.at(address + i);  // all or nothing
    for (size_t i = 0; i < size; ++i) *memory_.at(address + i) = data[i];
    fresh_ = false;
    if (keeps_history()) history_.writes.push_back({history_.num_frames(), address, {data, data + size}});
}

void Core::load_state(const uint8_t* data, size_t size) {
    if (!keeps_history()) {
        unserialize(data, size);
        return;
    }
    const bool packed = History::is_packed(data, size);
    const History present = history_;
    try {
        relive(packed ? History::unpack(data, size) : History{{data, data + size}, 0, {}, {}, {}});
    } catch (const StateError&) {
        relive(present);  // a state that is refused leaves the lane where it was, also where it succeeds another core
        throw;
    }
}

void Core::relive(const History& past) {
    if (past.start.empty()) {
        power_on();
    } else {
        unserialize(past.start.data(), past.start.size());
    }
    history_ = {past.start, 0, {}, {}, {}};
    const auto run_again = [&](uint64_t frame) { run(past.inputs.data() + frame * past.num_ports, past.num_ports); };
    auto write = past.writes.begin();
    auto replay = past.replays.begin();
    Moment moment;
    for (uint64_t frame = 0; frame <= past.num_frames(); ++frame) {
        if (replay != past.replays.end() && frame == replay->first + replay->count) {
            go_back(moment);
            for (uint64_t again = replay->first; again < frame; ++again) run_again(again);
            ++replay;
        }
        for (; write != past.writes.end() && write->frame == frame; ++write)
            write_memory(write->address, write->data.data(), write->data.size());
        if (replay != past.replays.end() && frame == replay->first) remember(moment);
        if (frame < past.num_frames()) run_again(frame);
    }
    audio_.clear();
}

void Core::unserialize(const uint8_t* data, size_t size) {
    const bool pressed = std::any_of(std::begin(pads_), std::end(pads_),
                                     [&](uint16_t pad) { return (pad & spec_->remembered_buttons) != 0; });
    std::fill(std::begin(pads_), std::end(pads_), uint16_t{0});
    if (!library_ || needs_renewal()) renew();
    fresh_ = unstarted_ = false;
    Entered entered(this);
    if (spec_->reset_before_unserialize) library_->reset();
    // Some remember outside of their savestates what was pressed a frame ago, as Genesis Plus GX its pause button.
    if (pressed && spec_->reload == Reload::none) step();
    if (serialization_quirks_ & RETRO_SERIALIZATION_QUIRK_MUST_INITIALIZE) step();
    bool accepted = false;
    try {
        accepted = library_->unserialize(data, size);
    } catch (const std::exception&) {  // Stella reads its states through a stream that throws
    }
    if (!accepted)
        throw StateError("core " + spec_->core_name + " refuses a savestate of " + std::to_string(size) +
                         " bytes (its own have " + std::to_string(library_->serialize_size()) +
                         "): it is damaged, or of another core or game");
    audio_.clear();
}

}  // namespace playthrough
