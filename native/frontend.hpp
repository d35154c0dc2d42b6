// The libretro callbacks. A core gives them no context, so a thread says which core it is about to enter.
#pragma once

#include "core.hpp"

namespace playthrough {

struct Frontend {
    static bool environment(unsigned command, void* data);
    static void video_refresh(const void* data, unsigned width, unsigned height, size_t pitch);
    static void audio_sample(int16_t left, int16_t right);
    static size_t audio_sample_batch(const int16_t* data, size_t frames);
    static void input_poll();
    static int16_t input_state(unsigned port, unsigned device, unsigned index, unsigned id);
    static void log(retro_log_level level, const char* format, ...);

    // How often a callback came from a thread that had entered no core: a core with threads of its own.
    static uint64_t stray_calls();
};

// While it lives, callbacks on this thread belong to the core.
class Entered {
public:
    explicit Entered(Core* core);
    ~Entered();
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

private:
    Core* outer_;
};

}  // namespace playthrough
