#include "frontend.hpp"

#include <cstdarg>
#include <cstdio>

namespace playthrough {

namespace {
thread_local Core* current = nullptr;
std::atomic<uint64_t> strays{0};
constexpr size_t max_log_lines = 1000;  // a core that logs every frame must not fill the memory

Core* enter_or_count() {
    if (current == nullptr) strays.fetch_add(1, std::memory_order_relaxed);
    return current;
}
}  // namespace

Entered::Entered(Core* core) : outer_(current) { current = core; }
Entered::~Entered() { current = outer_; }

uint64_t Frontend::stray_calls() { return strays.load(std::memory_order_relaxed); }

// Whatever is not answered here is refused and left untouched: cores then use their built-in defaults, which is what
// stable-retro's savestates and results were made with.
bool Frontend::environment(unsigned command, void* data) {
    Core* core = enter_or_count();
    if (core == nullptr) return false;
    switch (command) {
        case RETRO_ENVIRONMENT_SET_ROTATION:
            core->rotation_ = *static_cast<const unsigned*>(data) & 3;
            return true;
        case RETRO_ENVIRONMENT_GET_CAN_DUPE:
            *static_cast<bool*>(data) = true;
            return true;
        case RETRO_ENVIRONMENT_GET_SYSTEM_DIRECTORY:
            *static_cast<const char**>(data) = core->spec_->system_directory.c_str();
            return true;
        case RETRO_ENVIRONMENT_SET_PIXEL_FORMAT: {
            const int format = *static_cast<const int*>(data);
            if (format < RETRO_PIXEL_FORMAT_0RGB1555 || format > RETRO_PIXEL_FORMAT_RGB565) return false;
            core->picture_.format = static_cast<retro_pixel_format>(format);
            return true;
        }
        case RETRO_ENVIRONMENT_GET_VARIABLE: {
            auto* variable = static_cast<retro_variable*>(data);
            if (variable->key == nullptr) return false;
            const auto option = core->spec_->options.find(variable->key);
            if (option == core->spec_->options.end()) return false;
            variable->value = option->second.c_str();
            return true;
        }
        case RETRO_ENVIRONMENT_GET_LOG_INTERFACE:
            static_cast<retro_log_callback*>(data)->log = &Frontend::log;
            return true;
        case RETRO_ENVIRONMENT_SET_SERIALIZATION_QUIRKS:
            core->serialization_quirks_ = *static_cast<const uint64_t*>(data);
            return true;
        case RETRO_ENVIRONMENT_SET_MEMORY_MAPS: {
            const auto* map = static_cast<const retro_memory_map*>(data);
            core->descriptors_.assign(map->descriptors, map->descriptors + map->num_descriptors);
            return true;
        }
        case RETRO_ENVIRONMENT_GET_AUDIO_VIDEO_ENABLE:
            // Not one of stable-retro's cores asks. Those that do leave out what nobody will see or hear.
            core->asks_what_shows_ = true;
            *static_cast<int*>(data) = (core->shows_ ? 1 : 0) | (core->capture_audio_ ? 2 : 0);
            return true;
        case RETRO_ENVIRONMENT_SET_AUDIO_BUFFER_STATUS_CALLBACK: {
            // Some skip the picture of a frame when their sound is late: see Core::step. It takes an option of theirs.
            if (!core->spec_->skips_when_sound_is_late) return false;
            const auto* status = static_cast<const retro_audio_buffer_status_callback*>(data);
            core->buffer_status_ = status == nullptr ? nullptr : status->callback;
            return true;
        }
        case RETRO_ENVIRONMENT_SHUTDOWN:
            core->shut_down_ = true;
            return true;
        default:
            return false;
    }
}

void Frontend::video_refresh(const void* data, unsigned width, unsigned height, size_t pitch) {
    Core* core = enter_or_count();
    if (core == nullptr) return;
    if (pitch != 0) core->picture_.pitch = pitch;
    if (data == nullptr) return;  // the frame before is shown again
    core->picture_.pixels = static_cast<const uint8_t*>(data);
    core->picture_.width = width;
    core->picture_.height = height;
}

void Frontend::audio_sample(int16_t left, int16_t right) {
    Core* core = enter_or_count();
    if (core == nullptr || !core->capture_audio_) return;
    core->audio_.push_back(left);
    core->audio_.push_back(right);
}

size_t Frontend::audio_sample_batch(const int16_t* data, size_t frames) {
    Core* core = enter_or_count();
    if (core != nullptr && core->capture_audio_) core->audio_.insert(core->audio_.end(), data, data + 2 * frames);
    return frames;
}

void Frontend::input_poll() { enter_or_count(); }

int16_t Frontend::input_state(unsigned port, unsigned /*device*/, unsigned /*index*/, unsigned id) {
    const Core* core = enter_or_count();
    if (core == nullptr || port >= Core::max_ports) return 0;
    if (id == RETRO_DEVICE_ID_JOYPAD_MASK) return static_cast<int16_t>(core->pads_[port]);
    return id < 16 ? (core->pads_[port] >> id) & 1 : 0;
}

void Frontend::log(retro_log_level level, const char* format, ...) {
    Core* core = enter_or_count();
    if (core == nullptr || core->log_.size() >= max_log_lines) return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length <= 0) return;
    std::string line(text);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (!line.empty()) core->log_.push_back({static_cast<int>(level), std::move(line)});
}

}  // namespace playthrough
