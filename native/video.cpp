#include "video.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

// Hot loops are compiled twice, and the faster one that the machine can run is chosen when the library loads.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define PLAYTHROUGH_HOT __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define PLAYTHROUGH_HOT
#endif

namespace playthrough {

namespace {

struct Rgb {
    uint32_t red, green, blue;
};

// Colours as stable-retro reads them: bits are shifted up, not replicated.
inline Rgb unpack_rgb565(uint16_t value) {
    return {uint32_t(value >> 11) << 3, uint32_t((value >> 5) & 63) << 2, uint32_t(value & 31) << 3};
}
inline Rgb unpack_0rgb1555(uint16_t value) {
    return {uint32_t((value >> 10) & 31) << 3, uint32_t((value >> 5) & 31) << 3, uint32_t(value & 31) << 3};
}
inline Rgb unpack_xrgb8888(uint32_t value) { return {(value >> 16) & 255, (value >> 8) & 255, value & 255}; }

// ITU-R BT.601 luma in 14-bit fixed point, as OpenCV computes it.
inline uint8_t luma(const Rgb& colour) {
    return static_cast<uint8_t>((4899 * colour.red + 9617 * colour.green + 1868 * colour.blue + 8192) >> 14);
}

// Rows are worked on in chunks, the last of which overlaps the one before: compilers turn a loop of fixed length into
// vector instructions alone, and what is left of a row into slow single steps.
constexpr unsigned chunk = 64;

#define PLAYTHROUGH_ROWS(format, type)                                                            \
    PLAYTHROUGH_HOT void gray_row_##format(const void* in, uint8_t* out, unsigned count) {         \
        const type* pixels = static_cast<const type*>(in);                                         \
        if (count < chunk) {                                                                       \
            for (unsigned x = 0; x < count; ++x) out[x] = luma(unpack_##format(pixels[x]));        \
            return;                                                                                \
        }                                                                                          \
        for (unsigned x = 0; x < count; x += chunk) {                                              \
            const unsigned at = std::min(x, count - chunk);                                        \
            const type* from = pixels + at;                                                        \
            uint8_t* __restrict to = out + at;                                                     \
            for (unsigned i = 0; i < chunk; ++i) to[i] = luma(unpack_##format(from[i]));           \
        }                                                                                          \
    }                                                                                              \
    PLAYTHROUGH_HOT void rgbx_row_##format(const type* pixels, uint32_t* out, unsigned count) {    \
        for (unsigned x = 0; x < count; ++x) {                                                     \
            const Rgb colour = unpack_##format(pixels[x]);                                         \
            out[x] = colour.red | colour.green << 8 | colour.blue << 16;                           \
        }                                                                                          \
    }                                                                                              \
    void rgb_row_##format(const void* in, uint8_t* out, unsigned count) {                          \
        const type* pixels = static_cast<const type*>(in);                                         \
        alignas(32) uint32_t wide[batch];                                                          \
        for (unsigned x = 0; x < count; x += batch) {                                              \
            const unsigned part = std::min(batch, count - x);                                      \
            rgbx_row_##format(pixels + x, wide, part);                                             \
            drop_fourth_bytes(wide, out + 3 * x, part);                                            \
        }                                                                                          \
    }

constexpr unsigned batch = 256;  // pixels converted at a time, through a buffer that stays in the first-level cache

// Four bytes per pixel to three. Compilers do not find the shuffle by themselves; without it this is the slowest part of
// an `rgb` step.
PLAYTHROUGH_HOT void drop_fourth_bytes(const uint32_t* in, uint8_t* out, unsigned count) {
    unsigned x = 0;
#if defined(__GNUC__) && !defined(__clang__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    typedef uint8_t Bytes __attribute__((vector_size(32)));
    typedef uint32_t Words __attribute__((vector_size(32)));
    // Within each half, four pixels close up; then the halves do.
    const Bytes close_up = {0,  1,  2,  4,  5,  6,  8,  9,  10, 12, 13, 14, 3, 7, 11, 15,
                            16, 17, 18, 20, 21, 22, 24, 25, 26, 28, 29, 30, 19, 23, 27, 31};
    const Words halves = {0, 1, 2, 4, 5, 6, 3, 7};
    // Each store writes eight bytes too many, which the next one corrects; the last few pixels go one by one.
    for (; x + 11 <= count; x += 8) {
        Bytes pixels;
        std::memcpy(&pixels, in + x, sizeof pixels);
        const Words closed = __builtin_shuffle(reinterpret_cast<Words>(__builtin_shuffle(pixels, close_up)), halves);
        std::memcpy(out + 3 * x, &closed, sizeof closed);
    }
#endif
    for (; x < count; ++x) {
        out[3 * x] = static_cast<uint8_t>(in[x]);
        out[3 * x + 1] = static_cast<uint8_t>(in[x] >> 8);
        out[3 * x + 2] = static_cast<uint8_t>(in[x] >> 16);
    }
}

PLAYTHROUGH_ROWS(rgb565, uint16_t)
PLAYTHROUGH_ROWS(0rgb1555, uint16_t)
PLAYTHROUGH_ROWS(xrgb8888, uint32_t)
#undef PLAYTHROUGH_ROWS

PLAYTHROUGH_HOT void add_weighted(const uint8_t* in, uint32_t weight, uint32_t* sum, unsigned count) {
    for (unsigned x = 0; x < count; ++x) sum[x] += weight * in[x];
}

#if defined(__GNUC__)
// The area filter, eight output rows at a time. First each of them is a weighted sum of input rows; then the eight are
// turned on their side, so that the sums across work on eight neighbours in memory. Whole numbers throughout.
#define PLAYTHROUGH_BLOCKS 1
constexpr unsigned block = 8;
typedef uint8_t Bytes8 __attribute__((vector_size(8)));
typedef uint16_t Words8 __attribute__((vector_size(16)));
typedef int32_t Ints8 __attribute__((vector_size(32)));
typedef float Floats8 __attribute__((vector_size(32)));

template <unsigned taps>
inline __attribute__((always_inline)) void weigh(const uint8_t* in, size_t stride, const uint32_t* weight, uint16_t* out,
                                                 unsigned count) {
    uint16_t weights[taps];
    for (unsigned k = 0; k < taps; ++k) weights[k] = static_cast<uint16_t>(weight[k]);
    for (unsigned x = 0; x < count; ++x) {
        uint16_t sum = 0;
        for (unsigned k = 0; k < taps; ++k) sum = static_cast<uint16_t>(sum + weights[k] * in[k * stride + x]);
        out[x] = sum;
    }
}

PLAYTHROUGH_HOT void weigh_rows(const uint8_t* in, size_t stride, const uint32_t* weight, unsigned taps, uint16_t* out,
                                unsigned count) {
    switch (taps) {
        case 1: return weigh<1>(in, stride, weight, out, count);
        case 2: return weigh<2>(in, stride, weight, out, count);
        case 3: return weigh<3>(in, stride, weight, out, count);
        case 4: return weigh<4>(in, stride, weight, out, count);
        case 5: return weigh<5>(in, stride, weight, out, count);
    }
    std::fill(out, out + count, uint16_t{0});
    for (unsigned k = 0; k < taps; ++k)
        for (unsigned x = 0; x < count; ++x) out[x] = static_cast<uint16_t>(out[x] + weight[k] * in[k * stride + x]);
}

// rows: [8][stride] to columns: [count][8]; count is a multiple of eight.
PLAYTHROUGH_HOT void turn_on_side(const uint16_t* rows, size_t stride, uint16_t* columns, unsigned count) {
    const Words8 low = {0, 8, 1, 9, 2, 10, 3, 11}, high = {4, 12, 5, 13, 6, 14, 7, 15};
    for (unsigned x = 0; x < count; x += block) {
        Words8 a[block], b[block];
        for (unsigned r = 0; r < block; ++r) std::memcpy(&a[r], rows + r * stride + x, sizeof a[r]);
        for (unsigned round = 0; round < 3; ++round) {
            for (unsigned r = 0; r < block / 2; ++r) {
                b[2 * r] = __builtin_shuffle(a[r], a[r + block / 2], low);
                b[2 * r + 1] = __builtin_shuffle(a[r], a[r + block / 2], high);
            }
            for (unsigned r = 0; r < block; ++r) a[r] = b[r];
        }
        std::memcpy(columns + size_t(x) * block, a, sizeof a);
    }
}

// One output column of eight rows: the mean of `taps` input columns, rounded.
PLAYTHROUGH_HOT void weigh_columns(const uint16_t* columns, size_t step, const uint32_t* weight, const uint32_t* first,
                                   const uint32_t* count, const uint32_t* start, unsigned width, unsigned total,
                                   uint8_t* out, unsigned channels, size_t out_stride, unsigned rows) {
    const auto divisor = static_cast<int32_t>(total);
    const float inverse = 1.0f / static_cast<float>(total);
    for (unsigned x = 0; x < width; ++x) {
        Ints8 sum = Ints8{} + divisor / 2;
        for (unsigned k = 0; k < count[x]; ++k) {
            Words8 words;
            std::memcpy(&words, columns + (first[x] + k) * step, sizeof words);
            sum += __builtin_convertvector(words, Ints8) * static_cast<int32_t>(weight[start[x] + k]);
        }
        // The quotient by way of floats is off by one at most, and the remainder tells.
        Ints8 mean = __builtin_convertvector(__builtin_convertvector(sum, Floats8) * inverse, Ints8);
        const Ints8 rest = sum - mean * divisor;
        mean += rest < 0;
        mean -= rest >= divisor;
        const Bytes8 bytes = __builtin_convertvector(mean, Bytes8);
        for (unsigned r = 0; r < rows; ++r) out[r * out_stride + size_t(x) * channels] = bytes[r];
    }
}
#endif

PLAYTHROUGH_HOT void gray_of_rgb(const uint8_t* in, uint8_t* out, unsigned count) {
    for (unsigned x = 0; x < count; ++x) out[x] = luma({in[3 * x], in[3 * x + 1], in[3 * x + 2]});
}

using Row = void (*)(const void*, uint8_t*, unsigned);

}  // namespace

