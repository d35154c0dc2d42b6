// A core's library: its file, and the copies of it that lanes load.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "libretro.h"

namespace playthrough {

// A core that is missing, is no core, or refuses the game.
struct CoreError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The file of a library, read once for all lanes.
class LibraryImage {
public:
    // name: the core's, for messages.
    LibraryImage(std::string path, std::string name);
    ~LibraryImage();
    LibraryImage(const LibraryImage&) = delete;
    LibraryImage& operator=(const LibraryImage&) = delete;

    const std::string& path() const { return path_; }
    const std::string& name() const { return name_; }
    const std::vector<char>& bytes() const { return bytes_; }
    // A file with the same bytes, which nobody may change; -1 where the system has no such thing.
    int file() const { return file_; }

private:
    void require_complete() const;

    std::string path_, name_;
    std::vector<char> bytes_;
    int file_ = -1;
};

// The functions that a core exports, from a copy of its file that no other lane shares.
class Library {
public:
    explicit Library(std::shared_ptr<const LibraryImage> image);
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    decltype(&::retro_set_environment) set_environment;
    decltype(&::retro_set_video_refresh) set_video_refresh;
    decltype(&::retro_set_audio_sample) set_audio_sample;
    decltype(&::retro_set_audio_sample_batch) set_audio_sample_batch;
    decltype(&::retro_set_input_poll) set_input_poll;
    decltype(&::retro_set_input_state) set_input_state;
    decltype(&::retro_init) init;
    decltype(&::retro_deinit) deinit;
    decltype(&::retro_api_version) api_version;
    decltype(&::retro_get_system_info) get_system_info;
    decltype(&::retro_get_system_av_info) get_system_av_info;
    decltype(&::retro_set_controller_port_device) set_controller_port_device;
    decltype(&::retro_reset) reset;
    decltype(&::retro_run) run;
    decltype(&::retro_serialize_size) serialize_size;
    decltype(&::retro_serialize) serialize;
    decltype(&::retro_unserialize) unserialize;
    decltype(&::retro_load_game) load_game;
    decltype(&::retro_unload_game) unload_game;
    decltype(&::retro_get_memory_data) get_memory_data;
    decltype(&::retro_get_memory_size) get_memory_size;

    // What stable-retro-turbo's cores offer beyond the libretro API; null elsewhere.
    void (*run_without_picture)() = nullptr;
    void (*set_audio_enabled)(bool) = nullptr;

private:
    void share_constants();

    std::shared_ptr<const LibraryImage> image_;
    int file_ = -1;
    void* handle_ = nullptr;
};

}  // namespace playthrough
