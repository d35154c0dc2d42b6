// From a core's picture to what an agent observes: convert, crop, rotate, gray, resize, newest of two, stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "libretro.h"

namespace playthrough {

// What a core last showed. The pixels stay in the core and may change with its next frame.
struct Picture {
    const uint8_t* pixels = nullptr;
    size_t pitch = 0;
    unsigned width = 0, height = 0;
    retro_pixel_format format = RETRO_PIXEL_FORMAT_0RGB1555;
};

inline size_t bytes_per_pixel(retro_pixel_format format) { return format == RETRO_PIXEL_FORMAT_XRGB8888 ? 4 : 2; }

// The part of the picture that counts. Its size never changes, whatever size a core announces on a frame.
struct Screen {
    unsigned width = 0, height = 0;
    bool live = false;  // read the whole screen from the core's buffer, also what lies outside the announced frame
};

struct Crop {
    unsigned x = 0, y = 0, width = 0, height = 0;
};

enum class Colour { rgb, gray };
enum class Resize { none, area, bilinear };

// What becomes of a picture. All fields are fixed for the life of an engine.
struct PixelSpec {
    Colour colour = Colour::rgb;
    Resize resize = Resize::none;
    unsigned width = 0, height = 0;  // of the result; ignored without resize
    bool max_of_two = false;         // the brighter of the last two emulated frames, pixel by pixel
    unsigned stack = 0;              // how many results one observation holds; 0: one, without a stack axis
    Crop crop{};                     // width or height 0: up to the edge
    unsigned rotation = 0;           // quarter turns counter-clockwise, after the crop
};

// Turns pictures into pixels. Holds scratch memory, so one belongs to one thread at a time.
class Pipeline {
public:
    Pipeline(const PixelSpec& spec, const Screen& screen);

    unsigned width() const { return width_; }
    unsigned height() const { return height_; }
    unsigned channels() const { return spec_.colour == Colour::rgb ? 3 : 1; }
    size_t frame_bytes() const { return size_t(width_) * height_ * channels(); }
    size_t observation_bytes() const { return frame_bytes() * (spec_.stack ? spec_.stack : 1); }
    const PixelSpec& spec() const { return spec_; }
    const Screen& screen() const { return screen_; }

    // One picture to one frame of (height, width[, 3]).
    void render(const Picture& picture, uint8_t* out);
    // The same in two parts: what must be read before the core paints over its picture, and what can wait.
    void grab(const Picture& picture, std::vector<uint8_t>& grabbed);
    void finish(const uint8_t* grabbed, uint8_t* out);

private:
    struct Taps {
        std::vector<uint32_t> first, count, weight;  // per output pixel: first input pixel, number of them, their weights
        std::vector<uint32_t> start;                 // where an output pixel's weights begin
    };
    static Taps area_taps(unsigned from, unsigned to);
    static Taps bilinear_taps(unsigned from, unsigned to);
    bool gray_last() const { return spec_.colour == Colour::gray && spec_.resize == Resize::bilinear; }
    void read_rows(const Picture& picture, uint8_t* out) const;
    void rotate(const uint8_t* in, uint8_t* out) const;
    void resize(const uint8_t* in, unsigned channels, uint8_t* out);

    PixelSpec spec_;
    Screen screen_;
    Crop crop_;
    unsigned source_width_, source_height_;  // after crop and rotation
    unsigned width_, height_;
    Taps across_, down_;
    uint64_t total_weight_ = 1;
    std::vector<uint8_t> grabbed_, unturned_, resized_;
    std::vector<uint32_t> row_;
    std::vector<uint16_t> words_;
};

}  // namespace playthrough