Pipeline::Pipeline(const PixelSpec& spec, const Screen& screen) : spec_(spec), screen_(screen), crop_(spec.crop) {
    const auto edge = [](unsigned at, unsigned size, unsigned limit) {
        return size == 0 || uint64_t(at) + size > limit ? limit - std::min(at, limit) : size;
    };
    crop_.width = edge(crop_.x, crop_.width, screen.width);
    crop_.height = edge(crop_.y, crop_.height, screen.height);
    if (crop_.width == 0 || crop_.height == 0)
        throw std::invalid_argument("the crop leaves nothing of a picture of " + std::to_string(screen.width) + "x" +
                                    std::to_string(screen.height) + " pixels");
    const bool sideways = spec.rotation % 2 == 1;
    source_width_ = sideways ? crop_.height : crop_.width;
    source_height_ = sideways ? crop_.width : crop_.height;
    width_ = spec.resize == Resize::none ? source_width_ : spec.width;
    height_ = spec.resize == Resize::none ? source_height_ : spec.height;
    if (spec.resize != Resize::none) {
        const auto taps = spec.resize == Resize::area ? &Pipeline::area_taps : &Pipeline::bilinear_taps;
        across_ = taps(source_width_, width_);
        down_ = taps(source_height_, height_);
        total_weight_ = spec.resize == Resize::area ? uint64_t(source_width_) * source_height_ : uint64_t(1) << 22;
    }
}

