// One loaded libretro core: a private copy of its library, its lifecycle, options and savestates.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "library.hpp"
#include "libretro.h"
#include "memory.hpp"
#include "video.hpp"

namespace playthrough {

// A savestate that the core does not accept.
struct StateError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What it takes to bring a core into a state that depends on nothing that happened before.
enum class Reload { none, game, library };

struct CoreSpec {
    std::string core_path;
    std::string core_name;
    std::string rom_path;  // what the core is told: some look at the extension
    std::vector<uint8_t> rom;
    std::string system_directory;
    std::map<std::string, std::string> options;
    Reload reload = Reload::none;
    bool complete_states = true;  // a savestate holds all that decides how the game goes on
    bool reset_before_unserialize = false;
    uint16_t remembered_buttons = 0xFFFF;  // what the core knows of these, a frame ago, lies outside of its savestates
    bool seed_c_random = false;
    bool skips_when_sound_is_late = false;  // its options make it leave out pictures then
    bool plug_in_pads = false;  // some cores have none until they are told
    std::vector<std::pair<uint64_t, uint64_t>> cleared_ranges;  // bus addresses zeroed after loading: [first, last]
    uint64_t ram_base = 0;
    bool has_ram_base = false;
    bool swap_bytes = false;  // 16-bit words lie in host order (Genesis Plus GX)
};

struct LogLine {
    int level;
    std::string text;
};

// How a core came to where it is: for cores that keep state outside of their savestates, the only exact snapshot.
struct History {
    std::vector<uint8_t> start;    // the savestate loaded last; empty: a power-on
    unsigned num_ports = 0;
    std::vector<uint16_t> inputs;  // [frames][num_ports], since then
    struct Write {
        uint64_t frame, address;   // before this frame
        std::vector<uint8_t> data;
    };
    std::vector<Write> writes;
    struct Replay {
        uint64_t first, count;  // these frames were run, taken back by a savestate, and run again
    };
    std::vector<Replay> replays;

    uint64_t num_frames() const { return num_ports ? inputs.size() / num_ports : 0; }
    // Makes room for pads that were not held before.
    void widen(unsigned ports);
    std::vector<uint8_t> pack() const;
    // Throws StateError if the bytes are cut off.
    static History unpack(const uint8_t* data, size_t size);
    static bool is_packed(const uint8_t* data, size_t size);
};

class Core {
public:
    static constexpr unsigned max_ports = 8;

    Core(std::shared_ptr<const CoreSpec> spec, std::shared_ptr<const LibraryImage> image);
    ~Core();
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    // Runs one frame with these buttons; ports that are not given are released. A frame that is not shown leaves the
    // picture as it was where the core can save itself that work, and is like any other frame otherwise.
    void run(const uint16_t* pads, unsigned num_ports, bool show = true);
    // Whether frames that are not shown cost less.
    bool skips_pictures() const;

    // A moment of the last few frames, to come back to.
    struct Moment {
        std::vector<uint8_t> state;
        uint64_t num_frames = 0;  // of the history
    };
    void remember(Moment& moment);
    // The frames since then must be run again, all of them, before anything else happens.
    void go_back(const Moment& moment);

    // Brings the core to the state of a fresh power-on.
    void power_on();
    // Whether the next savestate needs a game, or a library, that was loaded anew; and doing that ahead of time.
    bool needs_renewal() const;
    void renew();
    std::vector<uint8_t> save_state();
    // Takes savestates and exact snapshots alike.
    void load_state(const uint8_t* data, size_t size);
    size_t state_size();
    // What makes load_state go on exactly from here: a savestate where that is enough, the history where it is not.
    std::vector<uint8_t> save_exact();
    void write_memory(uint64_t address, const uint8_t* data, size_t size);

    const MemoryMap& memory() const { return memory_; }
    MemoryMap& memory() { return memory_; }
    const Picture& picture() const { return picture_; }
    unsigned rotation() const { return rotation_; }
    const retro_system_av_info& av_info() const { return av_info_; }
    std::string version() const { return version_; }

    // Counts every frame that the core has run, also those on the way to a state; nullptr: nowhere.
    void count_frames(int64_t* frames) { frames_counted_ = frames; }

    void capture_audio(bool on);
    bool captures_audio() const { return capture_audio_; }
    // Becomes another core's successor: with its past, its listeners, and what it had to say.
    void succeed(Core& other);
    std::vector<int16_t> take_audio() { return std::exchange(audio_, {}); }
    std::vector<LogLine> take_log() { return std::exchange(log_, {}); }

private:
    friend struct Frontend;

    void build();
    void boot();
    void teardown() noexcept;
    void load_game();
    void unload_game() noexcept;
    void map_memory();
    void step(bool show = true);
    void require_library() const;
    void unserialize(const uint8_t* data, size_t size);
    // Goes back to where a history starts and plays it.
    void relive(const History& past);
    bool keeps_history() const { return spec_->reload != Reload::none || !spec_->complete_states; }

    std::shared_ptr<const CoreSpec> spec_;
    std::shared_ptr<const LibraryImage> image_;
    std::unique_ptr<Library> library_;
    bool game_loaded_ = false;
    bool unstarted_ = false;  // the game was just loaded, and not one frame has run
    bool fresh_ = false;      // nothing has run since power-on

    // What the core told its frontend.
    retro_system_av_info av_info_{};
    std::string version_;
    Picture picture_{};
    unsigned rotation_ = 0;
    uint64_t serialization_quirks_ = 0;
    std::vector<retro_memory_descriptor> descriptors_;
    MemoryMap memory_;
    bool shut_down_ = false;
    bool shows_ = true;            // whether anybody will look at the frame that runs
    bool asks_what_shows_ = false;  // the core asks before it draws
    decltype(retro_audio_buffer_status_callback::callback) buffer_status_ = nullptr;

    History history_;
    uint16_t pads_[max_ports] = {};
    bool capture_audio_ = false;
    int64_t* frames_counted_ = nullptr;
    std::vector<int16_t> audio_;
    std::vector<LogLine> log_;
};

}  // namespace playthrough
