// A core's memory as its system's bus sees it, numbers read from it, and what follows from those numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "libretro.h"

namespace playthrough {

struct MemoryError : std::out_of_range {
    using std::out_of_range::out_of_range;
};

// Where an address range of the bus lies in this process.
struct MemoryBlock {
    uint64_t start;
    uint8_t* data;
    size_t size;
};

class MemoryMap {
public:
    MemoryMap() = default;
    MemoryMap(const MemoryMap&) = delete;
    MemoryMap& operator=(const MemoryMap&) = delete;
    MemoryMap(MemoryMap&&) = default;
    MemoryMap& operator=(MemoryMap&&) = default;
    // With swap_bytes the core keeps 16-bit words in host order, and bus byte A lies at A ^ 1.
    explicit MemoryMap(bool swap_bytes) : swap_bytes_(swap_bytes) {}

    void add(const retro_memory_descriptor& descriptor);
    void add(uint64_t start, uint8_t* data, size_t size);
    // Zeroes what is mapped of [first, last].
    void clear(uint64_t first, uint64_t last);

    const std::vector<MemoryBlock>& blocks() const { return blocks_; }
    size_t size_bytes() const;
    // All blocks in ascending order, as they lie in the core.
    void copy_to(uint8_t* out) const;

    // The byte that the bus sees at an address. Throws MemoryError where nothing is mapped.
    uint8_t* at(uint64_t address) const;

private:
    bool swap_bytes_ = false;
    std::vector<MemoryBlock> blocks_;
    std::vector<std::vector<uint8_t>> owned_;  // blocks that a core declares without giving memory
};

// An address and a type, as engine/probes.py describes them.
struct Probe {
    uint64_t address;
    char format;  // u, i, d, n
    uint8_t width;
    uint8_t offsets[8];  // of the bytes in memory, the most significant first
    uint64_t mask;
};

// A probe on one lane's memory.
class ResolvedProbe {
public:
    ResolvedProbe(const Probe& probe, const MemoryMap& memory);
    int64_t read() const;

private:
    const uint8_t* bytes_[8];
    uint64_t mask_;
    uint8_t width_;
    char format_;
};

enum class Op : int {
    none, equal, not_equal, negative_equal, less_than, greater_than, less_or_equal, greater_or_equal,
    zero, nonzero, positive, negative, sign
};

// A number made of one probe, now and one frame ago.
struct Measure {
    int32_t probe;
    bool delta;
    Op op;
    double reference;

    double evaluate(const int64_t* now, const int64_t* before) const;
};

// Whether an episode ends on this frame.
struct StopNode {
    bool all = false;
    std::vector<Measure> measures;
    std::vector<StopNode> nodes;

    bool evaluate(const int64_t* now, const int64_t* before) const;
};

// Part of one player's reward. Without a probe (probe < 0) it measures 1 on every frame.
struct RewardTerm {
    int32_t player;
    Measure measure;
    float reward;
    float penalty;

    float evaluate(const int64_t* now, const int64_t* before) const;
};

// Adds up the rewards of a step from its samples, frame by frame in single precision and over frames in double.
// samples: [frames][probes]; before: [probes], the frame before the first; rewards: [players], overwritten.
void sum_rewards(const std::vector<RewardTerm>& terms, const int64_t* samples, const int64_t* before, int frames,
                 int num_probes, int num_players, double* rewards);

}  // namespace playthrough