// An output pixel is the mean of the rectangle that it covers. In units of 1/to of an input pixel everything is a whole
// number, so the result is exact.
Pipeline::Taps Pipeline::area_taps(unsigned from, unsigned to) {
    Taps taps;
    for (uint64_t i = 0; i < to; ++i) {
        const uint64_t begin = i * from, end = begin + from;
        taps.first.push_back(static_cast<uint32_t>(begin / to));
        taps.start.push_back(static_cast<uint32_t>(taps.weight.size()));
        for (uint64_t pixel = begin / to; pixel * to < end; ++pixel)
            taps.weight.push_back(static_cast<uint32_t>(std::min(end, (pixel + 1) * to) - std::max(begin, pixel * to)));
        taps.count.push_back(static_cast<uint32_t>(taps.weight.size() - taps.start.back()));
    }
    return taps;
}

// Two neighbours with 11-bit weights, pixel centres aligned, as OpenCV's INTER_LINEAR.
Pipeline::Taps Pipeline::bilinear_taps(unsigned from, unsigned to) {
    Taps taps;
    const double scale = double(from) / to;
    for (unsigned i = 0; i < to; ++i) {
        double position = (i + 0.5) * scale - 0.5;
        int first = static_cast<int>(std::floor(position));
        double fraction = position - first;
        if (first < 0) first = 0, fraction = 0;
        if (first >= int(from) - 1) first = std::max(0, int(from) - 2), fraction = from > 1 ? 1 : 0;
        const auto second_weight = static_cast<uint32_t>(std::lround(fraction * 2048));
        taps.first.push_back(static_cast<uint32_t>(first));
        taps.start.push_back(static_cast<uint32_t>(taps.weight.size()));
        taps.weight.push_back(2048 - second_weight);
        if (from > 1) taps.weight.push_back(second_weight);
        taps.count.push_back(from > 1 ? 2 : 1);
    }
    return taps;
}

// The tutorials shrink in colour and turn gray afterwards (gray_last); the area filter turns gray first, which is cheaper.
void Pipeline::read_rows(const Picture& picture, uint8_t* out) const {
    const bool gray = spec_.colour == Colour::gray && !gray_last();
    Row row;
    switch (picture.format) {
        case RETRO_PIXEL_FORMAT_XRGB8888: row = gray ? gray_row_xrgb8888 : rgb_row_xrgb8888; break;
        case RETRO_PIXEL_FORMAT_RGB565: row = gray ? gray_row_rgb565 : rgb_row_rgb565; break;
        default: row = gray ? gray_row_0rgb1555 : rgb_row_0rgb1555; break;
    }
    const size_t row_bytes = size_t(crop_.width) * (gray ? 1 : 3);
    const unsigned shown_width = screen_.live ? screen_.width : picture.width;
    const unsigned shown_height = screen_.live ? screen_.height : picture.height;
    const unsigned columns = crop_.x < shown_width ? std::min(crop_.width, shown_width - crop_.x) : 0;
    for (unsigned y = 0; y < crop_.height; ++y, out += row_bytes) {
        if (picture.pixels == nullptr || crop_.y + y >= shown_height || columns == 0) {
            std::memset(out, 0, row_bytes);
            continue;
        }
        const uint8_t* in = picture.pixels + (crop_.y + y) * picture.pitch + crop_.x * bytes_per_pixel(picture.format);
        row(in, out, columns);
        const size_t filled = size_t(columns) * (gray ? 1 : 3);
        if (filled < row_bytes) std::memset(out + filled, 0, row_bytes - filled);
    }
}

void Pipeline::rotate(const uint8_t* in, uint8_t* out) const {
    const unsigned size = spec_.colour == Colour::gray && !gray_last() ? 1 : 3;
    const unsigned width = crop_.width, height = crop_.height;
    for (unsigned y = 0; y < source_height_; ++y) {
        for (unsigned x = 0; x < source_width_; ++x, out += size) {
            unsigned from_x = x, from_y = y;
            if (spec_.rotation == 1) from_x = width - 1 - y, from_y = x;
            if (spec_.rotation == 2) from_x = width - 1 - x, from_y = height - 1 - y;
            if (spec_.rotation == 3) from_x = y, from_y = height - 1 - x;
            std::memcpy(out, in + (size_t(from_y) * width + from_x) * size, size);
        }
    }
}

void Pipeline::resize(const uint8_t* in, unsigned channels, uint8_t* out) {
    const unsigned row_values = source_width_ * channels;
#ifdef PLAYTHROUGH_BLOCKS
    // The sums down must fit 16 bits, those across 31.
    if (spec_.resize == Resize::area && source_height_ <= 257 && total_weight_ < (1u << 22)) {
        const unsigned padded = (row_values + block - 1) / block * block;
        words_.resize(size_t(padded) * block * 2);
        uint16_t *rows = words_.data(), *columns = rows + size_t(padded) * block;
        for (unsigned y = 0; y < height_; y += block) {
            const unsigned num_rows = std::min(block, height_ - y);
            for (unsigned r = 0; r < num_rows; ++r)
                weigh_rows(in + size_t(down_.first[y + r]) * row_values, row_values,
                           down_.weight.data() + down_.start[y + r], down_.count[y + r], rows + size_t(r) * padded,
                           row_values);
            turn_on_side(rows, padded, columns, padded);
            for (unsigned channel = 0; channel < channels; ++channel)
                weigh_columns(columns + channel * block, size_t(channels) * block, across_.weight.data(),
                              across_.first.data(), across_.count.data(), across_.start.data(), width_,
                              static_cast<unsigned>(total_weight_), out + size_t(y) * width_ * channels + channel, channels,
                              size_t(width_) * channels, num_rows);
        }
        return;
    }
#endif
    // Exact division by the sum of all weights as a multiplication: right for every sum below 2^8 times the divisor as
    // long as the divisor is below 2^21, or a power of two.
    const uint64_t reciprocal = ((uint64_t(1) << 50) - 1) / total_weight_ + 1;
    const uint64_t half = total_weight_ / 2;
    row_.resize(row_values);
    for (unsigned y = 0; y < height_; ++y) {
        std::fill(row_.begin(), row_.end(), 0u);
        for (unsigned k = 0; k < down_.count[y]; ++k)
            add_weighted(in + size_t(down_.first[y] + k) * row_values, down_.weight[down_.start[y] + k], row_.data(),
                         row_values);
        for (unsigned x = 0; x < width_; ++x) {
            const uint32_t* weight = across_.weight.data() + across_.start[x];
            const uint32_t* column = row_.data() + size_t(across_.first[x]) * channels;
            for (unsigned channel = 0; channel < channels; ++channel) {
                uint64_t sum = half;
                for (unsigned k = 0; k < across_.count[x]; ++k)
                    sum += uint64_t(weight[k]) * column[k * channels + channel];
                *out++ = static_cast<uint8_t>((sum * reciprocal) >> 50);
            }
        }
    }
}

void Pipeline::grab(const Picture& picture, std::vector<uint8_t>& grabbed) {
    grabbed.resize(size_t(source_width_) * source_height_ * (spec_.colour == Colour::rgb || gray_last() ? 3 : 1));
    if (spec_.rotation == 0) {
        read_rows(picture, grabbed.data());
        return;
    }
    unturned_.resize(grabbed.size());
    read_rows(picture, unturned_.data());
    rotate(unturned_.data(), grabbed.data());
}

void Pipeline::finish(const uint8_t* grabbed, uint8_t* out) {
    if (spec_.resize == Resize::none) {
        std::memcpy(out, grabbed, frame_bytes());
    } else if (gray_last()) {
        resized_.resize(size_t(width_) * height_ * 3);
        resize(grabbed, 3, resized_.data());
        gray_of_rgb(resized_.data(), out, width_ * height_);
    } else {
        resize(grabbed, channels(), out);
    }
}

void Pipeline::render(const Picture& picture, uint8_t* out) {
    if (spec_.resize == Resize::none && spec_.rotation == 0) {
        read_rows(picture, out);
        return;
    }
    grab(picture, grabbed_);
    finish(grabbed_.data(), out);
}

}  // namespace playthrough
